"""How far the pictures of a clip are from lossless frames: PSNR of luma and of RGB, SSIM of luma.

Clips come in different colour matrices and ranges; each is decoded by its own tags, in floating point, and
compared on a scale of 0..255. Luma means the luma of the file's own matrix, computed from the lossless RGB
likewise.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Plane = NDArray[np.float32]

#: PSNR of equal pictures, instead of infinity, so that means stay numbers.
PSNR_MAX_DB = 100.0

#: Kr and Kb of ITU-T H.273 matrix coefficients, by their number in the stream. 2 is "unspecified", which
#: players take as BT.709 for pictures of this size.
_KR_KB = {1: (0.2126, 0.0722), 2: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114)}
_RANGE_FULL = 2


@dataclass(frozen=True)
class ClipFacts:
    """What a file is, whatever its pictures."""

    frame_count: int
    width: int
    height: int
    size_bytes: int
    colour: str


@dataclass(frozen=True)
class Closeness:
    """Means and minima over the compared frames; decibels, and SSIM up to 1."""

    frame_count: int
    luma_db_mean: float
    luma_db_min: float
    rgb_db_mean: float
    rgb_db_min: float
    ssim_mean: float
    ssim_min: float


def read_facts(path: Path) -> ClipFacts:
    """Decode a clip to its end, counting frames. A file that cannot be decoded raises `av.FFmpegError`."""
    with av.open(str(path)) as container:
        count = 0
        colour = ""
        width = height = 0
        for frame in container.decode(video=0):
            if count == 0:
                width, height = frame.width, frame.height
                matrix, full = _matrix_of(frame)
                colour = f"matrix {matrix}, {'full' if full else 'limited'} range"
            count += 1
    return ClipFacts(count, width, height, path.stat().st_size, colour)


def compare_clip(path: Path, references: Mapping[int, Path]) -> Closeness:
    """Compare a clip's decoded frames with PNG files, by frame index."""
    luma_db, rgb_db, ssims = [], [], []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index not in references:
                continue
            luma, rgb = _decode(frame)
            wanted_rgb = read_png(references[index])
            wanted_luma = _luma(wanted_rgb, _matrix_of(frame)[0])
            luma_db.append(psnr(luma, wanted_luma))
            rgb_db.append(psnr(rgb, wanted_rgb))
            ssims.append(ssim(luma, wanted_luma))
    if len(luma_db) != len(references):
        raise ValueError(
            f"{path.name}: only {len(luma_db)} of {len(references)} compared frames are in the clip"
        )
    return Closeness(
        len(luma_db), _mean(luma_db), min(luma_db), _mean(rgb_db), min(rgb_db), _mean(ssims), min(ssims)
    )


def rgb_frames(path: Path, wanted: Collection[int]) -> dict[int, Plane]:
    """Some frames of a clip by index: RGB, float32, shape (height, width, 3), 0..255."""
    with av.open(str(path)) as container:
        return {
            index: _decode(frame)[1].astype(np.float32)
            for index, frame in enumerate(container.decode(video=0))
            if index in wanted
        }


def compare_references(first: Mapping[int, Path], second: Mapping[int, Path]) -> tuple[float, float]:
    """Lowest PSNR (RGB, decibels) and largest difference (of 255) between two programs' lossless frames."""
    lowest_db, largest = PSNR_MAX_DB, 0.0
    for index in first:
        a, b = read_png(first[index]), read_png(second[index])
        lowest_db = min(lowest_db, psnr(a, b))
        largest = max(largest, float(np.abs(a - b).max()))
    return lowest_db, largest


