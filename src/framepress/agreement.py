"""Whether a composite is the picture that the plain path makes, before encoding."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Decibels that every frame must reach.
PSNR_MIN_DB = 50.0

#: Code values of 0..255 by which a pixel may be off without being looked at.
OFF_MAX = 8

#: Connected pixels that may be off by more than that.
AREA_MAX = 16


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two pictures agree.

    Attributes:
        psnr_db: over luma and chroma samples; infinite: they are equal.
        area: pixels of the largest connected area that is off by more than `OFF_MAX`.
        at: one pixel of that area, x and y; None: there is none.
    """

    psnr_db: float
    area: int
    at: tuple[int, int] | None

    @property
    def holds(self) -> bool:
        return self.psnr_db >= PSNR_MIN_DB and self.area <= AREA_MAX


def compare(one: NDArray[np.uint8], other: NDArray[np.uint8], width: int, height: int) -> Agreement:
    """Compare two pictures.

    Args:
        one, other: packed 4:2:0, see `composite.packed`.
    """
    if np.array_equal(one, other):
        return Agreement(math.inf, 0, None)
    # In bytes, and in floats for the sum: a third of the time that 16-bit and 32-bit integers take.
    off = np.maximum(one, other)
    off -= np.minimum(one, other)
    samples = off.astype(np.float32)
    mean_square = float(np.dot(samples, samples)) / samples.size
    psnr = 10 * math.log10(255**2 / mean_square)
    # Limited range has 219 steps of luma and 224 of chroma for 255 of RGB.
    mask = off[: width * height].reshape(height, width) > OFF_MAX * 219 // 255
    chroma = off[width * height :].reshape(2, height // 2, width // 2).max(axis=0) > OFF_MAX * 224 // 255
    if chroma.any():
        mask |= chroma.repeat(2, axis=0).repeat(2, axis=1)
    elif not mask.any():
        return Agreement(psnr, 0, None)
    area, at = largest_area(mask)
    return Agreement(psnr, area, at)


def largest_area(mask: NDArray[np.bool_]) -> tuple[int, tuple[int, int] | None]:
    """Pixels of the largest area of True, connected over edges and corners, and one of them as x, y.

    Stops counting an area at 4,096 pixels: it is large enough to say no.
    """
    ys, xs = np.nonzero(mask)
    left = set(zip(ys.tolist(), xs.tolist(), strict=True))
    best, where = 0, None
    while left:
        seed = left.pop()
        stack, size = [seed], 0
        while stack and size < 4096:
            y, x = stack.pop()
            size += 1
            for neighbour in ((y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
                if neighbour in left:
                    left.remove(neighbour)
                    stack.append(neighbour)
        if size > best:
            best, where = size, (seed[1], seed[0])
        if size >= 4096:
            break
    return best, where
