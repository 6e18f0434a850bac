"""Rectangles of a picture, in whole pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Rect:
    """A rectangle: `x`, `y` of its top left corner, `width`, `height`; pixels."""

    x: int
    y: int
    width: int
    height: int

    def as_list(self) -> list[int]:
        """For JSON; `Rect(*...)` reads it."""
        return [self.x, self.y, self.width, self.height]

    @property
    def right(self) -> int:
        """The first column that is no longer inside."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row that is no longer inside."""
        return self.y + self.height

    @property
    def area(self) -> int:
        return self.width * self.height

    def contains(self, other: Rect) -> bool:
        """Whether no pixel of `other` is outside."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def overlaps(self, other: Rect) -> bool:
        """Whether a pixel is in both."""
        return (
            self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom
        )

    def overlap(self, other: Rect) -> Rect:
        """What both cover; they overlap."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Rect(x, y, min(self.right, other.right) - x, min(self.bottom, other.bottom) - y)

    def within(self, other: Rect) -> Rect:
        """The same, counted from the top left corner of `other`."""
        return Rect(self.x - other.x, self.y - other.y, self.width, self.height)

    def joined(self, other: Rect) -> Rect:
        """The smallest rectangle with both inside."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def clipped(self, width: int, height: int) -> Rect | None:
        """What of it lies in a picture of that size; None: nothing."""
        x, y = max(0, self.x), max(0, self.y)
        right, bottom = min(width, self.right), min(height, self.bottom)
        return Rect(x, y, right - x, bottom - y) if right > x and bottom > y else None


def covering(edges: Sequence[float], scale: float, align: int) -> Rect:
    """The smallest rectangle on a grid that covers some of the page.

    Args:
        edges: left, top, right, bottom in CSS pixels.
        scale: pixels of the picture per CSS pixel.
        align: all edges become multiples of it.
    """
    left, top = (math.floor(edge * scale / align) * align for edge in edges[:2])
    right, bottom = (math.ceil(edge * scale / align) * align for edge in edges[2:])
    return Rect(left, top, right - left, bottom - top)
