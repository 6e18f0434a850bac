"""One row by its plan: the rest is checked, the personal layer captured, put on the plate, encoded.

The row's page is compared with the plan at every frame (how everything that is not personal looks) and at a
few moments by pixels. What does not fit raises `PlanMisfit` (this row is rendered plain) or `PlanWrong` (the
plan is given up).
"""

from __future__ import annotations

import json
import struct
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from framepress.above_pieces import unpack_above
from framepress.agreement import largest_area
from framepress.band_canvas import StillLines
from framepress.banded import BandWriter, SeenBands
from framepress.cache import Cache
from framepress.composite import Canvas, Overlay, blend, patched, read_overlay
from framepress.encode import EncoderSettings, GopEncoder
from framepress.errors import CacheFault, PlanMisfit, PlanWrong
from framepress.frames_to_segments import WAITING_MAX, EncodedFrames, side_by_side
from framepress.layered import LayerFrame, LayerMemory, OverlayPng, PersonalLayer, picture_that_stays
from framepress.page import Page
from framepress.pictures import PictureReader, frame_summary
from framepress.plan import LEVELS, Plan
from framepress.plate import Plate
from framepress.segment_pieces import pack_segment, segment_key, unpack_segment

#: Size of the pictures that are compared at a few moments, against the picture itself.
CHECK_SCALE = 0.25

#: Code values by which a pixel of such a picture may differ, and connected pixels that may differ by more: a
#: region is drawn in other tiles than the whole, and gradients differ by up to 2.
CHECK_OFF_MAX, CHECK_AREA_MAX = 6, 2

#: Code values by which lines one pixel wide may differ there: 30 were seen at the lower edge of a box.
CHECK_EDGE_OFF_MAX = 48

#: Times that the rest of a row is looked at before a plan is given up for it: a machine at work may show a
#: picture before all of it is drawn, and a plan costs as much as several clips.
REST_TRIES = 2

#: Decoded overlays that are kept, those last used, in pictures' worth of pixels (7 bytes each). The parts of
#: a frame do not overlap, so those of the frame before always fit beside it.
OVERLAY_PICTURES_KEPT = 2

#: Pixels that an overlay counts for at least: one that shows nothing takes room too.
_OVERLAY_PIXELS_MIN = 256

#: CSS pixels by which parts are larger at the second try, if something was painted on the edge of one.
EDGE_MARGIN = 64


class InkOutside(Exception):
    """Something is painted on the edge of a captured part, so there may be more outside."""


@dataclass
class PlannedFrames:
    """What became of a row.

    Attributes:
        captures: parts that were captured. captured_count: frames of which at least one part was.
        stored_segments: GOPs that were there already. stored_bands: bands of others that were.
        level: how far reuse went, one of `plan.LEVELS`.
    """

    encoded: EncodedFrames = field(default_factory=EncodedFrames)
    captures: int = 0
    stored_segments: int = 0
    stored_bands: int = 0
    level: str = "frames"


class LoadedPlan:
    """A plan with its pieces open. Not shared between processes; the plate's pages are."""

    def __init__(self, plan: Plan, plate: Path, above: Sequence[Sequence[OverlayPng]] | None) -> None:
        self.plan = plan
        self.plate = Plate(plate, plan.slots, plan.width, plan.height)
        self._above = above
        self._overlays = OverlayReader(plan.width, plan.height)
        self.still_lines = StillLines(self.plate, plan.height)
        self.seen_bands = SeenBands()

    @classmethod
    def load(cls, plan: Plan, cache: Cache) -> LoadedPlan | None:
        """Open the pieces of a plan; None: they are not (all) in the cache."""
        plate = cache.get("plate", plan.plate)
        above = cache.get_bytes("overlay", plan.overlay) if plan.overlay is not None else None
        if plate is None or (plan.overlay is not None and above is None):
            return None
        with suppress(OSError, ValueError, KeyError, TypeError):
            return cls(plan, plate, unpack_above(above) if above is not None else None)
        return None

    def above(self, index: int) -> list[Overlay]:
        """What is painted over everything personal at a frame."""
        return self._overlays.read(self._above[index]) if self._above is not None else []


