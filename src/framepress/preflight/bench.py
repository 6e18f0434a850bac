"""Does the tasks of a pre-flight in one worker."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np

from framepress.errors import BrowserCrash, FrameTimeout
from framepress.preflight.backdrop import Pixels
from framepress.preflight.inspector import Inspector, Looked
from framepress.preflight.rules import RowReport, finding
from framepress.preflight.small_page import SmallPage
from framepress.preflight.surveyor import Surveyor
from framepress.preflight.tasks import (
    BasisTask,
    Inspected,
    InspectTask,
    PreflightReply,
    PreflightTask,
    Shots,
    ShotTask,
)
from framepress.rects import Rect
from framepress.renderer import Renderer
from framepress.variants import Variant

#: How often a row is tried whose browser failed.
TRIES = 3

#: Rows that are looked at both ways, in a frame and in a page of their own: the first of a worker, and every
#: so manyth of the list. The two have never differed; a composition that finds a way costs its list the gain.
CHECKED_FIRST, CHECKED_EACH = 3, 100

#: JPEG quantiser of FFmpeg's mjpeg encoder, 2 (best) to 31: small enough to put two dozen into one page.
QSCALE = 5


class PreflightBench:
    """Keeps what serves one row after the other.

    Args:
        beat: called with rows done and rows in all.
    """

    def __init__(self, renderer: Renderer, beat: Callable[[int, int], None]) -> None:
        self._renderer = renderer
        self._beat = beat
        self._inspector: tuple[object, Inspector] | None = None
        self._framed = 0

    def do(self, task: PreflightTask) -> PreflightReply:
        """Do a task; errors are those of the page and the browser."""
        match task:
            case BasisTask():
                facts = self._renderer.composition.facts(task.request.default.values)
                return Surveyor(self._renderer, (facts.width, facts.height)).basis(task.request)
            case InspectTask():
                return self._inspect(task)
            case ShotTask():
                return self._shoot(task)

    def _inspect(self, task: InspectTask) -> Inspected:
        basis = task.basis
        about = (basis.default, basis.unframed)
        if self._inspector is None or self._inspector[0] != about:
            self._inspector = (about, Inspector(self._renderer, basis))
        inspector = self._inspector[1]
        framed = {number: inspector.inspect_framed(number, variant) for number, variant in task.rows}
        reports = []
        disagreement = None
        # Together at the end: a page of its own ends the one whose frames are used.
        for done, (number, variant) in enumerate(task.rows, start=1):
            looked = framed[number]
            if looked is None or self._is_checked(number):
                alone = self._tried(inspector, number, variant)
                disagreement = disagreement or _disagreement(looked, alone)
                looked = alone
            reports.append(looked.report)
            self._beat(done, len(task.rows))
        if self._renderer.warm.is_open:
            self._renderer.warm.after_row()
        return Inspected(tuple(reports), disagreement)

    def _is_checked(self, number: int) -> bool:
        """Whether a row is looked at both ways: the first ones, and one of many after them."""
        self._framed += 1
        return self._framed <= CHECKED_FIRST or number % CHECKED_EACH == 0

    def _tried(self, inspector: Inspector, number: int, variant: Variant) -> Looked:
        for attempt in range(1, TRIES + 1):
            try:
                return inspector.inspect(number, variant)
            except (BrowserCrash, FrameTimeout) as error:
                if attempt == TRIES:
                    found = finding("row-broken", error.message, row=number)
                    return Looked(RowReport(number, (found,), failed=True), ())
        raise AssertionError("the last try returns")

    def _shoot(self, task: ShotTask) -> Shots:
        page = SmallPage(self._renderer)
        clip = page.open(task.variant, task.size)
        pictures = []
        for shot in task.shots:
            page.seek(min(shot.frame, clip.frame_count - 1))
            pixels, _ = page.picture(None, task.scale)
            crops = tuple(jpeg(_crop(pixels, crop, task.scale)) for crop in shot.crops)
            pictures.append((jpeg(pixels) if shot.still else None, crops))
        return Shots(task.row, tuple(pictures))


def _disagreement(framed: Looked | None, alone: Looked) -> str | None:
    """Where a row looked otherwise in a frame than in a page of its own; None: nowhere, or it was in none."""
    if framed is None or (framed.layouts == alone.layouts and framed.report == alone.report):
        return None
    row = alone.report.row
    if alone.report.failed:
        return f"row {row} fails in a page of its own only"
    if len(framed.layouts) != len(alone.layouts):
        return f"row {row} has another length in a page of its own"
    for one, other in zip(framed.layouts, alone.layouts, strict=True):
        for what in ("texts", "pictures", "boxes", "grounds", "root"):
            if getattr(one, what) != getattr(other, what):
                return f"row {row} has other {what} in a page of its own"
    return f"row {row} has other findings in a page of its own"


def _crop(pixels: Pixels, part: Rect, scale: float) -> Pixels:
    top, left = int(part.y * scale), int(part.x * scale)
    return pixels[top : max(top + 2, int(part.bottom * scale)), left : max(left + 2, int(part.right * scale))]


def jpeg(pixels: Pixels) -> bytes:
    """RGB as JPEG; an odd row or column is left out."""
    height, width = pixels.shape[0] & ~1, pixels.shape[1] & ~1
    even = np.ascontiguousarray(pixels[:height, :width])
    context = av.VideoCodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = 1  # type: ignore[assignment]
    context.thread_count = 1
    context.options = {"qmin": str(QSCALE), "qmax": str(QSCALE), "flags": "+bitexact"}
    frame = av.VideoFrame.from_ndarray(even, "rgb24").reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
