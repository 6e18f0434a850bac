"""What captured overlays show, as digests: within a row, and in every row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from framepress.keys import SEEN_MAX
from framepress.layer_captures import OverlayPng
from framepress.stills import Pixels


class OverlayNames:
    """Names overlays by what they show.

    Args:
        pixels: decodes one (`overlay_reader`).
    """

    def __init__(self, pixels: Callable[[OverlayPng], Pixels]) -> None:
        self._pixels = pixels
        self._in_row: dict[int, tuple[OverlayPng, str]] = {}
        self._everywhere: dict[int, tuple[OverlayPng, str]] = {}

    def in_row(self, one: OverlayPng) -> str:
        """The same for two overlays of a row only if they show the same."""
        if id(one) not in self._in_row:
            shown = hashlib.sha256(one.png)
            for more in (one.shift, one.corner):
                if more is not None:
                    shown.update(repr(more).encode("ascii"))
            _note(self._in_row, one, shown.hexdigest())
        return self._in_row[id(one)][1]

    def everywhere(self, one: OverlayPng) -> str:
        """The same in two rows even if pictures that it was cut out of show other things beside it."""
        if one.corner is None:
            return self.in_row(one)
        if id(one) not in self._everywhere:
            shown = hashlib.sha256(self._pixels(one).tobytes())
            _note(self._everywhere, one, shown.hexdigest())
        return self._everywhere[id(one)][1]


def _note(known: dict[int, tuple[OverlayPng, str]], one: OverlayPng, name: str) -> None:
    if len(known) > SEEN_MAX:
        known.clear()
    # With the overlay itself, or its number may be another's one day.
    known[id(one)] = (one, name)