class OverlayReader:
    """Decodes overlays, each once as long as it is in use. Used by one thread.

    Frames are read in order, so what a patch is on is given up as soon as the patch has been put on it: a
    part that changed for long would otherwise drive out all others, and each be read from its first capture
    again at every frame (5,047 instead of 208 decoded PNGs for one row of `examples/card`).

    Args:
        width, height: of the whole picture.
    """

    def __init__(self, width: int, height: int) -> None:
        self._reader = PictureReader(width, height)
        self._size = (width, height)
        self._room = OVERLAY_PICTURES_KEPT * width * height
        self._read: OrderedDict[int, tuple[OverlayPng, Overlay | None]] = OrderedDict()

    def read(self, captured: Sequence[OverlayPng]) -> list[Overlay]:
        """Those of the overlays that show anything."""
        overlays = (self._one(one) for one in captured)
        return [overlay for overlay in overlays if overlay is not None]

    def _one(self, captured: OverlayPng) -> Overlay | None:
        # In the order of frames, what a patch is on has just been read.
        todo = [captured]
        while id(todo[-1]) not in self._read and (onto := todo[-1].onto) is not None:
            todo.append(onto)
        overlay: Overlay | None = None
        for one in reversed(todo):
            if id(one) in self._read:
                self._read.move_to_end(id(one))
                overlay = self._read[id(one)][1]
                continue
            on = overlay
            overlay = read_overlay(self._reader, one.png, one.rect, self._size)
            if one.onto is not None:
                overlay = patched(on, overlay, one.rect, self._size)
                self._room += _pixels(self._read.pop(id(one.onto), None))
            kept = self._read[id(one)] = (one, overlay)
            self._room -= _pixels(kept)
            while self._room < 0 and len(self._read) > 1:
                self._room += _pixels(self._read.popitem(last=False)[1])
        return overlay


def _pixels(kept: tuple[OverlayPng, Overlay | None] | None) -> int:
    """The room that a decoded overlay takes."""
    if kept is None:
        return 0
    return max(_OVERLAY_PIXELS_MIN, kept[1].rect.area if kept[1] is not None else 0)


class Compositor:
    """Puts overlays on the frames of a plate. Used by one thread."""

    def __init__(self, loaded: LoadedPlan) -> None:
        plan = loaded.plan
        self._loaded = loaded
        self._overlays = OverlayReader(plan.width, plan.height)
        self.canvas = Canvas(plan.width, plan.height)

    def overlays(self, frame: LayerFrame) -> list[Overlay]:
        """The overlays of a frame that show anything.

        Raises:
            InkOutside: one may go on outside of what was captured.
        """
        found = self._overlays.read(frame.overlays)
        for overlay in found:
            if overlay.touches_edge:
                rect = overlay.rect
                raise InkOutside(f"frame {frame.index}, {rect.width}x{rect.height} at {rect.x}, {rect.y}")
        return found

    def draw(self, index: int, overlays: Sequence[Overlay]) -> None:
        """Fill the canvas with a frame."""
        self.canvas.fill(self._loaded.plate.frame(index))
        for overlay in (*overlays, *self._loaded.above(index)):
            blend(self.canvas.planes, overlay)


class _Writer:
    """Takes frames of the personal layer in order and makes segments. Used by one thread at a time."""

    def __init__(
        self, loaded: LoadedPlan, settings: EncoderSettings, gops: Sequence[range], cache: Cache, level: str
    ) -> None:
        self._settings = settings
        self._gops = deque(gops)
        self._cache = cache
        self._level = level
        self._loaded = loaded
        self._compositor = Compositor(loaded)
        self._encoder: GopEncoder | None = None
        #: Frames of this GOP that show nothing personal, as long as none has.
        self._bare: list[int] = []
        self.done = PlannedFrames(level=level)

    def take(self, frame: LayerFrame) -> None:
        began = time.perf_counter()
        self.done.captures += frame.captured
        self.done.encoded.captured_count += frame.captured > 0
        overlays = self._compositor.overlays(frame)
        if self._encoder is None and not overlays and self._level == "segments":
            self._bare.append(frame.index)
        else:
            self._flush_bare()
            self._add(frame.index, overlays)
        if frame.index == self._gops[0][-1]:
            self._close(self._gops[0])
            self._gops.popleft()
        self.done.encoded.encode_s += time.perf_counter() - began

    def _flush_bare(self) -> None:
        bare, self._bare = self._bare, []
        for index in bare:
            self._add(index, [])

    def _add(self, index: int, overlays: Sequence[Overlay]) -> None:
        if self._encoder is None:
            self._encoder = GopEncoder(self._settings)
        self._compositor.draw(index, overlays)
        picture = self._compositor.canvas.frame
        gop = self._gops[0]
        if index == gop.start:
            self.done.encoded.summaries[gop.start] = frame_summary(picture)
        self._encoder.add(picture)

    def _close(self, gop: range) -> None:
        encoded = self.done.encoded
        if self._encoder is not None:
            encoded.segments[gop.start] = self._encoder.finish()
            self._encoder = None
            return
        plan = self._loaded.plan
        facts = {"environment": plan.environment, "plate": plan.plate, "overlay": plan.overlay}
        key = segment_key(facts, gop, self._settings)
        stored = self._cache.get_bytes("segment", key)
        if stored is not None:
            with suppress(struct.error, ValueError):
                encoded.segments[gop.start], encoded.summaries[gop.start] = unpack_segment(stored)
                self._bare = []
                self.done.stored_segments += 1
                return
        self._flush_bare()
        assert self._encoder is not None
        segment = encoded.segments[gop.start] = self._encoder.finish()
        self._encoder = None
        with suppress(CacheFault):
            self._cache.put_bytes("segment", key, pack_segment(segment, encoded.summaries[gop.start]))


