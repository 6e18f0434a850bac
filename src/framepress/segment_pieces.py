"""Encoded GOPs in the cache: those that show nothing personal are encoded once for all rows of a group.

A segment piece is, in big-endian order: 4 bytes each for the length of the parameter sets and the number of
packets, 8 bytes each (doubles) for mean and deviation of the first picture's brightness, then the parameter
sets, then each packet with 4 bytes of its length in front.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from framepress import keys
from framepress.encode import EncoderSettings
from framepress.pictures import FrameSummary
from framepress.streams import Segment

_HEAD = struct.Struct(">IIdd")
_LENGTH = struct.Struct(">I")


def segment_key(plan: Mapping[str, object], gop: range, settings: EncoderSettings) -> str:
    """The key of a GOP that shows a plate and nothing else.

    Args:
        plan: ``environment``, ``plate`` and ``overlay`` of the plan: what is in the pictures.
    """
    return keys.piece_key(
        "segment",
        **plan,
        frames=[gop.start, gop.stop],
        encoder=[
            settings.width,
            settings.height,
            settings.fps,
            settings.crf,
            settings.preset,
            settings.gop_frames,
        ],
    )


def pack_segment(segment: Segment, summary: FrameSummary) -> bytes:
    """The bytes of a segment piece."""
    head = _HEAD.pack(len(segment.parameter_sets), len(segment.packets), summary.mean, summary.std)
    packets = [part for packet in segment.packets for part in (_LENGTH.pack(len(packet)), packet)]
    return b"".join([head, segment.parameter_sets, *packets])


def unpack_segment(data: bytes) -> tuple[Segment, FrameSummary]:
    """Read `pack_segment`. Raises `struct.error` or ValueError if it is not one."""
    sets_size, count, mean, std = _HEAD.unpack_from(data)
    at = _HEAD.size + sets_size
    sets = data[_HEAD.size : at]
    packets = []
    for _ in range(count):
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        packets.append(data[at : at + size])
        at += size
    if at != len(data):
        raise ValueError("a segment with something behind it")
    return Segment(tuple(packets), sets), FrameSummary(mean, std)
