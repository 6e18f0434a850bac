"""Raw frames on disk: what all rows of a group share, read by every worker through one mapping.

A plate piece is its pictures one after the other, each width * height * 3 / 2 bytes: luma, Cb, Cr, without
padding. Equal neighbouring frames share a picture; which picture a frame shows stands in the plan
(`Plan.slots`). The pages of the mapping belong to the file, so they are no process's own memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Packed = NDArray[np.uint8]


class PlateWriter:
    """Takes frames in order; equal neighbours are stored once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._last: Packed | None = None
        self.slots: list[int] = []

    def add(self, picture: Packed | None) -> None:
        """The next frame. None: it equals the one before."""
        if picture is not None and (self._last is None or not np.array_equal(picture, self._last)):
            self._stream.write(picture.data)
            self._last = picture
            self.slots.append(self.slots[-1] + 1 if self.slots else 0)
        else:
            self.slots.append(self.slots[-1])


class Plate:
    """The pictures of a plate file; frames are views into the mapping."""

    def __init__(
        self, path: Path, slots: tuple[int, ...], width: int, height: int, *, offset: int = 0
    ) -> None:
        self.size_bytes = width * height * 3 // 2
        self._pictures = np.memmap(path, np.uint8, "r", offset).reshape(-1, self.size_bytes)
        self._slots = slots
        if slots and len(self._pictures) <= max(slots):
            raise ValueError(f"{path} has {len(self._pictures)} pictures; the plan needs {max(slots) + 1}")

    def frame(self, index: int) -> Packed:
        """Luma, Cb and Cr of a frame, one after the other."""
        picture: Packed = self._pictures[self._slots[index]]
        return picture

    def same(self, one: int, other: int) -> bool:
        """Whether two frames show the same picture."""
        return self._slots[one] == self._slots[other]
