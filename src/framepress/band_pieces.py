"""Encoded bands in the cache: those that all rows share, and those that some rows have in common.

A band piece is, in big-endian order: 4 bytes for the number of frames; for each frame 2 bytes for the number
of its slices, and for each slice 4 bytes of its length and its NAL unit. The headers of the slices already
say where in the picture they stand.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from framepress import keys
from framepress.band_encode import Slices
from framepress.band_layout import Band
from framepress.encode import EncoderSettings

#: Raised when bands are encoded or joined in another way. 1: the first.
BAND_VERSION = 1

_FRAMES = struct.Struct(">I")
_SLICES = struct.Struct(">H")
_LENGTH = struct.Struct(">I")


def band_key(
    plan: Mapping[str, object],
    gop: range,
    band: Band,
    settings: EncoderSettings,
    personal: Sequence[Sequence[object]],
    *,
    full_pel: bool,
) -> str:
    """The key of a band of a GOP.

    Args:
        plan: ``environment``, ``plate`` and ``overlay`` of the plan: what all rows share of the pictures.
        personal: per frame, place and digest of each capture that reaches into the band; empty: of none.
        full_pel: see `BandEncoder`.
    """
    return keys.piece_key(
        "band",
        **plan,
        version=BAND_VERSION,
        frames=[gop.start, gop.stop],
        # Whether rows take it for personal makes no difference to its pictures.
        band=[band.first, band.stop, band.above, band.below],
        personal=personal,
        full_pel=full_pel,
        encoder=[
            settings.width,
            settings.height,
            settings.fps,
            settings.crf,
            settings.preset,
            settings.gop_frames,
        ],
    )


def pack_band(frames: Sequence[Slices]) -> bytes:
    """The bytes of a band piece."""
    parts = [_FRAMES.pack(len(frames))]
    for slices in frames:
        parts.append(_SLICES.pack(len(slices)))
        for nal in slices:
            parts += [_LENGTH.pack(len(nal)), nal]
    return b"".join(parts)


def unpack_band(data: bytes) -> list[Slices]:
    """Read `pack_band`. Raises `struct.error` or ValueError if it is not one."""
    (count,) = _FRAMES.unpack_from(data)
    at = _FRAMES.size
    frames = []
    for _ in range(count):
        (slices,) = _SLICES.unpack_from(data, at)
        at += _SLICES.size
        found = []
        for _ in range(slices):
            (size,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
            nal = data[at : at + size]
            if len(nal) != size:
                raise ValueError("a band that is cut off")
            found.append(nal)
            at += size
        frames.append(tuple(found))
    if at != len(data):
        raise ValueError("a band with something behind it")
    return frames
