"""A screenshot into the picture that the encoder takes: 4:2:0, BT.709, limited range.

The formula, with R, G, B in 0..1 as they stand in the PNG (sRGB values are taken as BT.709 values, as every
browser does when it shows the file; no transfer function is applied)::

    Y  =  16 + 219 (0.2126 R + 0.7152 G + 0.0722 B)
    Cb = 128 + 224 (B - Y') / 1.8556        Y' being the bracket above
    Cr = 128 + 224 (R - Y') / 1.5748

One chroma sample is the mean of the 2x2 pixels around it, so it is sited in their centre. The encoder says
so in the stream (`chroma_sample_loc_type` 1), because H.264's default is the left edge.

A `Picture` is an `av.VideoFrame` in yuv420p, tagged as above. Nobody changes its pixels after it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)
from numpy.typing import NDArray

from framepress.errors import BrowserCrash, EncodeError, InternalError
from framepress.half_transparent import filled

Picture = av.VideoFrame

#: Box filter for chroma (exact 2x2 mean), every chroma sample of the source used, rounding instead of
#: truncation, and the same result on every SIMD level. 4.4 ms for 1080p RGBA; bicubic, swscale's habit,
#: takes 5.1 ms and rings at the edges of saturated text.
_SCALER = (
    Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.BITEXACT
)

#: Share of a screenshot's pixels that may be half transparent; see `half_transparent`.
EDGE_SHARE_MAX = 0.01

#: Every so many pixels, both ways, one goes into a summary.
_SUMMARY_STEP = 8


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """Brightness of a picture, enough to tell a blank one from one that shows something.

    Attributes:
        mean: mean of luma in code values, 16 (black) to 235 (white).
        std: its standard deviation; 0: one flat tone.
    """

    mean: float
    std: float


def encode_png(frame: av.VideoFrame) -> bytes:
    """A picture as PNG, quickly rather than small: gray, RGB or RGBA, as it comes."""
    context = av.VideoCodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base = Fraction(1)
    context.options = {"compression_level": "1"}
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


class PictureReader:
    """Turns PNGs and pixel arrays into pictures of one size.

    It holds a PNG decoder and a scaler, which are reused from frame to frame; not to be shared by threads.

    Args:
        width, height: pixels, even, because a chroma sample stands for 2x2 of them.

    Raises:
        EncodeError: a size is odd or not positive.
    """

    def __init__(self, width: int, height: int) -> None:
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise EncodeError(
                f"A picture of {width}x{height} cannot be encoded: both sides must be even and at least 2.",
                rule="size",
            )
        self.width = width
        self.height = height
        self._png = av.CodecContext.create("png", "r")
        # Screenshots come one at a time; frame threads would only hold them back.
        self._png.thread_count = 1
        self._png.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
        self._scaler = VideoReformatter()

    def decode_png(self, data: bytes) -> av.VideoFrame:
        """The pixels of a PNG, as RGB or RGBA, whichever it holds.

        Raises:
            BrowserCrash: it is not a whole PNG (truncated, checksum), so the browser broke its protocol.
        """
        packet = av.Packet(data)
        # Without the flag the decoder adds the picture to the one before: some AVI files hold PNGs so.
        packet.is_keyframe = True
        try:
            frames = self._png.decode(packet) if data else []
        except (av.FFmpegError, ValueError) as exc:
            raise BrowserCrash(
                f"A screenshot of {len(data)} bytes is not a readable PNG.", rule="screenshot"
            ) from exc
        if len(frames) != 1 or not isinstance(frames[0], av.VideoFrame):
            raise BrowserCrash(f"A screenshot of {len(data)} bytes holds no picture.", rule="screenshot")
        return frames[0]

    def decode_rgba(self, data: bytes) -> NDArray[np.uint8]:
        """The pixels of a PNG as rows by columns by red, green, blue, alpha; not to be written to.

        Raises:
            BrowserCrash: see `decode_png`.
        """
        frame = self.decode_png(data)
        if frame.format.name != "rgba":
            # Chromium leaves the alpha channel out of a PNG whose pixels are all opaque.
            return np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
        plane = frame.planes[0]
        pixels: NDArray[np.uint8] = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
        return pixels.reshape(frame.height, -1, 4)[:, : frame.width]

    def convert(self, frame: av.VideoFrame) -> Picture:
        """RGB in any 8-bit order, alpha opaque, to a picture; see the module for formula and siting.

        Raises:
            EncodeError: the size is not this reader's (`rule` "size").
            InternalError: a pixel is not opaque. Transparent captures must be put on their plate first;
                dropping alpha here would show the colour behind it at full strength.
        """
        if (frame.width, frame.height) != (self.width, self.height):
            raise EncodeError(
                f"A frame is {frame.width}x{frame.height} pixels; this clip has {self.width}x{self.height}.",
                rule="size",
            )
        if _clear_share(frame) > 0:
            raise InternalError("A frame with transparent pixels reached the encoder.", rule="opaque")
        picture = to_yuv420p(frame, self._scaler)
        # A decoded PNG is an intra picture, and libx264 takes that for an order to make a key frame of it.
        picture.pict_type = PictureType.NONE
        picture.color_primaries = ColorPrimaries.BT709
        picture.color_trc = ColorTrc.BT709
        return picture

    def read(self, png: bytes) -> Picture:
        """`decode_png` and `convert` in one, for screenshots: edges that Chromium left half transparent are
        filled (`half_transparent`).
        """
        frame = self.decode_png(png)
        if 0 < _clear_share(frame) <= EDGE_SHARE_MAX:
            frame = filled(frame)
        return self.convert(frame)

    def from_pixels(self, pixels: NDArray[np.uint8], order: str = "bgra") -> Picture:
        """Pixels, uint8, shape (height, width, 3 or 4), rows C-contiguous; copied.

        Args:
            order: "rgb24", "bgr24", "rgba" or "bgra".
        """
        return self.convert(av.VideoFrame.from_ndarray(pixels, order))


def to_yuv420p(frame: av.VideoFrame, scaler: VideoReformatter | None = None) -> av.VideoFrame:
    """RGB in any order to 4:2:0 by the formula above; alpha is left out.

    Args:
        scaler: kept from call to call for frames of one size; None: a new one.
    """
    return (scaler or VideoReformatter()).reformat(
        frame,
        format="yuv420p",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=_SCALER,
        threads=1,
    )


def _clear_share(frame: av.VideoFrame) -> float:
    """Share of pixels whose alpha is not 255; 0 if there is no alpha. Mostly the bitwise AND of all says so,
    in one pass (0.1 ms for 1080p).
    """
    if frame.format.name not in ("rgba", "bgra"):
        return 0.0
    pixels = _plane_rows(frame).view("<u4")[:, : frame.width]
    if int(np.bitwise_and.reduce(pixels, axis=None)) >> 24 == 0xFF:
        return 0.0
    return float(np.count_nonzero(pixels >> 24 != 0xFF)) / pixels.size


def _plane_rows(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The first plane with its padding, shape (height, line size); a view."""
    plane = frame.planes[0]
    # The stubs do not say that a plane has the buffer protocol.
    data: NDArray[np.uint8] = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
    return data.reshape(frame.height, plane.line_size)


def luma(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """The luma plane, shape (height, width), a view that lives as long as the picture."""
    return _plane_rows(picture)[:, : picture.width]


def frame_summary(picture: Picture) -> FrameSummary:
    """Brightness of every 8th pixel of every 8th row; 0.1 ms for 1080p."""
    sample = luma(picture)[::_SUMMARY_STEP, ::_SUMMARY_STEP]
    return FrameSummary(float(sample.mean()), float(sample.std()))
