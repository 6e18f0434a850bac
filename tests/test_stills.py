"""A personal element that is a shifted, faded copy of itself: made of one capture, and every frame looks as if
it had been captured; where that does not hold, it is.
"""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import pytest

from framepress import layer_captures, stills
from framepress.layered import LayerFrame, PersonalLayer
from framepress.page import Page
from framepress.pictures import PictureReader, encode_png
from framepress.stills import Shift, Still, holds, runs, shifted
from on_grey import pictures
from stage import Stage, place_of, root

FPS, SIZE = Fraction(30), (640, 360)
FRAMES = range(24)


@dataclass(frozen=True)
class Motion:
    """One page; `#seen` is personal, and moves for 0.6 seconds.

    Attributes:
        made: whether frames of it are made of others. told: whether the page says if they can be; of some, only
            captures tell.
    """

    moves: tuple[str, str] = ("translate: 0 30px; opacity: 0", "translate: 0 0")
    made: bool = True
    told: bool = True
    style: str = ""
    inside: str = "Seen by all"
    around: str = ""
    frames: str = ""
    script: str = ""

    def page(self) -> str:
        first, last = self.moves
        return root(
            "<style>#seen { position: absolute; left: 80px; top: 120px; font: 700 50px/1.2 sans-serif; color: #06c;"
            f" animation: move 0.6s ease-out both; {self.style} }}"
            f" @keyframes move {{ from {{ {first} }} to {{ {last} }} }} {self.frames}</style>"
            f"<section style='{self.around}'><div id=seen>{self.inside}</div></section><script>{self.script}</script>",
            width=SIZE[0],
            height=SIZE[1],
            seconds="0.8",
        )


SEEK = "addEventListener('hf-seek', (e) => { const at = Math.min(1, e.detail.time / 0.6); %s });"

MOTIONS = {
    "rises and fades in": Motion(),
    "fades": Motion(("opacity: 0", "opacity: 1")),
    "fades out to the left, between pixels": Motion(("translate: none; opacity: 1", "translate: -60px; opacity: 0"), made=False, told=False),
    "by a matrix": Motion(("transform: translateY(20px); opacity: 0", "transform: translateY(-10px)")),
    "as libraries move it": Motion(
        made=False, told=False, style="animation: none; will-change: transform, opacity",
        script=SEEK % "seen.style.transform = `translate3d(${80 - 80 * at}px, 0px, 0px)`; seen.style.opacity = at",
    ),
    "with a shadow and a picture in it, between pixels": Motion(
        made=False, told=False, style="background: #fc0; border-radius: 30px; box-shadow: 0 10px 20px #0008; padding: 20px",
        inside="<svg width=80 height=60><circle cx=40 cy=30 r=25 fill='#c30'/></svg> Seen",
    ),
    "with a shadow and a picture in it, as it fades": Motion(
        ("opacity: 0", "opacity: 1"), style="background: #fc0; border-radius: 30px; box-shadow: 0 10px 20px #0008; padding: 20px",
        inside="<svg width=80 height=60><circle cx=40 cy=30 r=25 fill='#c30'/></svg> Seen",
    ),
    "in two lines": Motion(style="width: 160px"),
    "while its text changes": Motion(made=False, script=SEEK % "seen.firstChild.textContent = `at ${at.toFixed(3)}`"),
    "until its text changes": Motion(script=SEEK % "if (e.detail.time > 0.45) seen.firstChild.textContent = `at ${at.toFixed(3)}`"),
    "while something in it moves": Motion(
        made=False, inside="<b style='display: inline-block; animation: go 0.6s both'>Seen</b>", frames="@keyframes go { from { translate: 60px } }",
    ),
    "while it is recoloured": Motion(("color: #c30; translate: 0 30px", "color: #06c"), made=False),
    "while it grows": Motion(("scale: 0.7; opacity: 0", "scale: 1"), made=False),
    "while it turns": Motion(("rotate: -20deg; opacity: 0", "rotate: none"), made=False),
    "while something in it changes its colour": Motion(
        made=False, inside="<b style='animation: go 0.6s both'>Seen</b>", frames="@keyframes go { from { color: #c30 } }",
    ),
    "while it is cut": Motion(("clip-path: inset(0 90% 0 0); opacity: 0", "clip-path: inset(0)"), made=False),
    "while it is flipped": Motion(
        made=False, style="animation: none", script=SEEK % "seen.style.scale = at > 0.5 ? '1 1' : '-1 1'; seen.style.opacity = 0.3 + 0.7 * at",
    ),
    "by a share of its size": Motion(("translate: 0 100%; opacity: 0", "translate: 0 0%"), made=False),
    "out of what hides it": Motion(
        ("transform: translateY(70px)", "transform: none"), made=False, style="position: relative; left: 0; top: 0",
        around="position: absolute; left: 80px; top: 120px; overflow: hidden",
    ),
    "out of a shape": Motion(made=False, around="position: absolute; inset: 0; clip-path: inset(0 0 200px 0)"),
    "in something that is turned": Motion(made=False, around="rotate: 5deg"),
    "while what is around it moves": Motion(
        made=False, around="animation: go 0.7s both", frames="@keyframes go { from { translate: 60px } }"
    ),
    "while what is around it fades": Motion(
        made=False, around="animation: go 0.7s both", frames="@keyframes go { from { opacity: 0.3 } }"
    ),
    "in something that is smaller": Motion(made=False, around="scale: 0.5"),
    "from beyond the picture": Motion(("translate: 0 100px", "translate: 0 0"), made=False, style="top: 290px"),
}  # fmt: skip


