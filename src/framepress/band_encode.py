"""One band of a GOP, from pictures to the slices of the joined picture.

The band is encoded by the stream profile as a picture of its own; its slices get the headers that they need
in the whole picture, its guards are dropped, and pictures that show the same as the one before are not given
to the encoder at all.

Source of x264's habits: its `encoder/encoder.c` and `encoder/analyse.c` (core 165), not its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import av

from framepress.band_layout import GUARD_REACH, MB, Band
from framepress.composite import planes
from framepress.encode import FULL_PEL, EncoderSettings, GopEncoder, nal_units, parameter_sets
from framepress.errors import EncodeError, InternalError
from framepress.h264_bits import BadStream
from framepress.h264_headers import ParameterSets
from framepress.join import check_joinable, first_mb_of, placed_nal, read_parameter_sets
from framepress.pictures import Picture

#: Slices of one picture of the whole, from top to bottom, each a NAL unit without start code.
Slices = tuple[bytes, ...]

#: Repeated pictures after a change that the encoder is given before it is spared the rest. It spends bits on
#: what others will refer to, as far as it looks ahead: 10 pictures in `veryfast`.
REPEATS_FED = 10

#: Presets in which x264 chooses its quantiser by how much there is to see in the whole picture (no mbtree):
#: bands of one picture would differ in quality.
UNEVEN_PRESETS = frozenset({"ultrafast", "superfast"})


class BandEncoder:
    """Encodes one band of one GOP, or of a range of its frames: `add` or `repeat` for each, then `finish`.

    Args:
        settings: of the whole picture.
        start: pictures of the GOP that come before the range. If there are any, its first picture is coded
            like a key picture and is none: nothing in it refers to what was before.
        full_pel: vectors to whole samples only.

    Raises:
        EncodeError: libx264 refuses the settings.
    """

    def __init__(
        self, settings: EncoderSettings, band: Band, start: int = 0, *, full_pel: bool = False
    ) -> None:
        self._settings = settings
        self._band = band
        self._start = start
        self._whole = _sets(settings)
        top, bottom = band.lines(settings.height)
        self._size = replace(settings, height=bottom - top)
        more: Mapping[str, object] = FULL_PEL if full_pel else {}
        self._encoder = GopEncoder(self._size, {**_slicing(band, self._whole.width_mbs), **more})
        #: Per frame, which picture of the encoder it is; None: as the frame before.
        self._frames: list[int | None] = []
        self._fed = 0
        self._repeats = 0

    @property
    def frame_count(self) -> int:
        """Frames that it has been given."""
        return len(self._frames)

    def add(self, picture: Picture) -> None:
        """The next frame: the lines `Band.lines` of the whole picture. It may be used again afterwards.

        Raises:
            EncodeError: libx264 refused it.
        """
        self._encoder.add(picture)
        self._frames.append(self._fed)
        self._fed += 1
        self._repeats = 0

    def repeat(self) -> None:
        """The next frame shows what the one before does."""
        self._repeats += 1
        if self._repeats <= REPEATS_FED:
            self._encoder.repeat()
            self._frames.append(self._fed)
            self._fed += 1
        else:
            self._frames.append(None)

    def finish(self) -> list[Slices]:
        """Per frame, the band's slices of the whole picture.

        Raises:
            EncodeError: libx264 failed, or made something else than was asked for.
        """
        segment = self._encoder.finish()
        try:
            sets = read_parameter_sets(segment.parameter_sets)
            check_joinable(self._whole, sets)
            return [
                still_slices(self._settings, self._band, number)
                if fed is None
                else self._placed(segment.packets[fed], number, sets)
                for number, fed in enumerate(self._frames, self._start)
            ]
        except BadStream as exc:
            raise EncodeError(
                f"libx264 made something else than the profile says: {exc}.", rule="band"
            ) from exc

    def _placed(self, packet: bytes, number: int, sets: ParameterSets) -> Slices:
        band, width = self._band, self._whole.width_mbs
        kept = []
        for nal in nal_units(packet):
            first = first_mb_of(nal, sets) + (band.first - band.above) * width
            if band.first * width <= first < band.stop * width:
                smoothed = _filter_above(band, first, width)
                kept.append(placed_nal(nal, sets, first_mb=first, picture=number, filter_above=smoothed))
        self._check(kept)
        return tuple(kept)

    def _check(self, kept: list[bytes]) -> None:
        wanted = [row * self._whole.width_mbs for row in _slice_tops(self._band)]
        found = [first_mb_of(nal, self._whole) for nal in kept]
        if found != wanted:
            raise BadStream(f"slices at {found}; expected {wanted}")


def still_slices(settings: EncoderSettings, band: Band, picture: int) -> Slices:
    """The slices of a band that shows what it showed in the picture before.

    Args:
        picture: pictures since the key picture, at least 1.
    """
    whole = _sets(settings)
    slices = []
    for row in _slice_tops(band):
        rows = min(band.slice_rows, band.stop - row)
        first = row * whole.width_mbs
        smoothed = _filter_above(band, first, whole.width_mbs)
        # One for all rate factors: nothing in it is quantised.
        nal = still_slice(replace(settings, crf=18), rows)
        slices.append(placed_nal(nal, whole, first_mb=first, picture=picture, filter_above=smoothed))
    return tuple(slices)


def _slice_tops(band: Band) -> range:
    return range(band.first, band.stop, band.slice_rows)


def _filter_above(band: Band, first_mb: int, width_mbs: int) -> bool:
    """Whether the encoder has smoothed the upper edge of a slice: within the band, and to its guard."""
    at_quiet_cut = first_mb == band.first * width_mbs and not band.above
    # At the top of the picture there is nothing to smooth; the header stays as x264 wrote it.
    return not at_quiet_cut or first_mb == 0


def _slicing(band: Band, width_mbs: int) -> dict[str, object]:
    if not band.above and not band.below:
        return {}
    return {"slice-max-mbs": band.slice_rows * width_mbs, "mvrange": GUARD_REACH}


@cache
def _sets(settings: EncoderSettings) -> ParameterSets:
    return read_parameter_sets(parameter_sets(settings))


@cache
def still_slice(settings: EncoderSettings, rows: int) -> bytes:
    """A P slice of so many rows of which every macroblock is skipped: the picture before, bit for bit.

    Taken from an encode of two grey pictures: a vector that is not coded is predicted from the neighbours',
    and all of them are 0.
    """
    size = replace(settings, height=rows * MB, gop_frames=2)
    grey: Picture = av.VideoFrame(size.width, size.height, "yuv420p")
    for plane in planes(grey):
        plane[...] = 128
    encoder = GopEncoder(size)
    encoder.add(grey)
    encoder.repeat()
    packets = encoder.finish().packets
    units = nal_units(packets[1])
    if len(units) != 1 or len(units[0]) > _still_bytes_max(settings.width, rows):
        raise InternalError(f"A repeated grey picture of {rows} rows took {len(packets[1])} bytes.")
    return units[0]


def _still_bytes_max(width: int, rows: int) -> int:
    """A skipped macroblock takes a few thousandths of a bit in the end; the header 10 bytes."""
    return 16 + -(-width // MB) * rows // 64
