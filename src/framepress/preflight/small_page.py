"""A page that is laid out at full size and hardly drawn: to look at where things are, at a few moments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from framepress.clip import Clip
from framepress.page import Page
from framepress.poster import decode_rgb
from framepress.preflight.backdrop import Pixels
from framepress.preflight.facts import Box, Layout, read_layout
from framepress.rects import Rect, covering
from framepress.renderer import Renderer
from framepress.tab import Tab
from framepress.variants import Variant

#: CSS pixels per pixel, at most, while nothing is to be seen. Drawing a page of 1920x1080 at full size took a
#: third of the time of laying it out.
COARSE_MAX = 16


class SmallPage:
    """Opens rows in a renderer's page and looks at them. Every failure of a page costs its browser.

    Args:
        jumps: pages of this composition can be entered in the middle, as far as has been seen; one that
            cannot after all is opened anew and stepped.
    """

    document = "document"

    def __init__(self, renderer: Renderer, *, jumps: bool = False) -> None:
        self._renderer = renderer
        self._jumps = jumps
        self._variant: Variant | None = None
        self.clip: Clip | None = None
        self._at = -1
        self._coarse = 1

    def open(self, variant: Variant, size: tuple[int, int]) -> Clip:
        """Load a row.

        Args:
            size: CSS pixels of the composition, as far as is known.

        Raises:
            RowFailure, InputError: see `Renderer.open`.
        """
        self._coarse = coarse_factor(size)
        coarse = (size[0] // self._coarse, size[1] // self._coarse)
        self._variant = variant
        self.clip = self._renderer.open(variant, picture=coarse)
        self._at = -1
        return self.clip

    @property
    def page(self) -> Page:
        return self._renderer.warm.page()

    @property
    def tab(self) -> Tab:
        return self.page.tab

    def evaluate(self, call: str) -> Any:
        """See `RowView`."""
        with self._renderer.warm.guard() as page:
            return page.evaluate(f"__framepress.{call}")

    def layouts(self, frames: tuple[int, ...], *, every_box: bool = False) -> Iterator[tuple[int, Layout]]:
        """What is seen at these frames, ascending; the page stays at each until the next is asked for.

        Args:
            every_box: boxes that no text lies on too.
        """
        for frame in frames:
            with self._renderer.warm.guard() as page:
                self.seek(frame)
                told = page.evaluate(f"__framepress.layoutFacts({str(every_box).lower()})")
            yield frame, read_layout(told, self._size(), self._picture_size)

    def _picture_size(self, url: str) -> tuple[int, int] | None:
        assert self._variant is not None
        return self._renderer.contents.picture_size(url, self._variant)

    def seek(self, frame: int) -> None:
        """Go to a frame, through every one before it if the page asks for that; only forward then."""
        clip, page = self.clip, self.page
        assert clip is not None and self._variant is not None
        if self._at < 0 and self._jumps and frame > 0:
            page.seek(frame, clip.fps)
            if not page.stateful:
                self._at = frame
                return
            clip, page = self.open(self._variant, self._size()), self.page
        if self._at < 0:
            page.seek(0, clip.fps)
            self._at = 0
        if page.stateful:
            for index in range(self._at + 1, frame):
                page.seek(index, clip.fps)
                page.draw(index)
        if frame != self._at:
            page.seek(frame, clip.fps)
        self._at = frame

    def picture(self, box: Box | None, scale: float, *, behind: tuple[str, ...] = ()) -> tuple[Pixels, Rect]:
        """What is drawn at the frame where the page is.

        Args:
            box: the part, CSS pixels; None: all. scale: pixels per CSS pixel.
            behind: places of elements whose text is left out.

        Returns:
            RGB, and the part in CSS pixels that it shows: a little more than `box`.
        """
        with self._renderer.warm.guard() as page:
            if behind:
                page.evaluate(f"__framepress.hideText({list(behind)!r})")
            taken = picture_of(page, box, scale, self._size(), self._coarse, max(self._at, 0))
            if behind:
                page.evaluate("__framepress.hideText([])")
        return taken

    def _size(self) -> tuple[int, int]:
        assert self.clip is not None
        return self.clip.document.width, self.clip.document.height


def coarse_factor(size: tuple[int, int]) -> int:
    """CSS pixels per pixel while nothing is to be seen: whole pixels, or pictures would lack a strip at the
    edge."""
    return max(n for n in range(1, COARSE_MAX + 1) if size[0] % n == size[1] % n == 0)


def picture_of(
    page: Page, box: Box | None, scale: float, size: tuple[int, int], coarse: int, frame: int
) -> tuple[Pixels, Rect]:
    """A part of a page that is drawn coarsely; see `RowView.picture`."""
    whole = Rect(0, 0, size[0] // coarse, size[1] // coarse)
    part = whole
    if box is not None:
        part = covering(box, 1 / coarse, 1).clipped(whole.width, whole.height) or whole
    shown = page.look_at(part, scale=scale * coarse)
    png = page.picture(frame, shown)
    page.look_at(None)
    rect = Rect(part.x * coarse, part.y * coarse, part.width * coarse, part.height * coarse)
    return decode_rgb(png), rect