def layer(page: Page, *, patches: bool, names: Sequence[str] = ("#seen",)) -> list[LayerFrame]:
    places = [place_of(page, name) for name in names]
    personal = PersonalLayer(page, places, scale=1.0, size=SIZE, patches=patches)
    return list(personal.frames(FRAMES, FPS))


def made_count(frames: list[LayerFrame]) -> int:
    return sum(one.shift is not None for frame in frames for one in frame.overlays)


def largest_error(one: list[LayerFrame], other: list[LayerFrame]) -> int:
    pairs = zip(pictures(one, SIZE), pictures(other, SIZE), strict=True)
    return max(int(np.abs(a.astype(np.int16) - b).max()) for a, b in pairs)


#: In the daily suite: one that is made, and some that only look as if.
DAILY = ("rises and fades in", "while it grows", "out of what hides it", "until its text changes")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in DAILY else pytest.mark.slow) for name in MOTIONS]
)
def test_frames_are_made_of_others_where_nothing_else_changes(stage: Stage, name: str) -> None:
    motion = MOTIONS[name]
    renderer = stage.renderer(motion.page())
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        captured, made = layer(page, patches=False), layer(page, patches=True)
    assert made_count(captured) == 0
    assert len({picture.tobytes() for picture in pictures(captured, SIZE)}) > 10, "nothing moved"
    assert largest_error(captured, made) <= 3
    assert (made_count(made) > 0) is motion.made
    if motion.made:
        assert sum(frame.captured for frame in made) < 0.6 * sum(frame.captured for frame in captured)


def test_what_passes_where_another_was_is_captured_without_it(stage: Stage) -> None:
    motion = Motion(
        ("translate: 0 180px; opacity: 0.5", "translate: 0 0; opacity: 0.5"),
        style="top: 10px; background: #fc0; animation-timing-function: linear",
        around="color: #c30",
        script="const next = seen.cloneNode(true); next.id = 'next'; seen.after(next);",
        frames="#next { position: absolute; left: 120px; top: 90px; font: 700 50px/1.2 sans-serif; background: #0c9; animation: move 0.6s linear both }",
    )
    renderer = stage.renderer(motion.page())
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        names = ("#seen", "#next")
        captured, made = layer(page, patches=False, names=names), layer(page, patches=True, names=names)
    assert {len(frame.overlays) for frame in captured} == {1}, "captured together"
    assert {len(frame.overlays) for frame in made} == {2}, "captured apart"
    assert made_count(made) > 20
    assert largest_error(captured, made) <= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, motion in MOTIONS.items() if motion.told])