def encode_planned(
    page: Page,
    loaded: LoadedPlan,
    settings: EncoderSettings,
    gops: Sequence[range],
    cache: Cache,
    *,
    level: str,
    memory: LayerMemory,
    on_frame: Callable[[LayerFrame], None] = lambda _: None,
) -> PlannedFrames:
    """Make all segments of the row whose page is open.

    Args:
        level: "frames", "segments" or "bands".
        memory: what was captured of rows that looked the same.

    Raises:
        PlanMisfit: the row cannot be made by the plan. PlanWrong: the plan is wrong.
        PageError, FrameTimeout, BrowserCrash, EncodeError.
    """
    assert level in LEVELS[1:]
    plan = loaded.plan
    waiting_max = settings.gop_frames if level == "bands" else WAITING_MAX
    for margin in (0, EDGE_MARGIN):
        writer = writer_for(loaded, settings, gops, cache, level)
        size = (plan.width, plan.height)
        layer = PersonalLayer(page, plan.personal, scale=plan.scale, size=size, margin=margin, memory=memory)
        frames = (_checked(frame, plan) for frame in layer.frames(range(plan.frame_count), plan.fps))
        try:
            side_by_side(frames, writer.take, on_frame, waiting_max=waiting_max)
            break
        except InkOutside:
            if margin or page.stateful:
                raise PlanMisfit(
                    "Something personal is painted beyond the parts of the picture that are captured.",
                    rule="ink-outside",
                ) from None
    return writer.done


def writer_for(
    loaded: LoadedPlan, settings: EncoderSettings, gops: Sequence[range], cache: Cache, level: str
) -> _Writer | BandWriter:
    """What takes the frames of the personal layer."""
    if level != "bands":
        return _Writer(loaded, settings, gops, cache, level)
    done = PlannedFrames(level="segments")
    plan = loaded.plan
    compositor = Compositor(loaded)
    return BandWriter(loaded, compositor, settings, gops, cache, plan.bands, done, ranges=plan.ranges)


def _checked(frame: LayerFrame, plan: Plan) -> LayerFrame:
    if frame.rest != plan.rest[frame.index]:
        raise PlanWrong(
            f"At frame {frame.index}, elements that were taken for common to all rows look different.",
            plan=plan.digest,
            rule="rest-differs",
        )
    return frame


# ---- the rest of the picture --------------------------------------------------------------------


def look_at_rest(
    page: Page, personal: Sequence[str], frames: Sequence[int], fps: Fraction
) -> list[tuple[bytes, int]]:
    """The rest of the open page at some frames: a picture at a quarter of the size, and its looks as a
    number.
    """
    page.evaluate(f"__framepress.setLayers({json.dumps(list(personal))})")
    page.evaluate('__framepress.showLayer("rest")')
    size = page.look_at(None, scale=CHECK_SCALE)
    found = []
    wanted = set(frames)
    settled = False
    # A stateful page passes through every frame on its way.
    for index in range(max(frames) + 1) if page.stateful else sorted(wanted | {0}):
        page.seek(index, fps)
        if index in wanted:
            look = int(page.evaluate("__framepress.restLook(true)"))
            if not settled:
                # The view was moved: tiles of the first picture may not be there yet.
                picture_that_stays(page, index, size)
                settled = True
            found.append((page.picture(index, size), look))
    return found


def check_rest(page: Page, plan: Plan) -> None:
    """Compare the rest of the open page with the plan's at its moments.

    Raises:
        PlanWrong: it differs.
    """
    frames = [check.frame for check in plan.checks]
    misfit = ""
    for _ in range(1 if page.stateful else REST_TRIES):
        misfit = _rest_misfit(plan, look_at_rest(page, plan.personal, frames, plan.fps))
        if not misfit:
            return
    raise PlanWrong(misfit, plan=plan.digest, rule="rest-differs")


def _rest_misfit(plan: Plan, found: Sequence[tuple[bytes, int]]) -> str:
    """What is wrong with the rest of a row at the first moment at which it is not that of the plan, or ""."""
    for check, (picture, look) in zip(plan.checks, found, strict=True):
        if look != check.look:
            what = "elements that were taken for common to all rows have another style"
        elif picture != check.picture and not _alike(picture, check.picture):
            what = "the picture beside the personal elements is not the one that all rows share"
        else:
            continue
        return f"At frame {check.frame}, {what}."
    return ""


def _alike(one: bytes, other: bytes) -> bool:
    a, b = (PictureReader(2, 2).decode_png(png).to_ndarray(format="rgb24") for png in (one, other))
    if a.shape != b.shape:
        return False
    by = np.abs(a.astype(np.int16) - b.astype(np.int16)).max(axis=2)
    off = by > CHECK_OFF_MAX
    if largest_area(off)[0] <= CHECK_AREA_MAX:
        return True
    # An edge between two pixels of the small picture falls on one side or the other from load to load.
    thick = off[1:, 1:] & off[1:, :-1] & off[:-1, 1:] & off[:-1, :-1]
    return not thick.any() and int(by.max()) <= CHECK_EDGE_OFF_MAX
