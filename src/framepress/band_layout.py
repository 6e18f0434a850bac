"""How the picture of a GOP is cut into bands: rows of macroblocks that are encoded by themselves. Pure.

A cut is *quiet* if no vector that leaves a band can do harm there, because nothing moves near it or what
moves looks the same on both sides; then nothing is needed. At any other cut both bands see some rows beyond
it, their *guard*: real pictures of the neighbour, encoded in slices of their own that are dropped afterwards,
so that a vector finds beyond the cut what it will find in the decoder.

x264 cuts pictures into slices of equal height from the top. So the guard above a band decides how high all
its slices are; a guard below it must begin where a slice begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

#: Pixels of a macroblock's side.
MB = 16

#: Pixels that vectors reach at the most in a band with guards: the least that x264 can be told.
GUARD_REACH = 32

#: Macroblock rows of a guard: `GUARD_REACH`, and 3 pixels more for the filter between pixels.
GUARD_ROWS_MIN = 3

#: Pixels beyond its band that a picture's vectors can see: x264 lets blocks stand 24 pixels outside, and the
#: filter between pixels takes 3 more. In a band with guards it is `GUARD_REACH` + 3. Personal pixels keep
#: this distance from every cut, so that no vector of a neighbour can see one.
MARGIN = GUARD_REACH + 4


@dataclass(frozen=True, slots=True)
class Band:
    """Some rows of macroblocks of the picture.

    Attributes:
        first, stop: the rows that are kept.
        personal: whether it shows something personal; else it is the same for all rows of the list.
        above, below: rows of guard, encoded and dropped.
    """

    first: int
    stop: int
    personal: bool
    above: int = 0
    below: int = 0

    @property
    def rows(self) -> int:
        """Rows that are kept."""
        return self.stop - self.first

    @property
    def encoded_rows(self) -> int:
        """Rows that are encoded."""
        return self.above + self.rows + self.below

    @property
    def slice_rows(self) -> int:
        """Height of its slices; the last may be lower."""
        return self.above or self.rows

    def lines(self, height: int) -> tuple[int, int]:
        """The first line of pixels that is encoded and the first that is not, in a picture of that height."""
        return (self.first - self.above) * MB, min((self.stop + self.below) * MB, height)

    def as_list(self) -> list[int]:
        """For JSON; `Band(*...)` reads it."""
        return [self.first, self.stop, int(self.personal), self.above, self.below]


#: The bands of a GOP, from top to bottom.
Layout = tuple[Band, ...]


def row_count(height: int) -> int:
    """Rows of macroblocks of a picture."""
    return -(-height // MB)


def whole(height: int, *, personal: bool = True) -> Layout:
    """The picture in one piece."""
    return (Band(0, row_count(height), personal),)


def check_layout(layout: Sequence[Band], height: int) -> None:
    """Refuse bands that cannot be encoded, or are not the whole picture.

    Raises:
        ValueError: they are not.
    """
    rows = row_count(height)
    edges = [0, *(band.stop for band in layout)]
    if [band.first for band in layout] != edges[:-1] or edges[-1] != rows:
        raise ValueError("bands that are not the whole picture")
    for upper, lower in pairwise(layout):
        if (upper.below > 0) != (lower.above > 0):
            raise ValueError("a cut with a guard on one side")
    for band in layout:
        if band.rows < 1 or band.above > band.first or band.stop + band.below > rows:
            raise ValueError("a band outside of the picture")
        if any(0 < guard < GUARD_ROWS_MIN for guard in (band.above, band.below)):
            raise ValueError("a guard that vectors can see over")
        if band.above and band.below and band.rows % band.above:
            raise ValueError("a guard that begins in the middle of a slice")


def from_lists(layouts: Sequence[Sequence[Sequence[int]]]) -> tuple[Layout, ...]:
    """Layouts as JSON holds them."""
    return tuple(
        tuple(Band(first, stop, bool(personal), above, below) for first, stop, personal, above, below in one)
        for one in layouts
    )