def test_the_page_says_when_more_changes_than_captures_show(
    stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the frames between those that are captured said nothing."""
    monkeypatch.setattr(layer_captures, "holds", lambda *_: True)
    renderer = stage.renderer(MOTIONS[name].page())
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        captured, made = layer(page, patches=False), layer(page, patches=True)
    assert largest_error(captured, made) <= 3


def test_what_a_capture_does_not_bear_out_is_captured(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that only pixels know: as if Chromium moved by halves of a pixel."""
    renderer = stage.renderer(Motion().page())
    renderer.open(stage.variant(renderer))
    monkeypatch.setattr(stills, "_pixel", lambda at: int(np.floor(at)))
    with renderer.warm.guard() as page:
        captured, made = layer(page, patches=False), layer(page, patches=True)
    assert made_count(made) == 0
    assert largest_error(captured, made) == 0


# ---- pure ---------------------------------------------------------------------------------------


def still(at: float, opacity: float = 1.0, look: int = 1) -> Still:
    return Still(look, 0.0, at, opacity)


def test_others_are_made_of_the_last_frame_that_shows_most() -> None:
    frames = {at: (9, still(20 - at, min(1.0, at / 10))) for at in range(14)}
    [run] = runs(frames, 1.0)
    assert run.of == 13
    # The first that is seen well enough, and, all lying on whole pixels, any other.
    assert {0, 2} <= set(run.probes) and len(run.probes) <= 3
    assert {*run.probes, *run.made} == set(range(13))
    assert run.probes[0] == Shift(0, 13, 0.0) and run.made[5] == Shift(0, 8, 0.5)


def test_the_frame_that_lies_most_between_two_pixels_is_captured() -> None:
    frames = {at: (9, still(at + (0.46 if at == 7 else 0.1))) for at in range(10)}
    [run] = runs(frames, 1.0)
    assert set(run.probes) == {0, 7}
    # In a picture of twice the size it is another.
    [run] = runs(frames, 2.0)
    assert 7 not in run.probes


@pytest.mark.parametrize(
    "frames",
    [
        {at: (9, still(at)) for at in range(7)},
        {at: (9, still(at, look=at)) for at in range(20)},
        {at: (at, still(at)) for at in range(20)},
        {at: (9, still(at, 0.3)) for at in range(20)},
    ],
    ids=["too few", "all different", "all in something else", "never seen well"],
)
def test_frames_that_are_not_worth_it_or_not_alike_are_captured(frames: dict[int, tuple[int, Still]]) -> None:
    assert runs(frames, 1.0) == []


@pytest.mark.parametrize(("x", "y"), [(0, 0), (3, 0), (-2, 1), (0, -3), (8, 0), (0, 99), (-8, -6)])
def test_pixels_are_moved_and_what_comes_in_is_transparent(x: int, y: int) -> None:
    pixels = np.random.default_rng(1).integers(1, 256, (6, 8, 4)).astype(np.uint8)
    found = shifted(pixels, Shift(x, y, 1))
    for row in range(6):
        for column in range(8):
            at = (row - y, column - x)
            inside = 0 <= at[0] < 6 and 0 <= at[1] < 8
            assert list(found[row, column]) == (list(pixels[at]) if inside else [0, 0, 0, 0])


def test_opacity_is_of_alpha_alone() -> None:
    pixels = np.full((2, 2, 4), 200, np.uint8)
    found = shifted(pixels, Shift(0, 0, 0.5))
    assert set(found[..., 3].flat) == {100} and set(found[..., :3].flat) == {200}
    assert not shifted(pixels, Shift(0, 0, 0.0))[..., 3].any()


@pytest.mark.parametrize(
    ("pixel", "bears_out"),
    [
        ((200, 100, 50, 128), True),
        ((200, 100, 50, 133), False),  # by its coverage: 5
        ((0, 0, 0, 0), False),
        ((207, 100, 50, 128), True),  # by its colour, of which half is seen: 3.5
        ((209, 100, 50, 128), False),  # 4.5
        ((200, 109, 50, 128), False),
        ((200, 100, 59, 128), False),
    ],
)
def test_what_bears_a_picture_out(pixel: tuple[int, int, int, int], bears_out: bool) -> None:
    reader = PictureReader(*SIZE)
    made = np.full((6, 8, 4), (200, 100, 50, 128), np.uint8)
    captured = made.copy()
    captured[3, 5] = pixel
    pngs = [encode_png(av.VideoFrame.from_ndarray(pixels, "rgba")) for pixels in (made, captured)]
    assert holds(reader, pngs[0], [(pngs[0], Shift(0, 0, 1)), (pngs[1], Shift(0, 0, 1))]) is bears_out
