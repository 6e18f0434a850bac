"""Poster pictures: one frame as JPEG, with a play button if wished."""

from __future__ import annotations

from pathlib import PurePosixPath

import av
import numpy as np
from numpy.typing import NDArray

#: JPEG quantiser of FFmpeg's mjpeg encoder, 2 (best) to 31.
_JPEG_QSCALE = 3

#: JPEG's marker of the start, and of a comment, which has two bytes of length and the text.
_SOI, _COM = b"\xff\xd8", b"\xff\xfe"

#: Bytes in which a comment of ours ends at the latest.
COMMENT_HEAD_BYTES = 4096

#: The button's diameter in parts of the picture's shorter side.
_BUTTON_SIZE = 0.22


def poster_jpeg(png: bytes, *, play_button: bool = False, comment: str = "") -> bytes:
    """A JPEG of a screenshot.

    Args:
        png: RGB or RGBA, opaque.
        play_button: draw a translucent disc with a triangle in the middle.
        comment: kept in the file, see `jpeg_comment`; at most 65,533 bytes.
    """
    pixels = decode_rgb(png)
    if play_button:
        pixels = _with_button(pixels)
    context = av.VideoCodecContext.create("mjpeg", "w")
    context.width, context.height = pixels.shape[1], pixels.shape[0]
    context.pix_fmt = "yuvj420p"
    context.time_base = 1  # type: ignore[assignment]
    context.thread_count = 1
    context.options = {"qmin": str(_JPEG_QSCALE), "qmax": str(_JPEG_QSCALE), "flags": "+bitexact"}
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuvj420p")
    jpeg = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    return _with_comment(jpeg, comment) if comment else jpeg


def jpeg_comment(head: bytes) -> str | None:
    """The comment that `poster_jpeg` put in front; None: another program made this file.

    Args:
        head: the first bytes of the file, `COMMENT_HEAD_BYTES` at most.
    """
    if head[:4] != _SOI + _COM:
        return None
    length = int.from_bytes(head[4:6], "big")
    try:
        return head[6 : 4 + length].decode("ascii")
    except UnicodeDecodeError:
        return None


def _with_comment(jpeg: bytes, comment: str) -> bytes:
    # Before every other segment, so that few bytes tell it (ITU-T T.81, B.2.4.5).
    text = comment.encode("ascii")
    return _SOI + _COM + (len(text) + 2).to_bytes(2, "big") + text + jpeg[len(_SOI) :]


def poster_name(clip_name: str) -> str:
    """The poster's name beside its clip's."""
    return str(PurePosixPath(clip_name).with_suffix(".jpg"))


def decode_rgb(png: bytes) -> NDArray[np.uint8]:
    """Pixels of a PNG, uint8, shape (height, width, 3)."""
    context = av.CodecContext.create("png", "r")
    context.thread_count = 1
    frames = context.decode(av.Packet(png))
    assert isinstance(frames[0], av.VideoFrame)
    return np.asarray(frames[0].to_ndarray(format="rgb24"), np.uint8)


def _with_button(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width, _ = pixels.shape
    radius = min(width, height) * _BUTTON_SIZE / 2
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x -= width / 2
    y -= height / 2
    disc = np.clip(radius - np.hypot(x, y) + 0.5, 0, 1)
    # A triangle pointing right: its three edges as distances, the smallest one counts.
    side = radius * 0.5
    left = x + side * 0.75
    slanted = (side * 1.1 - x) * 0.5 - np.abs(y) * 0.866
    triangle = np.clip(np.minimum(left, slanted) + 0.5, 0, 1)
    picture = pixels.astype(np.float32)
    picture *= 1 - 0.55 * disc[..., None]
    picture += (255 - picture) * (triangle * disc)[..., None]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
