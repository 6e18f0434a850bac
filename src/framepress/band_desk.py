"""A band of a range on which work is going on: lines put together, what has not changed left out, the rest
encoded.
"""

from __future__ import annotations

from collections.abc import Sequence

from framepress.band_canvas import BandCanvas, StillLines
from framepress.band_encode import BandEncoder, Slices
from framepress.band_layout import Band
from framepress.composite import Overlay
from framepress.encode import EncoderSettings
from framepress.loaded_plan import LoadedPlan
from framepress.rects import Rect


class Desk:
    """A band on which work is going on: its lines, what they showed last, its encoder.

    Args:
        start, full_pel: see `BandEncoder`.
    """

    def __init__(
        self, loaded: LoadedPlan, settings: EncoderSettings, band: Band, start: int, *, full_pel: bool
    ) -> None:
        self.band = band
        self.lines = band.lines(settings.height)
        self.encoder = BandEncoder(settings, band, start, full_pel=full_pel)
        self._loaded = loaded
        self._still: StillLines = loaded.still_lines
        self._canvas = BandCanvas(settings.width, settings.height, self.lines)
        self._shown: tuple[str, ...] | None = None
        self._above: list[Overlay] = []

    def add(self, index: int, overlays: Sequence[tuple[Overlay, str]], above: Sequence[Overlay]) -> None:
        """A frame, the one after the last."""
        here = [(one, digest) for one, digest in overlays if reaches(one.rect, self.lines)]
        over = [one for one in above if reaches(one.rect, self.lines)]
        # A capture may be shown elsewhere later.
        shown = tuple(f"{one.rect.as_list()} {digest}" for one, digest in here)
        same_above = len(over) == len(self._above) and all(map(_same, over, self._above))
        if shown == self._shown and same_above and self._still.still(index, self.lines):
            self.encoder.repeat()
            return
        self._shown, self._above = shown, over
        self._canvas.fill_lines(self._loaded.plate.frame(index))
        for one in (*(overlay for overlay, _ in here), *over):
            self._canvas.put(one)
        self.encoder.add(self._canvas.frame)

    def finish(self, ahead: range) -> list[Slices]:
        """The slices of all frames.

        Args:
            ahead: frames that come next in the GOP, as far as the encoder is to see them.
        """
        count = self.encoder.frame_count
        for index in ahead:
            self.add(index, (), self._loaded.above(index))
        return self.encoder.finish()[:count]


def _same(one: object, other: object) -> bool:
    return one is other


def reaches(rect: Rect, lines: tuple[int, int]) -> bool:
    return rect.y < lines[1] and lines[0] < rect.bottom
