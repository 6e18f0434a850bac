"""`data-if`: what its language means, what is taken out of the text, and what a row then is."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import framepress
from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.condition_syntax import ConditionError, parse_condition
from framepress.conditional_parts import present
from framepress.conditions import NotComparable, check_names, holds
from framepress.declarations import Declaration
from framepress.errors import CompositionError, RowValueError
from framepress.settings import RenderSettings
from framepress.template_compiler import compile_template
from framepress.variants import Binder, Variant, row_key_of
from program import frames_of

VALUES = {"TIER": "vip", "POINTS": "100", "PHOTO": "", "ZIP": "007", "OK": "true", "NO": "false", "N": "0"}
TYPES = {"POINTS": "number", "N": "number"}


def true(text: str, values: Mapping[str, str] = VALUES) -> bool:
    return holds(parse_condition(text), values, TYPES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TIER == 'vip'", True),
        ('TIER == "vip"', True),
        ("TIER != 'vip'", False),
        ("'vip' == TIER", True),
        ("$TIER=='VIP'", False),
        ("`TIER` == 'vip'", True),
        ("PHOTO", False),
        ("!PHOTO", True),
        ("not PHOTO", True),
        ("!!PHOTO", False),
        ("TIER", True),
        ("NO", False),
        ("OK == true", True),
        ("NO == false", True),
        ("N", False),
        ("POINTS >= 100", True),
        ("POINTS > 99.5 and POINTS < 1000", True),
        ("POINTS == 100.0", True),
        ("POINTS == '100.0'", False),
        ("ZIP == '007'", True),
        ("ZIP == '7'", False),
        ("ZIP == 7", True),
        ("N > -1", True),
        ("PHOTO == ''", True),
        ("PHOTO > 5", False),
        ("PHOTO < 5", False),
        ("PHOTO == 5", False),
        ("PHOTO != 5", True),
        ("TIER == 'vip' || PHOTO && PHOTO", True),
        ("(TIER == 'vip' or PHOTO) and PHOTO", False),
        ("!(PHOTO == '')", False),
        ("not PHOTO and not NO", True),
        ("TIER < 'viq'", True),
        ("true", True),
        ("\"it's\" != 'x'", True),
    ],
)
def test_what_a_condition_means(text: str, expected: bool) -> None:
    assert true(text) is expected


@pytest.mark.parametrize(
    ("text", "offset", "problem"),
    [
        ("", 0, "empty"),
        ("TIER = 'vip'", 5, "write =="),
        ("TIER == 'vip", 8, "never closed"),
        ("TIER == ", 8, "found the end"),
        ("TIER & X", 5, "write &&"),
        ("(TIER", 5, 'expected ")"'),
        ("TIER)", 4, 'found ")"'),
        ("TIER OK", 5, 'found "OK"'),
        ("1 < N < 3", 6, "do not chain"),
        ("(TIER || OK) == 'a'", 13, "a bracket cannot be compared"),
        ("alert()", 6, 'found "("'),
        ("TIER + 1", 5, '"+" is not understood'),
        ("a[0]", 1, '"[" is not understood'),
        ("!" * 60 + "TIER", 51, "inside each other"),
        ("(" * 60 + "TIER", 51, "inside each other"),
        ("x" * 3000, 0, "longer than"),
    ],
)
def test_a_malformed_condition_is_told_by_the_place_in_it(text: str, offset: int, problem: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    assert problem in caught.value.problem
    assert abs(caught.value.offset - offset) <= (1 if "inside" in problem or "alert" in text else 0)


def test_a_value_that_is_no_number_is_not_compared_with_one() -> None:
    with pytest.raises(NotComparable) as caught:
        true("TIER > 5")
    assert caught.value.name == "TIER"
    assert "vip" not in str(caught.value)


@given(st.text(alphabet="AB!&|()<>='\"` 1.and", max_size=30))
def test_any_text_is_a_condition_or_a_fault_with_a_place(text: str) -> None:
    try:
        node = parse_condition(text)
    except ConditionError as error:
        assert 0 <= error.offset <= len(text)
    else:
        try:
            check_names(node, {"A": None, "B": Declaration("B", "number")})
            holds(node, {"A": "x", "B": "2"}, {"B": "number"})
        except (ConditionError, NotComparable):
            pass


# ---- in a page ---------------------------------------------------------------------------------------

DECLARED = (
    '<script type="application/hyperframes-vars">{"TIER": {"options": ["vip", "basic"]}, '
    '"POINTS": {"type": "number"}, "PHOTO": {"type": "image", "required": false}, "NAME": {}}</script>\n'
)
ROOT = '<div data-width="64" data-height="48">{}</div>'


def composed(folder: Path, body: str, declared: str = DECLARED) -> Composition:
    path = folder / "c.html"
    path.write_text(declared + ROOT.format(body), "utf-8")
    return load_composition(path)


def bound(composition: Composition, **values: str) -> Variant:
    binder = Binder(composition, columns=tuple(values), column_map={}, use_default=(), batch=True)
    binder.check_columns()
    return binder.bind(values, place="people.csv:2", row_number=1)


ROW = {"TIER": "vip", "POINTS": "5", "PHOTO": "", "NAME": "Asha"}


def test_an_element_leaves_with_all_that_is_in_it(tmp_path: Path) -> None:
    body = (
        '<p>a<b data-if="TIER == \'vip\'">{{$NAME}}<i data-if="POINTS > 9">!<b>x</b></i></b>z</p>'
        '<img data-if="PHOTO" src="{{$PHOTO}}"><style data-if="!PHOTO">p {}</style>'
        '<svg><circle data-if="!PHOTO" r="1"/><g data-if="PHOTO"><g></g></g></svg>'
    )
    composition = composed(tmp_path, body)
    html = composition.instantiate(ROW).html
    assert "a<b data-if=\"TIER == 'vip'\">Asha<!----></b>z" in html
    assert "<img" not in html
    assert "<style" in html
    assert '<circle data-if="!PHOTO" r="1"/><!----></svg>' in html
    html = composition.instantiate({**ROW, "TIER": "basic", "POINTS": "10"}).html
    assert "<p>a<!---->z</p>" in html
    assert "Asha" not in html


def test_what_left_needs_no_file_and_what_is_there_does(tmp_path: Path) -> None:
    body = '<img data-if="TIER == \'vip\'" src="{{$NAME}}.png">'
    composition = composed(tmp_path, body)
    assert bound(composition, **{**ROW, "TIER": "basic"}).files == {}
    with pytest.raises(RowValueError, match="names a file that is not there"):
        bound(composition, **ROW)
    (tmp_path / "Asha.png").write_bytes(b"x")
    assert list(bound(composition, **ROW).files) == ["Asha.png"]


def test_the_row_key_follows_the_condition_and_says_what_left(tmp_path: Path) -> None:
    composition = composed(tmp_path, "<p data-if=\"TIER == 'vip'\">x</p>{{$NAME}}")
    keys = set()
    for tier in ("vip", "basic"):
        variant = bound(composition, **{**ROW, "TIER": tier})
        keys.add(row_key_of(composition, variant, RenderSettings()))
        assert variant.values["@left-out"] == ("" if tier == "vip" else "0")
    assert len(keys) == 2


def test_the_duration_is_that_of_what_is_there(tmp_path: Path) -> None:
    body = (
        '<p data-start="0" data-duration="2">{{$NAME}}</p>'
        '<p data-if="POINTS >= 10" data-start="2" data-duration="3">{{$POINTS}}</p>'
    )
    composition = composed(tmp_path, body)
    assert composition.facts({**ROW, "POINTS": "10"}).duration == 5
    assert composition.facts(ROW).duration == 2
    assert composition.instantiate(ROW).duration == 2


def test_a_column_is_needed_that_only_a_condition_asks_for(tmp_path: Path) -> None:
    composition = composed(tmp_path, "<p data-if=\"TIER == 'vip'\">x</p>{{$NAME}}")
    binder = Binder(composition, columns=("NAME",), column_map={}, use_default=(), batch=True)
    with pytest.raises(Exception, match='no column for "TIER"'):
        binder.check_columns()


def test_a_row_that_cannot_be_compared_is_refused_with_field_and_rule(tmp_path: Path) -> None:
    declared = '<script type="application/hyperframes-vars">{"AGE": {}}</script>\n'
    composition = composed(tmp_path, '<p data-if="AGE > 17">x</p>', declared)
    with pytest.raises(RowValueError) as caught:
        bound(composition, AGE="secret")
    assert (caught.value.rule, caught.value.field) == ("condition-type", "AGE")
    assert "expected a number, because a condition compares it with one" in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            '\n<p data-if="TEIR">x</p>',
            'c.html:3:13: data-if: there is no variable "TEIR"; did you mean "TIER"?',
        ),
        ("<p data-if=\"TIER == 'vpi'\">x</p>", "\"TIER\" is never 'vpi'; expected 'vip' or 'basic'"),
        ("<p data-if=\"POINTS > 'many'\">x</p>", '"POINTS" is a number'),
        ('\n <p data-if="TIER ==">x</p>', "c.html:3:21: data-if: found the end"),
        ('<p data-if="{{$TIER}}">x</p>', "data-if holds a token"),
        ('<section data-if="TIER"><p>x</p>', "<section data-if> is not closed; add </section>"),
        ('<ul><li data-if="TIER">x<li>y</ul>', "<li data-if> is not closed"),
        ('<div data-width="8" data-height="8" data-if="TIER"></div>', "without it there is no picture"),
        ('<p data-if="A &amp;&amp;">x</p>', "c.html:2:51: data-if: found the end"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_column_before_anything_renders(
    tmp_path: Path, body: str, message: str
) -> None:
    with pytest.raises(CompositionError) as caught:
        composed(tmp_path, body)
    assert message in caught.value.message


def starts(html: str, **values: str) -> list[str]:
    """`data-start` of the elements that stay, in document order."""
    template = compile_template(html, "c.html")
    kept = present(template, values, {})
    return [tag.get("data-start") or "" for tag in kept.page.tags if tag.attribute("data-start")]


def test_scenes_that_leave_close_the_gap() -> None:
    html = (
        '<i id="a" data-start="1" data-duration="2"></i>'
        '<i id="b" data-if="B" data-start="a + 0.5" data-duration="3"></i>'
        '<i id="c" data-if="C" data-start="b" data-duration="3"></i>'
        '<i id="d" data-start=" c - 0.25 "></i><i data-start=b></i><i data-start="d"></i>'
    )
    assert starts(html, B="1", C="1") == ["1", "a + 0.5", "b", " c - 0.25 ", "b", "d"]
    assert starts(html, B="", C="1") == ["1", "a + 0.5", " c - 0.25 ", "a + 0.5", "d"]
    assert starts(html, B="1", C="") == ["1", "a + 0.5", "b - 0.25", "b", "d"]
    assert starts(html, B="", C="") == ["1", "a + 0.25", "a + 0.5", "d"]
    first = '<i id="a" data-if="A" data-start="1.5"></i><i data-start="a + 1"></i><i data-start="a - 9"></i>'
    assert starts(first, A="") == ["2.5", "0"]
    inside = '<div data-if="A"><i id="a"></i></div><i data-start="a"></i>'
    assert starts(inside, A="") == ["0"]


def test_starts_that_cannot_be_known_are_refused() -> None:
    one, other = ('<i id="a" data-if="A" data-start="b"></i>', '<i id="b" data-if="A" data-start="a"></i>')
    circle = one + other + '<i data-start="a"></i>'
    with pytest.raises(CompositionError, match="goes round in a circle"):
        starts(circle, A="")
    token = '<i id="a" data-if="A" data-start="{{$S}}"></i><i data-start="a"></i>'
    with pytest.raises(CompositionError, match="holds a token"):
        starts(token, A="", S="1")


@given(st.lists(st.booleans(), min_size=4, max_size=4), st.text(max_size=5))
def test_tokens_beside_what_left_still_get_their_values(present_ones: list[bool], text: str) -> None:
    html = (
        "{{$A}}<b data-if='X0'>{{$B}}<i data-if='X1'>{{$C}}</i></b>{{$A}}<i data-if=X2>{{$D}}</i>"
        "<p title='{{$D}}' data-if='X3'></p>{{$C}}"
    )
    template = compile_template(f"<body>{html}", "c.html")
    values = {f"X{n}": str(Decimal(on)) for n, on in enumerate(present_ones)}
    values |= dict.fromkeys("ABCD", "") | {name: f"[{name}]" for name in "ABCD"}
    kept = present(template, values, {})
    assert [slot.offset for slot in kept.slots] == [at for at, sign in enumerate(kept.text) if sign == "\0"]
    html = kept.render(values, {})
    x0, x1, x2, x3 = present_ones
    expected = (
        "A"
        + ("B" + ("C" if x1 else "") if x0 else "")
        + "A"
        + ("D" if x2 else "")
        + ("D" if x3 else "")
        + "C"
    )
    assert [part[0] for part in html.split("[")[1:]] == list(expected)


@pytest.mark.browser
def test_a_list_whose_rows_lack_scenes_gives_clips_of_their_own_lengths(
    browser_path: Path, tmp_path: Path
) -> None:
    """Frames that a scene alone paints are counted."""
    body = (
        '<i style="position:absolute;inset:0;background:#111" data-start="0" data-duration="0.4"></i>'
        '<i style="position:absolute;inset:0;background:#ff0" data-if="TIER == \'vip\'" data-start="0.4"'
        ' data-duration="0.2"></i><p style="position:absolute">{{$SUM}}</p>'
    )
    declared = (
        '<script type="application/hyperframes-vars">'
        '{"TIER": {"options": ["vip", "basic"]}, "SUM": {"format": "currency:EUR"}}</script>'
    )
    composed(tmp_path, body, declared)
    rows = [
        {"TIER": tier, "SUM": amount, "lang": language}
        for tier, amount, language in (("vip", "1284.5", "de-DE"), ("basic", "7", ""))
    ]
    found = list(
        framepress.render_many(
            tmp_path / "c.html",
            rows,
            out_dir=tmp_path / "out",
            out_name="{TIER}.mp4",
            locale_column="lang",
            fps=10,
            workers=1,
            browser=browser_path,
        )
    )
    assert [(result.status, result.frames) for result in sorted(found, key=lambda one: one.row or 0)] == [
        ("done", 6),
        ("done", 4),
    ]
    assert (frames_of(tmp_path / "out/vip.mp4"), frames_of(tmp_path / "out/basic.mp4")) == (6, 4)
