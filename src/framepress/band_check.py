"""Whether pictures that were joined from bands are as good as those encoded whole, after decoding both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from framepress.band_layout import MB
from framepress.composite import packed
from framepress.errors import EncodeError
from framepress.streams import Segment

Packed = NDArray[np.uint8]

#: Decibels by which joined pictures may be worse: all of a GOP, and the worst of them.
LOSS_MAX_DB, WORST_LOSS_MAX_DB = 0.7, 1.5

#: By how much their structural similarity may be lower.
SSIM_LOSS_MAX = 0.001

#: Share by which they may be larger, and bytes per picture that may be added in any case: the headers of
#: a few more slices.
GROWTH_MAX, GROWTH_BYTES = 0.1, 40

#: Lines on both sides of a cut that are looked at by themselves, decibels by which they may be worse, and
#: decibels at which nobody sees that they are.
CUT_LINES, CUT_LOSS_MAX_DB, CUT_GOOD_DB = 16, 2.0, 50.0

#: Of the pictures of a GOP, every so many are compared, and the last, in which drift is largest. All are
#: decoded.
COMPARED_STEP = 6

#: Of an 8-bit range, the constants of structural similarity (Wang et al. 2004, K1 = 0.01, K2 = 0.03).
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

#: Decibels of equal pictures.
_EQUAL_DB = 99.0


@dataclass(frozen=True, slots=True)
class Quality:
    """Of the encoded pictures of one GOP, against those that went in.

    Attributes:
        psnr_db: over all samples of all pictures. worst_db: of the worst picture.
        ssim: mean structural similarity of luma over 8x8 blocks.
        cuts_db: lowest PSNR of luma beside any cut, over all pictures.
        size_bytes: of all packets.
    """

    psnr_db: float
    worst_db: float
    ssim: float
    cuts_db: float
    size_bytes: int
    frames: int


def quality(segment: Segment, source: Callable[[int], Packed], height: int, cuts: Sequence[int]) -> Quality:
    """Decode a GOP and compare it.

    Args:
        source: packed 4:2:0 of each picture of the GOP, as it went in.
        cuts: rows of macroblocks at which bands meet.
    """
    squares, worst, cuts_db, similar, samples = 0.0, _EQUAL_DB, _EQUAL_DB, 0.0, 0
    compared = 0
    for number, found in enumerate(decoded(segment)):
        if number % COMPARED_STEP and number != segment.frame_count - 1:
            continue
        wanted = source(number)
        off = found.astype(np.int16) - wanted
        square = float(np.square(off, dtype=np.int32).sum(dtype=np.int64))
        squares += square
        samples += off.size
        compared += 1
        worst = min(worst, _decibels(square, off.size))
        pixels = off.size * 2 // 3
        luma = off[:pixels].reshape(height, -1)
        for cut in cuts:
            beside = luma[max(0, cut * MB - CUT_LINES) : cut * MB + CUT_LINES]
            cuts_db = min(cuts_db, _decibels(float(np.square(beside, dtype=np.int32).sum()), beside.size))
        similar += ssim(found[:pixels].reshape(height, -1), wanted[:pixels].reshape(height, -1))
    size = sum(map(len, segment.packets))
    return Quality(_decibels(squares, samples), worst, similar / compared, cuts_db, size, segment.frame_count)


def worse(joined: Quality, plain: Quality, *, growth_max: float = GROWTH_MAX) -> str:
    """What joined pictures lack, for a person; "": nothing.

    Args:
        plain: of the same pictures encoded whole, `cuts_db` at the same cuts.
        growth_max: share by which the joined ones may be larger.
    """
    if joined.psnr_db < plain.psnr_db - LOSS_MAX_DB:
        return f"joined pictures are {plain.psnr_db - joined.psnr_db:.1f} dB worse"
    if joined.worst_db < plain.worst_db - WORST_LOSS_MAX_DB:
        return f"the worst joined picture is {plain.worst_db - joined.worst_db:.1f} dB worse"
    if joined.cuts_db < min(plain.cuts_db - CUT_LOSS_MAX_DB, CUT_GOOD_DB):
        return f"beside a cut, joined pictures are {plain.cuts_db - joined.cuts_db:.1f} dB worse"
    if joined.ssim < plain.ssim - SSIM_LOSS_MAX:
        return f"structural similarity of joined pictures is {plain.ssim - joined.ssim:.4f} lower"
    if joined.size_bytes > plain.size_bytes * (1 + growth_max) + GROWTH_BYTES * joined.frames:
        return f"joined pictures are {100 * joined.size_bytes / plain.size_bytes - 100:.0f} % larger"
    return ""


def decoded(segment: Segment) -> Iterator[Packed]:
    """Every picture of a GOP, packed 4:2:0.

    Raises:
        EncodeError: it cannot be decoded.
    """
    context = av.VideoCodecContext.create("h264", "r")
    context.thread_count = 1
    context.extradata = segment.parameter_sets
    context.options = {"err_detect": "explode"}
    count = 0
    try:
        for data in (*segment.packets, None):
            for frame in context.decode(av.Packet(data) if data is not None else None):
                count += 1
                yield packed(frame)
    except av.FFmpegError as exc:
        raise EncodeError(f"Joined pictures cannot be decoded: {exc}", rule="join") from exc
    if count != segment.frame_count:
        raise EncodeError(f"{segment.frame_count} joined pictures gave {count}.", rule="join")


def ssim(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean structural similarity over 8x8 blocks that do not overlap."""
    height, width = (side // 8 * 8 for side in one.shape)
    a, b = (
        plane[:height, :width].astype(np.float32).reshape(height // 8, 8, width // 8, 8)
        for plane in (one, other)
    )
    mean_a, mean_b = a.mean(axis=(1, 3)), b.mean(axis=(1, 3))
    var_a = np.maximum((a * a).mean(axis=(1, 3)) - mean_a * mean_a, 0)
    var_b = np.maximum((b * b).mean(axis=(1, 3)) - mean_b * mean_b, 0)
    both = (a * b).mean(axis=(1, 3)) - mean_a * mean_b
    above = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    return float((above / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))).mean())


def _decibels(squares: float, samples: int) -> float:
    return min(_EQUAL_DB, 10 * math.log10(255**2 * samples / squares)) if squares else _EQUAL_DB
