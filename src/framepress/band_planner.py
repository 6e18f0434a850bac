"""Which bands the picture of each GOP is cut into: pure and deterministic.

    loudness    per cut, from the pictures that all rows share: what a vector over the cut could do there
    layouts     per GOP, from where personal parts are and from loudness: the cheapest bands, or one

Costs are in rows of macroblocks that a row of the list has encoded: x264's time for a picture is nearly
proportional to its size, whatever it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from framepress.band_layout import GUARD_ROWS_MIN, MARGIN, MB, Band, Layout, row_count, whole

#: Code values of luma up to which a cut counts as quiet; see `loudness`. A glow of 1,500 pixels that moves
#: and grows within six seconds makes 2, text that rises 100 and more; a soft texture that drifts by less than
#: a pixel per frame makes 4, and that is enough to do harm.
QUIET_MAX = 3

#: Lines on both sides of a cut in which motion counts: blocks that reach over it lie there.
_NEAR_ROWS = 3

#: Lines beyond a cut that vectors see without a guard (24 and the filter's 3).
_SEEN = 27

#: Rows by which a band may be larger than it must be, to reach a better cut.
_STRETCH_MAX = 12

#: Heights of slices that are tried under a guard.
_SLICE_ROWS_MAX = 12

#: What one slice more per picture costs, in rows: its bytes are what counts, 20 to 80.
_SLICE_COST = 0.4

#: Rows of a band that all rows of the list share, below which it is not worth its slices.
_SHARED_ROWS_MIN = 4

#: Share of the rows of a picture up to which bands are worth while; above it, whole pictures are encoded.
WORTH_MAX = 0.9

Luma = NDArray[np.uint8]
Loudness = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Span:
    """Lines of pixels in which something personal may be: `top` is the first, `bottom` the first below."""

    top: int
    bottom: int


# ---- how loud a cut is --------------------------------------------------------------------------


def loudness(pictures: Iterable[Luma], height: int) -> Loudness:
    """How much harm a vector over each cut could do, in code values of luma; index: rows above the cut.

    Where nothing changes from one picture to the next, vectors stay zero; where lines beyond the cut look as
    the last one before it, which is what the encoder of a band sees there, they find what they expect. So for
    16 columns it is the smaller of the two: the largest change near the cut, and the largest difference
    between the edge and the lines that may be seen beyond it. The loudest columns of all pictures count.

    Args:
        pictures: luma of consecutive pictures of a GOP, uint8, shape (height, width); equal ones may be left
            out.
    """
    rows = row_count(height)
    loud = np.zeros(rows + 1, np.int16)
    before: NDArray[np.int16] | None = None
    for picture in pictures:
        # Every second column is enough to see an edge of anything that is not a single pixel wide.
        now = picture[:, ::2].astype(np.int16)
        if before is not None:
            moved = _maxima(np.abs(now - before), rows)
            if int(moved.max()) > QUIET_MAX:
                for cut in range(1, rows):
                    loud[cut] = max(loud[cut], _harm(now, moved, cut))
        before = now
    return loud


def _harm(now: NDArray[np.int16], moved: NDArray[np.int16], cut: int) -> int:
    near = moved[max(0, cut - _NEAR_ROWS) : cut + _NEAR_ROWS].max(axis=0)
    loudest = int(near.max())
    if loudest <= QUIET_MAX:
        return loudest
    line = cut * MB
    above, below = now[max(0, line - _SEEN) : line], now[line : line + _SEEN]
    contrast = np.maximum(
        np.abs(below - above[-1]).max(axis=0),
        np.abs(above - below[0]).max(axis=0),
    )
    return int(np.minimum(near, _columns(contrast[None])[0]).max())


def _maxima(values: NDArray[np.int16], rows: int) -> NDArray[np.int16]:
    """Largest value of each macroblock."""
    missing = rows * MB - values.shape[0]
    if missing:
        values = np.pad(values, ((0, missing), (0, 0)))
    lines: NDArray[np.int16] = values.reshape(rows, MB, -1).max(axis=1)
    return _columns(lines)


def _columns(lines: NDArray[np.int16]) -> NDArray[np.int16]:
    """Largest value of 16 columns, of which every second one is there."""
    width = lines.shape[1]
    if missing := -width % (MB // 2):
        lines = np.pad(lines, ((0, 0), (0, missing)))
    found: NDArray[np.int16] = lines.reshape(lines.shape[0], -1, MB // 2).max(axis=2)
    return found


# ---- bands --------------------------------------------------------------------------------------


def cost(layout: Layout) -> float:
    """What a row of the list has to encode, in rows of macroblocks."""
    rows = sum(band.encoded_rows for band in layout if band.personal)
    slices = sum(-(-band.rows // band.slice_rows) for band in layout)
    return rows + _SLICE_COST * (slices - 1)


def plan_layout(spans: Sequence[Span], loud: Loudness, height: int, *, guards: bool = True) -> Layout:
    """The bands of a GOP.

    Args:
        spans: lines with something personal in them, in any order; none: the picture is the same for all.
        loud: see `loudness`.
        guards: whether cuts may have guards; else all of them are quiet.
    """
    rows = row_count(height)
    if not spans:
        return whole(height, personal=False)
    zones = _zones(spans, rows)
    best = whole(height)
    for joined in range(len(zones)):
        # Fewer, larger bands have fewer cuts; the closest neighbours are joined first.
        found = _cut(_joined(zones, joined), loud, rows, guards)
        if found is not None and cost(found) < min(cost(best), WORTH_MAX * rows):
            best = found
    return best


@dataclass(frozen=True, slots=True)
class _Zone:
    """Rows of macroblocks that must be in one band."""

    first: int
    stop: int


def _zones(spans: Sequence[Span], rows: int) -> list[_Zone]:
    zones: list[_Zone] = []
    for span in sorted(spans, key=lambda span: (span.top, span.bottom)):
        first = max(0, (span.top - MARGIN) // MB)
        stop = min(rows, -(-(span.bottom + MARGIN) // MB))
        if zones and first - zones[-1].stop < _SHARED_ROWS_MIN:
            zones[-1] = _Zone(zones[-1].first, max(zones[-1].stop, stop))
        else:
            zones.append(_Zone(first, stop))
    return zones


def _joined(zones: Sequence[_Zone], times: int) -> list[_Zone]:
    """The zones after the closest neighbours were joined so many times."""
    found = list(zones)
    for _ in range(times):
        at = min(range(1, len(found)), key=lambda k: found[k].first - found[k - 1].stop)
        found[at - 1 : at + 1] = [_Zone(found[at - 1].first, found[at].stop)]
    return found


def _cut(zones: Sequence[_Zone], loud: Loudness, rows: int, guards: bool) -> Layout | None:
    """The cheapest layout with these zones in bands of their own; None: there is none."""
    personal = []
    free = 0
    for number, zone in enumerate(zones):
        end = zones[number + 1].first if number + 1 < len(zones) else rows
        band = _best_band(zone, free, end, loud, rows, guards)
        if band is None:
            return None
        personal.append(band)
        free = band.stop
    return _with_shared(personal, rows)


def _best_band(zone: _Zone, free: int, end: int, loud: Loudness, rows: int, guards: bool) -> Band | None:
    """The cheapest band around a zone between `free` and `end`."""

    def worth(band: Band) -> tuple[float, int]:
        return band.encoded_rows + _SLICE_COST * -(-band.rows // band.slice_rows), band.rows

    tops = _tops(zone, free, loud, guards)
    bottoms = _bottoms(zone, end, loud, rows, guards)
    found = [
        Band(first, stop, True, above, below)
        for first, above in tops
        for stop, below in bottoms
        if not (above and below and (stop - first) % above)
    ]
    return min(found, key=worth, default=None)


def _tops(zone: _Zone, free: int, loud: Loudness, guards: bool) -> list[tuple[int, int]]:
    """Where a band may begin, and rows of guard above it."""
    if zone.first - free < _SHARED_ROWS_MIN and free == 0:
        return [(0, 0)]
    found = [(0, 0)] if free == 0 and zone.first <= _STRETCH_MAX else []
    for first in range(zone.first, max(free, zone.first - _STRETCH_MAX) - 1, -1):
        if first - free < _SHARED_ROWS_MIN:
            break
        if loud[first] <= QUIET_MAX:
            found.append((first, 0))
        elif guards:
            found += [(first, above) for above in range(GUARD_ROWS_MIN, min(first, _SLICE_ROWS_MAX) + 1)]
    return found


def _bottoms(zone: _Zone, end: int, loud: Loudness, rows: int, guards: bool) -> list[tuple[int, int]]:
    """Where a band may end, and rows of guard below it."""
    if end - zone.stop < _SHARED_ROWS_MIN and end == rows:
        return [(rows, 0)]
    found = [(rows, 0)] if end == rows and rows - zone.stop <= _STRETCH_MAX else []
    for stop in range(zone.stop, min(end, zone.stop + _STRETCH_MAX) + 1):
        if end - stop < _SHARED_ROWS_MIN:
            break
        if loud[stop] <= QUIET_MAX:
            found.append((stop, 0))
        elif guards:
            found.append((stop, GUARD_ROWS_MIN))
    return found


def _with_shared(personal: Sequence[Band], rows: int) -> Layout | None:
    """The personal bands and what is between them; None: something between cannot be sliced."""
    layout: list[Band] = []
    at = 0
    for number, band in enumerate((*personal, None)):
        stop = band.first if band is not None else rows
        if stop > at:
            guarded_above = number > 0 and personal[number - 1].below > 0
            guarded_below = band is not None and band.above > 0
            shared = _shared_band(at, stop, rows, guarded_above, guarded_below)
            if shared is None:
                return None
            layout.append(shared)
        if band is not None:
            layout.append(band)
            at = band.stop
    return tuple(layout)


@cache
def _shared_band(first: int, stop: int, rows: int, above: bool, below: bool) -> Band | None:
    """A band that is encoded once for all rows: as few slices as possible, whatever its guard costs."""
    below_rows = GUARD_ROWS_MIN if below else 0
    if stop + below_rows > rows:
        return None
    if not above:
        return Band(first, stop, False, 0, below_rows)
    height = stop - first
    fitting = [
        size for size in range(GUARD_ROWS_MIN, min(first, height) + 1) if not below or height % size == 0
    ]
    return Band(first, stop, False, fitting[-1], below_rows) if fitting else None
