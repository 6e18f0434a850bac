"""Small videos whose every frame says its number: a white bar on black, further right in each."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 160, 90

#: Pixels by which the bar moves per frame, and its width.
STEP = 4


def write_video(
    path: Path,
    times_s: Sequence[float],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    aspect: Fraction | None = None,
    sound: bool = False,
) -> Path:
    """A video with a frame at each of these times. If its pixels have alpha, only the bar is opaque."""
    transparent = "a" in pixel_format
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = 10
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        audio: Any = container.add_stream("aac", rate=48000) if sound else None
        for number, time_s in enumerate(times_s):
            frame = av.VideoFrame.from_ndarray(
                numbered(number, transparent), "rgba" if transparent else "rgb24"
            )
            frame = frame.reformat(format=pixel_format)
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            tone = np.sin(np.arange(48000) / 20).astype(np.float32)[None] * 0.5
            for start in range(0, 48000, 1024):
                block = av.AudioFrame.from_ndarray(tone[:, start : start + 1024].copy(), "fltp", "mono")
                block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


def numbered(number: int, transparent: bool) -> NDArray[np.uint8]:
    picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    picture[..., 3] = 0 if transparent else 255
    picture[:, number * STEP : (number + 1) * STEP] = 255
    return picture if transparent else np.ascontiguousarray(picture[..., :3])


def number_in(row: NDArray[np.uint8]) -> int:
    """The number of the frame that a row of its pixels is from."""
    return int(np.argmax(row.astype(int).reshape(len(row), -1).max(axis=1) > 128)) // STEP
