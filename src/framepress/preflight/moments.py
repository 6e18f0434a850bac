"""The moments at which rows are looked at: after entrances, before exits, in every scene. Pure.

From where every text and picture stands at evenly spaced frames follows when it is at rest. A moment in every
rest is enough; the fewest are chosen, and each is looked at twice: when the last of those that share it has
come in, and before the first of them leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

#: Moments of one composition; more scenes than that are looked at in part.
MOMENTS_MAX = 24


@dataclass(frozen=True, slots=True)
class Rest:
    """An element at rest: first and last of the looked-at frames in which it stands still."""

    first: int
    last: int


def looked_at(frame_count: int, most: int = 120) -> list[int]:
    """Evenly spaced frames of a clip, its last among them."""
    if frame_count <= most:
        return list(range(frame_count))
    return sorted({round(index * (frame_count - 1) / (most - 1)) for index in range(most)})


def rests(frames: Sequence[int], standing: Sequence[Mapping[str, int]]) -> list[Rest]:
    """When each element is at rest.

    Args:
        frames: that were looked at. standing: for each, place -> a number that changes when the element does.

    Returns:
        For every time an element is seen: its longest rests; if it never rests, the middle of that time.
    """
    found: list[Rest] = []
    for place in {place for one in standing for place in one}:
        for run in _runs([one.get(place) for one in standing]):
            found += _rests_of(frames, run)
    return found


def _runs(states: Sequence[int | None]) -> list[list[tuple[int, int]]]:
    """Stretches in which an element is seen, as (index, state)."""
    runs: list[list[tuple[int, int]]] = []
    inside = False
    for index, state in enumerate(states):
        if state is None:
            inside = False
            continue
        if not inside:
            runs.append([])
        inside = True
        runs[-1].append((index, state))
    return runs


def _rests_of(frames: Sequence[int], run: Sequence[tuple[int, int]]) -> list[Rest]:
    still: list[Rest] = []
    begin = 0
    for at in range(1, len(run) + 1):
        if at < len(run) and run[at][1] == run[begin][1]:
            continue
        if at - begin >= 2:
            still.append(Rest(frames[run[begin][0]], frames[run[at - 1][0]]))
        begin = at
    if still:
        # A slow movement stands still for a moment here and there.
        least = max(rest.last - rest.first for rest in still) / 3
        return [rest for rest in still if rest.last - rest.first >= least]
    middle = frames[run[len(run) // 2][0]]
    return [Rest(middle, middle)]


def key_frames(found: Iterable[Rest], extra: Iterable[int], frame_count: int) -> list[int]:
    """The frames to look at, ascending.

    Args:
        extra: further frames that were asked for.
    """
    open_rests = sorted(set(found), key=lambda rest: (rest.last, rest.first))
    chosen: list[int] = []
    while open_rests and len(chosen) < MOMENTS_MAX:
        before_exit = open_rests[0].last
        group = [rest for rest in open_rests if rest.first <= before_exit]
        chosen += [max(rest.first for rest in group), before_exit]
        open_rests = [rest for rest in open_rests if rest.first > before_exit]
    last = frame_count - 1
    wanted = [*chosen, *(min(frame, last) for frame in extra)] or [last]
    return sorted(set(wanted))
