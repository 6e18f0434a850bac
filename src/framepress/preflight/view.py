"""A row that is laid out somewhere, to be looked at: what a page of its own and a frame have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from framepress.clip import Clip
from framepress.preflight.backdrop import Pixels
from framepress.preflight.facts import Box, Layout
from framepress.rects import Rect
from framepress.tab import Tab
from framepress.variants import Variant


class RowView(Protocol):
    """Opens one row after the other and looks at each.

    Attributes:
        document: JavaScript that gives the row's document.
    """

    document: str

    @property
    def tab(self) -> Tab: ...

    def open(self, variant: Variant, size: tuple[int, int]) -> Clip:
        """Lay a row out. `size`: CSS pixels of the composition, as far as is known."""
        ...

    def layouts(self, frames: tuple[int, ...], *, every_box: bool = False) -> Iterator[tuple[int, Layout]]:
        """What is seen at these frames, ascending; `picture` shows the one that was given last.

        Args:
            every_box: boxes that no text lies on too; the row then is at that frame for `evaluate` as well.
        """
        ...

    def picture(self, box: Box | None, scale: float, *, behind: tuple[str, ...] = ()) -> tuple[Pixels, Rect]:
        """What is drawn where the row is.

        Args:
            box: the part, CSS pixels; None: all. scale: pixels per CSS pixel.
            behind: places of elements whose text is left out.

        Returns:
            RGB, and the part in CSS pixels that it shows: a little more than `box`.
        """
        ...

    def evaluate(self, call: str) -> Any:
        """What a function of the row's driver gives, such as ``looks()``."""
        ...
