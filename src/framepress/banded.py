"""One row by its plan and the plan's bands: only the bands in which it differs are put together and encoded.

A GOP may be cut in time as well: into the range in which rows differ, and what is before and behind. A range
with bands is encoded when all of its frames have come: then it is known what of it is personal, and whether
all of that lies in the bands. If not, the range of this row is encoded in one piece; its pictures are right
either way. A range without bands is encoded as its frames come, once something personal has shown.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from framepress.band_desk import Desk, reaches
from framepress.band_encode import Slices, still_slices
from framepress.band_layout import MARGIN, MB, Band, Layout, whole
from framepress.band_pieces import band_key, pack_band, unpack_band
from framepress.cache import Cache
from framepress.composite import Overlay
from framepress.encode import EncoderSettings, parameter_sets
from framepress.errors import CacheFault
from framepress.join import access_unit
from framepress.layered import LayerFrame
from framepress.loaded_plan import Compositor, LoadedPlan, PlannedFrames
from framepress.overlay_names import OverlayNames
from framepress.pictures import frame_summary
from framepress.streams import Segment

#: Frames behind a range that the encoder is shown and whose pictures are dropped: it gives the last pictures
#: that it sees fewer bits, because nothing refers to them. 4 dB were lost there without, and x264 looks 10
#: pictures ahead in `veryfast`.
FRAMES_AHEAD = 10


class LeavesBand(Exception):
    """Something personal reaches beyond its band, or nearly so."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A range of a GOP that is encoded by itself.

    Attributes:
        layout: its bands. full_pel: see `BandEncoder`.
    """

    frames: range
    gop: range
    layout: Layout
    full_pel: bool

    @property
    def start(self) -> int:
        """Pictures of the GOP before it."""
        return self.frames.start - self.gop.start

    @property
    def ahead(self) -> range:
        """Frames that the encoder is to see beyond it."""
        return range(self.frames.stop, min(self.gop.stop, self.frames.stop + FRAMES_AHEAD))


def _parts(
    gop: range,
    layouts: Sequence[Layout],
    ranges: Sequence[tuple[int, ...]],
    full_pel: Sequence[bool],
    settings: EncoderSettings,
) -> Iterator[_Part]:
    """The ranges of a GOP, in order."""
    number = gop.start // settings.gop_frames
    layout = layouts[number]
    if not any(band.personal for band in layout):
        # The plan knows of nothing personal here; a row may know better.
        layout = whole(settings.height)
    first, stop = ranges[number] if ranges else (gop.start, gop.stop)
    for frames, bands in (
        (range(gop.start, first), whole(settings.height)),
        (range(first, stop), layout),
        (range(stop, gop.stop), whole(settings.height)),
    ):
        if frames:
            yield _Part(frames, gop, bands, bool(full_pel) and full_pel[number])


class BandWriter:
    """Takes frames of the personal layer in order and makes segments. Used by one thread at a time.

    Args:
        layouts: the bands of each GOP of the clip. ranges, full_pel: see `Plan`.
        gops: those that are made.
        done: is filled in.
    """

    def __init__(
        self,
        loaded: LoadedPlan,
        compositor: Compositor,
        settings: EncoderSettings,
        gops: Sequence[range],
        cache: Cache,
        layouts: Sequence[Layout],
        done: PlannedFrames,
        *,
        ranges: Sequence[tuple[int, ...]] = (),
        full_pel: Sequence[bool] = (),
    ) -> None:
        plan = loaded.plan
        self._loaded = loaded
        self._compositor = compositor
        self._settings = settings
        self._parts = deque(part for gop in gops for part in _parts(gop, layouts, ranges, full_pel, settings))
        self._cache = cache
        self._facts = {"environment": plan.environment, "plate": plan.plate, "overlay": plan.overlay}
        self._frames: list[LayerFrame] = []
        #: Of a range without bands: its encoder, and how many of `_frames` it has.
        self._desk: Desk | None = None
        self._given = 0
        #: Access units of the GOP, as far as it is done.
        self._packets: list[bytes] = []
        self._names = OverlayNames(compositor.pixels)
        self.done = done

    def take(self, frame: LayerFrame) -> None:
        """The next frame."""
        began = time.perf_counter()
        self.done.captures += frame.captured
        self.done.encoded.captured_count += frame.captured > 0
        self._frames.append(frame)
        part = self._parts[0]
        if len(part.layout) == 1:
            self._stream(part)
        if frame.index == part.frames[-1]:
            self._parts.popleft()
            self._close(part, self._frames)
            self._frames, self._desk, self._given = [], None, 0
        self.done.encoded.encode_s += time.perf_counter() - began

    # ---- a range --------------------------------------------------------------------------------

    def _stream(self, part: _Part) -> None:
        """Encode what has come of a range without bands, if anything personal has."""
        if self._desk is None:
            if not self._compositor.overlays(self._frames[-1]):
                return
            self._desk = self._new_desk(part, part.layout[0])
        for frame in self._frames[self._given :]:
            self._desk.add(frame.index, self._overlays(frame, [self._desk]), self._loaded.above(frame.index))
        self._given = len(self._frames)

    def _new_desk(self, part: _Part, band: Band) -> Desk:
        return Desk(self._loaded, self._settings, band, part.start, full_pel=part.full_pel)

    def _close(self, part: _Part, frames: Sequence[LayerFrame]) -> None:
        if self._desk is not None:
            self._join(part, frames[0], [self._desk.finish(part.ahead)], part.layout)
        elif len(part.layout) == 1 or not any(map(self._compositor.overlays, self._captured(frames))):
            self._shared(part, frames)
        else:
            self._in_bands(part, frames)

    def _in_bands(self, part: _Part, frames: Sequence[LayerFrame]) -> None:
        done = self.done
        before, layout = done.stored_bands, part.layout
        try:
            bands = self._bands(part, frames, layout)
        except LeavesBand:
            done.stored_bands = before
            layout = whole(self._settings.height)
            bands = self._bands(part, frames, layout)
        self._join(part, frames[0], bands, layout)

    @staticmethod
    def _captured(frames: Sequence[LayerFrame]) -> Sequence[LayerFrame]:
        """One frame for each set of captures."""
        seen: set[tuple[int, ...]] = set()
        found = []
        for frame in frames:
            ids = tuple(map(id, frame.overlays))
            if ids and ids not in seen:
                seen.add(ids)
                found.append(frame)
        return found

    def _shared(self, part: _Part, frames: Sequence[LayerFrame]) -> None:
        """A range without anything personal, encoded once for all rows."""
        bare = [replace(frame, overlays=()) for frame in frames]
        before = self.done.stored_bands
        layout = whole(self._settings.height, personal=False)
        bands = self._bands(part, bare, layout)
        if self.done.stored_bands > before and part.frames == part.gop:
            self.done.stored_bands = before
            self.done.stored_segments += 1
        self._join(part, bare[0], bands, layout)

    def _join(
        self, part: _Part, first: LayerFrame, bands: Sequence[Sequence[Slices]], layout: Layout
    ) -> None:
        encoded = self.done.encoded
        for number in range(len(part.frames)):
            self._packets.append(access_unit([nal for band in bands for nal in band[number]]))
        if not part.start:
            self._compositor.draw(first.index, self._compositor.overlays(first))
            encoded.summaries[part.gop.start] = frame_summary(self._compositor.canvas.frame)
        # Told from the slices, not from how they came about: who finds a band in the cache must say of its
        # clip, byte for byte, what the one that made it says.
        if len(layout) > 1 or part.frames != part.gop or self._leaves_out(bands[0], layout[0], part.start):
            self.done.level = "bands"
        if part.frames.stop == part.gop.stop:
            encoded.segments[part.gop.start] = Segment(tuple(self._packets), parameter_sets(self._settings))
            self._packets = []

    def _leaves_out(self, slices: Sequence[Slices], band: Band, start: int) -> bool:
        """Whether pictures that show what the one before does were not encoded."""
        return any(
            slices[number] == still_slices(self._settings, band, start + number)
            for number in range(1, len(slices))
        )

    # ---- bands of a range -----------------------------------------------------------------------

    def _bands(self, part: _Part, frames: Sequence[LayerFrame], layout: Layout) -> list[list[Slices]]:
        """Per band, the slices of each frame.

        Raises:
            LeavesBand: see there. InkOutside: see `planned`.
        """
        keys = [self._key(part, frames, band) for band in layout]
        made = [self._stored(key) for key in keys]
        missing = [number for number, found in enumerate(made) if found is None]
        fresh = self._encoded(part, frames, layout, missing)
        for number, slices in zip(missing, fresh, strict=True):
            made[number] = slices
            self._keep(keys[number], layout[number], slices)
        return [slices for slices in made if slices is not None]

    def _key(self, part: _Part, frames: Sequence[LayerFrame], band: Band) -> str | None:
        """Under which a band is kept; None: not at all, being a whole picture of one row."""
        lines = band.lines(self._settings.height)
        if band.personal and lines == (0, self._settings.height):
            return None
        personal: list[list[object]] = []
        if band.personal:
            for frame in frames:
                shown = [one for one in frame.overlays if reaches(one.rect, lines)]
                personal.append([[*one.rect.as_list(), self._names.everywhere(one)] for one in shown])
        shown_ever = personal if any(personal) else []
        return band_key(self._facts, part.frames, band, self._settings, shown_ever, full_pel=part.full_pel)

    def _stored(self, key: str | None) -> list[Slices] | None:
        stored = self._cache.get_bytes("band", key) if key is not None else None
        if stored is not None:
            with suppress(struct.error, ValueError):
                found = unpack_band(stored)
                self.done.stored_bands += 1
                return found
        return None

    def _keep(self, key: str | None, band: Band, slices: Sequence[Slices]) -> None:
        if key is not None and (not band.personal or self._loaded.seen_bands.again(key)):
            with suppress(CacheFault):
                self._cache.put_bytes("band", key, pack_band(slices))

    def _encoded(
        self, part: _Part, frames: Sequence[LayerFrame], layout: Layout, wanted: Sequence[int]
    ) -> list[list[Slices]]:
        """Some of the bands, side by side, so that every capture is decoded once."""
        if not wanted:
            return []
        desks = [self._new_desk(part, layout[number]) for number in wanted]
        inside = [] if len(layout) == 1 else _inner_lines(layout, self._settings.height)
        for frame in frames:
            overlays = self._overlays(frame, [desk for desk in desks if desk.band.personal])
            for overlay, _ in overlays:
                if inside and not any(
                    top <= overlay.rect.y and overlay.rect.bottom <= bottom for top, bottom in inside
                ):
                    raise LeavesBand
            above = self._loaded.above(frame.index)
            for desk in desks:
                desk.add(frame.index, overlays if desk.band.personal else (), above)
        return [desk.finish(part.ahead) for desk in desks]

    def _overlays(self, frame: LayerFrame, desks: Sequence[Desk]) -> list[tuple[Overlay, str]]:
        """The overlays of a frame that show anything in one of the bands, with their digests."""
        found = []
        for one in frame.overlays:
            if any(reaches(one.rect, desk.lines) for desk in desks):
                for overlay in self._compositor.overlays(replace(frame, overlays=(one,))):
                    found.append((overlay, self._names.in_row(one)))
        return found


def _inner_lines(layout: Layout, height: int) -> list[tuple[int, int]]:
    """Lines of each personal band that are far enough from its cuts."""
    return [
        (
            band.first * MB + MARGIN if band.first else 0,
            band.stop * MB - MARGIN if band.stop * MB < height else height,
        )
        for band in layout
        if band.personal
    ]
