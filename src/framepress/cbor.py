"""CBOR as Chromium speaks it on its debugging pipe (`--remote-debugging-pipe=cbor`).

A subset of RFC 8949 with one habit of its own: every map and array is of indefinite length and wrapped in
an envelope, tag 24 with a byte string of 32-bit length, so that a message can be cut out without being
parsed. Strings are UTF-8 text, or, untagged byte strings, UTF-16 in little endian; binary data is a byte
string with tag 22. Source: Chromium, third_party/inspector_protocol/crdtp/cbor.h.

Why not JSON: a 1080p screenshot of 1.8 MB would be turned into base64 and copied through a JSON writer by
Chromium, and back by us. Per frame that is 1 to 7 ms there and 4 here.
"""

from __future__ import annotations

import struct
from typing import Any

#: Tag 24, byte string, four bytes of length: the first bytes of an envelope.
_ENVELOPE = b"\xd8\x18\x5a"

#: Bytes before the content of an envelope.
ENVELOPE_BYTES = 7

_TAG_BINARY = 22
_MAP, _ARRAY, _BREAK = 0xBF, 0x9F, 0xFF
_SIMPLE = {0xF4: False, 0xF5: True, 0xF6: None}
_DOUBLE = 0xFB


def message_bytes(head: bytes) -> int:
    """Length of the message that begins with these 7 bytes, in all.

    Raises:
        ValueError: no message begins so.
    """
    if head[:3] == _ENVELOPE:
        return int(ENVELOPE_BYTES + struct.unpack_from(">I", head, 3)[0])
    if head[:2] == b"\xd8\x5a":
        # An older form of the envelope, without its tag number.
        return int(6 + struct.unpack_from(">I", head, 2)[0])
    raise ValueError("no CBOR envelope")


def dumps(value: Any) -> bytes:
    """A message or a part of one. Takes None, bool, int, float, str, bytes, and lists and dicts of these."""
    match value:
        case dict():
            pairs = (part for key, item in value.items() for part in (dumps(key), dumps(item)))
            return _wrap(b"".join((b"\xbf", *pairs, b"\xff")))
        case list() | tuple():
            return _wrap(b"".join((b"\x9f", *map(dumps, value), b"\xff")))
        case str():
            text = value.encode("utf-8", "surrogatepass")
            return _head(3, len(text)) + text
        case bytes():
            return bytes([0xC0 | _TAG_BINARY]) + _head(2, len(value)) + value
    return _number(value)


def _number(value: object) -> bytes:
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case float():
            return struct.pack(">Bd", _DOUBLE, value)
    raise TypeError(f"{type(value).__name__} has no CBOR form here")


def _wrap(content: bytes) -> bytes:
    return _ENVELOPE + struct.pack(">I", len(content)) + content


def _head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes([major << 5 | count])
    for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if count < 1 << (8 * size):
            return bytes([major << 5 | code]) + count.to_bytes(size, "big")
    raise ValueError("an integer of more than 64 bits")


def loads(data: bytes) -> Any:
    """What a message says. Binary data comes as bytes.

    Raises:
        ValueError: it is not of the subset, or is cut short, or something follows.
    """
    try:
        value, end = _read(data, 0)
    except (IndexError, struct.error, UnicodeDecodeError, RecursionError) as exc:
        raise ValueError("broken CBOR") from exc
    if end != len(data):
        raise ValueError("something follows a CBOR message")
    return value


def _read(data: bytes, at: int) -> tuple[Any, int]:
    first = data[at]
    if first == 0xD8:
        return _read(data, at + (ENVELOPE_BYTES if data[at + 1] == 0x18 else 6))
    if first == _MAP:
        return _read_map(data, at + 1)
    if first == _ARRAY:
        return _read_array(data, at + 1)
    if first in _SIMPLE:
        return _SIMPLE[first], at + 1
    if first == _DOUBLE:
        return struct.unpack_from(">d", data, at + 1)[0], at + 9
    return _read_counted(data, at)


def _read_map(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    found = {}
    while data[at] != _BREAK:
        key, at = _read(data, at)
        found[key], at = _read(data, at)
    return found, at + 1


def _read_array(data: bytes, at: int) -> tuple[list[Any], int]:
    found = []
    while data[at] != _BREAK:
        item, at = _read(data, at)
        found.append(item)
    return found, at + 1


def _read_counted(data: bytes, at: int) -> tuple[Any, int]:
    major, count = data[at] >> 5, data[at] & 31
    at += 1
    if count >= 24:
        if count > 27:
            raise ValueError("an indefinite length where none is allowed")
        size = 1 << (count - 24)
        count = int.from_bytes(data[at : at + size], "big")
        at += size
    if major == 0:
        return count, at
    if major == 1:
        return -1 - count, at
    if major == 6 and count == _TAG_BINARY:
        return _read_bytes(data, at)
    end = at + count
    if end > len(data) or major not in (2, 3):
        raise ValueError("broken CBOR")
    if major == 3:
        return data[at:end].decode("utf-8", "surrogatepass"), end
    return data[at:end].decode("utf-16-le", "surrogatepass"), end


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    # Strings of definite length, the only kind that Chromium writes.
    size = {0x5A: 4, 0x59: 2, 0x58: 1}.get(data[at], 0)
    count = int.from_bytes(data[at + 1 : at + 1 + size], "big") if size else data[at] & 31
    begin = at + 1 + size
    if data[at] >> 5 != 2 or begin + count > len(data):
        raise ValueError("broken CBOR")
    return data[begin : begin + count], begin + count
