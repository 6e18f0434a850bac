"""Which parts of the personal layer are captured in one picture, window by window. Pure.

A capture costs some 300,000 pixels beside its own. So parts that change at the same frames and are not far
apart (a number that counts and a bar that fills) are captured in one picture and cut out of it, where that
costs less than a picture for each.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from framepress.layer_groups import LayerState, joined
from framepress.layer_parts import Part, Window, linked
from framepress.rects import Rect
from framepress.views import CAPTURE_COST, MOVE_COST


@dataclass(frozen=True, slots=True)
class Shot:
    """Parts of a window that are captured in the same pictures.

    Attributes:
        parts: none of them paints where another does in that window.
        rect: what is captured at each frame at which any of them changes; None: it is one part, captured as
            it says itself. What others are made of (`Part.runs`) is captured of each part by itself.
    """

    parts: tuple[Part, ...]
    rect: Rect | None = None

    @property
    def roots(self) -> tuple[int, ...]:
        """Of all its parts."""
        return tuple(sorted(root for part in self.parts for root in part.roots))

    @property
    def captures(self) -> list[Rect]:
        """Everything that is captured, if all runs hold."""
        if self.rect is None:
            return [rect for part in self.parts for rect in part.captures]
        stills = [part.rect for part in self.parts for _ in part.still_frames]
        return [*stills, *(self.rect for _ in self._frames())]

    @property
    def cost(self) -> int:
        """Of its captures, as `views` counts it."""
        if self.rect is None:
            return sum(part.cost for part in self.parts)
        moved_to = [part.rect for part in self.parts if part.still_frames]
        if self._frames():
            moved_to.append(self.rect)
        moves = sum(MOVE_COST * (CAPTURE_COST + rect.area) for rect in moved_to)
        return moves + sum(CAPTURE_COST + rect.area for rect in self.captures)

    def _frames(self) -> set[int]:
        return {at for part in self.parts for at in part.other_frames}


def shots_of(planned: Sequence[Window], joinable: Container[int]) -> list[list[Shot]]:
    """The shots of every window.

    Args:
        joinable: personal elements, as indices, that may be captured together with other parts.
    """
    return [_shots(window.parts, joinable) for window in planned]


def joinable_roots(states: Sequence[LayerState], missing: Container[int]) -> set[int]:
    """Elements of which captures can be cut out of larger ones.

    Args:
        missing: those that are to be captured.
    """
    # What a script turns or scales is captured as a whole picture anyway (`layer_camera`).
    roots = range(len(states[0].rects)) if states else ()
    return {root for root in roots if root in missing and not any(state.tossed[root] for state in states)}


def groups_in(shots: Sequence[Sequence[Shot]]) -> list[tuple[int, ...]]:
    """Personal elements, as indices, that are captured together in some window; in order."""
    return linked(shot.roots for window in shots for shot in window)


def _shots(parts: Sequence[Part], joinable: Container[int]) -> list[Shot]:
    """Each part joins those with which it saves most, one part after the other."""
    shots: list[Shot] = []
    for part in parts:
        alone = Shot((part,))
        best: tuple[int, int, Shot] | None = None
        for at, shot in enumerate(shots):
            together = _together(shot, part, joinable)
            if together is None:
                continue
            saved = shot.cost + alone.cost - together.cost
            if saved > 0 and (best is None or saved > best[0]):
                best = (saved, at, together)
        if best is None:
            shots.append(alone)
        else:
            shots[best[1]] = best[2]
    return shots


def _together(shot: Shot, part: Part, joinable: Container[int]) -> Shot | None:
    """The shot with one more part; None: that cannot be cut apart, or nothing of one of them is captured."""
    parts = (*shot.parts, part)
    if any(root not in joinable for one in parts for root in one.roots):
        return None
    if not shot.captures or not part.captures or any(part.rect.overlaps(one.rect) for one in shot.parts):
        return None
    return Shot(parts, joined(rect for one in parts for rect in one.views))
