"""What a picture file says of itself: whether it is whole, and whether it moves by a clock of its own.

Chromium tells a page of neither in full: a broken background is left out without a word, a file that was cut
short is shown as far as it goes, and an animated one plays by the machine's clock.

Source: GIF89a; PNG third edition, chunks and APNG; WebP container, VP8X; JPEG (ITU-T T.81), markers; HEIF
brands; SVG 2, animation elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.parsers.expat import ExpatError, ParserCreate

SVG_TYPE = "image/svg+xml"

#: First bytes of BMP, ICO, CUR and JPEG XL, which are not looked into.
_OTHERS = (b"BM", b"\0\0\1\0", b"\0\0\2\0", b"\xff\x0a", b"\0\0\0\x0cJXL ")

#: Pixels of one picture. Chromium takes four bytes for each; a photo of a good camera has half as many.
PIXELS_MAX = 100_000_000

_GIF = (b"GIF87a", b"GIF89a")
_PNG = b"\x89PNG\r\n\x1a\n"


def is_animated(data: bytes, content_type: str) -> bool:
    """Whether a picture moves by itself, which a frame-by-frame renderer cannot follow."""
    if data.startswith(_GIF):
        return list(_gif_blocks(data)).count(b",") > 1
    if data.startswith(_PNG):
        return b"acTL" in _png_chunks(data)
    if _is_webp(data):
        return data[12:16] == b"VP8X" and bool(data[20] & 0x02)
    if data[4:8] == b"ftyp":
        return data[8:12] == b"avis"
    if content_type == SVG_TYPE:
        return (
            re.search(rb"<(\w+:)?(animate|animateTransform|animateMotion|set)\b|@keyframes\b", data)
            is not None
        )
    return False


def is_broken(data: bytes, content_type: str) -> bool:
    """Whether a file that is asked for as a picture is none, or ends too early."""
    if content_type == SVG_TYPE:
        return not _is_well_formed(data)
    if data.startswith(_GIF):
        return b";" not in _gif_blocks(data)
    if data.startswith(_PNG):
        return b"IEND" not in _png_chunks(data)
    if data.startswith(b"\xff\xd8"):
        # A thumbnail in the header has an end of its own; the picture's comes after the last start of scan.
        return not 0 < data.rfind(b"\xff\xda") < data.rfind(b"\xff\xd9")
    if _is_webp(data):
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    return not (data[4:8] == b"ftyp" or data.startswith(_OTHERS))


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP" and len(data) > 20


def _is_well_formed(data: bytes) -> bool:
    try:
        ParserCreate().Parse(data, True)
    except ExpatError:
        return False
    return True


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """Names of the chunks that are there whole."""
    at = len(_PNG)
    while (end := at + 12 + int.from_bytes(data[at : at + 4])) <= len(data):
        yield data[at + 4 : at + 8]
        at = end


def _gif_blocks(data: bytes) -> Iterator[bytes]:
    """First bytes of the blocks: "!" an extension, "," a picture, ";" the end."""
    at = 13 + _colour_table_bytes(data[10:11])
    while at < len(data):
        kind = data[at : at + 1]
        yield kind
        if kind == b",":
            at += 11 + _colour_table_bytes(data[at + 9 : at + 10])
        elif kind == b"!":
            at += 2
        else:
            return
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1


def _colour_table_bytes(flags: bytes) -> int:
    return 3 << ((flags[0] & 0x07) + 1) if flags and flags[0] & 0x80 else 0


def is_oversized(data: bytes) -> bool:
    """Whether a picture has more than `PIXELS_MAX`, by what its first bytes say: it would take memory
    away."""
    size = picture_size(data)
    return size is not None and size[0] * size[1] > PIXELS_MAX


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height; None: another format, or they cannot be told."""
    if data.startswith(_PNG) and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(_GIF) and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if _is_webp(data) and data[12:16] == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data.startswith(b"BM") and len(data) >= 26:
        width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
        return abs(width), abs(height)
    return _jpeg_size(data) if data.startswith(b"\xff\xd8") else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        # SOF0..SOF15 without DHT, JPG and DAC.
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(data[where : where + 2], "big") for where in (at + 5, at + 7))
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
