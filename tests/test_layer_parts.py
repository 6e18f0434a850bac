"""What is captured together, and what apart: by where elements are at each frame, and by what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framepress.layer_groups import (
    PORTION_FRAMES,
    WINDOW_FRAMES_MAX,
    WINDOW_PIXELS_MAX,
    LayerState,
    windows,
)
from framepress.layer_parts import Part, plan_windows
from framepress.rects import Rect
from framepress.stills import Still

FRAMES = 28
UP, DOWN = Rect(0, 0, 600, 200), Rect(0, 300, 600, 200)

#: Two elements of which nothing changes.
STILL = LayerState(
    index=0,
    rects=(UP, DOWN),
    changed=(False, False),
    wipes=(None, None),
    stills=(None, None),
    looks=(1, 2),
    paths=(3, 4),
    marks=(5, 6),
    tossed=(False, False),
    rest=7,
)


def states(
    tops: Sequence[Sequence[int]], stills: Sequence[Sequence[Still | None]] | None = None
) -> list[LayerState]:
    """Elements of 1600x200 pixels by their tops, per frame; all change at every frame."""
    found = []
    for index, row in enumerate(tops):
        count = len(row)
        rects = tuple(Rect(0, top, 1600, 200) for top in row)
        told = tuple(stills[index]) if stills is not None else (None,) * count
        ones = tuple(range(count))
        found.append(
            LayerState(
                index, rects, (True,) * count, (None,) * count, told, ones, ones, ones, (False,) * count, 5
            )
        )
    return found


def parts(planned: list[LayerState], *, patches: bool = True) -> list[Part]:
    [window] = plan_windows(planned, 1.0, patches=patches)
    return sorted(window.parts, key=lambda part: part.roots)


def rising(index: int, look: int = 7) -> Still:
    return Still(look, 0, 100 - 5 * index, min(1.0, 0.05 * (index + 1)))


#: The second comes up to where the first has been, which has gone on by then: they never meet.
PASSING = [[max(0, 300 - 60 * at), max(210, 520 - 60 * at)] for at in range(FRAMES)]


def test_elements_that_only_pass_are_captured_apart_where_that_costs_less() -> None:
    # Whole rectangles at every frame: together they cost less, for every capture costs something.
    [together] = parts(states(PASSING))
    assert together.roots == (0, 1)
    # One of them can be made of one frame of it.
    stills = [[rising(at), None] for at in range(FRAMES)]
    first, second = parts(states(PASSING, stills))
    assert (first.roots, second.roots) == ((0,), (1,))
    [run] = first.runs
    assert len(first.captures) == 1 + len(run.probes) < 5 and len(second.captures) == FRAMES
    assert first.cost + second.cost < together.cost


def test_elements_that_meet_at_one_frame_are_captured_together_whatever_it_costs() -> None:
    meeting = [*PASSING[:-1], [0, 190]]
    stills = [[rising(at), rising(at, look=8)] for at in range(FRAMES)]
    assert [part.roots for part in parts(states(PASSING, stills))] == [(0,), (1,)]
    assert [part.roots for part in parts(states(meeting, stills))] == [(0, 1)]


def test_through_a_third_that_both_meet_all_are_one() -> None:
    tops = [[0, 150, 340] for _ in range(FRAMES)]
    stills = [[rising(at), rising(at, look=8), rising(at, look=9)] for at in range(FRAMES)]
    [one] = parts(states(tops, stills))
    assert one.roots == (0, 1, 2) and not one.runs


def test_where_everything_is_captured_whole_nothing_is_made_of_anything() -> None:
    stills = [[rising(at), None] for at in range(FRAMES)]
    [one] = parts(states(PASSING, stills), patches=False)
    assert one.roots == (0, 1) and len(one.captures) == FRAMES


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1_000), st.integers(1, 90)), max_size=15))
def test_windows_are_portions_in_order_that_are_neither_too_long_nor_change_too_much(
    runs: list[tuple[bool, int, int]],
) -> None:
    told: list[LayerState] = []
    for changed, height, frames in runs:
        rect = Rect(0, 0, 1_000, height) if height else None
        one = replace(STILL, rects=(rect, UP), changed=(changed, False))
        told.extend(replace(one, index=len(told) + at) for at in range(frames))
    found = list(windows(told))
    assert [one for window in found for one in window] == told
    lengths = [len(window) for window in found]
    assert all(length % PORTION_FRAMES == 0 for length in lengths[:-1])

    def fits(states: Sequence[LayerState]) -> bool:
        pixels = sum(state.rects[0].area for state in states if state.changed[0] and state.rects[0])
        return len(states) <= WINDOW_FRAMES_MAX and pixels <= WINDOW_PIXELS_MAX

    # One portion is a window, however much changes in it; and none ends earlier than it must.
    assert all(fits(window) or len(window) <= PORTION_FRAMES for window in found)
    assert not any(fits([*one, *other[:PORTION_FRAMES]]) for one, other in pairwise(found)), lengths


@pytest.mark.parametrize("hidden", [False, True])
def test_a_part_that_was_seen_in_the_window_before_is_not_captured_anew(hidden: bool) -> None:
    still = [replace(STILL, index=index) for index in range(2 * WINDOW_FRAMES_MAX)]
    if hidden:
        still[WINDOW_FRAMES_MAX - 1] = replace(still[WINDOW_FRAMES_MAX - 1], rects=(None, DOWN))
    first, second = plan_windows(still, 1.0, patches=True)
    assert [len(part.captures) for part in first.parts] == [1, 1]
    assert [len(part.captures) for part in second.parts] == [int(hidden), 0]
