"""Pictures of personal elements by all that decides them at one moment, in the memory of a worker.

A counter that runs to another number in each row shows the same numbers on the way, and an element that
comes back to how it was looks as it did. The page says in numbers what decides an element's picture at a
moment (`moments.js`; looks, paths and rectangles of `LayerState`), so what was captured of one frame is the
picture of every other frame of which it says the same. In each row, the first such picture of an element is
captured all the same, and the others are believed only if it is equal, pixel by pixel.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from framepress.layer_groups import LayerState
from framepress.layer_parts import Part, Picture

#: Bytes of PNG that a worker remembers: some 3,000 pictures of large numbers.
MOMENTS_BYTES_MAX = 48 << 20

#: Pictures of an element after which one in `FOUND_PART` must have been found, or no more are remembered of
#: it: what never comes again would drive out what does.
TRIED, FOUND_PART = 300, 20


class Moments:
    """What was captured, by what decides it; what was asked for longest ago goes first."""

    def __init__(self, bytes_max: int = MOMENTS_BYTES_MAX) -> None:
        self._pictures: OrderedDict[tuple[str, Hashable], Picture] = OrderedDict()
        self._bytes = 0
        self._bytes_max = bytes_max
        self._kept: Counter[str] = Counter()
        self._found: Counter[str] = Counter()

    def find(self, of: str, key: Hashable) -> Picture | None:
        """A picture of the element `of`; None: none is remembered."""
        picture = self._pictures.get((of, key))
        if picture is not None:
            self._pictures.move_to_end((of, key))
            self._found[of] += 1
        return picture

    def keep(self, of: str, key: Hashable, picture: Picture) -> None:
        """Remember a picture of the element `of`."""
        if self._kept[of] >= TRIED and self._found[of] * FOUND_PART < self._kept[of]:
            return
        before = self._pictures.pop((of, key), None)
        self._bytes += len(picture.png) - (len(before.png) if before is not None else 0)
        self._pictures[of, key] = picture
        self._kept[of] += 1
        while self._bytes > self._bytes_max:
            self._bytes -= len(self._pictures.popitem(last=False)[1].png)


@dataclass(frozen=True)
class RowMoments:
    """The moments of a row.

    Attributes:
        base: all that decides pictures and is the same for all frames of a row, as a digest.
        places: of the personal elements. alone: of each, whether its picture is its own affair.
    """

    memory: Moments
    base: str
    places: Sequence[str]
    alone: Sequence[bool]

    def with_known(self, part: Part, states: Sequence[LayerState]) -> Part:
        """The part of a window, with what is remembered of it."""
        pictures = {at: self._find(part, states[at]) for at in part.other_frames}
        found = {at: picture for at, picture in pictures.items() if picture is not None}
        if len(found) < 2:
            return part
        probe = min(found)
        return replace(part, probe=(probe, found.pop(probe)), known=found)

    def keep(self, part: Part, state: LayerState, picture: Picture) -> None:
        """Remember what a part shows at a frame, if that is all that decides it."""
        key = self._key(part, state)
        if key is not None:
            self.memory.keep(self.places[part.roots[0]], key, picture)

    def _find(self, part: Part, state: LayerState) -> Picture | None:
        key = self._key(part, state)
        return self.memory.find(self.places[part.roots[0]], key) if key is not None else None

    def _key(self, part: Part, state: LayerState) -> Hashable | None:
        """None: of this frame it is not known, or of more than one element."""
        root = part.roots[0]
        if len(part.roots) > 1 or not self.alone[root] or state.tossed[root] or not state.moments[root]:
            return None
        return self.base, state.moments[root], state.looks[root], state.paths[root], state.rects[root]
