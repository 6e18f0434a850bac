"""Captured personal elements in the cache: those that look at every frame like those of another page are not
captured again, whatever has changed beside them (another name, a campaign's colour, what is behind).

The key is the digest of everything that decides how they are painted: the composition's and the row's files,
the settings, and what the page says of itself (looks, boxes, markup, rules; `layers.js`). A page that cannot
say all of it (a canvas, a frame, a shadow tree) is captured each time.

The piece: 4 bytes (big-endian) of length, JSON of that length, then PNG files one after the other. The JSON
is ``{"parts": [[x, y, width, height, bytes, index of the part it is a patch of or -1], ...], "frames":
[[index of a part, ...], ...]}``; a part stands after the one it is a patch of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from framepress import keys
from framepress.cache import Cache
from framepress.errors import CacheFault
from framepress.layered import OverlayPng
from framepress.rects import Rect

#: The kind of captured layers.
LAYER = "layer"

#: Raised when pages are captured in another way. 1: the first, whole layers. 2: groups of elements.
LAYER_VERSION = 2

#: Files of a row that only what shows a file depends on, by the end of their name; another one may be a font.
_PICTURE_NAMES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".apng", ".avif", ".bmp", ".ico", ".svg")

#: Settings that decide how pictures are encoded, not how they look.
_ENCODING = frozenset({"crf", "preset"})


def layer_facts(composition: str, settings: Mapping[str, object]) -> dict[str, object]:
    """What captures depend on beside the environment, the row's files and what the page says.

    Args:
        composition: digest. settings: as in plan keys.
    """
    return {
        "composition": composition,
        "settings": {name: repr(value) for name, value in settings.items() if name not in _ENCODING},
    }


class CachedLayers:
    """Captured groups of elements in a cache.

    Args:
        facts: see `layer_facts`. files: of the row, with their digests.
        only_keep: find nothing: what is captured is to be compared with pictures.
    """

    def __init__(
        self,
        cache: Cache,
        environment: str,
        facts: Mapping[str, object],
        files: Mapping[str, str],
        *,
        only_keep: bool = False,
    ) -> None:
        self._cache = cache
        self._files = dict(files)
        self._facts = {"environment": environment, **facts}
        self._only_keep = only_keep

    def key(self, seen: Mapping[str, object], *, pictured: bool) -> str:
        """See `layered.LayerMemory`."""
        files = {
            name: digest
            for name, digest in self._files.items()
            if pictured or not name.lower().endswith(_PICTURE_NAMES)
        }
        return keys.piece_key(LAYER, **self._facts, version=LAYER_VERSION, files=files, seen=seen)

    def find(self, key: str) -> list[tuple[OverlayPng, ...]] | None:
        """See `layered.LayerMemory`."""
        data = self._cache.get_bytes(LAYER, key) if not self._only_keep else None
        if data is None:
            return None
        with suppress(ValueError, KeyError, TypeError, IndexError):
            return unpack_layer(data)
        return None

    def keep(self, key: str, frames: Sequence[tuple[OverlayPng, ...]]) -> None:
        """See `layered.LayerMemory`. What cannot be kept is captured again next time."""
        with suppress(CacheFault):
            self._cache.put_bytes(LAYER, key, pack_layer(frames))


def pack_layer(frames: Sequence[Sequence[OverlayPng]]) -> bytes:
    """The bytes of the piece; parts that frames share are stored once."""
    numbers: dict[int, int] = {}
    parts: list[OverlayPng] = []

    def number(overlay: OverlayPng) -> int:
        chain = [overlay]
        while (onto := chain[-1].onto) is not None and id(chain[-1]) not in numbers:
            chain.append(onto)
        for one in reversed(chain):
            if id(one) not in numbers:
                numbers[id(one)] = len(parts)
                parts.append(one)
        return numbers[id(overlay)]

    shown = [[number(overlay) for overlay in overlays] for overlays in frames]
    places = [
        [*one.rect.as_list(), len(one.png), -1 if one.onto is None else numbers[id(one.onto)]]
        for one in parts
    ]
    head = json.dumps({"parts": places, "frames": shown}, separators=(",", ":")).encode("ascii")
    return b"".join([len(head).to_bytes(4), head, *(one.png for one in parts)])


def unpack_layer(data: bytes) -> list[tuple[OverlayPng, ...]]:
    """Read `pack_layer`. Raises ValueError, KeyError, TypeError or IndexError if it is not one."""
    at = 4 + int.from_bytes(data[:4])
    head = json.loads(data[4:at])
    parts: list[OverlayPng] = []
    for x, y, width, height, size, onto in head["parts"]:
        if onto >= len(parts):
            raise ValueError("a patch that stands before what it is on")
        below = parts[onto] if onto >= 0 else None
        parts.append(OverlayPng(Rect(x, y, width, height), data[at : at + size], below))
        at += size
    if at != len(data):
        raise ValueError("a layer that is not as long as it says")
    return [tuple(parts[index] for index in shown) for shown in head["frames"]]
