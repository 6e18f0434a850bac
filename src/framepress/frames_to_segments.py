"""Captured frames into segments, with capture and encoding side by side.

Chromium draws in its own process, so while it draws frame n + 1 a thread of ours decodes and encodes frame n.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from framepress.capture import CapturedFrame
from framepress.encode import EncoderSettings, GopEncoder
from framepress.errors import InternalError
from framepress.pictures import FrameSummary, Picture, PictureReader, frame_summary
from framepress.streams import Segment

#: Captured frames that may wait for the encoder. A 1080p PNG has 2 to 4 MB.
WAITING_MAX = 4

T = TypeVar("T")


@dataclass
class EncodedFrames:
    """Segments of consecutive GOPs.

    Attributes:
        segments: by the index of their first frame.
        summaries: brightness of the first frame of each GOP, to be compared with the finished file.
        captured_count: frames that were captured, not repeated.
        encode_s: seconds spent in the encoding thread.
    """

    segments: dict[int, Segment] = field(default_factory=dict)
    summaries: dict[int, FrameSummary] = field(default_factory=dict)
    captured_count: int = 0
    encode_s: float = 0.0

    def add(self, other: EncodedFrames) -> None:
        """Take in what was encoded elsewhere of the same clip."""
        self.segments |= other.segments
        self.summaries |= other.summaries
        self.captured_count += other.captured_count
        self.encode_s += other.encode_s


class _GopWriter:
    """Takes frames in order and closes a segment at each end of a GOP. Used by one thread at a time."""

    def __init__(self, settings: EncoderSettings, gops: Sequence[range]) -> None:
        self._settings = settings
        self._gops = deque(gops)
        self._reader = PictureReader(settings.width, settings.height)
        self._encoder: GopEncoder | None = None
        self._last: Picture | None = None
        self.encoded = EncodedFrames()

    def take(self, frame: CapturedFrame) -> None:
        began = time.perf_counter()
        gop = self._gops[0]
        if frame.png is not None:
            self._last = self._reader.read(frame.png)
            self.encoded.captured_count += 1
        if self._last is None:
            raise InternalError("The first frame of a range was not captured.")
        if frame.index == gop.start:
            self._encoder = GopEncoder(self._settings)
            self.encoded.summaries[gop.start] = frame_summary(self._last)
        assert self._encoder is not None
        self._encoder.add(self._last)
        if frame.index == gop[-1]:
            self.encoded.segments[gop.start] = self._encoder.finish()
            self._gops.popleft()
        self.encoded.encode_s += time.perf_counter() - began


def encode_frames(
    frames: Iterator[CapturedFrame],
    gops: Sequence[range],
    settings: EncoderSettings,
    *,
    on_frame: Callable[[CapturedFrame], None] = lambda _: None,
) -> EncodedFrames:
    """Encode all frames of `frames`.

    Args:
        frames: every index of every range in `gops`, in order.
        gops: consecutive GOPs on the grid of key frames.
        on_frame: called for each frame as it is captured, in the calling thread.

    Raises:
        Whatever capture or encoding raise; the other side is then stopped and nothing is kept.
    """
    writer = _GopWriter(settings, gops)
    side_by_side(frames, writer.take, on_frame)
    return writer.encoded


def side_by_side(
    frames: Iterator[T],
    take: Callable[[T], None],
    on_frame: Callable[[T], None],
    *,
    waiting_max: int = WAITING_MAX,
) -> None:
    """Give all frames to `take`, in order, in a thread of its own that is never far behind.

    Args:
        on_frame: called for each frame in the calling thread.
        waiting_max: how far the thread may be behind.

    Raises:
        Whatever either side raises; the other is then stopped.
    """
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="encode") as thread:
        for frame in frames:
            on_frame(frame)
            waiting.append(thread.submit(take, frame))
            if len(waiting) > waiting_max:
                waiting.popleft().result()
        for future in waiting:
            future.result()
