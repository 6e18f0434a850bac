"""Reads the comment of an MP4 without decoding it: seeks over boxes, reads a few hundred bytes.

Source: ISO/IEC 14496-12 for boxes (`size`, `type`, 64-bit and to-the-end sizes); Apple's QuickTime File
Format, "User data" and "Metadata", for ``moov/udta/meta/ilst/©cmt/data``, which is where FFmpeg's mov muxer
writes the key ``comment``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

#: Bytes of a comment that is read. Provenance is far shorter; a longer comment is not ours.
COMMENT_BYTES_MAX = 1 << 20
#: Boxes looked at per level; bounds the time a hostile file takes.
BOXES_MAX = 10_000

_COMMENT = b"\xa9cmt"
_UTF8 = 1  # the well-known type of a data box that holds text


@dataclass(frozen=True, slots=True)
class Comment:
    """What a file's boxes say.

    Attributes:
        text: the comment; None: there is none, or this is no MP4.
        whole: the outermost boxes end exactly where the file ends, and pictures and their table are there.
            A file whose writer died half-way has its comment, since `moov` comes first, and is not whole.
    """

    text: str | None
    whole: bool


def read_comment(stream: BinaryIO, size: int) -> Comment:
    """The comment of an MP4 file of `size` bytes; never fails on what the bytes say."""
    text: str | None = None
    end = 0
    kinds: set[bytes] = set()
    for kind, start, end in _boxes(stream, 0, size):
        kinds.add(kind)
        if kind == b"moov" and text is None:
            text = _moov_comment(stream, start, end)
    return Comment(text, end == size and kinds >= {b"ftyp", b"moov", b"mdat"})


def _boxes(stream: BinaryIO, at: int, limit: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, first byte of the content, and end of each box; ends at the first that does not fit."""
    for _ in range(BOXES_MAX):
        if limit - at < 8:
            return
        stream.seek(at)
        head = stream.read(16)
        size, kind, start = int.from_bytes(head[:4]), head[4:8], at + 8
        if size == 1:
            size, start = int.from_bytes(head[8:16]), at + 16
        elif size == 0:
            size = limit - at
        if len(head) < 8 or size < start - at or size > limit - at:
            return
        yield kind, start, at + size
        at += size


def _moov_comment(stream: BinaryIO, start: int, end: int) -> str | None:
    span: tuple[int, int] | None = (start, end)
    for kind in (b"udta", b"meta", b"ilst", _COMMENT, b"data"):
        assert span is not None
        # "meta" is a full box: version and flags come before its children.
        first = span[0] + (4 if kind == b"ilst" else 0)
        span = next(((a, b) for k, a, b in _boxes(stream, first, span[1]) if k == kind), None)
        if span is None:
            return None
    assert span is not None
    start, end = span
    if not 8 <= end - start <= COMMENT_BYTES_MAX:
        return None
    stream.seek(start)
    data = stream.read(end - start)
    if int.from_bytes(data[:4]) != _UTF8:
        return None
    return data[8:].decode("utf-8", "replace")
