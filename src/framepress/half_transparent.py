"""Pixels of a screenshot that Chromium left half transparent, filled with what is beside them.

An opaque layer that lies between two pixels, as animation libraries move titles and boxes, has an edge that
covers its last pixels in part. Chromium puts them in place of what is behind instead of upon it, so the page
is missing there: alpha is 211 to 254 at the right edge of a title at 135.77. What is missing looks, in all
likelihood, like the pixel beside it that has least of the layer's colour.
"""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

#: Where the eight neighbours of a pixel are: rows down, columns to the right.
_AROUND = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]


def filled(frame: av.VideoFrame) -> av.VideoFrame:
    """The same picture with every pixel opaque.

    Args:
        frame: RGBA, not premultiplied, most of it opaque.
    """
    pixels = np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
    rows, columns = np.nonzero(pixels[..., 3] < 255)
    own = pixels[rows, columns].astype(np.int32)
    behind = _farthest(pixels, rows, columns, own)
    cover = own[:, 3:]
    mixed = (own[:, :3] * cover + behind * (255 - cover) + 127) // 255
    pixels[rows, columns, :3] = mixed
    pixels[..., 3] = 255
    return av.VideoFrame.from_ndarray(pixels, "rgba")


def _farthest(
    pixels: NDArray[np.uint8], rows: NDArray[np.intp], columns: NDArray[np.intp], own: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Of the opaque pixels around each, the colour that differs most from its own; its own if none does."""
    height, width = pixels.shape[:2]
    colour, most = own[:, :3].copy(), np.zeros(len(rows), np.int32)
    for down, right in _AROUND:
        at = (rows + down).clip(0, height - 1), (columns + right).clip(0, width - 1)
        beside = pixels[at].astype(np.int32)
        distance = np.abs(beside[:, :3] - own[:, :3]).sum(axis=1) * (beside[:, 3] == 255)
        farther = distance > most
        colour[farther], most[farther] = beside[farther, :3], distance[farther]
    return colour
