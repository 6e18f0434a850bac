"""How a page looks at one moment, as the driver tells it (`runtime/preflight.js`). CSS pixels of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Left, top, right, bottom.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TextFact:
    """The text of one element.

    Attributes:
        place: of the element, as `runtime/looks.js` names it.
        lines: where the ink of each line is, at most.
        clip: what is left of it by all that clips it; None: all.
        ellipsis: its end is replaced by an ellipsis.
        room: lines that the nearest box of fixed height holds; None: there is none.
        size: of the font. width: of all lines together.
        font: CSS shorthand, at 40 px.
        colour: red, green, blue, alpha, 0 to 255. opacity: of the element with all its ancestors.
        plain: no shadow or outline helps to read it.
        turned: rotated, or written in columns; boxes say little then.
        flow: place of the paragraph that it stands in.
    """

    place: str
    text: str
    lines: tuple[Box, ...]
    clip: Box | None
    ellipsis: bool
    room: int | None
    size: float
    width: float
    font: str
    colour: tuple[int, int, int, int]
    opacity: float
    plain: bool
    turned: bool
    flow: str

    @property
    def box(self) -> Box:
        return joined(self.lines)


@dataclass(frozen=True, slots=True)
class PictureFact:
    """A picture.

    Attributes:
        natural: pixels of the file. shown: CSS pixels that all of it would take.
        box: of the element. clip: see `TextFact`.
        vector: drawn anew at every size.
        source: its address.
    """

    place: str
    natural: tuple[float, float]
    shown: tuple[float, float]
    box: Box
    clip: Box | None
    vector: bool
    source: str


@dataclass(frozen=True, slots=True)
class Layout:
    """All that is seen at one moment.

    Attributes:
        root: box of the picture in the page.
        boxes: place -> box of elements that paint more than text.
    """

    root: Box
    texts: tuple[TextFact, ...]
    pictures: tuple[PictureFact, ...]
    boxes: dict[str, Box]

    def text_at(self, place: str) -> TextFact | None:
        return next((text for text in self.texts if text.place == place), None)

    def picture_at(self, place: str) -> PictureFact | None:
        return next((picture for picture in self.pictures if picture.place == place), None)


def read_layout(told: dict[str, Any], size: tuple[int, int]) -> Layout:
    """What `layoutFacts` returned.

    Args:
        size: of the composition, where the page has no root.
    """
    root = told["root"] or (0, 0, *size)
    return Layout(
        root=_box(root),
        texts=tuple(_text(one) for one in told["texts"]),
        pictures=tuple(_picture(one) for one in told["pictures"]),
        boxes={one[0]: _box(one[1:]) for one in told["boxes"]},
    )


def _text(told: dict[str, Any]) -> TextFact:
    return TextFact(
        **told
        | {
            "lines": tuple(_box(line) for line in told["lines"]),
            "clip": _box(told["clip"]) if told["clip"] else None,
            "colour": tuple(told["colour"]),
        }
    )


def _picture(told: dict[str, Any]) -> PictureFact:
    return PictureFact(
        **told
        | {
            "natural": tuple(told["natural"]),
            "shown": tuple(told["shown"]),
            "box": _box(told["box"]),
            "clip": _box(told["clip"]) if told["clip"] else None,
        }
    )


def _box(told: Any) -> Box:
    left, top, right, bottom = told
    return float(left), float(top), float(right), float(bottom)


def joined(boxes: tuple[Box, ...]) -> Box:
    """The smallest box around all of them, of which there is at least one."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def overlap(one: Box, other: Box) -> tuple[float, float]:
    """Width and height of what two boxes share; 0 or less: nothing."""
    return min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
