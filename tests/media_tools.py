"""Pictures, sounds and second opinions for the tests of the media modules. No fixtures, only functions."""

from __future__ import annotations

import functools
import json
import os
import shutil
import struct
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from framepress.encode import EncoderSettings, GopEncoder, gop_frame_count, gop_ranges
from framepress.pictures import PictureReader
from framepress.streams import Segment, VideoTrack

Pixels = NDArray[np.uint8]


def png_bytes(pixels: Pixels, filter_type: int = 0) -> bytes:
    """A PNG of 8-bit RGB or RGBA; filter 0 (none) or 1 (left neighbour)."""
    height, width, channels = pixels.shape
    rows = np.full((height, width * channels + 1), filter_type, np.uint8)
    body = pixels.copy()
    if filter_type == 1:
        body[:, 1:] -= pixels[:, :-1]
    rows[:, 1:] = body.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def bars(width: int = 320, height: int = 192) -> Pixels:
    """100 % bars, 75 % bars, a grey ramp and a colour ramp, one below the other; bars are even-aligned."""
    corners = [(255 * (n >> 1 & 1), 255 * (n >> 2), 255 * (n & 1)) for n in (7, 6, 5, 4, 3, 2, 1, 0)]
    full = np.array(corners, np.uint8)[np.arange(width) * 8 // width]
    ramp = (np.arange(width) * 255 // (width - 1)).astype(np.uint8)
    slow = ramp // 2 * 2
    rows = [
        full,
        (full * 0.75).round().astype(np.uint8),
        np.stack([ramp] * 3, -1),
        np.stack([slow, 255 - slow, np.full(width, 128, np.uint8)], -1),
    ]
    return np.repeat(np.stack(rows), height // 4, axis=0)


def moving_card(frame: int, width: int = 320, height: int = 192) -> Pixels:
    """Frame n of a little film: a gradient, noise that stays, and a box that moves."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8)
    noise = np.random.default_rng(5).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    pixels[20:60, 20:80] = noise[: height - 20]
    left = 10 + 3 * frame % (width - 60)
    pixels[100:140, left : left + 40] = (250, 40, 40)
    return pixels


def encode_clip(
    frame_count: int, fps: Fraction, width: int = 320, height: int = 192, *, crf: int = 18
) -> VideoTrack:
    """A track of `moving_card` frames by the real encoder."""
    settings = EncoderSettings(width, height, fps, crf, "veryfast", gop_frame_count(fps))
    segments = [_encode_range(settings, frames) for frames in gop_ranges(frame_count, settings.gop_frames)]
    return VideoTrack(tuple(segments), width, height, fps)


@functools.cache
def _encode_range(settings: EncoderSettings, frames: range) -> Segment:
    reader = PictureReader(settings.width, settings.height)
    encoder = GopEncoder(settings)
    for frame in frames:
        encoder.add(reader.from_pixels(moving_card(frame, settings.width, settings.height), "rgb24"))
    return encoder.finish()


def annex_b(track: VideoTrack) -> bytes:
    """The track as a raw .h264 stream, parameter sets in front of every GOP."""
    return b"".join(s.parameter_sets + b"".join(s.packets) for s in track.segments)


def run(*command: str | Path, data: bytes = b"") -> bytes:
    """Standard output of a command that must succeed and print nothing on standard error.

    A laptop without ffmpeg or GStreamer skips the test; CI must have them.
    """
    if shutil.which(str(command[0])) is None and "CI" not in os.environ:
        pytest.skip(f"needs {command[0]}")
    done = subprocess.run(list(map(str, command)), input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b"", done.stderr.decode()
    return done.stdout


def ffprobe(path: Path, *options: str) -> Any:
    """ffprobe's JSON; a warning fails the test."""
    return json.loads(run("ffprobe", "-v", "warning", "-of", "json", *options, path))


def ffmpeg_yuv(path: Path, width: int, height: int) -> Pixels:
    """Every picture as planar 4:2:0 bytes, shape (frames, height * 3 / 2, width), by Debian's ffmpeg."""
    raw = run(
        "ffmpeg", "-v", "warning", "-i", path, "-fps_mode", "passthrough",
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-",
    )  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(-1, height * 3 // 2, width)


def openh264_yuv(stream: bytes, width: int, height: int) -> Pixels:
    """The same by Cisco's openh264, which shares no code with ffmpeg or x264."""
    raw = run(
        "gst-launch-1.0", "-q", "fdsrc", "!", "h264parse", "!", "openh264dec", "!",
        "videoconvert", "!", "video/x-raw,format=I420", "!", "fdsink", "fd=1",
        data=stream,
    )  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(-1, height * 3 // 2, width)
