"""One row by its plan and the plan's bands: only the bands in which it differs are put together and encoded.

A GOP with bands is encoded when all of its frames have come: then it is known what of it is personal, and
whether all of that lies in the bands. If not, the GOP of this row is encoded in one piece; its pictures are
right either way. A GOP without bands is encoded as its frames come, once something personal has shown.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from framepress.band_canvas import BandCanvas, StillLines
from framepress.band_encode import BandEncoder, Slices, still_slices
from framepress.band_layout import MARGIN, MB, Band, Layout, whole
from framepress.band_pieces import band_key, pack_band, unpack_band
from framepress.cache import Cache
from framepress.composite import Overlay
from framepress.encode import EncoderSettings, parameter_sets
from framepress.errors import CacheFault
from framepress.join import access_unit
from framepress.layered import LayerFrame, OverlayPng
from framepress.pictures import frame_summary
from framepress.rects import Rect
from framepress.streams import Segment

if TYPE_CHECKING:
    from framepress.planned import Compositor, LoadedPlan, PlannedFrames

#: Keys of personal bands that a worker remembers. What comes a second time is kept in the cache; what comes
#: once, as nearly all of them do, is not written at all.
SEEN_MAX = 10_000


class LeavesBand(Exception):
    """Something personal reaches beyond its band, or nearly so."""


class SeenBands:
    """Keys of bands that were encoded here before."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()

    def again(self, key: str) -> bool:
        """Whether it has been asked for before."""
        known = key in self._keys
        self._keys[key] = None
        if len(self._keys) > SEEN_MAX:
            self._keys.popitem(last=False)
        return known


