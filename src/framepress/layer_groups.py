"""Which personal elements are captured together in a clip, and what decides how they look. Pure.

Elements whose parts of the picture overlap at some time are one group; what is captured of a group depends on
nothing of the others, so a group that looks at every frame as in another row need not be captured again (the
avatar, the tier, a first name that many have).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from framepress.rects import Rect
from framepress.stills import Still

#: Frames that are captured part by part before any of the next are. More of them are fewer moves of the view,
#: each of which takes as long as some captures: a row of `examples/card` takes 7 to 8 % less with 180 than
#: with 60. But what is captured of a window stays in memory until its frames are encoded, so it ends where
#: that many pixels have changed, after a multiple of `PORTION_FRAMES`.
WINDOW_FRAMES_MAX, PORTION_FRAMES, WINDOW_PIXELS_MAX = 240, 60, 60_000_000

#: Bits of `LayerState.marks`, as `styles.js` sets them: shows a file; is numbered by elements around it.
MARK_PICTURED, MARK_NUMBERED = 1, 2


@dataclass(frozen=True, slots=True)
class LayerState:
    """What the page said of a frame. All tuples have one entry per personal element.

    Attributes:
        rects: where it paints, pixels of the picture; None: nowhere.
        changed: whether it may look different from the frame before.
        wipes: where it may, if that is less than all of it, pixels of the picture.
        stills: how it is shifted and faded; None: it is more than that.
        looks, paths: how it looks, and how the elements around it do, as numbers.
        marks: see `MARK_PICTURED`.
        tossed: whether a script draws some of it larger, smaller or turned, or CSS turns a box of it in a
            layer.
        rest: how everything else looks, as one number.
        moments: what decides its picture beside looks, paths and rectangle, as numbers, where it has changed;
            0: that is not known (`moments.js`).
        met: what is not personal and paints where something personal does, for the first time or in more
            place than before: index of the personal element, place of the other, the shorter side of the
            rectangle in which both do, and its area, in CSS pixels.
    """

    index: int
    rects: tuple[Rect | None, ...]
    changed: tuple[bool, ...]
    wipes: tuple[Rect | None, ...]
    stills: tuple[Still | None, ...]
    looks: tuple[int, ...]
    paths: tuple[int, ...]
    marks: tuple[int, ...]
    tossed: tuple[bool, ...]
    rest: int
    moments: tuple[int, ...] = ()
    met: tuple[tuple[int, str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """What the personal layer is painted with beside its looks (`layers.js: layerSources`).

    Attributes:
        common: rules and definitions, as one number.
        roots: the markup of each personal element, as a number.
        alone: of each, whether its picture is its own affair: nothing in it refers to other elements.
    """

    common: int
    roots: tuple[int, ...]
    alone: tuple[bool, ...]

    @classmethod
    def read(cls, told: Mapping[str, Any] | None) -> Sources | None:
        """What the page said; None: it cannot know, and pictures must not be told by looks."""
        if told is None:
            return None
        roots = told["roots"]
        return cls(
            int(told["common"]),
            tuple(int(root["source"]) for root in roots),
            tuple(bool(root["alone"]) for root in roots),
        )


def windows(states: Sequence[LayerState]) -> Iterator[Sequence[LayerState]]:
    """The states in the portions in which they are captured."""
    first, pixels = 0, 0
    for start in range(0, len(states), PORTION_FRAMES):
        stop = min(start + PORTION_FRAMES, len(states))
        here = sum(map(_changed_pixels, states[start:stop]))
        if first < start and (stop - first > WINDOW_FRAMES_MAX or pixels + here > WINDOW_PIXELS_MAX):
            yield states[first:start]
            first, pixels = start, 0
        pixels += here
    if states:
        yield states[first:]


def _changed_pixels(state: LayerState) -> int:
    rects = zip(state.rects, state.changed, strict=True)
    return sum(rect.area for rect, changed in rects if changed and rect is not None)


def joined(rects: Iterable[Rect | None]) -> Rect | None:
    """The smallest rectangle around them; None: there is none."""
    found: Rect | None = None
    for rect in rects:
        if rect is not None:
            found = rect if found is None else found.joined(rect)
    return found


def root_rects(window: Sequence[LayerState]) -> list[Rect | None]:
    """Where each personal element paints during a window."""
    return [joined(state.rects[root] for state in window) for root in range(len(window[0].rects))]


def seen(
    group: Sequence[int],
    states: Sequence[LayerState],
    sources: Sources,
    places: Sequence[str],
    view: Sequence[object],
    fps: Fraction,
) -> tuple[dict[str, object], bool]:
    """All that the captures of a group depend on, as far as the page decides it; and whether it shows files.

    Args:
        view: how it is looked at (size, scale, margins).
    """
    facts: dict[str, object] = {"group": list(group)}
    numbered = any(state.marks[root] & MARK_NUMBERED for state in states for root in group)
    if numbered or not all(sources.alone[root] for root in group):
        # Something in it refers to other elements, so all of them count.
        group = range(len(places))
    facts |= {
        "personal": [places[root] for root in group],
        "view": [*view, fps],
        "sources": [sources.common, *(sources.roots[root] for root in group)],
        "frames": [
            [
                [rect.as_list() if (rect := state.rects[root]) is not None else None for root in group],
                [state.looks[root] for root in group],
                [state.paths[root] for root in group],
                [state.changed[root] for root in group],
            ]
            for state in states
        ],
    }
    pictured = any(state.marks[root] & MARK_PICTURED for state in states for root in group)
    return facts, pictured
