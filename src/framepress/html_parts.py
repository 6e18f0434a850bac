"""What a scan of HTML gives: start tags and regions with exact offsets, and their places in the file."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

#: White space of HTML.
WHITE_SPACE = "\t\n\f\r "


class Kind(Enum):
    """What a region of the file is."""

    TEXT = "text"
    RCDATA = "rcdata"  # title, textarea: character references count, tags do not
    RAW = "raw"  # xmp, iframe, noembed, noframes, noscript, plaintext
    SCRIPT = "script"
    STYLE = "style"
    FOREIGN_CODE = "foreign-code"  # text of a script or style element inside SVG or MathML
    CDATA = "cdata"
    COMMENT = "comment"  # bogus ones and processing instructions too
    DOCTYPE = "doctype"
    START_TAG = "start-tag"
    END_TAG = "end-tag"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `value` is decoded; `start` is the offset of the name; the value lies at
    ``[value_start, value_end)`` without its quotes; `quote` is ``""`` for unquoted and absent values.
    """

    name: str
    value: str
    start: int
    value_start: int
    value_end: int
    quote: str


@dataclass(frozen=True, slots=True)
class StartTag:
    """A start tag. `parent` is the index, in `Scan.tags`, of the element it stands in, or -1."""

    name: str
    start: int
    end: int
    attributes: tuple[Attribute, ...]
    parent: int
    depth: int
    foreign: bool

    def attribute(self, name: str) -> Attribute | None:
        """The first attribute of that (lower-case) name, which is the one that counts."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        return None

    def get(self, name: str) -> str | None:
        attribute = self.attribute(name)
        return None if attribute is None else attribute.value


@dataclass(frozen=True, slots=True)
class Region:
    """``[start, end)`` of the file. `tag` is the tag itself, or the element that text stands in, or None.

    `in_body` is false for text before anything that opens the body.
    """

    kind: Kind
    start: int
    end: int
    tag: StartTag | None = None
    in_body: bool = True


@dataclass(frozen=True)
class Scan:
    """All of a file: `regions` cover it without gaps, in order; `tags` are its start tags, in order.
    `ends` has, of elements that are closed by a tag of their own (or need none), the index of the tag and
    the offset behind."""

    tags: list[StartTag]
    regions: list[Region]
    ends: dict[int, int] = field(default_factory=dict)

    @cached_property
    def _starts(self) -> list[int]:
        return [region.start for region in self.regions]

    def region_at(self, offset: int) -> Region:
        return self.regions[bisect_right(self._starts, offset) - 1]


class Lines:
    """Offsets to ``(line, column)``, both from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def placer(name: str, text: str) -> Callable[[int], str]:
    """A function from offsets in the text of file `name` to ``name:line:column``."""
    lines = Lines(text)

    def place(offset: int) -> str:
        line, column = lines.place(offset)
        return f"{name}:{line}:{column}"

    return place
