"""Where a personal element paints: all that it paints is inside, whatever enlarges, turns, blurs or slants it; or
its rows would have to be rendered without reuse."""

# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from framepress.composite import EDGE_ALPHA_MAX
from framepress.layer_groups import joined
from framepress.layered import PersonalLayer
from framepress.page import Page
from framepress.pictures import PictureReader
from framepress.rects import Rect
from stage import Stage, place_of, root

FPS, SIZE = Fraction(10), (640, 360)
FRAMES = range(8)

#: CSS pixels around what the page says that are looked at.
AROUND = 120


@dataclass(frozen=True)
class Ink:
    """One page; `#seen` is personal.

    Attributes:
        moves: from what, and to what, in 0.7 seconds.
        area_max: of what the page says, in areas of what is painted.
    """

    style: str = ""
    moves: tuple[str, str] = ("", "")
    inside: str = "Seen"
    area_max: float = 2.5

    def page(self) -> str:
        first, last = self.moves
        return root(
            "<style>#seen { position: absolute; left: 240px; top: 130px; width: 130px; font: 700 40px/1.2 sans-serif;"
            f" animation: move 0.7s linear both; {self.style} }}"
            f" @keyframes move {{ from {{ {first} }} to {{ {last} }} }}</style><div id=seen>{self.inside}</div>",
            width=SIZE[0],
            height=SIZE[1],
            seconds="0.8",
            fps="10",
        )


BOX = "background: #c30; border-radius: 20px;"
ENLARGED = ("transform: scale(1)", "transform: scale(1.7)")

INKS = {
    "as it is laid out": Ink(BOX),
    "enlarged": Ink(BOX, ("transform: scale(0.4)", "transform: scale(1.048)")),
    "enlarged a little": Ink(
        "left: 84px; top: 60px; width: 240px; height: 240px; border: 10px solid #c30; border-radius: 50%; overflow: hidden; animation: none",
        inside="<i style='display: block; width: 100%; height: 100%; background: #06c'></i><script>addEventListener('hf-seek', (e) => {"
        " seen.style.transform = `translate3d(0, 0, 0) scale(${1.02 + e.detail.time / 20})`; });</script>",
    ),
    "flattened": Ink(
        "left: 62.39px; top: 80px; width: 90.4px; height: 113px; background: #c30; border-radius: 8px; transform-origin: bottom; animation: none",
        inside="<script>addEventListener('hf-seek', (e) => { seen.style.transform = `translate3d(0, 0, 0) scaleY(${0.05 + e.detail.time / 2})`; });</script>",
    ),
    "enlarged as a layer": Ink(
        BOX + "will-change: transform", ("transform: scale(1.1)", "transform: scale(2.3)")
    ),
    "enlarged around it": Ink(
        "left: 0; top: 0; width: 640px; height: 360px; scale: 1.3",
        inside=f"<b style='position: absolute; left: 250px; top: 130px; {BOX}'>Seen</b>",
    ),
    "turned and enlarged": Ink(BOX, ("transform: rotate(-40deg) scale(2)", "transform: none")),
    "slanted": Ink(BOX, ("transform: skewX(-40deg)", "transform: skewX(10deg)"), area_max=3),
    "turned in space": Ink(
        BOX,
        ("transform: perspective(300px) rotateY(70deg)", "transform: perspective(300px) rotateY(10deg)"),
        area_max=3,
    ),
    "a shadow": Ink(
        "left: 120px; top: 90px; width: 400px; height: 200px; background: #333; box-shadow: 0 0 40px #f00"
    ),
    "a shadow that is enlarged": Ink("background: #333; box-shadow: 0 10px 20px #f00", ENLARGED, area_max=3),
    "a shadow on its side": Ink(
        "top: 170px; background: #333; width: 80px; height: 10px; box-shadow: 0 0 20px #f00",
        ("transform: rotate(90deg) scale(1.5)", "transform: rotate(80deg) scale(2)"),
        inside="",
        area_max=3,
    ),
    "a shadow of text that is enlarged": Ink("text-shadow: 0 0 20px #f00", ENLARGED, area_max=6),
    "an outline that is enlarged": Ink("outline: 8px solid #f00", ENLARGED),
    "a blurred box": Ink(BOX, ("filter: blur(12px)", "filter: blur(0px)"), area_max=6),
    "a blur around what is seen": Ink(
        "", ("filter: blur(12px)", "filter: blur(0px)"), inside="<b>Seen</b>", area_max=9
    ),
    "a blur around what hides": Ink(
        "visibility: hidden",
        ("filter: blur(12px)", "filter: blur(0px)"),
        inside="<b style='visibility: visible'>Seen</b>",
        area_max=9,
    ),
    "a blur around what has no box": Ink(
        "filter: blur(12px)", inside="<i style='display: contents'><u>Seen</u></i>", area_max=9
    ),
    "a shadow by a filter": Ink("filter: drop-shadow(0 12px 10px #f00)", inside="<b>Seen</b>", area_max=16),
    "digits, which need less than their lines": Ink(
        "font: 700 120px/1 sans-serif", inside="471", area_max=1.5
    ),
    "tabular digits": Ink(
        "font: 700 120px/1 sans-serif; font-variant-numeric: tabular-nums", inside="471", area_max=1.5
    ),
    "letters that reach down": Ink("font: 700 80px/1 serif", inside="gjQÇ"),
    "letters with a lot on and under them": Ink("font: 80px/1 sans-serif", inside="Ẓ̱̩͑ͫ̓Å̂́", area_max=6),
    "two lines": Ink("font: 700 60px/0.8 sans-serif; width: 60px", inside="xg xE"),
    "upper case": Ink("font: 700 80px/1 sans-serif; text-transform: uppercase", inside="üï"),
    "underlined": Ink(
        "font: 700 80px/1 sans-serif; text-decoration: underline 12px; text-underline-offset: 20px",
        inside="seen",
        area_max=4,
    ),
    "underlined around it": Ink(
        "",
        inside="<u style='font: 700 80px/1 sans-serif; text-decoration: underline 12px'><b>seen</b></u>",
        area_max=4,
    ),
    "a large first letter": Ink(
        "", inside="<style>#seen p::first-letter { font-size: 160px }</style><p>Seen</p>", area_max=3
    ),
    "small capitals": Ink("font: small-caps 700 80px/1 sans-serif", inside="xx", area_max=5),
    "from top to bottom": Ink(
        "font: 700 90px/1 sans-serif; writing-mode: vertical-rl; width: auto; top: 40px",
        inside="471",
        area_max=3,
    ),
    "marks of emphasis": Ink(
        "font: 700 60px/1 sans-serif; text-emphasis: filled circle", inside="xx", area_max=6
    ),
    "outlined letters": Ink(
        "font: 700 80px/1 sans-serif; -webkit-text-stroke: 10px #f00", inside="471", area_max=2
    ),
    "letters with a shadow": Ink(
        "font: 700 80px/1 sans-serif; text-shadow: 0 -40px 4px #f00", inside="471", area_max=2.5
    ),
    "letters that another font has": Ink("font: 700 80px/1 sans-serif", inside="של 中"),
    "letters beside others": Ink(
        "font: 700 80px/1 sans-serif; width: 300px", inside="4<i style='font-size: 30px'>g</i>7"
    ),
    "letters that are turned": Ink("font: 700 80px/1 sans-serif; rotate: 180deg", inside="471", area_max=2.5),
    "letters that are enlarged": Ink("font: 700 40px/1 sans-serif", ENLARGED, inside="471", area_max=4),
    "italics": Ink("font: italic 700 80px/0.7 serif", inside="fff", area_max=5),
    "letters that are close": Ink("font-size: 80px; letter-spacing: -24px", inside="MM", area_max=5),
}


