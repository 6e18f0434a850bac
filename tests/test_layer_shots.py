"""Parts that are captured in one picture: where that costs less, and with the same result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pytest

from framepress.layer_camera import picture_that_stays
from framepress.layer_captures import OverlayPng
from framepress.layer_groups import LayerState
from framepress.layer_moments import Moments
from framepress.layer_parts import Part, Window
from framepress.layer_shots import Shot, groups_in, joinable_roots, shots_of
from framepress.layered import LayerFrame, PersonalLayer
from framepress.page import Page
from framepress.pictures import PictureReader
from framepress.rects import Rect
from framepress.stills import Run, Shift
from on_grey import pictures
from stage import Stage, place_of, root

FRAMES = 30
NEAR, BESIDE, FAR = Rect(0, 0, 300, 100), Rect(0, 200, 300, 100), Rect(1500, 900, 300, 100)


def part(number: int, rect: Rect, at: Sequence[int] = range(FRAMES), runs: Sequence[Run] = ()) -> Part:
    """One that is captured at some frames."""
    return Part((number,), rect, [rect if index in at else None for index in range(FRAMES)], runs)


def shots(*parts: Part, joinable: Sequence[int] = range(9)) -> list[Shot]:
    [found] = shots_of([Window([], parts)], joinable)
    return found


def test_parts_near_each_other_that_change_at_the_same_frames_are_one_shot() -> None:
    one, other, third = part(0, NEAR), part(1, BESIDE), part(2, FAR)
    [together, apart] = shots(one, other, third)
    assert together == Shot((one, other), Rect(0, 0, 300, 300)) and apart == Shot((third,))
    assert together.captures == [Rect(0, 0, 300, 300)] * FRAMES
    assert together.cost < one.cost + other.cost
    assert groups_in([[together, apart]]) == [(0, 1), (2,)]


def test_each_joins_those_with_which_it_saves_most() -> None:
    parts = [part(0, NEAR), part(1, FAR), part(2, BESIDE), part(3, Rect(1500, 800, 300, 60))]
    assert sorted(shot.roots for shot in shots(*parts)) == [(0, 2), (1, 3)]


@pytest.mark.parametrize(
    ("parts", "joinable"),
    [
        ((part(0, NEAR), part(1, BESIDE, range(0))), range(2)),
        ((part(0, NEAR, range(15)), part(1, BESIDE, range(15, 30))), range(2)),
        ((part(0, NEAR), part(1, Rect(0, 90, 300, 100))), range(2)),
        ((part(0, NEAR), part(1, BESIDE)), [0]),
    ],
    ids=["one shows the same all along", "they change in turn", "they cross", "one of them many rows show"],
)
def test_others_are_captured_apart(parts: tuple[Part, ...], joinable: Sequence[int]) -> None:
    found = shots(*parts, joinable=joinable)
    assert [shot.roots for shot in found] == [(0,), (1,)] and all(shot.rect is None for shot in found)


def test_what_others_are_made_of_is_captured_of_each_part_alone() -> None:
    run = Run(9, {0: Shift(0, 9, 0.2)}, {at: Shift(0, 9 - at, 0.5) for at in range(1, 9)})
    one, other = part(0, NEAR, runs=[run]), part(1, BESIDE)
    [shot] = shots(one, other)
    assert sorted(map(Rect.as_list, shot.captures)) == sorted(
        map(Rect.as_list, [NEAR, NEAR, *[Rect(0, 0, 300, 300)] * FRAMES])
    )


def test_what_a_script_turns_is_in_no_shot_with_others() -> None:
    two, no = (1, 2), (None, None)
    state = LayerState(0, (NEAR, FAR), (True, True), no, no, two, two, two, (False, False), 7)
    assert joinable_roots([state, state], {0, 1}) == {0, 1}
    assert joinable_roots([state, state], {1}) == {1}
    assert joinable_roots([state, replace(state, tossed=(True, False))], {0, 1}) == {1}
    assert joinable_roots([], {0}) == set()


# ---- in a page ----------------------------------------------------------------------------------

FPS, SIZE = Fraction(30), (640, 360)

#: Two that count, one of which is away for some frames; a third far away that stands.
PAGE = root(
    "<style>p { position: absolute; margin: 0; left: 20px; font: 700 40px monospace; color: #c30 }"
    " #other { top: 90px; color: rgb(0 90 200 / 0.6) } #third { left: 500px; top: 280px }"
    " i { position: absolute; left: 20px; top: 60px; width: 200px; height: 9px; background: #0c3 }</style>"
    "<p id=one></p><i></i><p id=other></p><p id=third>still</p>"
    "<script>addEventListener('hf-seek', (e) => { const n = Math.round(e.detail.time * 30);"
    "one.textContent = n * 37; other.textContent = 900 - n;"
    "other.style.display = n > 12 && n < 20 ? 'none' : ''; });</script>",
    width=640,
    height=360,
    seconds="3",
)
NAMES = ("#one", "#other", "#third")


@dataclass
class Memory:
    """Finds nothing, and knows whether everything was asked for before."""

    seen_before: bool
    moments: Moments | None = None
    kept: dict[str, Sequence[tuple[OverlayPng, ...]]] = field(default_factory=dict)

    def key(self, seen: Mapping[str, object], *, pictured: bool) -> str:
        return str(seen["group"])

    def again(self, key: str) -> bool:
        return self.seen_before

    def find(self, key: str) -> list[tuple[OverlayPng, ...]] | None:
        found = self.kept.get(key)
        return list(found) if found is not None else None

    def keep(self, key: str, frames: Sequence[tuple[OverlayPng, ...]]) -> None:
        self.kept[key] = frames


@pytest.fixture
def page(stage: Stage) -> Page:
    renderer = stage.renderer(PAGE)
    renderer.open(stage.variant(renderer))
    return renderer.warm.page()


def captured(page: Page, memory: Memory) -> list[LayerFrame]:
    places = [place_of(page, name) for name in NAMES]
    layer = PersonalLayer(page, places, scale=1.0, size=SIZE, memory=memory)
    return list(layer.frames(range(70), FPS))


def test_parts_of_one_picture_look_as_they_do_alone(page: Page) -> None:
    alone, together = Memory(seen_before=True), Memory(seen_before=False)
    apart, joint = captured(page, alone), captured(page, together)
    assert set(alone.kept) == {"[0]", "[1]", "[2]"} and set(together.kept) == {"[0, 1]", "[2]"}
    cut = [one for frame in joint for one in frame.overlays if one.corner is not None]
    assert len(cut) > 100 and not any(one.corner for frame in apart for one in frame.overlays)
    assert sum(frame.captured for frame in joint) < 0.6 * sum(frame.captured for frame in apart)
    for one, other in zip(pictures(apart, SIZE), pictures(joint, SIZE), strict=True):
        assert np.abs(one.astype(np.int16) - other).max() <= 1
    # Such a row again: what was captured together is found together.
    once_more = captured(page, together)
    assert not any(frame.captured for frame in once_more)
    assert [frame.overlays for frame in once_more] == [frame.overlays for frame in joint]


@pytest.mark.parametrize(("shown", "painted"), [("nothing", False), ("personal", True), ("rest", True)])
def test_nothing_is_drawn_where_the_view_is_moved(page: Page, shown: str, painted: bool) -> None:
    PersonalLayer(page, [place_of(page, name) for name in NAMES], scale=1.0, size=SIZE)
    page.evaluate(f'__framepress.showLayer("{shown}")')
    view = page.look_at(Rect(0, 0, *SIZE), transparent=True)
    page.seek(40, FPS)
    png = picture_that_stays(page, 40, view)
    assert bool(PictureReader(*SIZE).decode_rgba(png)[..., 3].any()) is painted
