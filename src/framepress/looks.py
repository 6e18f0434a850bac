"""What differs between rows, found by comparing how their pages look: pure, from `runtime/looks.js`.

An element is named by its place: ``"0/2/1"`` is the second child of the third child of the root element;
below ``/s`` lies a shadow tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from framepress.rects import Rect, covering

#: Bits of `FrameLooks.marks`, as `looks.js` sets them.
GROUP, MIXES, TEXT, INLINE, OPAQUE, SHAPE = 1, 2, 4, 8, 16, 32

#: Edges of a captured part lie on this grid, because a chroma sample stands for 2x2 pixels.
ALIGN = 2

#: The document element and its body: what is personal there is personal everywhere.
EVERYWHERE = ("0", "0/1")


@dataclass(frozen=True, slots=True)
class FrameLooks:
    """All elements that have a box, at one frame of one row. Lists of one length, in document order.

    Attributes:
        places: see the head of the module.
        hashes: of everything that decides how the element itself is painted.
        ink: left, top, right, bottom of where it may paint, CSS pixels; None: nowhere.
        marks: bits; `GROUP`: paints its contents as a whole; `MIXES`: its pixels depend on those behind;
            `TEXT`: has text of its own; `INLINE`: lies in a line of text; `OPAQUE`: a canvas, a frame.
    """

    places: Sequence[str]
    hashes: Sequence[int]
    ink: Sequence[Sequence[float] | None]
    marks: Sequence[int]


@dataclass
class Differences:
    """What rows differ in.

    Attributes:
        frames: place of each element that looks different in two rows -> the frames where it does.
        marks: place -> bits it has had at any time.
        ink: place -> where it has painted at any time, in any row.
        ink_frames: place -> frames at which it painted anything.
    """

    frames: dict[str, set[int]] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    ink: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    ink_frames: dict[str, set[int]] = field(default_factory=dict)

    def add(self, other: Differences) -> None:
        """Take in what other rows differ in."""
        for place, frames in other.frames.items():
            self.frames.setdefault(place, set()).update(frames)
        for place, marks in other.marks.items():
            self.marks[place] = self.marks.get(place, 0) | marks


def compare(rows: Sequence[Mapping[int, FrameLooks]]) -> Differences:
    """Compare rows with the first of them.

    Args:
        rows: per row, frame index -> looks; the same frames in each.
    """
    found = Differences()
    for row in rows:
        for frame, looks in row.items():
            _take_in(found, frame, looks)
    first = rows[0]
    for row in rows[1:]:
        for frame, looks in row.items():
            mine = dict(zip(first[frame].places, first[frame].hashes, strict=True))
            theirs = dict(zip(looks.places, looks.hashes, strict=True))
            for place in mine.keys() | theirs.keys():
                if mine.get(place) != theirs.get(place):
                    found.frames.setdefault(place, set()).add(frame)
    return found


def _take_in(found: Differences, frame: int, looks: FrameLooks) -> None:
    for place, marks, ink in zip(looks.places, looks.marks, looks.ink, strict=True):
        found.marks[place] = found.marks.get(place, 0) | marks
        if ink is None:
            continue
        found.ink_frames.setdefault(place, set()).add(frame)
        old = found.ink.get(place)
        left, top, right, bottom = ink
        found.ink[place] = (
            (min(old[0], left), min(old[1], top), max(old[2], right), max(old[3], bottom))
            if old
            else (left, top, right, bottom)
        )


# ---- from what differs to what is personal ------------------------------------------------------


def parent_of(place: str) -> str | None:
    """The element around an element; the host, for the top of a shadow tree."""
    head, _, _ = place.rpartition("/")
    return head.removesuffix("/s") or None


def is_inside(place: str, outer: str) -> bool:
    """Whether an element is another or lies in it."""
    return place == outer or place.startswith(f"{outer}/")


def grown(place: str, marks: Mapping[str, int]) -> str:
    """The element that is to be personal if this one looks different.

    Out of shadow trees and lines of text (what is beside it moves with it), and up to the outermost ancestor
    that paints its contents as a whole: two halves of such a group do not add up.
    """
    place = place.partition("/s")[0]
    while (parent := parent_of(place)) is not None:
        if not (marks.get(place, 0) & INLINE or marks.get(parent, 0) & TEXT):
            break
        place = parent
    outermost = place
    above = parent_of(place)
    while above is not None:
        if marks.get(above, 0) & GROUP:
            outermost = above
        above = parent_of(above)
    return outermost


def personal_places(differing: Iterable[str], marks: Mapping[str, int]) -> tuple[str, ...]:
    """The personal elements, none inside another, in document order."""
    places = {grown(place, marks) for place in differing}
    while (again := {grown(place, marks) for place in places}) != places:
        places = again
    outermost = [p for p in places if not any(p != other and is_inside(p, other) for other in places)]
    return tuple(sorted(outermost, key=_document_order))


def _document_order(place: str) -> list[int]:
    return [int(step) if step != "s" else -1 for step in place.split("/")]


def mixing_place(personal: Sequence[str], marks: Mapping[str, int]) -> str | None:
    """A personal element whose pixels depend on what is behind it; None: there is none."""
    for place, bits in marks.items():
        if not bits & MIXES:
            continue
        for root in personal:
            if is_inside(place, root) and not _isolated(place, root, marks):
                return place
    return None


def _isolated(place: str, root: str, marks: Mapping[str, int]) -> bool:
    """Whether a group between the element and `root` keeps its mixing inside."""
    if place == root:
        return False
    above = parent_of(place)
    while above is not None and is_inside(above, root):
        if marks.get(above, 0) & GROUP:
            return True
        above = parent_of(above)
    return False


# ---- where ---------------------------------------------------------------------------------------


def ink_of(root: str, found: Differences) -> tuple[float, float, float, float] | None:
    """Where an element and all inside it have painted at any time; None: nowhere."""
    boxes = [ink for place, ink in found.ink.items() if is_inside(place, root)]
    if not boxes:
        return None
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


@dataclass(frozen=True, slots=True)
class Cluster:
    """Personal elements that are captured together.

    Attributes:
        roots: indices of personal elements.
        rect: where they paint, pixels of the picture.
    """

    roots: tuple[int, ...]
    rect: Rect


def overlapping(rects: Sequence[Rect | None]) -> list[Cluster]:
    """Which personal elements to capture together: those that overlap or touch, directly or through others.

    Args:
        rects: of each personal element; None: it paints nothing.
    """
    parts: list[Cluster] = []
    for index, rect in enumerate(rects):
        if rect is None:
            continue
        joined = Cluster((index,), rect)
        while close := [part for part in parts if near(part.rect, joined.rect)]:
            parts = [part for part in parts if part not in close]
            for part in close:
                joined = Cluster((*joined.roots, *part.roots), joined.rect.joined(part.rect))
        parts.append(joined)
    return [Cluster(tuple(sorted(part.roots)), part.rect) for part in parts]


def near(one: Rect, other: Rect) -> bool:
    """Whether two rectangles overlap or touch."""
    # A captured part may be a grid step larger than its elements need.
    wide = Rect(one.x - ALIGN, one.y - ALIGN, one.width + 2 * ALIGN, one.height + 2 * ALIGN)
    return wide.overlaps(other)


def rect_in_picture(ink: Sequence[float] | None, scale: float, width: int, height: int) -> Rect | None:
    """The part of the picture that `ink` (CSS pixels) covers, on the grid; None: none of it."""
    if ink is None:
        return None
    return covering(ink, scale, ALIGN).clipped(width, height)
