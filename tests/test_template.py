"""Values come back from an independent parser exactly as they went in, from every place where they may stand.

html5lib reads the finished pages, Node runs the scripts, tinycss2 reads the CSS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from framepress.errors import CompositionError
from framepress.escaping import NotFitting, check_address, css_bare, js_literal
from framepress.template import Template
from framepress.template_compiler import compile_template
from text_values import VALUES, Engine

html5lib = pytest.importorskip("html5lib")
tinycss2 = pytest.importorskip("tinycss2")

TYPES = {"N": "number", "B": "boolean", "H": "html"}


def template(body: str, **options: Any) -> Template:
    return compile_template(f"<!doctype html><html><body>{body}</body></html>", "t.html", **options)


def parse(text: str) -> Any:
    return html5lib.parse(text, namespaceHTMLElements=False)


def shape(text: str) -> list[tuple[str, list[str]]]:
    return [(str(element.tag), sorted(map(str, element.attrib))) for element in parse(text).iter()]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


def check_shape(page: Template, finished: str, names: tuple[str, ...] = ("X",)) -> None:
    assert shape(finished) == shape(page.render(dict.fromkeys(names, "x"), TYPES))


TEXT_PLACES = {
    "text": ("<p>{{$X}}</p>", "p", ("", "")),
    "text after a reference that is not finished": ("<p>R&{{$X}};</p>", "p", ("R&", ";")),
    "text after a numeric reference that is not finished": ("<p>&#6{{$X}};.</p>", "p", None),
    "title": ("<title>{{$X}}</title>", "title", ("", "")),
    "textarea, first": ("<textarea>{{$X}}b</textarea>", "textarea", ("", "b")),
    "pre, first": ("<pre>{{$X}}</pre>", "pre", ("", "")),
    "SVG text": ("<svg><text>{{$X}}</text></svg>", "*", ("", "")),
    "list": ("<ul><li>{{ $X }} and<li>more</ul>", "li", ("", " and")),
}


@pytest.mark.parametrize("place", TEXT_PLACES)
@settings(max_examples=60, deadline=None)
@given(value=VALUES)
@example(value="\n\nx")
@example(value="lt;<b>")
def test_text_gives_back_the_value(place: str, value: str) -> None:
    source, tag, around = TEXT_PLACES[place]
    page = template(source)
    finished = page.render({"X": value}, TYPES)
    check_shape(page, finished)
    if around is not None:
        found = [
            "".join(element.itertext())
            for element in parse(finished).iter()
            if element.tag == tag or (tag == "*" and str(element.tag).endswith("text"))
        ]
        assert found[0] == around[0] + value + around[1]


ATTRIBUTE_PLACES = {
    "double quotes": ('<p title="a{{$X}}b">t</p>', ("a", "b")),
    "single quotes": ("<p title='{{$X}}'>t</p>", ("", "")),
    "after an unfinished reference": ('<p title="x&{{$X}}=">t</p>', ("x&", "=")),
    "twice": ('<p title="{{$X}}{{$X}}">t</p>', None),
}


@pytest.mark.parametrize("place", ATTRIBUTE_PLACES)
@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_attributes_give_back_the_value(place: str, value: str) -> None:
    source, around = ATTRIBUTE_PLACES[place]
    page = template(source)
    finished = page.render({"X": value}, TYPES)
    check_shape(page, finished)
    expected = value * 2 if around is None else around[0] + value + around[1]
    assert parse(finished).find(".//p").get("title") == expected


@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_addresses_give_back_the_value_or_are_refused(value: str) -> None:
    page = template('<a href="{{$X}}">t</a>')
    problems = [problem.rule for _, _, problem in page.problems({"X": value}, TYPES)]
    if problems:
        assert problems == ["url-scheme"]
        assert "javascript:" in value or "data:" in value or "vbscript:" in value
    finished = page.render({"X": value}, TYPES)
    check_shape(page, finished)
    assert parse(finished).find(".//a").get("href") == value


JS_PLACES = {
    "double quotes": 'out = "{{$X}}"',
    "single quotes": "out = '{{$X}}'",
    "template literal": "out = `{{$X}}`",
    "string in code in a template literal": 'out = `${ {a: "{{$X}}"}.a }`',
    "template literal after code": "out = `${1}{{$X}}`.slice(1)",
    "bare": "out = {{$X}}",
    "argument": "out = String({{$X}}, 2)",
    "object": "out = {x:{{$X}}}.x",
    "after a division": "var q = 8 / 2; out = '{{$X}}'",
    "after a regular expression with a quote": "var q = /[\"'/]/.test('a'); out = '{{$X}}'",
    "after a regular expression behind a head": 'if (true) /"/.test(\'\'); out = "{{$X}}"',
    "after comments": "// it's\n/* \" */ out = '{{$X}}' // `",
    "behind the beginning of a tag": "out = '<scr{{$X}}'.slice(4)",
    "behind the beginning of an end tag": "out = '</{{$X}}'.slice(2)",
    "behind the beginning of a comment": "out = '<!-{{$X}}'.slice(3)",
    "in front of a brace": "out = `{{$X}}{`.slice(0, -1)",
}


@pytest.mark.parametrize("place", JS_PLACES)
@settings(max_examples=40, deadline=None)
@given(value=VALUES)
def test_scripts_give_back_the_value(engine: Engine, place: str, value: str) -> None:
    page = template(f"<script>var out; {JS_PLACES[place]}\n</script><p>end</p>")
    finished = page.render({"X": value}, TYPES)
    check_shape(page, finished)
    assert engine.run(parse(finished).find(".//script").text + "\n;out") == value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("out = '</{{$X}}'.slice(2)", "script "),
        ("out = '<!-- <{{$X}}'.slice(6)", "script>"),
        ("out = '<!-- <scr{{$X}}'.slice(9)", "ipt>"),
        ("out = '<!-{{$X}}'.slice(3)", "- <script>"),
    ],
)
def test_a_value_that_completes_a_mark_of_html_stays_in_its_string(
    engine: Engine, code: str, value: str
) -> None:
    page = template(f"<script>var out; {code}\n</script><p>end</p>")
    finished = page.render({"X": value}, TYPES)
    check_shape(page, finished)
    assert engine.run(parse(finished).find(".//script").text + "\n;out") == value


@pytest.mark.parametrize("place", ["double quotes", "single quotes", "template literal", "bare", "object"])
@settings(max_examples=40, deadline=None)
@given(value=VALUES)
def test_event_attributes_give_back_the_value(engine: Engine, place: str, value: str) -> None:
    code = JS_PLACES[place].replace('"', "&quot;")
    page = template(f'<p onclick="var out; {code}">t</p>')
    finished = page.render({"X": value}, TYPES)
    check_shape(page, finished)
    assert engine.run(parse(finished).find(".//p").get("onclick") + "\n;out") == value


@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_json_scripts_give_back_the_value(value: str) -> None:
    page = template('<script type="application/json">{"a": "{{$X}}", "b": [{{$X}}], "c": {{$N}}}</script>')
    finished = page.render({"X": value, "N": "-12.50"}, TYPES)
    assert json.loads(parse(finished).find(".//script").text) == {"a": value, "b": [value], "c": -12.5}


def strings(tokens: Any) -> Iterator[str]:
    for token in tokens:
        if token.type in ("string", "url"):
            yield token.value
        yield from strings(getattr(token, "content", None) or [])
        yield from strings(getattr(token, "arguments", None) or [])


CSS_PLACES = {
    "double quotes": '#a { --b: "{{$X}}" }',
    "single quotes": "#a { --b: '{{$X}}' }",
    "address": "#a { --b: url({{$X}}) }",
    "quoted address": '#a { --b: url("{{$X}}") }',
    "behind an escape": '#a { --b: "\\41{{$X}}" }',
    "behind a comment": "/* ' */ #a { --b: '{{$X}}' }",
}


@pytest.mark.parametrize("place", CSS_PLACES)
@settings(max_examples=40, deadline=None)
@given(value=VALUES)
def test_style_sheets_give_back_the_value(place: str, value: str) -> None:
    page = template(f"<style>{CSS_PLACES[place]}\n #z {{ color: red }}</style><p>t</p>")
    finished = page.render({"X": value}, TYPES)
    check_shape(page, finished)
    rules = tinycss2.parse_stylesheet(parse(finished).find(".//style").text, True, True)
    assert [rule.type for rule in rules] == ["qualified-rule"] * 2
    [found] = strings(rules[0].content)
    assert found == ("A" if place == "behind an escape" else "") + value


@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_style_attributes_give_back_the_value(value: str) -> None:
    page = template("<p style=\"--a: '{{$X}}'; background: url({{$X}}); color: red\">t</p>")
    finished = page.render({"X": value}, TYPES)
    check_shape(page, finished)
    style = tinycss2.parse_declaration_list(parse(finished).find(".//p").get("style"), True, True)
    assert [declaration.name for declaration in style] == ["--a", "background", "color"]
    assert [list(strings(declaration.value)) for declaration in style] == [[value], [value], []]


@settings(max_examples=200, deadline=None)
@given(value=VALUES | st.text("0123456789.e+-%pxabc#(), /", max_size=12))
def test_bare_css_takes_one_simple_value_or_refuses(value: str) -> None:
    try:
        written = css_bare(value)
    except NotFitting:
        return
    assert written == value
    [token] = list(tinycss2.parse_component_value_list(value))
    assert token.type in ("number", "percentage", "dimension", "ident", "hash", "function")


@pytest.mark.parametrize(
    "value", ["red", "#1a2b3c", "12", "-1.5em", "50%", "rgb(1 2 3)", "hsl(10deg, 5%, 5%)", "ä"]
)
def test_bare_css_takes_colours_numbers_and_names(value: str) -> None:
    assert css_bare(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "red;",
        "red}",
        "a b",
        "url(x)",
        "expression(1)",
        "1 2",
        "/**/",
        "rgb(1 2 3) x",
        "@x",
        "a\\b",
        '"a"',
    ],
)
def test_bare_css_refuses_everything_else(value: str) -> None:
    with pytest.raises(NotFitting):
        css_bare(value)


REFUSED = {
    "tag name": "<p{{$X}}>t</p>",
    "behind a less-than sign": "a <{{$X}} b",
    "attribute name": "<p {{$X}}>t</p>",
    "unquoted attribute": "<p title={{$X}}>t</p>",
    "end tag": "<p>t</p {{$X}}>",
    "comment": "<p>t</p><!-- {{$X}} -->",
    "bogus comment": "<p>t</p><?x {{$X}}>",
    "srcdoc": '<iframe srcdoc="{{$X}}"></iframe>',
    "javascript address": "<a href=\"javascript:f('{{$X}}')\">t</a>",
    "javascript address, disguised": '<a href=" java&#10;script:{{$X}}">t</a>',
    "data address": '<a href="data:text/html,{{$X}}">t</a>',
    "unknown script type": '<script type="text/x-template">{{$X}}</script>',
    "line comment": "<script>// {{$X}}\n</script>",
    "HTML comment in a script": "<script><!-- {{$X}}\n</script>",
    "block comment": "<script>/* {{$X}} */</script>",
    "regular expression": "<script>x = /a{{$X}}/</script>",
    "regular expression behind a head": "<script>if (a) /{{$X}}/.test(b)</script>",
    "joined to a name": "<script>x = a{{$X}}</script>",
    "behind a backslash": "<script>x = '\\{{$X}}'</script>",
    "in an escape": "<script>x = '\\u00{{$X}}'</script>",
    "tagged template": "<script>x = String.raw`{{$X}}`</script>",
    "CSS comment": "<style>/* {{$X}} */</style>",
    "CSS function": "<style>a { b: {{$X}}(1) }</style>",
    "CSS behind a backslash": "<style>a { b: '\\{{$X}}' }</style>",
    "SVG script": "<svg><script>x = '{{$X}}'</script></svg>",
    "SVG style": "<svg><style>a { b: '{{$X}}' }</style></svg>",
    "CDATA": "<svg><![CDATA[{{$X}}]]></svg>",
    "noscript": "<noscript>{{$X}}</noscript>",
    "plaintext": "<plaintext>{{$X}}",
    "table": "<table>{{$X}}<tr><td>1</td></tr></table>",
    "refresh": '<meta http-equiv="refresh" content="0;url={{$X}}">',
    "base": '<base href="{{$X}}">',
    "double escaped script": "<script><!-- <script> {{$X}} </script> --></script>",
}


@pytest.mark.parametrize("place", REFUSED)
def test_places_where_no_value_may_stand_are_refused_with_their_place(place: str) -> None:
    with pytest.raises(CompositionError, match=r"^t\.html:1:\d+: {{\$X}} stands ") as caught:
        template(REFUSED[place])
    assert caught.value.rule == "token-place"
    column = int(caught.value.message.split(":")[2])
    offset = len("<!doctype html><html><body>")
    assert REFUSED[place][column - 1 - offset :].startswith("{{$X}}")


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("a\n b {{$NAME", "2:4"),
        ("{{$name}}", "1:1"),
        ("{{$1X}}", "1:1"),
        ("{{$}}", "1:1"),
        ("{{ $A B }}", "1:1"),
    ],
)
def test_malformed_tokens_are_refused_with_their_place(source: str, place: str) -> None:
    with pytest.raises(CompositionError, match=rf"^t\.html:{place}: ") as caught:
        compile_template(source, "t.html")
    assert caught.value.rule in ("token-name", "token-unclosed")


def test_four_braces_are_two_and_nothing_is_expanded_twice() -> None:
    page = template("<p>{{{{$X}} {{$X}} {{{$X}}} {{x}}</p>")
    finished = page.render({"X": "{{$X}}"}, TYPES)
    assert parse(finished).find(".//p").text == "{{$X}} {{$X}} {{{$X}}} {{x}}"


def test_bare_names_are_tokens_only_if_known() -> None:
    source = "<p>{{name}} {{ first name }} {{other}}</p>"
    page = template(source, resolve={"name": "NAME", "first name": "first name"}.get)
    assert page.names == ("NAME", "first name")
    finished = page.render({"NAME": "A", "first name": "B"}, TYPES)
    assert parse(finished).find(".//p").text == "A B {{other}}"


def test_html_type_is_not_escaped_in_text_and_is_escaped_elsewhere() -> None:
    page = template('<p title="{{$H}}">{{$H}}</p><title>{{$H}}</title>')
    finished = page.render({"H": "<b>x</b>"}, TYPES)
    assert '<p title="&lt;b&gt;x&lt;/b&gt;"><b>x</b></p><title>&lt;b&gt;' in finished


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        ("1284", "number", "1284"),
        ("007", "number", "7"),
        ("-0.50", "number", " -0.50"),
        ("", "number", "null"),
        ("true", "boolean", "true"),
        ("1284", "string", '"1284"'),
    ],
)
def test_bare_values_in_scripts_are_literals_of_their_type(value: str, kind: str, written: str) -> None:
    assert js_literal(value, kind) == written


@pytest.mark.parametrize(("value", "kind"), [("1,284", "number"), ("alert(1)", "number"), ("yes", "boolean")])
def test_bare_values_of_another_type_are_refused(value: str, kind: str) -> None:
    with pytest.raises(NotFitting):
        js_literal(value, kind)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:1",
        " JavaScript:1",
        "java\nscript:1",
        "\x01javascript:1",
        "vbscript:x",
        "data:text/html,x",
        "data:,x",
    ],
)
def test_addresses_that_carry_code_are_refused(address: str) -> None:
    with pytest.raises(NotFitting):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["a.png", "data:image/png;base64,AA", "https://x.example/javascript:", "#a", ""]
)
def test_other_addresses_pass(address: str) -> None:
    check_address(address)
