"""What is captured of the personal layer, window by window, worked out from how the page says it looks. Pure.

Elements that overlap at some frame are one part: only together do they look as on the page. Those that only
pass where another was can be captured apart, the others clipped away meanwhile; that is done where it costs
less, as where one of them is a shifted copy of itself (`stills`) and the other is not.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from framepress.layer_groups import LayerState, joined, root_rects, windows
from framepress.looks import Cluster, near, overlapping
from framepress.rects import Rect
from framepress.stills import Run, Still, runs
from framepress.views import CAPTURE_COST, MOVE_COST, views


@dataclass(frozen=True, slots=True)
class Picture:
    """A captured rectangle of the layer, PNG, in which all is that a part shows."""

    rect: Rect
    png: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """Personal elements that are captured together in a window.

    Attributes:
        roots: their indices. rect: where they paint, pixels of the picture.
        views: what to capture at each frame of the window; None: nothing, they look as before or are hidden.
        runs: frames that are made of others.
        known: frames of which the picture is remembered (`layer_moments`).
        probe: such a frame that is captured all the same, with the picture that it should be.
    """

    roots: tuple[int, ...]
    rect: Rect
    views: Sequence[Rect | None]
    runs: Sequence[Run]
    known: Mapping[int, Picture] = field(default_factory=dict)
    probe: tuple[int, Picture] | None = None

    @property
    def still_frames(self) -> list[int]:
        """Frames that are captured because others are made of them."""
        return sorted(at for run in self.runs for at in (run.of, *run.probes))

    @property
    def other_frames(self) -> list[int]:
        """Frames that are captured for themselves, if the runs and what is remembered turn out to hold."""
        others = {at for run in self.runs for at in (run.of, *run.probes, *run.made)} | set(self.known)
        return [at for at, rect in enumerate(self.views) if rect is not None and at not in others]

    @property
    def captures(self) -> list[Rect]:
        """Everything that is captured, if the runs and what is remembered turn out to hold."""
        rects = [self.rect for _ in self.still_frames]
        rects.extend(rect for at in self.other_frames if (rect := self.views[at]) is not None)
        return rects

    @property
    def cost(self) -> int:
        """Of its captures, as `views` counts it."""
        rects = self.captures
        moves = MOVE_COST * (CAPTURE_COST + self.rect.area) if rects else 0
        return moves + sum(CAPTURE_COST + rect.area for rect in rects)


@dataclass(frozen=True, slots=True)
class Window:
    """Frames whose parts are captured one after the other."""

    states: Sequence[LayerState]
    parts: Sequence[Part]


def plan_windows(states: Sequence[LayerState], scale: float, *, patches: bool) -> list[Window]:
    """All captures of a clip.

    Args:
        scale: pixels of the picture per CSS pixel.
        patches: where only some of a part changes, no more than that is captured; else every part is
            captured whole, and none is made of another.
    """
    planned: list[Window] = []
    for window in windows(states):
        before = planned[-1] if planned else None
        parts: list[Part] = []
        for together in overlapping(root_rects(window)):
            whole = _part(together.roots, window, before, scale, patches)
            singly = _apart(together, window)
            apart = (
                [_part(roots, window, before, scale, patches) for roots in singly] if len(singly) > 1 else []
            )
            split = apart and sum(part.cost for part in apart) < whole.cost
            parts.extend(apart if split else [whole])
        planned.append(Window(window, parts))
    return planned


def groups_of(planned: Sequence[Window]) -> list[tuple[int, ...]]:
    """Personal elements, as indices, that are captured together in some window; in order."""
    return linked(part.roots for window in planned for part in window.parts)


def _apart(together: Cluster, window: Sequence[LayerState]) -> list[tuple[int, ...]]:
    """Of elements that overlap when all of a window is taken, those that overlap at some frame of it."""
    alone = [(root,) for root in together.roots]
    meeting = [
        pair
        for pair in combinations(together.roots, 2)
        if any(_meet(*(state.rects[root] for root in pair)) for state in window)
    ]
    return linked([*alone, *meeting])


def linked(together: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
    """What belongs together, directly or through others; in order."""
    found: list[set[int]] = []
    for one in together:
        linked = set(one)
        apart = []
        for group in found:
            if group.isdisjoint(linked):
                apart.append(group)
            else:
                linked |= group
        found = [*apart, linked]
    return sorted(tuple(sorted(group)) for group in found)


def _meet(one: Rect | None, other: Rect | None) -> bool:
    return one is not None and other is not None and near(one, other)


def _part(
    roots: tuple[int, ...],
    states: Sequence[LayerState],
    before: Window | None,
    scale: float,
    patches: bool,
) -> Part:
    rect = joined(state.rects[root] for root in roots for state in states)
    assert rect is not None
    last = None
    if before is not None and any(part.roots == roots for part in before.parts):
        # There is an overlay from the window before, of just these, unless they were hidden at its end.
        at_end = before.states[-1]
        last = at_end if any(at_end.rects[root] is not None for root in roots) else None
    shown = _views(roots, rect, states, last, patches=patches)
    return Part(roots, rect, shown, _runs(roots, states, shown, scale) if patches else [])


def _views(
    roots: Sequence[int], whole: Rect, states: Sequence[LayerState], last: LayerState | None, *, patches: bool
) -> list[Rect | None]:
    """What to capture of a part at each frame of a window.

    Args:
        last: the state before, if what it shows was captured.
    """
    shown = [[state.rects[root] is not None for root in roots] for state in states]
    # Something that comes and goes leaves no rectangle behind that says where it was.
    steady = patches and all(all(one) for one in shown)
    needs: list[Rect | None] = []
    known, before = last is not None, last
    for state, one in zip(states, shown, strict=True):
        gone = not any(one)
        changed = [root for root in roots if state.changed[root]]
        need: Rect | None = None
        if not gone and not known:
            need = whole
        elif not gone and changed:
            need = whole
            if steady and before is not None:
                need = joined(rect for root in changed for rect in _changed_in(root, before, state))
        needs.append(need)
        known = not gone
        before = state
    return views(needs, whole)


def _changed_in(root: int, before: LayerState, state: LayerState) -> Iterable[Rect | None]:
    wipe = state.wipes[root]
    return (before.rects[root], state.rects[root]) if wipe is None else (wipe,)


def _runs(
    roots: Sequence[int], states: Sequence[LayerState], shown: Sequence[Rect | None], scale: float
) -> list[Run]:
    """Frames of a window at which all that changes of a part is where it is and how faded."""
    if len(roots) > 1:
        return []
    frames: dict[int, tuple[Hashable, Still]] = {}
    for at, (state, rect) in enumerate(zip(states, shown, strict=True)):
        still = state.stills[roots[0]]
        if rect is not None and still is not None and state.rects[roots[0]] is not None:
            frames[at] = (state.paths[roots[0]], still)
    return runs(frames, scale)
