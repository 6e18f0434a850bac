"""How a page looks at one moment, as the driver tells it (`runtime/preflight.js`). CSS pixels of the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
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
        fill: how it fills the element as a background, a computed `background-size`; "": it is none.
        scale: of the element by transforms, for a background.
    """

    place: str
    natural: tuple[float, float]
    shown: tuple[float, float]
    box: Box
    clip: Box | None
    vector: bool
    source: str
    fill: str = ""
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Layout:
    """All that is seen at one moment.

    Attributes:
        root: box of the picture in the page.
        boxes: place -> box of elements that paint more than text.
        grounds: place -> a number for what they paint there; None: only pixels tell.
    """

    root: Box
    texts: tuple[TextFact, ...]
    pictures: tuple[PictureFact, ...]
    boxes: dict[str, Box]
    grounds: dict[str, int | None]

    def text_at(self, place: str) -> TextFact | None:
        return next((text for text in self.texts if text.place == place), None)

    def picture_at(self, place: str) -> PictureFact | None:
        return next((picture for picture in self.pictures if picture.place == place), None)


#: Address of a picture -> its pixels, width and height; None: not known.
SizeOf = Callable[[str], tuple[int, int] | None]


def read_layout(told: dict[str, Any], size: tuple[int, int], size_of: SizeOf) -> Layout:
    """What `layoutFacts` returned.

    Args:
        size: of the composition, where the page has no root.
        size_of: pixels of the file of a background; the page does not know them.
    """
    root = told["root"] or (0, 0, *size)
    pictures = (_picture(one) for one in told["pictures"])
    return Layout(
        root=_box(root),
        texts=tuple(_text(one) for one in told["texts"]),
        pictures=tuple(one for one in (_sized(one, size_of) for one in pictures) if one is not None),
        boxes={one[0]: _box(one[2:]) for one in told["boxes"]},
        grounds={one[0]: None if one[1] is None else int(one[1]) for one in told["boxes"]},
    )


def _sized(picture: PictureFact, size_of: SizeOf) -> PictureFact | None:
    """A background with its sizes; None: they cannot be told."""
    if not picture.fill:
        return picture
    natural = size_of(picture.source)
    if natural is None or 0 in natural:
        return None
    box = picture.box
    area = ((box[2] - box[0]) / picture.scale, (box[3] - box[1]) / picture.scale)
    shown = background_size(picture.fill, natural, area)
    if shown is None:
        return None
    return replace(
        picture,
        natural=(float(natural[0]), float(natural[1])),
        shown=(shown[0] * picture.scale, shown[1] * picture.scale),
    )


def background_size(
    fill: str, natural: tuple[float, float], area: tuple[float, float]
) -> tuple[float, float] | None:
    """Width and height that a background takes in an area; None: it is given in a way that is not read.

    Source: CSS Backgrounds 3, background-size. The area is taken to be the element's whole box.
    """
    if fill in ("cover", "contain"):
        factor = (max if fill == "cover" else min)(area[0] / natural[0], area[1] / natural[1])
        return natural[0] * factor, natural[1] * factor
    words = fill.split()
    sides = [_side(word, side) for word, side in zip((*words, "auto"), area, strict=False)]
    if len(sides) < 2 or any(side == "?" for side in sides):
        return None
    width, height = (side if isinstance(side, float) else None for side in sides)
    if width is None and height is None:
        return natural[0], natural[1]
    if width is None:
        return natural[0] * (height or 0.0) / natural[1], height or 0.0
    return width, height if height is not None else natural[1] * width / natural[0]


def _side(word: str, area: float) -> float | str:
    """Length of one side: a number, "auto", or "?" where it is not read."""
    match = re.fullmatch(r"([\d.]+)(px|%)", word)
    if match is None:
        return "auto" if word == "auto" else "?"
    return float(match[1]) * (area / 100 if match[2] == "%" else 1.0)


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
