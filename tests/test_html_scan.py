"""Our scanner against html5lib on pages that try to fool one of them, and against the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framepress.html_attributes import decode_attribute
from framepress.html_parts import Kind, Lines
from framepress.html_scan import scan

html5lib = pytest.importorskip("html5lib")

#: Pieces without tables, selects and formatting elements, where tree construction moves or copies elements.
PIECES = (
    "<div>", "</div>", "<p>", "<span title='a>b'>", "</span>", '<div class="a" id=b c d=\'e\'>', "<br/>",
    "<img src=x>", "<script>", "</script>", "</SCRIPT >", "</scriptx>", "<!--", "-->", "--!>", "<!-->",
    "<!--->", "-", "<style>", "</style>", "<textarea>", "</textarea>", "<xmp>", "</xmp>", "<iframe>",
    "</iframe>", "<!x>", "<?x>", "</>", "</ x>", "<![CDATA[", "]]>", "<svg>", "</svg>", "<math>",
    "</math>", "<", ">", '"', "'", "=", "/", " ", "\n", "q", "<q", "&lt;", "<div a=1/>",
    "<div a='1'b=\"2\">", "<div =a>", "<div a =  b>", "<div a=>", "<DIV ID=X>", "<script/>",
)  # fmt: skip


def html5lib_tags(text: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Start tags as the reference tokenizer and tree builder see them, from the tree."""
    tree = html5lib.parse(text, namespaceHTMLElements=False, scripting=True)
    found = []
    for element in tree.iter():
        if isinstance(element.tag, str) and element.tag not in ("html", "head", "body"):
            found.append((element.tag.split("}")[-1], tuple(sorted(element.attrib.items()))))
    return sorted(found)


@settings(max_examples=250, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_the_same_elements_are_found_as_by_html5lib(body: str) -> None:
    text = f"<!doctype html><html><head></head><body>{body}"
    ours = [
        (tag.name, tuple(sorted((a.name, a.value) for a in tag.attributes)))
        for tag in scan(text).tags
        if tag.name not in ("html", "head", "body")
    ]
    assert sorted(ours) == html5lib_tags(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_regions_cover_the_file_without_gaps(text: str) -> None:
    position = 0
    for region in scan(text).regions:
        assert region.start == position
        assert region.end > position
        position = region.end
    assert position == len(text)


HOSTILE: dict[str, Callable[[int], str]] = {
    "open elements": lambda n: "<div>" * n,
    "end tags of nothing": lambda n: "<p>" * (n // 10) + "</x>" * n,
    "attributes": lambda n: "<a " + "x " * n,
    "an unclosed value": lambda n: "<a b='" + 'x="' * n,
    "unclosed comments": lambda n: "<!--" * n,
    "escaped scripts": lambda n: "<script>" + "<!--<script>" * n,
    "less-than signs": lambda n: "<" * n,
    "unclosed raw text": lambda n: "<style>" + "</styl" * n,
    "foreign elements": lambda n: "<svg>" * n + "<div>" * n,
    "references": lambda n: "<a b='" + "&amp" * n + "'>",
    "unfinished end tags": lambda n: "</a " * n,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_eight_times_the_text_takes_nowhere_near_64_times_the_time(kind: str) -> None:
    def seconds(count: int) -> float:
        text = HOSTILE[kind](count)
        start = time.process_time()
        scan(text)
        return time.process_time() - start

    short = min(seconds(5_000), seconds(5_000))
    # Processor time, and far from both: linear work takes 8 times as long, quadratic 64 times.
    assert min(seconds(40_000), seconds(40_000)) < 25 * short + 0.2


def test_a_comment_mark_in_a_script_does_not_hide_its_end() -> None:
    page = scan("<script>a = '<!--';</script><p>x</p>")
    assert [tag.name for tag in page.tags] == ["script", "p"]


def test_a_comment_mark_that_ends_at_once_opens_nothing() -> None:
    page = scan("<script>a = '<!-->', b = '<script>'</script><p>x</p>")
    assert [tag.name for tag in page.tags] == ["script", "p"]


def test_a_script_in_a_comment_in_a_script_is_part_of_it() -> None:
    text = "<script><!-- <script> </script> --></script><p>x</p>"
    page = scan(text)
    assert [tag.name for tag in page.tags] == ["script", "p"]
    [script] = [region for region in page.regions if region.kind is Kind.SCRIPT]
    assert text[script.start : script.end] == "<!-- <script> </script> -->"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("&copy;&amp;&#65;&#x42;", "©&AB"),
        ("&copy &notit; &nope;", "© &notit; &nope;"),
        ("&ampx", "&ampx"),
        ("&#0;", "\ufffd"),
    ],
)
def test_references_in_attributes_are_decoded_as_browsers_do(raw: str, value: str) -> None:
    assert decode_attribute(raw) == value


def test_places_are_lines_and_columns_from_one() -> None:
    lines = Lines("ab\n\ncd")
    assert [lines.place(offset) for offset in (0, 1, 2, 3, 4, 5)] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 1),
        (3, 1),
        (3, 2),
    ]
