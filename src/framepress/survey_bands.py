"""Part of a survey: bands and ranges for each GOP, tried on the rows that are verified.

planned from motion and personal areas -> the two rows joined and encoded whole, both decoded and compared
where rows differ in a part of a GOP only: cut in time first -> or not
with vectors to whole samples first -> to half samples
a GOP that is worse in every way: the same cuts with guards -> one piece
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from framepress.band_check import GROWTH_MAX, Packed, Quality, quality, worse
from framepress.band_encode import UNEVEN_PRESETS
from framepress.band_layout import Layout, check_layout, whole
from framepress.band_planner import Loudness, Luma, Span, loudness, plan_layout
from framepress.banded import BandWriter
from framepress.cache import Cache
from framepress.composite import packed
from framepress.encode import FULL_PEL_PRESETS, EncoderSettings, GopEncoder
from framepress.freed_memory import give_back_memory
from framepress.layered import LayerFrame
from framepress.loaded_plan import Compositor, LoadedPlan, PlannedFrames
from framepress.rects import Rect
from framepress.streams import Segment

#: Frames before or behind what is personal that are worth a range of their own: its first picture is coded
#: without a reference, which takes as much as some ten others.
RANGE_FRAMES_MIN = 12

#: Share by which pictures may be larger with vectors to whole samples. It leaves rows that were not tried
#: some room to what joined pictures may be larger by.
FULL_PEL_GROWTH_MAX = 0.08

#: Loudness that makes a cut one with guards, or none at all.
_LOUD = 255

Beat = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class BandPlan:
    """What was found.

    Attributes:
        layouts: per GOP. because: why no GOP has bands; "": some have.
        ranges, full_pel: see `Plan`.
    """

    layouts: tuple[Layout, ...]
    because: str = ""
    ranges: tuple[tuple[int, ...], ...] = ()
    full_pel: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class _Way:
    """How a GOP may be encoded: its bands, the range in which rows differ, and its vectors."""

    layout: Layout
    seen: range
    full_pel: bool = False


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
        self._plain: dict[tuple[int, int], Segment] = {}
        self._plain_found: dict[tuple[int, int, tuple[int, ...]], Quality] = {}

    def run(self) -> BandPlan:
        """Plan, try and settle."""
        if self._settings.preset in UNEVEN_PRESETS:
            because = f"the preset {self._settings.preset} sets quality by the whole picture"
            return BandPlan((self._whole,) * len(self._gops), because)
        ways, reasons = [], []
        for gop in self._gops:
            way, because = self._settle(gop)
            ways.append(way)
            reasons.append(because)
        cut = any(len(way.layout) > 1 for way in ways)
        return BandPlan(
            layouts=tuple(way.layout for way in ways),
            because="" if cut else next(filter(None, reasons), "no interval is personal"),
            ranges=tuple((way.seen.start, way.seen.stop) for way in ways),
            full_pel=tuple(way.full_pel for way in ways),
        )

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

    def _settle(self, gop: range) -> tuple[_Way, str]:
        """The first way in which no row is worse, and why the pictures are not cut into bands, if not."""
        spans = self._spans(gop)
        if not spans:
            return _Way(whole(self._settings.height, personal=False), gop), ""
        loud = self._loudness(gop)
        because = "what is personal takes nearly the whole height of the picture"
        # The second time with guards where there were none.
        for heard in (loud, np.full_like(loud, _LOUD)):
            layout = plan_layout(spans, heard, self._settings.height)
            if len(layout) == 1:
                break
            check_layout(layout, self._settings.height)
            for way in self._ways(gop, layout):
                because = self._tried(gop, way)
                if not because:
                    return way, ""
        return next(way for way in self._ways(gop, self._whole) if not self._tried(gop, way)), because

    def _ways(self, gop: range, layout: Layout) -> Iterator[_Way]:
        """What a layout is tried with, the fastest first."""
        for seen in dict.fromkeys((self._seen(gop), gop)):
            if self._settings.preset in FULL_PEL_PRESETS:
                yield _Way(layout, seen, full_pel=True)
            yield _Way(layout, seen)

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

    def _tried(self, gop: range, way: _Way) -> str:
        """What is worse in this way than in one piece; "": nothing."""
        if way == _Way(self._whole, gop):
            return ""
        # What vectors do to a picture in one piece follows from how things move, and rows move alike.
        rows = self._layers if len(way.layout) > 1 or way.seen != gop else self._layers[:1]
        cuts = tuple(band.first for band in way.layout[1:])
        growth_max = FULL_PEL_GROWTH_MAX if way.full_pel else GROWTH_MAX
        for number, layer in enumerate(rows):
            frames = layer[gop.start : gop.stop]
            joined = self._joined(gop, frames, way)
            if joined is None:
                continue
            height = self._settings.height

            def source(frame: int, shown: Sequence[LayerFrame] = frames) -> Packed:
                return self._drawn(shown[frame])

            found = quality(joined, source, height, cuts)
            key = (gop.start, number, cuts)
            if key not in self._plain_found:
                self._plain_found[key] = quality(self._encoded(gop, number, frames), source, height, cuts)
            because = worse(found, self._plain_found[key], growth_max=growth_max)
            if because:
                return because
        return ""

    def _joined(self, gop: range, frames: Sequence[LayerFrame], way: _Way) -> Segment | None:
        """The row's GOP in a way; None: it is what `_encoded` gives, for the row shows nothing personal."""
        layouts = [way.layout if other == gop else self._whole for other in self._gops]
        done = PlannedFrames(level="segments")
        ranges = [
            (way.seen.start, way.seen.stop) if other == gop else (other.start, other.stop)
            for other in self._gops
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
            full_pel=[way.full_pel] * len(self._gops),
        )
        # Encoders of other sizes come after each other here: what one frees the next cannot always use.
        give_back_memory()
        for frame in frames:
            self._beat(frame.index)
            writer.take(frame)
        return done.encoded.segments[gop.start] if way.full_pel or done.level == "bands" else None

    def _encoded(self, gop: range, row: int, frames: Sequence[LayerFrame]) -> Segment:
        """The row's GOP encoded whole; the next try needs it again."""
        if (gop.start, row) not in self._plain:
            give_back_memory()
            encoder = GopEncoder(self._settings)
            for frame in frames:
                self._beat(frame.index)
                self._compositor.draw(frame.index, self._compositor.overlays(frame))
                encoder.add(self._compositor.canvas.frame)
            self._plain[gop.start, row] = encoder.finish()
        return self._plain[gop.start, row]

    def _drawn(self, frame: LayerFrame) -> Packed:
        self._compositor.draw(frame.index, self._compositor.overlays(frame))
        return packed(self._compositor.canvas.frame)
