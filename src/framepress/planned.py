"""One row by its plan: the rest is checked, the personal layer captured, put on the plate, encoded.

The row's page is compared with the plan at every frame (how everything that is not personal looks) and at a
few moments by pixels (`rest_check`). What does not fit raises `PlanMisfit` (this row is rendered plain) or
`PlanWrong` (the plan is given up).
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from framepress.banded import BandWriter
from framepress.cache import Cache
from framepress.composite import Overlay
from framepress.encode import EncoderSettings, GopEncoder
from framepress.errors import CacheFault, PlanMisfit, PlanWrong
from framepress.frames_to_segments import WAITING_MAX, side_by_side
from framepress.layered import LayerFrame, LayerMemory, PersonalLayer
from framepress.loaded_plan import Compositor, InkOutside, LoadedPlan, PlannedFrames
from framepress.met import MetCheck
from framepress.page import Page
from framepress.pictures import frame_summary
from framepress.plan import LEVELS, Plan
from framepress.segment_pieces import pack_segment, segment_key, unpack_segment

#: CSS pixels by which parts are larger at the second try, if something was painted on the edge of one.
EDGE_MARGIN = 64


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
        met = MetCheck(page, plan, loaded.met)
        shown = layer.frames(range(plan.frame_count), plan.fps, watched=met.check)
        frames = (_checked(frame, plan) for frame in shown)
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
    return BandWriter(
        loaded,
        compositor,
        settings,
        gops,
        cache,
        plan.bands,
        done,
        ranges=plan.ranges,
        full_pel=plan.full_pel,
    )


def _checked(frame: LayerFrame, plan: Plan) -> LayerFrame:
    if frame.rest != plan.rest[frame.index]:
        raise PlanWrong(
            f"At frame {frame.index}, elements that were taken for common to all rows look different.",
            plan=plan.digest,
            rule="rest-differs",
        )
    return frame
