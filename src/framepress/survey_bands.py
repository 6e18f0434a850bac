"""The last part of a survey: bands and ranges for each GOP, tried on the rows that were verified.

planned from motion and personal areas -> the two rows joined and encoded whole, both decoded and compared
a GOP that is worse: the same cuts with guards -> one piece
where rows differ in a part of a GOP only: the same once more, cut in time -> or not
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from framepress.band_check import Packed, quality, worse
from framepress.band_encode import UNEVEN_PRESETS
from framepress.band_layout import Layout, check_layout, whole
from framepress.band_planner import Loudness, Luma, Span, loudness, plan_layout
from framepress.banded import BandWriter
from framepress.cache import Cache
from framepress.composite import packed
from framepress.encode import EncoderSettings, GopEncoder
from framepress.freed_memory import give_back_memory
from framepress.layered import LayerFrame
from framepress.loaded_plan import Compositor, LoadedPlan, PlannedFrames
from framepress.rects import Rect
from framepress.streams import Segment

#: Frames before or behind what is personal that are worth a range of their own: its first picture is coded
#: without a reference, which takes as much as some ten others.
RANGE_FRAMES_MIN = 12

#: Loudness that makes a cut one with guards, or none at all.
_LOUD = 255

Beat = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class BandPlan:
    """What was found.

    Attributes:
        layouts: per GOP. because: why no GOP has bands; "": some have.
        ranges: `Plan.ranges`.
    """

    layouts: tuple[Layout, ...]
    because: str = ""
    ranges: tuple[tuple[int, ...], ...] = ()


class BandSurvey:
    """Finds the bands of a plan.

    Args:
        loaded: the plan, without bands.
        layers: the personal layers of the verified rows.
        beat: called with the frame that is worked on.
    """

    def __init__(
        self,
        loaded: LoadedPlan,
        settings: EncoderSettings,
        gops: Sequence[range],
        layers: Sequence[Sequence[LayerFrame]],
        cache: Cache,
        beat: Beat,
    ) -> None:
        self._loaded = loaded
        self._settings = settings
        self._gops = gops
        self._layers = layers
        self._cache = cache
        self._beat = beat
        self._compositor = Compositor(loaded)
        self._whole = whole(settings.height)
        self._shown_in: dict[int, list[tuple[int, Rect]]] = {}
        self._plain_gops: dict[tuple[int, int], Segment] = {}

    def run(self) -> BandPlan:
        """Plan, try and settle."""
        if self._settings.preset in UNEVEN_PRESETS:
            because = f"the preset {self._settings.preset} sets quality by the whole picture"
            return BandPlan((self._whole,) * len(self._gops), because)
        layouts, reasons, ranges = [], [], []
        for gop in self._gops:
            layout, because = self._settle(gop)
            layouts.append(layout)
            reasons.append(because)
            seen = self._seen(gop)
            if seen != gop and self._tried(gop, layout, seen):
                seen = gop
            ranges.append((seen.start, seen.stop))
        cut = any(len(layout) > 1 for layout in layouts)
        because = "" if cut else next(filter(None, reasons), "no interval is personal")
        return BandPlan(tuple(layouts), because, tuple(ranges))

    def _seen(self, gop: range) -> range:
        """The frames of a GOP at which anything personal may be seen; all of them, if that is nearly so."""
        plan = self._loaded.plan
        spans = [(max(gop.start, one[0]), min(gop.stop, one[-1] + 1)) for one in plan.personal_frames if one]
        found = {edge for first, stop in spans if first < stop for edge in (first, stop - 1)}
        found.update(index for index, _ in self._shown(gop))
        if not found:
            return gop
        first, stop = min(found), max(found) + 1
        if first - gop.start < RANGE_FRAMES_MIN:
            first = gop.start
        if gop.stop - stop < RANGE_FRAMES_MIN:
            stop = gop.stop
        return range(first, stop)

    def _settle(self, gop: range) -> tuple[Layout, str]:
        spans = self._spans(gop)
        if not spans:
            return whole(self._settings.height, personal=False), ""
        loud = self._loudness(gop)
        because = "what is personal takes nearly the whole height of the picture"
        for _ in range(2):
            layout = plan_layout(spans, loud, self._settings.height)
            if len(layout) == 1:
                return self._whole, because
            check_layout(layout, self._settings.height)
            because = self._tried(gop, layout, gop)
            if not because:
                return layout, ""
            # Once more, with guards where there were none.
            loud = np.full_like(loud, _LOUD)
        return self._whole, because

    def _spans(self, gop: range) -> list[Span]:
        """Lines of each personal part that may be seen in a GOP, in any row that was surveyed."""
        plan = self._loaded.plan
        seen = [
            Span(area.y, area.bottom)
            for area, frames in zip(plan.areas, plan.personal_frames, strict=True)
            if area is not None and frames and frames[0] < gop.stop and gop.start <= frames[-1]
        ]
        seen += [Span(rect.y, rect.bottom) for _, rect in self._shown(gop)]
        return sorted(set(seen), key=lambda span: (span.top, span.bottom))

    def _shown(self, gop: range) -> list[tuple[int, Rect]]:
        """Frame and place of each overlay that shows anything in a GOP, in any of the verified rows."""
        if gop.start not in self._shown_in:
            self._shown_in[gop.start] = [
                (index, overlay.rect)
                for layer in self._layers
                for index in gop
                for overlay in self._compositor.overlays(layer[index])
            ]
        return self._shown_in[gop.start]

    # ---- pictures that all rows share ----------------------------------------------------------

    def _loudness(self, gop: range) -> Loudness:
        return loudness(self._shared_luma(gop), self._settings.height)

    def _shared_luma(self, gop: range) -> Iterator[Luma]:
        canvas = self._compositor.canvas
        for index in gop:
            self._beat(index)
            self._compositor.draw(index, [])
            yield canvas.planes[0].copy()

    # ---- trying --------------------------------------------------------------------------------

    def _tried(self, gop: range, layout: Layout, seen: range) -> str:
        """What is worse with these bands, and cut at the ends of `seen`; "": nothing."""
        cuts = [band.first for band in layout[1:]]
        for number, layer in enumerate(self._layers):
            frames = layer[gop.start : gop.stop]
            joined = self._joined(gop, frames, layout, seen)
            if joined is None:
                continue
            height = self._settings.height

            def source(frame: int, shown: Sequence[LayerFrame] = frames) -> Packed:
                return self._drawn(shown[frame])

            found = quality(joined, source, height, cuts)
            because = worse(found, quality(self._plain(gop, number, frames), source, height, cuts))
            if because:
                return because
        return ""

    def _joined(
        self, gop: range, frames: Sequence[LayerFrame], layout: Layout, seen: range
    ) -> Segment | None:
        """The row's GOP in bands; None: it shows nothing personal."""
        layouts = [layout if other == gop else self._whole for other in self._gops]
        done = PlannedFrames(level="segments")
        ranges = [
            (seen.start, seen.stop) if other == gop else (other.start, other.stop) for other in self._gops
        ]
        writer = BandWriter(
            self._loaded,
            self._compositor,
            self._settings,
            [gop],
            self._cache,
            layouts,
            done,
            ranges=ranges,
        )
        # Encoders of other sizes come after each other here: what one frees the next cannot always use.
        give_back_memory()
        for frame in frames:
            self._beat(frame.index)
            writer.take(frame)
        return done.encoded.segments[gop.start] if done.level == "bands" else None

    def _plain(self, gop: range, row: int, frames: Sequence[LayerFrame]) -> Segment:
        """The row's GOP encoded whole; the next try needs it again."""
        if (gop.start, row) not in self._plain_gops:
            give_back_memory()
            encoder = GopEncoder(self._settings)
            for frame in frames:
                self._beat(frame.index)
                self._compositor.draw(frame.index, self._compositor.overlays(frame))
                encoder.add(self._compositor.canvas.frame)
            self._plain_gops[gop.start, row] = encoder.finish()
        return self._plain_gops[gop.start, row]

    def _drawn(self, frame: LayerFrame) -> Packed:
        self._compositor.draw(frame.index, self._compositor.overlays(frame))
        return packed(self._compositor.canvas.frame)
