"""The personal layer put on a plate, in the encoder's own 4:2:0.

With *a* the coverage of a pixel, *O* its colour times *a*, and *B* the plate, the picture is ``O + (1 - a)
B`` in RGB. Conversion to YUV is linear but for its offsets, so the same holds for each plane::

    Y  = Y(O) + (1 - a) (Y(B) - 16)
    Cb = Cb(O) + mean(1 - a) (Cb(B) - 128)        mean over the 2x2 pixels of a chroma sample; Cr alike

`Y(O)` being the conversion of the premultiplied colour. For luma this is exact up to rounding; for chroma it
takes the plate's mean for its four pixels, which differs only where coverage and colour of the plate both
change within one sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from framepress.pictures import Picture, PictureReader, to_yuv420p
from framepress.rects import Rect

Plane = NDArray[np.uint8]

#: Coverage (of 255) on the edge of a capture that is taken for the end of a shadow, which nobody sees.
EDGE_ALPHA_MAX = 4


@dataclass(frozen=True, eq=False, slots=True)
class Overlay:
    """Part of the personal layer, ready to be put on any plate.

    Attributes:
        rect: the smallest even rectangle with every pixel that is not transparent.
        luma, cb, cr: of the premultiplied colour, with their offsets.
        keep: how much of the plate's luma stays, 0..255. keep_chroma: sum over the four pixels, 0..1020.
        touches_edge: something is painted on the edge of what was captured, inside of the picture: there may
            be more beyond it.
    """

    rect: Rect
    luma: NDArray[np.uint16]
    cb: NDArray[np.int32]
    cr: NDArray[np.int32]
    keep: NDArray[np.uint16]
    keep_chroma: NDArray[np.int32]
    touches_edge: bool


def read_overlay(reader: PictureReader, png: bytes, rect: Rect, size: tuple[int, int]) -> Overlay | None:
    """An overlay from a capture; None: all of it is transparent.

    Args:
        rect: where the capture belongs, on even pixels. size: of the whole picture.

    Raises:
        BrowserCrash: it is not a whole PNG.
    """
    frame = reader.decode_png(png)
    if frame.format.name != "rgba":
        # Chromium leaves the alpha channel out of a PNG whose pixels are all opaque.
        pixels = np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
    else:
        pixels = _rgba(frame)
    alpha = pixels[..., 3]
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not rows.size:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    edge = _touches_edge(alpha, rect, size)
    top, left = top & ~1, left & ~1
    bottom, right = bottom + (bottom & 1), right + (right & 1)
    inside = Rect(rect.x + left, rect.y + top, right - left, bottom - top)
    return _premultiplied(pixels[top:bottom, left:right], inside, edge)


def _touches_edge(alpha: Plane, rect: Rect, size: tuple[int, int]) -> bool:
    """Whether something is painted on an edge of the capture that is not an edge of the picture."""
    inner = (
        (alpha[0], rect.y > 0),
        (alpha[-1], rect.bottom < size[1]),
        (alpha[:, 0], rect.x > 0),
        (alpha[:, -1], rect.right < size[0]),
    )
    return any(inside and int(line.max()) > EDGE_ALPHA_MAX for line, inside in inner)


def _premultiplied(pixels: NDArray[np.uint8], rect: Rect, edge: bool) -> Overlay:
    alpha = pixels[..., 3].astype(np.uint16)
    colour = pixels[..., :3].astype(np.uint16) * alpha[..., None]
    colour += 128
    colour += colour >> 8
    premultiplied = av.VideoFrame.from_ndarray((colour >> 8).astype(np.uint8), "rgb24")
    luma, cb, cr = planes(to_yuv420p(premultiplied))
    keep = 255 - alpha
    quads = keep.reshape(rect.height // 2, 2, rect.width // 2, 2).sum(axis=(1, 3), dtype=np.int32)
    return Overlay(rect, luma.astype(np.uint16), cb.astype(np.int32), cr.astype(np.int32), keep, quads, edge)


def blend(picture: tuple[Plane, Plane, Plane], overlay: Overlay) -> None:
    """Put an overlay on a picture, in place."""
    rect = overlay.rect
    luma = picture[0][rect.y : rect.bottom, rect.x : rect.right]
    kept = luma.astype(np.uint16)
    kept -= 16
    kept *= overlay.keep
    # x / 255, rounded, for x up to 65,025.
    kept += 128
    kept += kept >> 8
    kept >>= 8
    kept += overlay.luma
    luma[...] = kept
    half = (slice(rect.y // 2, rect.bottom // 2), slice(rect.x // 2, rect.right // 2))
    for plane, colour in ((picture[1], overlay.cb), (picture[2], overlay.cr)):
        part = plane[half].astype(np.int32)
        part -= 128
        part *= overlay.keep_chroma
        # x / 1020, rounded: 1020 = 4 * 255.
        part = (part * 257 + (1 << 17)) >> 18
        part += colour
        plane[half] = np.clip(part, 0, 255)


class Canvas:
    """One picture that is filled anew for every frame; the encoder keeps a copy of its own."""

    def __init__(self, width: int, height: int) -> None:
        self.frame: Picture = av.VideoFrame(width, height, "yuv420p")
        self.frame.pict_type = PictureType.NONE
        self.frame.color_primaries = ColorPrimaries.BT709
        self.frame.color_trc = ColorTrc.BT709
        self.frame.colorspace = 1
        self.frame.color_range = 1
        self.planes = planes(self.frame)

    def fill(self, picture: NDArray[np.uint8]) -> None:
        """Begin with a plate.

        Args:
            picture: luma, then Cb and Cr, without padding; uint8, width * height * 3 / 2 of them.
        """
        start = 0
        for plane in self.planes:
            end = start + plane.size
            plane[...] = picture[start:end].reshape(plane.shape)
            start = end


def planes(frame: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Views of the three planes, without padding, that live as long as the frame."""
    views = []
    for plane in frame.planes:
        data: Any = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
        views.append(data.reshape(-1, plane.line_size)[: plane.height, : plane.width])
    return views[0], views[1], views[2]


def packed(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The planes one after the other without padding; see `Canvas.fill`."""
    return np.concatenate([plane.reshape(-1) for plane in planes(frame)])


def _rgba(frame: av.VideoFrame) -> NDArray[np.uint8]:
    plane = frame.planes[0]
    data: NDArray[np.uint8] = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
    return data.reshape(frame.height, plane.line_size)[:, : frame.width * 4].reshape(
        frame.height, frame.width, 4
    )