class BandWriter:
    """Takes frames of the personal layer in order and makes segments. Used by one thread at a time.

    Args:
        layouts: the bands of each GOP of the clip.
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
    ) -> None:
        plan = loaded.plan
        self._loaded = loaded
        self._compositor = compositor
        self._settings = settings
        self._gops = deque(gops)
        self._cache = cache
        self._layouts = layouts
        self._facts = {"environment": plan.environment, "plate": plan.plate, "overlay": plan.overlay}
        self._frames: list[LayerFrame] = []
        #: Of a GOP without bands: its encoder, and how many of `_frames` it has.
        self._desk: _Desk | None = None
        self._given = 0
        self._digests: dict[int, tuple[OverlayPng, str]] = {}
        self.done = done

    def take(self, frame: LayerFrame) -> None:
        """The next frame."""
        began = time.perf_counter()
        self.done.captures += frame.captured
        self.done.encoded.captured_count += frame.captured > 0
        self._frames.append(frame)
        gop = self._gops[0]
        layout = self._layouts[gop.start // self._settings.gop_frames]
        if not any(band.personal for band in layout):
            # The plan knows of nothing personal here; a row may know better.
            layout = whole(self._settings.height)
        if len(layout) == 1:
            self._stream(layout[0])
        if frame.index == gop[-1]:
            self._gops.popleft()
            self._close(gop, self._frames, layout)
            self._frames, self._desk, self._given = [], None, 0
        self.done.encoded.encode_s += time.perf_counter() - began

    # ---- a GOP ----------------------------------------------------------------------------------

    def _stream(self, band: Band) -> None:
        """Encode what has come of a GOP without bands, if anything personal has."""
        if self._desk is None:
            if not self._compositor.overlays(self._frames[-1]):
                return
            self._desk = _Desk(self._loaded, self._settings, band)
        for frame in self._frames[self._given :]:
            self._desk.add(frame.index, self._overlays(frame, [self._desk]), self._loaded.above(frame.index))
        self._given = len(self._frames)

    def _close(self, gop: range, frames: Sequence[LayerFrame], layout: Layout) -> None:
        if self._desk is not None:
            self._join(gop, frames[0], [self._desk.encoder.finish()], layout)
        elif len(layout) == 1 or not any(map(self._compositor.overlays, self._captured(frames))):
            self._shared(gop, frames)
        else:
            self._in_bands(gop, frames, layout)

    def _in_bands(self, gop: range, frames: Sequence[LayerFrame], layout: Layout) -> None:
        done = self.done
        before = done.stored_bands
        try:
            bands = self._bands(gop, frames, layout)
        except LeavesBand:
            done.stored_bands = before
            layout = whole(self._settings.height)
            bands = self._bands(gop, frames, layout)
        self._join(gop, frames[0], bands, layout)

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

    def _shared(self, gop: range, frames: Sequence[LayerFrame]) -> None:
        """A GOP without anything personal, encoded once for all rows."""
        bare = [replace(frame, overlays=()) for frame in frames]
        before = self.done.stored_bands
        layout = whole(self._settings.height, personal=False)
        bands = self._bands(gop, bare, layout)
        if self.done.stored_bands > before:
            self.done.stored_bands = before
            self.done.stored_segments += 1
        self._join(gop, bare[0], bands, layout)

    def _join(self, gop: range, first: LayerFrame, bands: Sequence[Sequence[Slices]], layout: Layout) -> None:
        packets = [access_unit([nal for band in bands for nal in band[number]]) for number in range(len(gop))]
        encoded = self.done.encoded
        encoded.segments[gop.start] = Segment(tuple(packets), parameter_sets(self._settings))
        self._compositor.draw(first.index, self._compositor.overlays(first))
        encoded.summaries[gop.start] = frame_summary(self._compositor.canvas.frame)
        # Told from the slices, not from how they came about: who finds a band in the cache must say of its
        # clip, byte for byte, what the one that made it says.
        if len(layout) > 1 or self._leaves_out(bands[0], layout[0]):
            self.done.level = "bands"

    def _leaves_out(self, slices: Sequence[Slices], band: Band) -> bool:
        """Whether pictures that show what the one before does were not encoded."""
        return any(
            slices[number] == still_slices(self._settings, band, number) for number in range(1, len(slices))
        )

    # ---- bands of a GOP -------------------------------------------------------------------------

    def _bands(self, gop: range, frames: Sequence[LayerFrame], layout: Layout) -> list[list[Slices]]:
        """Per band, the slices of each frame.

        Raises:
            LeavesBand: see there. InkOutside: see `planned`.
        """
        keys = [self._key(gop, frames, band) for band in layout]
        made = [self._stored(key) for key in keys]
        missing = [number for number, found in enumerate(made) if found is None]
        fresh = self._encoded(frames, layout, missing)
        for number, slices in zip(missing, fresh, strict=True):
            made[number] = slices
            self._keep(keys[number], layout[number], slices)
        return [slices for slices in made if slices is not None]

    def _key(self, gop: range, frames: Sequence[LayerFrame], band: Band) -> str | None:
        """Under which a band is kept; None: not at all, being a whole picture of one row."""
        lines = band.lines(self._settings.height)
        if band.personal and lines == (0, self._settings.height):
            return None
        personal: list[list[object]] = []
        if band.personal:
            for frame in frames:
                shown = [one for one in frame.overlays if _reaches(one.rect, lines)]
                personal.append([[*_edges(one.rect), self._digest(one)] for one in shown])
        return band_key(self._facts, gop, band, self._settings, personal if any(personal) else [])

    def _digest(self, one: OverlayPng) -> str:
        if id(one) not in self._digests:
            if len(self._digests) > SEEN_MAX:
                self._digests.clear()
            self._digests[id(one)] = (one, hashlib.sha256(one.png).hexdigest())
        return self._digests[id(one)][1]

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
        self, frames: Sequence[LayerFrame], layout: Layout, wanted: Sequence[int]
    ) -> list[list[Slices]]:
        """Some of the bands, side by side, so that every capture is decoded once."""
        if not wanted:
            return []
        desks = [_Desk(self._loaded, self._settings, layout[number]) for number in wanted]
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
        return [desk.encoder.finish() for desk in desks]

    def _overlays(self, frame: LayerFrame, desks: Sequence[_Desk]) -> list[tuple[Overlay, str]]:
        """The overlays of a frame that show anything in one of the bands, with their digests."""
        found = []
        for one in frame.overlays:
            if any(_reaches(one.rect, desk.lines) for desk in desks):
                for overlay in self._compositor.overlays(replace(frame, overlays=(one,))):
                    found.append((overlay, self._digest(one)))
        return found


class _Desk:
    """A band on which work is going on: its lines, what they showed last, its encoder."""

    def __init__(self, loaded: LoadedPlan, settings: EncoderSettings, band: Band) -> None:
        self.band = band
        self.lines = band.lines(settings.height)
        self.encoder = BandEncoder(settings, band)
        self._loaded = loaded
        self._still: StillLines = loaded.still_lines
        self._canvas = BandCanvas(settings.width, settings.height, self.lines)
        self._shown: tuple[str, ...] | None = None
        self._above: list[Overlay] = []

    def add(self, index: int, overlays: Sequence[tuple[Overlay, str]], above: Sequence[Overlay]) -> None:
        """A frame, the one after the last."""
        here = [(one, digest) for one, digest in overlays if _reaches(one.rect, self.lines)]
        over = [one for one in above if _reaches(one.rect, self.lines)]
        # A capture may be shown elsewhere later.
        shown = tuple(f"{_edges(one.rect)} {digest}" for one, digest in here)
        same_above = len(over) == len(self._above) and all(map(_same, over, self._above))
        if shown == self._shown and same_above and self._still.still(index, self.lines):
            self.encoder.repeat()
            return
        self._shown, self._above = shown, over
        self._canvas.fill_lines(self._loaded.plate.frame(index))
        for one in (*(overlay for overlay, _ in here), *over):
            self._canvas.put(one)
        self.encoder.add(self._canvas.frame)


def _same(one: object, other: object) -> bool:
    return one is other


def _edges(rect: Rect) -> list[int]:
    return [rect.x, rect.y, rect.width, rect.height]


def _reaches(rect: Rect, lines: tuple[int, int]) -> bool:
    return rect.y < lines[1] and lines[0] < rect.bottom


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
