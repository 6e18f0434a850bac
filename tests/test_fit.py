"""Text that shrinks to fit and text that ends in an ellipsis, in the real page."""

from __future__ import annotations

from typing import Any

import pytest

from stage import Stage, root

pytestmark = pytest.mark.browser

BOX = '<div style="position:absolute;left:10px;top:{top}px;width:140px;height:30px;font:20px/28px Noto Sans">'


LINE = 'style="margin:0;white-space:nowrap"'


def boxed(inner: str, top: int = 10) -> str:
    return BOX.format(top=top) + inner + "</div>"


def asked(stage: Stage, body: str, expression: str, *, frames: tuple[int, ...] = (0,)) -> Any:
    """What an expression gives at the last of these frames."""
    renderer = stage.renderer(root(body, width=320, height=180))
    clip = renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        for frame in frames:
            page.seek(frame, clip.fps)
        return page.evaluate(expression)


SIZE = "parseFloat(getComputedStyle(document.getElementById('t')).fontSize)"
TEXT = "document.getElementById('t').textContent"


def test_text_that_fits_stays_as_it_is(stage: Stage) -> None:
    body = boxed('<p id="t" data-fit="shrink 0.6" data-truncate style="margin:0">Ada</p>')
    assert asked(stage, body, f"[{SIZE}, {TEXT}]") == [20, "Ada"]


def test_text_shrinks_to_the_largest_size_that_fits_and_not_below_its_least(stage: Stage) -> None:
    style = 'style="margin:0;white-space:nowrap"'
    inside = (
        "(() => { const b = document.getElementById('t').parentElement; return b.scrollWidth <= 140; })()"
    )
    some = boxed(f'<p id="t" data-fit="shrink 0.5" {style}>Maximiliane Thom.</p>')
    size, fits = asked(stage, some, f"[{SIZE}, {inside}]")
    assert 14 < size < 20 and fits
    much = boxed(f'<p id="t" data-fit="shrink 0.6" {style}>Maximiliane-Theodora von Hohenberg</p>')
    assert asked(stage, much, SIZE) == 12


@pytest.mark.parametrize(
    ("text", "clusters"),
    [
        ("Maximiliane-Theodora von Hohenberg", None),
        ("👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏿👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏿", ["👩🏽‍🚀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏿"]),
        ("é" * 40, ["é"]),
        ("محمد عبد الرحمن بن عبد العزيز آل سعود", None),
    ],
)
def test_truncated_text_is_cut_between_characters_and_fits(
    stage: Stage, text: str, clusters: list[str] | None
) -> None:
    body = boxed(f'<p id="t" data-truncate style="margin:0;white-space:nowrap">{text}</p>')
    shown, width = asked(stage, body, f"[{TEXT}, document.getElementById('t').scrollWidth]")
    kept = shown.rstrip("\u200e\u200f").removesuffix("…")
    assert shown.rstrip("\u200e\u200f").endswith("…") and kept and text.startswith(kept) and width <= 140
    if clusters is not None:
        rest = kept
        while rest:
            cluster = next(one for one in clusters if rest.startswith(one))
            rest = rest.removeprefix(cluster)


def test_the_ellipsis_of_arabic_text_stays_at_its_end(stage: Stage) -> None:
    body = boxed(
        '<p id="t" data-truncate style="margin:0;white-space:nowrap">محمد عبد الرحمن بن عبد العزيز</p>'
    )
    left = (
        "(() => { const node = document.getElementById('t').firstChild; const range = document.createRange();"
        " const at = (n) => { range.setStart(node, n); range.setEnd(node, n + 1);"
        " return range.getBoundingClientRect().left; };"
        " return [at(0), at(node.data.indexOf('…'))]; })()"
    )
    first, dots = asked(stage, body, left)
    assert dots < first, "in a paragraph from left to right, too, it stands left of the word"


def test_lines_can_be_limited(stage: Stage) -> None:
    body = (
        '<div style="position:absolute;width:140px;height:170px;font:20px/28px Noto Sans">'
        '<p id="t" data-truncate="2" style="margin:0">one two three four five six seven eight nine</p></div>'
    )
    shown, height = asked(stage, body, f"[{TEXT}, document.getElementById('t').offsetHeight]")
    assert height == 56 and "…" in shown


def test_any_order_of_frames_gives_the_same_and_late_text_is_fitted(stage: Stage) -> None:
    script = (
        "<script>addEventListener('hf-seek', (e) => { document.getElementById('t').textContent ="
        " 'Maximiliane'.repeat(1 + Math.floor(e.detail.time * 10) % 4); });</script>"
    )
    body = (
        boxed('<p id="t" data-fit="shrink 0.7" data-truncate style="margin:0;white-space:nowrap"></p>')
        + script
    )
    late = boxed(
        '<p id="u" data-start="0.5" data-truncate style="margin:0;white-space:nowrap">' + "Wide " * 9 + "</p>"
    )
    both = f"[{TEXT}, {SIZE}, document.getElementById('u')?.textContent]"
    page = body + late.replace("top:10px", "top:60px")
    forwards = asked(stage, page, both, frames=(0, 3, 6, 9, 12, 20))
    assert forwards == asked(stage, page, both, frames=(0, 29, 2, 20))
    assert forwards == asked(stage, page, both, frames=(20,))
    assert forwards[2].rstrip("\u200e").endswith("…")
