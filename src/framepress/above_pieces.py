"""What is painted over personal elements, in the cache: captured parts on transparency, frame by frame.

The piece: 4 bytes (big-endian) of length, JSON of that length, then PNG files one after the other. The JSON
is ``{"parts": [[x, y, width, height, bytes], ...], "frames": [[index of a part, ...], ...]}``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from framepress.layer_captures import OverlayPng
from framepress.rects import Rect


def pack_above(frames: Sequence[Sequence[OverlayPng]]) -> bytes:
    """The bytes of the piece; parts that frames share are stored once."""
    parts: dict[int, tuple[int, OverlayPng]] = {}
    shown: list[list[int]] = []
    for overlays in frames:
        for overlay in overlays:
            parts.setdefault(id(overlay), (len(parts), overlay))
        shown.append([parts[id(overlay)][0] for overlay in overlays])
    stored = [overlay for _, overlay in parts.values()]
    places = [[*one.rect.as_list(), len(one.png)] for one in stored]
    head = json.dumps({"parts": places, "frames": shown}, separators=(",", ":")).encode("ascii")
    return b"".join([len(head).to_bytes(4), head, *(overlay.png for overlay in stored)])


def unpack_above(data: bytes) -> list[list[OverlayPng]]:
    """Read `pack_above`. Raises ValueError, KeyError or TypeError if it is not one."""
    at = 4 + int.from_bytes(data[:4])
    head = json.loads(data[4:at])
    parts = []
    for x, y, width, height, size in head["parts"]:
        parts.append(OverlayPng(Rect(x, y, width, height), data[at : at + size]))
        at += size
    if at != len(data):
        raise ValueError("a layer that is not as long as it says")
    return [[parts[index] for index in shown] for shown in head["frames"]]
