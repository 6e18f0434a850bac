"""Pictures of a video file at exact moments, as image files that a page can show.

A file is gone through once for the times of all its frames (packets are read, not decoded), so that sources
of variable rate are as exact as others and one that was cut short is noticed before anything is rendered.
Frames are decoded in order where the wanted moments rise, from the key frame before where they do not.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from framepress.errors import AssetError

#: libav's demuxers that may be opened; none of them refers to other files.
_FORMATS = "mov,matroska,avi,mpegts,ogg,gif,webp,ivf"

#: Seconds by which a frame may begin after the moment that is asked for: times are rounded in containers.
_ROUNDING_S = Fraction(1, 2000)

#: Seconds of declared picture that may be missing at the end before a file counts as cut short.
_SHORT_S = Fraction(1, 2)

#: Frames that are decoded and thrown away before a jump to a later key frame is worth it.
_SKIP_FRAMES_MAX = 8

#: Pixels of height from which a video that does not say so is in the colours of HD (as browsers have it).
_HD_HEIGHT = 720

#: libav's own decoders of VP8 and VP9 leave transparency out.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

#: Files kept open per worker.
OPEN_MAX = 8

Rgb = NDArray[np.uint8]


class VideoFile:
    """An open video. Close it.

    Args:
        place: what messages call it, such as ``story.html:12``; paths may be a row's value.

    Attributes:
        duration: seconds from the first moment to the end of the last frame.

    Raises:
        AssetError: missing, no video that can be read, or cut short.
    """

    def __init__(self, path: Path, place: str) -> None:
        self._path, self._place = path, place
        if not path.is_file():
            raise AssetError(f"{place}: the video file is missing.", rule="video-missing")
        try:
            self._open()
            self._read_index()
        except (av.FFmpegError, OSError, ValueError) as exc:
            raise self._unreadable(exc) from exc

    def _open(self) -> None:
        self._container: Any = av.open(
            # "file:" keeps a name with a colon from being taken for a protocol.
            f"file:{self._path.resolve()}",
            container_options={"protocol_whitelist": "file", "format_whitelist": _FORMATS},
        )
        if not self._container.streams.video:
            raise AssetError(f"{self._place}: the file holds no video.", rule="video-none")
        self._stream = self._container.streams.video[0]
        self._decoder: Any = self._stream.codec_context
        if self._stream.metadata.get("alpha_mode") == "1" and self._decoder.name in _ALPHA_DECODERS:
            self._decoder = av.CodecContext.create(_ALPHA_DECODERS[self._decoder.name], "r")
        else:
            self._stream.thread_type = "AUTO"
        self._frames: Iterator[Any] | None = None
        self._at = -1
        self._shown: tuple[int, bytes] = (-1, b"")

    def _read_index(self) -> None:
        stream = self._stream
        base = Fraction(stream.time_base or 1)
        times, keys, end = [], [], Fraction(0)
        for packet in self._container.demux(stream):
            if packet.pts is None or packet.size == 0:
                continue
            if packet.is_corrupt:
                raise self._cut(packet.pts * base)
            times.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
            end = max(end, (packet.pts + (packet.duration or 0)) * base)
        if not times:
            raise AssetError(f"{self._place}: the video holds not one frame.", rule="video-cut")
        # Where the file's time begins; the picture may begin later than the sound.
        start = self._container.start_time
        self._origin = Fraction(start, av.time_base) if start is not None else times[0] * base
        self._pts = sorted(set(times))
        self._times = [pts * base - self._origin for pts in self._pts]
        self._keys = sorted(keys)
        self.duration = max(end - self._origin, self._times[-1] + Fraction(1, 1000))
        self._check_complete(len(times))

    def _check_complete(self, count: int) -> None:
        declared = self._container.duration
        if self._container.format.name.startswith("mov") and 0 < count < self._stream.frames:
            raise self._cut(self._times[-1])
        if declared is not None and self.duration < Fraction(declared, av.time_base) - _SHORT_S:
            alone = len(self._container.streams) == 1
            if alone or self._container.format.name.startswith("matroska"):
                raise self._cut(self._times[-1])

    def _cut(self, at: Fraction) -> AssetError:
        return AssetError(
            f"{self._place}: the video file is cut short or damaged after {float(at):.3f} s. "
            "Export or copy it again.",
            rule="video-cut",
        )

    def _unreadable(self, exc: Exception) -> AssetError:
        reason = getattr(exc, "strerror", None) or type(exc).__name__
        return AssetError(
            f"{self._place}: the video cannot be read ({reason}). Accepted are MP4, MOV, MKV, WebM, AVI, TS "
            "and OGG with pictures that FFmpeg decodes.",
            rule="video-format",
        )

    def close(self) -> None:
        self._container.close()

    def picture(self, time_s: Fraction) -> bytes:
        """The frame that is shown at a moment of the file, as a BMP in its displayed size and upright.

        Before the first frame that one, after the last the last.

        Raises:
            AssetError: it cannot be decoded.
        """
        index = max(0, bisect_right(self._times, time_s + _ROUNDING_S) - 1)
        if self._shown[0] == index:
            return self._shown[1]
        try:
            frame = self._decode(index)
        except (av.FFmpegError, OSError, ValueError, StopIteration) as exc:
            raise self._cut(self._times[index]) from exc
        data = bmp(self._upright(frame))
        self._shown = (index, data)
        return data

    def _decode(self, index: int) -> Any:
        wanted = self._pts[index]
        key = self._keys[max(0, bisect_right(self._keys, wanted) - 1)] if self._keys else self._pts[0]
        ahead = key > (self._pts[self._at] if self._at >= 0 else -1) and index - self._at > _SKIP_FRAMES_MAX
        if self._frames is None or index <= self._at or ahead:
            self._container.seek(key, stream=self._stream, backward=True)
            self._decoder.flush_buffers()
            self._frames = self._decoded()
        for frame in self._frames:
            if frame.pts is not None and frame.pts >= wanted:
                self._at = max(0, bisect_right(self._pts, frame.pts) - 1)
                return frame
        self._frames = None
        raise StopIteration

    def _decoded(self) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            if self._decoder is self._stream.codec_context:
                yield from packet.decode()
            else:
                yield from self._decoder.decode(packet if packet.size else None)

    def _upright(self, frame: Any) -> Rgb:
        """Blue, green, red and perhaps alpha; shape (height, width, 3 or 4)."""
        width, height = frame.width, frame.height
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        if aspect > 0 and aspect != 1:
            # As browsers do it: the longer side is stretched, none is shrunk.
            width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
        transparent = any(component.is_alpha for component in frame.format.components)
        pixels: Rgb = frame.reformat(
            width=width,
            height=height,
            format="bgra" if transparent else "bgr24",
            src_colorspace=_matrix(frame),
            dst_colorspace=Colorspace.DEFAULT,
            src_color_range=None if frame.color_range else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
        ).to_ndarray()
        turns = round(getattr(frame, "rotation", 0) / 90) % 4
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _matrix(frame: Any) -> Colorspace | int:
    """The matrix of a frame's colours; 2 means that it does not say."""
    if frame.colorspace in (1, 4, 5, 6, 7):
        return int(frame.colorspace)
    return Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601


