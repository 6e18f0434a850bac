"""Pictures of elements at moments captured before: found where nothing else decides them, and only there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest

from framepress.layer_captures import Captures, OverlayPng
from framepress.layer_groups import LayerState
from framepress.layer_moments import FOUND_PART, TRIED, Moments, RowMoments
from framepress.layer_parts import Part, Picture
from framepress.layered import LayerFrame, PersonalLayer
from framepress.rects import Rect
from framepress.stills import Run
from on_grey import pictures
from stage import Stage, place_of, root

HERE = Rect(10, 20, 30, 40)


def picture(size: int) -> Picture:
    return Picture(HERE, bytes(size))


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    moments = Moments(bytes_max=1000)
    for key in "abc":
        moments.keep("x", key, picture(300))
    assert moments.find("x", "a") == picture(300)
    assert moments.find("y", "a") is None
    moments.keep("x", "d", picture(400))
    assert {key for key in "abcd" if moments.find("x", key)} == {"a", "c", "d"}
    # In place of what was there, it counts once.
    moments.keep("x", "d", picture(400))
    assert moments.find("x", "a") and moments.find("x", "c")


def test_of_what_never_comes_again_no_more_is_kept() -> None:
    moments = Moments()
    for number in range(TRIED + 10):
        moments.keep("never", number, picture(1))
        moments.keep("often", number, picture(1))
        if number % (FOUND_PART - 1) == 0:
            assert moments.find("often", number)
    assert moments.find("never", TRIED - 1) and not moments.find("never", TRIED)
    assert moments.find("often", TRIED + 9)


# ---- of a row -----------------------------------------------------------------------------------


def states(*moments: int, tossed: bool = False, look: int = 5) -> list[LayerState]:
    return [
        LayerState(at, (HERE,), (True,), (None,), (None,), (look,), (6,), (0,), (tossed,), 7, (moment,))
        for at, moment in enumerate(moments)
    ]


def part_of(count: int, runs: Sequence[Run] = ()) -> Part:
    return Part((0,), HERE, [HERE] * count, runs)


def row(moments: Moments, *, alone: bool = True, base: str = "b") -> RowMoments:
    return RowMoments(moments, base, ["0/1"], [alone])


def test_the_first_that_is_found_is_captured_and_the_others_are_not() -> None:
    moments = Moments()
    for number, state in enumerate(states(1, 2, 3)):
        row(moments).keep(part_of(3), state, picture(number + 1))
    part = row(moments).with_known(part_of(4), states(9, 3, 1, 2))
    assert part.probe == (1, picture(3))
    assert part.known == {2: picture(1), 3: picture(2)}
    assert part.other_frames == [0, 1] and part.captures == [HERE, HERE]
    assert part.cost < part_of(4).cost
    # One alone would be captured to see whether it is so.
    assert row(moments).with_known(part_of(3), states(9, 3, 8)) == part_of(3)
    # What others are made of is captured anyway.
    runs = [Run(2, {}, {})]
    assert row(moments).with_known(part_of(4, runs), states(9, 3, 1, 2)).known == {3: picture(2)}


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ({}, {"tossed": True}),
        ({"tossed": True}, {}),
        ({}, {"look": 55}),
    ],
    ids=["tossed", "was tossed", "another look"],
)
def test_what_may_look_different_is_not_found(there: dict[str, int], here: dict[str, int]) -> None:
    moments = Moments()
    for state in states(1, 2, 3, **there):  # type: ignore[arg-type]
        row(moments).keep(part_of(3), state, picture(1))
    assert not row(moments).with_known(part_of(3), states(1, 2, 3, **here)).known  # type: ignore[arg-type]


def test_what_is_not_known_of_a_moment_is_not_found() -> None:
    moments = Moments()
    for state in states(0, 0, 0):
        row(moments).keep(part_of(3), state, picture(1))
    assert not row(moments).with_known(part_of(3), states(0, 0, 0)).known
    for state in states(1, 2, 3):
        row(moments).keep(part_of(3), state, picture(1))
    assert row(moments).with_known(part_of(3), states(1, 2, 3)).known
    assert not row(moments, alone=False).with_known(part_of(3), states(1, 2, 3)).known
    assert not row(moments, base="other").with_known(part_of(3), states(1, 2, 3)).known


# ---- in a page ----------------------------------------------------------------------------------

FPS, SIZE, FRAMES = Fraction(30), (320, 180), 40

STYLE = (
    "<style>p { position: absolute; margin: 0; left: 20px; top: 20px; font: 700 40px monospace; color: #c30;"
    " text-decoration: underline }</style>"
)

#: Counts in twos to a number of its own; it rises at first, so more than its text tells frames apart.
COUNTS = (
    "<style>@keyframes rise { from { transform: translateY(9px) } } p { animation: rise .2s both }</style>"
    "<p data-to=TO>0</p><script>addEventListener('hf-seek', (e) => {"
    "const n = Math.min(Number(document.querySelector('p').dataset.to), Math.round(e.detail.time * 30));"
    "document.querySelector('p').textContent = n >> 1; });</script>"
)

#: Shows one of eight texts, each too seldom to be made of others; what no look names changes meanwhile.
TURNS = (
    "<script>addEventListener('hf-seek', (e) => { const n = Math.round(e.detail.time * 30), "
    "p = document.querySelector('p'); p.textContent = 'turn ' + (n % 8); SCRIPT });</script>"
)


@dataclass
class Memory:
    """Remembers moments and no rows."""

    moments: Moments | None = field(default_factory=Moments)

    def key(self, seen: Mapping[str, object], *, pictured: bool) -> str:
        return str(seen)

    def again(self, key: str) -> bool:
        return False

    def find(self, key: str) -> list[tuple[OverlayPng, ...]] | None:
        return None

    def keep(self, key: str, frames: Sequence[tuple[OverlayPng, ...]]) -> None:
        pass


def captured(stage: Stage, body: str, memory: Memory, size: tuple[int, int] = SIZE) -> list[LayerFrame]:
    renderer = stage.renderer(root(STYLE + body, width=size[0], height=size[1], seconds="2"))
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        layer = PersonalLayer(page, [place_of(page, "p")], scale=1.0, size=size, memory=memory)
        frames = list(layer.frames(range(FRAMES), FPS))
    renderer.close()
    return frames


def count(frames: Sequence[LayerFrame]) -> int:
    return sum(frame.captured for frame in frames)


def assert_same(one: Sequence[LayerFrame], other: Sequence[LayerFrame], size: tuple[int, int] = SIZE) -> None:
    for index, (a, b) in enumerate(zip(pictures(one, size), pictures(other, size), strict=True)):
        assert np.array_equal(a, b), f"frame {index}"


def test_a_counter_of_another_row_is_captured_where_it_shows_other_numbers(stage: Stage) -> None:
    memory = Memory()
    first = captured(stage, COUNTS.replace("TO", "60"), memory)
    alone = captured(stage, COUNTS.replace("TO", "31"), Memory(None))
    again = captured(stage, COUNTS.replace("TO", "31"), memory)
    # It rises for 6 frames; then numbers come until 15, which row 60 shows too; one is captured to see.
    assert count(alone) - count(again) > 10
    assert_same(alone, again)
    assert_same(captured(stage, COUNTS.replace("TO", "60"), memory), first)


def test_a_wider_picture_of_another_row_is_cut_to_what_this_one_shows(stage: Stage) -> None:
    wide = COUNTS.replace("n >> 1", "n > 25 ? '1234567890' : n >> 1").replace("TO", "60")
    memory = Memory()
    captured(stage, wide, memory)
    again = captured(stage, COUNTS.replace("TO", "24"), memory)
    alone = captured(stage, COUNTS.replace("TO", "24"), Memory(None))
    assert count(again) < count(alone)
    assert_same(alone, again)
    reach = max(one.rect.right for frame in alone for one in frame.overlays)
    assert max(one.rect.right for frame in again for one in frame.overlays) <= reach


@pytest.mark.parametrize("where", ["rule", "imported", "own style"])
def test_a_rule_on_what_a_row_hands_to_its_script_tells_rows_apart(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(Captures, "_equal", lambda *_: True)
    rule = "p[data-to='31'] { text-underline-offset: 1px }"
    (stage.folder / "more.css").write_text(rule)
    own = "style='text-underline-offset: calc(attr(data-to type(<number>)) * .1px)'"
    ruled = {
        "rule": f"<style>{rule}</style>" + COUNTS,
        "imported": "<style>@import url(more.css);</style>" + COUNTS,
        "own style": COUNTS.replace("data-to=TO", f"data-to=TO {own}"),
    }[where]
    memory = Memory()
    first = captured(stage, ruled.replace("TO", "60"), memory)
    again = captured(stage, ruled.replace("TO", "31"), memory)
    assert_same(captured(stage, ruled.replace("TO", "31"), Memory(None)), again)
    assert not np.array_equal(pictures(first, SIZE)[20], pictures(again, SIZE)[20])


def test_a_patch_is_not_taken_for_all_of_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Captures, "_equal", lambda *_: True)
    # Its end is uncovered bit by bit, again and again.
    body = "<style>p { font-size: 200px }</style><p>uncovered</p>" + TURNS.replace(
        "p.textContent = 'turn ' + (n % 8); SCRIPT", "p.style.clipPath = `inset(0 ${90 - n % 8 * 10}px 0 0)`"
    )
    memory, large = Memory(), (1280, 720)
    first = captured(stage, body, memory, large)
    assert any(one.onto is not None for frame in first for one in frame.overlays)
    assert_same(first, captured(stage, body, memory, large), large)


def test_what_turns_out_not_to_be_as_remembered_is_captured(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    # As if the page had not said all that decides its picture.
    monkeypatch.setattr(RowMoments, "_key", lambda self, part, state: state.index)
    captured(stage, COUNTS.replace("TO", "60").replace("n >> 1", "n + 1"), memory)
    again = captured(stage, COUNTS.replace("TO", "60"), memory)
    alone = captured(stage, COUNTS.replace("TO", "60"), Memory(None))
    assert count(again) == count(alone)
    assert_same(alone, again)


SLIDES = (
    "<style>@keyframes off { from { text-underline-offset: 0px } to { text-underline-offset: 8px } }"
    " OF { animation: off 1s linear }</style>"
)

#: What changes the line under the text, which no look names: a script, and what is written beside it.
UNSAID = {
    "a style of its own": ("p.style.textUnderlineOffset = n + 'px'", ""),
    "a rule on its data": (
        "p.dataset.n = n >> 4 & 1",
        "<style>p[data-n='1'] { text-underline-offset: 1px }</style>",
    ),
    "an animation of it": ("", SLIDES.replace("OF", "p")),
    "an animation around it": ("", SLIDES.replace("OF", "body")),
    "a class beside it": (
        "document.querySelector('i').className = n >> 4 & 1 ? 'on' : ''",
        "<i></i><style>i.on ~ p { text-underline-offset: 1px }</style>",
    ),
    "a rule that is edited": (
        "document.styleSheets[1].cssRules[0].style.textUnderlineOffset = n + 'px'",
        "",
    ),
}


@pytest.mark.parametrize("what", UNSAID)
def test_what_no_look_names_tells_moments_apart(
    what: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not even seen by the one that is captured all the same.
    monkeypatch.setattr(Captures, "_equal", lambda *_: True)
    script, beside = UNSAID[what]
    body = f"{beside}<p>turn 0</p>" + TURNS.replace("SCRIPT", script)
    memory = Memory()
    first = captured(stage, body, memory)
    shown = {picture.tobytes() for picture in pictures(first, SIZE)}
    assert len(shown) > 12, "nothing but the text changes"
    assert_same(first, captured(stage, body, memory))
    assert_same(first, captured(stage, body, memory))
