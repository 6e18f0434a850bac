"""Captures of the personal layer, decoded, each once as long as it is in use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from framepress.composite import Overlay, patched, read_overlay
from framepress.layer_captures import OverlayPng
from framepress.pictures import PictureReader
from framepress.stills import Pixels, shifted

#: Decoded overlays that are kept, those last used, in pictures' worth of pixels (7 bytes each). The parts of
#: a frame do not paint on each other, so those of the frame before always fit beside it.
OVERLAY_PICTURES_KEPT = 2

#: Decoded captures that are kept for others to be made of them: one for each part that moves at a time.
STILLS_KEPT = 4

#: Pixels that an overlay counts for at least: one that shows nothing takes room too.
_OVERLAY_PIXELS_MIN = 256


class OverlayReader:
    """Decodes overlays, each once as long as it is in use. Used by one thread.

    Frames are read in order, so what a patch is on is given up as soon as the patch has been put on it: a
    part that changed for long would otherwise drive out all others, and each be read from its first capture
    again at every frame (5,047 instead of 208 decoded PNGs for one row of `examples/card`).

    Args:
        width, height: of the whole picture.
    """

    def __init__(self, width: int, height: int) -> None:
        self._reader = PictureReader(width, height)
        self._size = (width, height)
        self._room = OVERLAY_PICTURES_KEPT * width * height
        self._read: OrderedDict[int, tuple[OverlayPng, Overlay | None]] = OrderedDict()
        self._stills: OrderedDict[int, tuple[bytes, Pixels]] = OrderedDict()
        #: The last picture that showed several parts.
        self._several: tuple[bytes, Pixels] | None = None

    def read(self, captured: Sequence[OverlayPng]) -> list[Overlay]:
        """Those of the overlays that show anything."""
        overlays = (self._one(one) for one in captured)
        return [overlay for overlay in overlays if overlay is not None]

    def _one(self, captured: OverlayPng) -> Overlay | None:
        # In the order of frames, what a patch is on has just been read.
        todo = [captured]
        while id(todo[-1]) not in self._read and (onto := todo[-1].onto) is not None:
            todo.append(onto)
        overlay: Overlay | None = None
        for one in reversed(todo):
            if id(one) in self._read:
                self._read.move_to_end(id(one))
                overlay = self._read[id(one)][1]
                continue
            on = overlay
            overlay = read_overlay(self.pixels(one), one.rect, self._size)
            if one.onto is not None:
                overlay = patched(on, overlay, one.rect, self._size)
                self._room += _area(self._read.pop(id(one.onto), None))
            kept = self._read[id(one)] = (one, overlay)
            self._room -= _area(kept)
            while self._room < 0 and len(self._read) > 1:
                self._room += _area(self._read.popitem(last=False)[1])
        return overlay

    def pixels(self, one: OverlayPng) -> Pixels:
        """What an overlay shows in its rectangle: RGBA, rows by columns by 4; not to be written to."""
        if one.corner is not None:
            return self._part(one, *one.corner)
        if one.shift is None:
            return self._reader.decode_rgba(one.png)
        known = self._stills.pop(id(one.png), None) or (one.png, self._reader.decode_rgba(one.png))
        self._stills[id(one.png)] = known
        if len(self._stills) > STILLS_KEPT:
            self._stills.popitem(last=False)
        return shifted(known[1], one.shift)

    def _part(self, one: OverlayPng, left: int, top: int) -> Pixels:
        if self._several is None or self._several[0] is not one.png:
            self._several = (one.png, self._reader.decode_rgba(one.png))
        return self._several[1][top : top + one.rect.height, left : left + one.rect.width]


def _area(kept: tuple[OverlayPng, Overlay | None] | None) -> int:
    """The room that a decoded overlay takes."""
    if kept is None:
        return 0
    return max(_OVERLAY_PIXELS_MIN, kept[1].rect.area if kept[1] is not None else 0)