def bmp(pixels: Rgb) -> bytes:
    """A BMP file: nothing to compress for us, nothing to unpack for the browser.

    Args:
        pixels: blue, green, red and perhaps alpha (not premultiplied), shape (height, width, 3 or 4).

    Source: BITMAPINFOHEADER, and BITMAPV4HEADER for alpha; a negative height means rows from the top.
    """
    height, width, channels = pixels.shape
    padding = -width * channels % 4
    rows = np.pad(pixels.reshape(height, width * channels), ((0, 0), (0, padding))) if padding else pixels
    data = rows.tobytes()
    if channels == 4:
        masks = struct.pack("<IIII4s36xIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs", 0, 0, 0)
        info = struct.pack("<IiiHHIIiiII", 108, width, -height, 1, 32, 3, len(data), 2835, 2835, 0, 0) + masks
    else:
        info = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 24, 0, len(data), 2835, 2835, 0, 0)
    offset = 14 + len(info)
    return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + info + data


class VideoFiles:
    """The videos of a worker, open from row to row; the one used longest ago is closed first."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Path, int, int], VideoFile] = OrderedDict()

    def get(self, path: Path, place: str) -> VideoFile:
        """The video, opened if it is not; see `VideoFile`."""
        try:
            status = path.stat()
            key = (path, status.st_mtime_ns, status.st_size)
        except OSError:
            key = (path, 0, 0)
        if key not in self._open:
            self._open[key] = VideoFile(path, place)
            if len(self._open) > OPEN_MAX:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(key)
        return self._open[key]

    def close(self) -> None:
        for video in self._open.values():
            video.close()
        self._open.clear()
