"""Frames of a page, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from framepress.page import Page


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """The picture at ``index / fps`` seconds.

    Attributes:
        png: PNG file, RGB or RGBA, 8 bit; None: equal to the frame before.
    """

    index: int
    png: bytes | None


def capture_frames(page: Page, indices: range, fps: Fraction) -> Iterator[CapturedFrame]:
    """Capture consecutive frames of an opened page.

    Args:
        indices: rising by 1. The first is always captured. A page that has not shown its frame 0 yet is
            moved there first, because scripts finish their set-up in it.

    Raises:
        PageError, FrameTimeout, BrowserCrash: see `Page`. The page must then be opened anew.
    """
    if indices.start > 0:
        page.seek(0, fps)
    for index in indices:
        page.seek(index, fps)
        yield CapturedFrame(index, page.draw(index, force=index == indices.start))
