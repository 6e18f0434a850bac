"""What a file is by its first bytes: which kind of picture, font, sound or video, or none of them."""

from __future__ import annotations

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OTTO", "font/otf"),
    (b"\0\1\0\0", "font/ttf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)

#: Files of the family of MP4 that are pictures; None: such as Chromium does not show.
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": None,
    b"heix": None,
    b"mif1": None,
    b"msf1": None,
}


def kind_of(body: bytes) -> str | None:
    """The media type of a picture, font, sound or video by its first bytes; None: it is none of them."""
    kind = next((kind for magic, kind in _MAGIC if body.startswith(magic)), None)
    if kind is not None:
        return kind
    if body[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(body[8:12])
    if body[4:8] == b"ftyp":
        return _BRANDS.get(body[8:12], "video/mp4")
    if body[:1] == b"\xff" and body[1:2] >= b"\xe0":
        return "audio/mpeg"  # frames of MP3 or AAC without a header before them
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_svg = head.startswith((b"<svg", b"<?xml", b"<!--")) and b"<svg" in body[:4096].lower()
    return "image/svg+xml" if is_svg else None
