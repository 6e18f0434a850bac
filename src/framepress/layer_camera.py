"""The view through which parts of the personal layer are captured.

After it was moved, Chromium may draw a layer whose tiles are not there yet. So it is moved while nothing is
shown, after which Chromium draws all of it anew, and the first picture is believed when the next one equals
it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from framepress.compositor_layers import CompositorLayers
from framepress.errors import BrowserCrash
from framepress.layer_groups import LayerState
from framepress.page import Page
from framepress.pictures import PictureReader, encode_png
from framepress.rects import Rect

#: Pictures of the first frame after the view was moved until two must have been equal.
SETTLE_TRIES = 20


class Camera:
    """Looks at a part of the layer, of which nothing else is drawn meanwhile; stays where it looked last."""

    def __init__(
        self,
        page: Page,
        roots: Sequence[int],
        fps: Fraction,
        reader: PictureReader,
        layers: CompositorLayers,
    ) -> None:
        self._page = page
        self._layers = layers
        self._roots = list(roots)
        self._fps = fps
        self._reader = reader
        self._rect: Rect | None = None
        self._view = (0, 0)
        self._index = -1

    def forget(self) -> None:
        """Draw everything anew next time."""
        self._rect = None

    def take(self, rect: Rect, state: LayerState) -> bytes:
        """A rectangle of the picture at a frame, PNG."""
        tossed = any(state.tossed[root] for root in self._roots)
        if not tossed or not self._layers.several():
            png = self._look(rect, state.index, led_up=False)
            # A layer may have come with this frame.
            if not tossed or not self._layers.several():
                return png
        # Whether Chromium smooths the edges of a layer that is turned or scaled depends on how much of it is
        # in the view, and on the frame before. So it is looked at as the plain path does.
        whole = Rect(0, 0, self._reader.width, self._reader.height)
        return cropped(self._reader, self._look(whole, state.index, led_up=state.index > 0), rect)

    def _look(self, rect: Rect, index: int, *, led_up: bool) -> bytes:
        page = self._page
        if rect != self._rect:
            self._index = index - led_up
            settled = self._move(rect, self._index)
            if not led_up:
                return settled
        elif led_up and self._index != index - 1:
            page.seek(index - 1, self._fps)
            page.tab.pump_frame()
        self._index = index
        page.seek(index, self._fps)
        return page.picture(index, self._view)

    def _move(self, rect: Rect, index: int) -> bytes:
        """Move the view; the first picture in it."""
        page = self._page
        self._rect = rect
        page.evaluate('__framepress.showLayer("nothing")')
        self._view = page.look_at(rect, transparent=True)
        page.tab.pump_frame()
        page.evaluate(f'__framepress.showLayer("personal", false, {json.dumps(self._roots)})')
        page.seek(index, self._fps)
        return picture_that_stays(page, index, self._view)


def cropped(reader: PictureReader, png: bytes, rect: Rect) -> bytes:
    """A rectangle of a PNG, as PNG."""
    pixels = pixels_in(reader, png, rect)
    return encode_png(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgba"))


def pixels_in(reader: PictureReader, png: bytes, rect: Rect) -> NDArray[np.uint8]:
    """A rectangle of a PNG: RGBA, rows by columns by 4."""
    return reader.decode_rgba(png)[rect.y : rect.bottom, rect.x : rect.right]


def picture_that_stays(page: Page, index: int, view: tuple[int, int]) -> bytes:
    """The first picture after the view was moved: one that equals the next.

    Raises:
        BrowserCrash: no two were equal. Others: see `Page.picture`.
    """
    before = page.picture(index, view)
    for _ in range(SETTLE_TRIES):
        now = page.picture(index, view)
        if now == before:
            return now
        before = now
    raise BrowserCrash(f"Chromium drew frame {index} differently each time.", rule="restless-picture")