def read_png(path: Path) -> Plane:
    """RGB, float32, shape (height, width, 3), 0..255."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.to_ndarray(format="rgb24").astype(np.float32)


def psnr(a: Plane, b: Plane) -> float:
    """Decibels with a peak of 255; equal pictures give `PSNR_MAX_DB`."""
    if a.shape != b.shape:
        raise ValueError(f"pictures differ in size: {a.shape} and {b.shape}")
    error = float(np.mean(np.square(a - b, dtype=np.float64)))
    return PSNR_MAX_DB if error == 0 else min(PSNR_MAX_DB, 10 * math.log10(255**2 / error))


def ssim(a: Plane, b: Plane) -> float:
    """Mean SSIM over windows of 8x8 that overlap by half, the windows of FFmpeg's `ssim` filter."""
    sum_a, sum_b = _windows(a), _windows(b)
    sum_aa_bb, sum_ab = _windows(a * a + b * b), _windows(a * b)
    count = 64
    c1 = (0.01 * 255) ** 2 * count * count
    c2 = (0.03 * 255) ** 2 * count * (count - 1)
    squares = sum_a * sum_a + sum_b * sum_b
    product = sum_a * sum_b
    variance = count * sum_aa_bb - squares
    covariance = count * sum_ab - product
    return float(np.mean((2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variance + c2))))


def _windows(plane: Plane) -> NDArray[np.float64]:
    height, width = (side // 4 for side in plane.shape)
    blocks = plane[: height * 4, : width * 4].astype(np.float64).reshape(height, 4, width, 4).sum(axis=(1, 3))
    return cast("NDArray[np.float64]", blocks[:-1, :-1] + blocks[1:, :-1] + blocks[:-1, 1:] + blocks[1:, 1:])


def _decode(frame: VideoFrame) -> tuple[Plane, Plane]:
    """Luma (height, width) and RGB (height, width, 3) of a 4:2:0 frame, both 0..255, not rounded."""
    if frame.format.name not in {"yuv420p", "yuvj420p"}:
        raise ValueError(f"pixel format {frame.format.name}; expected 8-bit 4:2:0")
    matrix, full = _matrix_of(frame)
    y, u, v = (_plane(frame, index) for index in range(3))
    if not full:
        y, u, v = (y - 16) * (255 / 219), (u - 128) * (255 / 224), (v - 128) * (255 / 224)
    else:
        u, v = u - 128, v - 128
    u, v = _upsample(u), _upsample(v)
    kr, kb = _KR_KB[matrix]
    red = y + 2 * (1 - kr) * v
    blue = y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return y, np.clip(np.stack((red, green, blue), axis=-1), 0, 255)


def _upsample(plane: Plane) -> Plane:
    """Chroma to twice its size, linearly; samples lie on even columns and midway between rows.

    Source: H.264 Annex E, chroma_sample_loc_type 0, which holds when a stream does not say.
    """
    right = np.concatenate((plane[:, 1:], plane[:, -1:]), axis=1)
    middle: Plane = (plane + right) * np.float32(0.5)
    wide = np.stack((plane, middle), axis=-1).reshape((plane.shape[0], 2 * plane.shape[1]))
    above = np.concatenate((wide[:1], wide[:-1]), axis=0)
    below = np.concatenate((wide[1:], wide[-1:]), axis=0)
    tall = np.stack(((3 * wide + above) / 4, (3 * wide + below) / 4), axis=1)
    return np.asarray(tall.reshape((2 * plane.shape[0], 2 * plane.shape[1])), dtype=np.float32)


def _plane(frame: VideoFrame, index: int) -> Plane:
    plane = frame.planes[index]
    pixels = np.frombuffer(bytes(plane), dtype=np.uint8).reshape(plane.height, plane.line_size)
    return pixels[:, : plane.width].astype(np.float32)


def _luma(rgb: Plane, matrix: int) -> Plane:
    kr, kb = _KR_KB[matrix]
    return (rgb @ np.array((kr, 1 - kr - kb, kb), dtype=np.float32)).astype(np.float32)


def _matrix_of(frame: VideoFrame) -> tuple[int, bool]:
    full = frame.format.name.startswith("yuvj") or int(frame.color_range) == _RANGE_FULL
    return int(frame.colorspace), full


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
