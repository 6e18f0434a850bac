"""An element that is wiped in by `clip-path: inset()`: only the strip at its edge is captured, and every frame
looks as if all of it had been."""

# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from framepress import views
from framepress.layered import LayerFrame, PersonalLayer
from framepress.page import Page
from on_grey import pictures
from stage import Stage, place_of, root

FPS, SIZE = Fraction(10), (640, 360)
FRAMES = range(12)


@dataclass(frozen=True)
class Wipe:
    """One page; `#seen` is personal.

    Attributes:
        strip: whether less than all of it may be captured while it is wiped.
    """

    clips: tuple[str, str]
    strip: bool = True
    style: str = ""
    frames: str = ""
    inside: str = "<b>seen</b>"
    script: str = ""
    around: str = ""

    def page(self) -> str:
        first, last = self.clips
        return root(
            f"<style>#seen {{ position: absolute; left: 40.5px; top: 60px; width: 500px; height: 90px; font-size: 60px;"
            f" background: linear-gradient(90deg, #c30, #06c); animation: wipe 1s linear both; {self.style} }}"
            f" @keyframes wipe {{ from {{ clip-path: {first} }} to {{ clip-path: {last}; {self.frames} }} }}</style>"
            f"<section id=up style='{self.around}'><div id=seen>{self.inside}</div></section><script>{self.script}</script>",
            width=SIZE[0],
            height=SIZE[1],
            seconds="1.2",
            fps="10",
        )


AT = "addEventListener('hf-seek', (e) => { const on = e.detail.time >= 0.45; %s });"

WIPES = {
    "to the right": Wipe(("inset(0 100% 0 0)", "inset(0)")),
    "to the left, shares and pixels": Wipe(("inset(0 0 0 calc(90% - 20px))", "inset(0 0 0 10px)")),
    "round": Wipe(("inset(0 calc(100% - 90px) 0 0 round 45px)", "inset(0 max(10%, 20px) 0 0 round 45px)")),
    "downwards": Wipe(("inset(0 0 90% 0 round 2px)", "inset(0 0 0 0 round 2px)")),
    "from the middle": Wipe(("inset(0 45%)", "inset(0 5%)"), strip=False),
    "there and no further": Wipe(("inset(0 80% 0 0)", "inset(0 80% 0 0)"), strip=False),
    "with a shadow around it": Wipe(("inset(-30px 100% -30px -30px)", "inset(-30px)"), style="box-shadow: 0 0 20px 5px"),
    "shifted": Wipe(("inset(0 100% 0 0)", "inset(0)"), style="transform: translate(20px, 30px)"),
    "every way at once": Wipe(("inset(0 60% 60% 0)", "inset(0)"), strip=False),
    "round and too narrow": Wipe(("inset(0 calc(100% - 20px) 0 0 round 45px)", "inset(0 80% 0 0 round 45px)"), strip=False),
    "turned": Wipe(("inset(0 100% 0 0)", "inset(0)"), strip=False, style="transform: rotate(20deg)"),
    "scaled around it": Wipe(("inset(0 100% 0 0)", "inset(0)"), strip=False, around="scale: 0.7; position: absolute; left: 0; top: 0"),
    "another shape": Wipe(("circle(10%)", "circle(60%)"), strip=False),
    "while it fades": Wipe(("inset(0 80% 0 0)", "inset(0)"), strip=False, style="opacity: 0.1", frames="opacity: 1"),
    "while it is recoloured": Wipe(
        ("inset(0 80% 0 0)", "inset(0)"), script=AT % "seen.style.background = on ? '#093' : '#c30'"
    ),
    "while its text changes": Wipe(
        ("inset(0 60% 0 0)", "inset(0)"), script=AT % "seen.firstChild.textContent = on ? 'quite another' : 'seen'"
    ),
    "while what is in it moves": Wipe(
        ("inset(0 60% 0 0)", "inset(0)"), strip=False,
        inside="<b style='display: inline-block; animation: go 1s linear both'>seen</b>"
        "<style>@keyframes go { from { translate: 0 } to { translate: 60px } }</style>",
    ),
    "while something around it fades": Wipe(
        ("inset(0 80% 0 0)", "inset(0)"), strip=False, around="animation: fade 1s linear both",
        inside="<b>seen</b><style>@keyframes fade { from { opacity: 0.2 } }</style>",
    ),
    "in lines of text": Wipe(
        ("inset(0 80% 0 0)", "inset(0)"), strip=False, style="position: static; display: inline",
        inside="<b>seen in more than one line of text, each with a box of its own</b>", around="width: 500px",
    ),
    "a shape with a stroke": Wipe(
        ("inset(0 80% 0 0)", "inset(0)"), strip=False, style="position: static; fill: #06c; stroke: #c30; stroke-width: 40px",
        inside="<svg id=art width=600 height=300><rect id=shape x=50 y=50 width=500 height=200 /></svg>"
        "<script>seen.removeAttribute('id'); shape.id = 'seen'</script>",
    ),
    "with something on top of everything": Wipe(
        ("inset(0 80% 0 0)", "inset(0)"), strip=False,
        inside="<p id=top popover style='inset: 200px auto auto 20px'>top</p>", script="document.getElementById('top').showPopover()",
    ),
}  # fmt: skip


def layer(page: Page, *, patches: bool) -> list[LayerFrame]:
    personal = PersonalLayer(page, [place_of(page, "#seen")], scale=1.0, size=SIZE, patches=patches)
    return list(personal.frames(FRAMES, FPS))


def pixels(frames: list[LayerFrame]) -> int:
    """How many were captured."""
    return sum({id(one): one.rect.area for frame in frames for one in frame.overlays}.values())


#: In the daily suite: one that is wiped, round, and one that only looks as if.
DAILY = ("round", "turned", "while something around it fades")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in DAILY else pytest.mark.slow) for name in WIPES]
)
def test_a_strip_is_captured_where_nothing_else_changes(
    stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if looking elsewhere cost nothing: in a small picture it costs more than all pixels.
    monkeypatch.setattr(views, "MOVE_COST", 0)
    monkeypatch.setattr(views, "CAPTURE_COST", 0)
    renderer = stage.renderer(WIPES[name].page())
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        whole, strips = layer(page, patches=False), layer(page, patches=True)
    shown = pictures(whole, SIZE)
    assert len({picture.tobytes() for picture in shown}) > 1 or "no further" in name, "nothing was wiped"
    for index, (one, other) in enumerate(zip(shown, pictures(strips, SIZE), strict=True)):
        off = np.abs(one.astype(np.int16) - other)
        # Chromium draws the row at the edge of a clipped shadow by 2 lighter or darker as it is wiped.
        assert off.max() <= 2, f"frame {index} differs by {off.max()} at {np.flatnonzero(off > 2)[:5]}"
    share = pixels(strips) / pixels(whole)
    assert (share < 0.6) is WIPES[name].strip, f"{share:.2f} of the pixels"
