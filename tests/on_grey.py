"""What captured layers show, for tests that compare two ways of capturing them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framepress.composite import Canvas, blend, packed
from framepress.layered import LayerFrame
from framepress.overlay_reader import OverlayReader


def pictures(frames: Sequence[LayerFrame], size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Each frame on a grey plate, packed 4:2:0.

    Args:
        size: of the whole picture.
    """
    reader, canvas = OverlayReader(*size), Canvas(*size)
    plate = np.full(size[0] * size[1] * 3 // 2, 120, np.uint8)
    found = []
    for frame in frames:
        canvas.fill(plate)
        for overlay in reader.read(frame.overlays):
            blend(canvas.planes, overlay)
        found.append(packed(canvas.frame))
    return found