def layer(page: Page, margin: int) -> PersonalLayer:
    return PersonalLayer(page, [place_of(page, "#seen")], scale=1.0, size=SIZE, margin=margin, patches=False)


def painted(page: Page) -> list[NDArray[np.bool_]]:
    """Per frame, the pixels at which the element is seen."""
    reader, found = PictureReader(*SIZE), []
    for frame in layer(page, AROUND).frames(FRAMES, FPS):
        mask = np.zeros((SIZE[1], SIZE[0]), np.bool_)
        for one in frame.overlays:
            alpha = reader.decode_png(one.png).to_ndarray(format="rgba")[..., 3]
            mask[one.rect.y : one.rect.bottom, one.rect.x : one.rect.right] = alpha > EDGE_ALPHA_MAX
        found.append(mask)
    return found


def bounds(mask: NDArray[np.bool_]) -> Rect:
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(xs[0]), int(ys[0])
    return Rect(left, top, int(xs[-1]) + 1 - left, int(ys[-1]) + 1 - top)


@pytest.mark.parametrize("name", INKS)
def test_all_that_is_painted_is_where_the_page_says(stage: Stage, name: str) -> None:
    renderer = stage.renderer(INKS[name].page())
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        masks = painted(page)
        states = layer(page, 0)._watch(FRAMES, FPS)
    for state, mask in zip(states, masks, strict=True):
        said = joined(state.rects)
        assert said is not None and mask.any()
        seen = bounds(mask)
        # On the edge itself it would look as if it went on.
        assert said.x < seen.x and said.y < seen.y, f"frame {state.index}: {seen} in {said}"
        assert said.right > seen.right and said.bottom > seen.bottom, f"frame {state.index}: {seen} in {said}"
        assert said.area <= INKS[name].area_max * seen.area, (
            f"frame {state.index}: {said.area / seen.area:.1f}"
        )
