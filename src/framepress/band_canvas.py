"""The lines of one band, put together like whole pictures (`composite`), and nothing of the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from framepress.composite import Canvas, Overlay, blend
from framepress.plate import Plate
from framepress.rects import Rect


class BandCanvas(Canvas):
    """Some lines of a picture.

    Args:
        width, height: of the whole picture. lines: the first of them and the first that is not, even.
    """

    def __init__(self, width: int, height: int, lines: tuple[int, int]) -> None:
        self._top, self._bottom = lines
        self._height = height
        super().__init__(width, self._bottom - self._top)

    def fill_lines(self, picture: NDArray[np.uint8]) -> None:
        """Begin with the lines of a plate; see `Canvas.fill`."""
        for plane, lines in zip(self.planes, plate_lines(picture, self._height, self._lines), strict=True):
            plane[...] = lines.reshape(plane.shape)

    @property
    def _lines(self) -> tuple[int, int]:
        return self._top, self._bottom

    def put(self, overlay: Overlay) -> None:
        """Put what of an overlay lies in these lines on them."""
        inside = clipped_to_lines(overlay, self._top, self._bottom)
        if inside is not None:
            blend(self.planes, inside)


def clipped_to_lines(overlay: Overlay, top: int, bottom: int) -> Overlay | None:
    """The part of an overlay in some lines, its place counted from the first of them; None: nothing.

    Args:
        top, bottom: even.
    """
    rect = overlay.rect
    first, end = max(rect.y, top), min(rect.bottom, bottom)
    if first >= end:
        return None
    luma = slice(first - rect.y, end - rect.y)
    chroma = slice(luma.start // 2, luma.stop // 2)
    return replace(
        overlay,
        rect=Rect(rect.x, first - top, rect.width, end - first),
        luma=overlay.luma[luma],
        keep=overlay.keep[luma],
        cb=overlay.cb[chroma],
        cr=overlay.cr[chroma],
        keep_chroma=overlay.keep_chroma[chroma],
    )


def plate_lines(
    picture: NDArray[np.uint8], height: int, lines: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Some lines of a packed picture: luma, Cb, Cr, each flat; views."""
    luma = picture.size * 2 // 3
    width = luma // height
    top, bottom = lines
    quarter = luma // 4
    half = slice(top // 2 * (width // 2), bottom // 2 * (width // 2))
    return (
        picture[top * width : bottom * width],
        picture[luma : luma + quarter][half],
        picture[luma + quarter :][half],
    )


class StillLines:
    """Which frames show in some lines what the frame before shows there; found out once per plan.

    Used by one thread.
    """

    def __init__(self, plate: Plate, height: int) -> None:
        self._plate = plate
        self._height = height
        self._still: dict[tuple[int, tuple[int, int]], bool] = {}

    def still(self, index: int, lines: tuple[int, int]) -> bool:
        """Whether frame `index`, which is not the first, shows in these lines of the plate what the frame
        before it does.
        """
        if self._plate.same(index, index - 1):
            return True
        key = (index, lines)
        if key not in self._still:
            now, before = (
                plate_lines(self._plate.frame(one), self._height, lines) for one in (index, index - 1)
            )
            self._still[key] = all(map(np.array_equal, now, before))
        return self._still[key]
