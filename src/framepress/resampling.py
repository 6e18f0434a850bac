"""Samples into other samples: at 48 kHz, at another speed, and as libav's frames."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

#: Samples are float32, full scale 1.0, shape (channels, samples).
Samples = NDArray[np.float32]

SAMPLE_RATE = 48_000

#: atempo's window at 48 kHz, in samples: the power of two not below 1/24 s. It drops the first half of one;
#: below speed 1 that is too much to give back: events would come late (measured with clicks and steps).
_TEMPO_WINDOW = 2048

#: Samples given to libav at once.
_BLOCK = 1 << 16


def resample(samples: Samples, rate: int) -> Samples:
    """To 48 kHz, in place to the sample: output n is input time n / 48000."""
    if rate == SAMPLE_RATE or samples.shape[1] == 0:
        return samples
    layout = "mono" if len(samples) == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
    blocks: list[Samples] = []
    for frame in audio_frames(samples, rate):
        blocks.extend(as_float(out) for out in resampler.resample(frame))
    blocks.extend(as_float(out) for out in resampler.resample(None))
    wanted = round(Fraction(samples.shape[1] * SAMPLE_RATE, rate))
    return _fit(np.concatenate(blocks, axis=1), wanted)


def change_speed(samples: Samples, speed: Fraction) -> Samples:
    """Play faster or slower at the same pitch, as `playbackRate` does in a browser.

    libavfilter's atempo, in stages between 0.5 and 2: above 2 it leaves sounds out (18 of 48 bursts of 30 ms
    at speed 4), and from 8 on it aborts the process (PyAV 18.1). An event stays within about a window of the
    filter (50 ms) of its place, not to the sample as at speed 1.

    Returns:
        Shape (2, samples / speed, rounded).
    """
    wanted = round(samples.shape[1] / speed)
    while speed > 2:
        samples, speed = _tempo(samples, Fraction(2)), speed / 2
    while speed < Fraction(1, 2):
        samples, speed = _tempo(samples, Fraction(1, 2)), speed * 2
    if speed != 1:
        samples = _tempo(samples, speed)
    return _fit(samples, wanted)


def audio_frames(samples: Samples, rate: int, block: int = _BLOCK) -> Iterator[av.AudioFrame]:
    """The samples as libav's planar float frames of `block` samples, the last one shorter."""
    layout = "mono" if len(samples) == 1 else "stereo"
    for first in range(0, samples.shape[1], block):
        part = np.ascontiguousarray(samples[:, first : first + block])
        frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        yield frame


def as_float(frame: Any) -> Samples:
    """The samples of one of libav's planar float frames."""
    samples: Samples = frame.to_ndarray()
    return samples


def _tempo(samples: Samples, speed: Fraction) -> Samples:
    """One stage of atempo; what it drops at the front and holds back at the end is given to it as silence."""
    graph = Graph()
    source = graph.add(
        "abuffer",
        f"sample_rate={SAMPLE_RATE}:sample_fmt=fltp:channel_layout=stereo:time_base=1/{SAMPLE_RATE}",
    )
    tempo = graph.add("atempo", f"{float(speed):.9f}")
    planar = graph.add("aformat", "sample_fmts=fltp:channel_layouts=stereo")
    sink = graph.add("abuffersink")
    graph.link_nodes(source, tempo, planar, sink).configure()
    front = round(_TEMPO_WINDOW // 2 * min(Fraction(1), speed))
    padded = np.pad(samples, ((0, 0), (front, 2 * _TEMPO_WINDOW)))
    blocks: list[Samples] = []
    for frame in [*audio_frames(padded, SAMPLE_RATE), None]:
        source.push(frame)
        while True:
            try:
                blocks.append(as_float(sink.pull()))
            except (av.BlockingIOError, av.EOFError):
                break
    return _fit(np.concatenate(blocks, axis=1), round(samples.shape[1] / speed))


def _fit(samples: Samples, count: int) -> Samples:
    """Exactly so many samples: cut, or silence added."""
    missing = count - samples.shape[1]
    return samples[:, :count] if missing <= 0 else np.pad(samples, ((0, 0), (0, missing)))
