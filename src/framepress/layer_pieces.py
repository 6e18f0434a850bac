"""Captured personal elements in the cache: those that look at every frame like those of another page are not
captured again, whatever has changed beside them (another name, a campaign's colour, what is behind).

The key is the digest of everything that decides how they are painted: the composition's and the row's files,
the settings, and what the page says of itself (looks, boxes, markup, rules; `layers.js`). A page that cannot
say all of it (a canvas, a frame, a shadow tree) is captured each time.

The piece: 4 bytes (big-endian) of length, JSON of that length, then PNG files one after the other. The JSON
is ``{"files": [bytes, ...], "parts": [[x, y, width, height, file, onto], ...], "frames": [[part, ...],
...]}``, files and parts by index. `onto` is the part that one is a patch of, which stands before it, or -1.
A part that is another frame's, shifted, has three more numbers: pixels to the right, pixels down, opacity.
One that is cut out of its file has two more: the column and the row at which it begins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from framepress import keys
from framepress.cache import Cache
from framepress.errors import CacheFault
from framepress.layer_captures import OverlayPng
from framepress.layer_moments import Moments
from framepress.rects import Rect
from framepress.stills import Shift

#: The kind of captured layers.
LAYER = "layer"

#: Raised when pages are captured in another way. 1: the first, whole layers. 2: groups of elements. 3: some
#: captures are made of others. 4: what a script turns or scales is captured of a whole picture. 5: some are
#: cut out of larger ones.
LAYER_VERSION = 5

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
        seen: keys that were asked for before; None: there were no others.
        only_keep: find nothing: what is captured is to be compared with pictures.
        moments: see `layered.LayerMemory`.
    """

    def __init__(
        self,
        cache: Cache,
        environment: str,
        facts: Mapping[str, object],
        files: Mapping[str, str],
        *,
        seen: keys.SeenKeys | None = None,
        only_keep: bool = False,
        moments: Moments | None = None,
    ) -> None:
        self.moments = None if only_keep else moments
        self._cache = cache
        self._files = dict(files)
        self._facts = {"environment": environment, **facts}
        self._seen = seen
        self._only_keep = only_keep

    def key(self, seen: Mapping[str, object], *, pictured: bool) -> str:
        """See `layered.LayerMemory`."""
        files = {
            name: digest
            for name, digest in self._files.items()
            if pictured or not name.lower().endswith(_PICTURE_NAMES)
        }
        return keys.piece_key(LAYER, **self._facts, version=LAYER_VERSION, files=files, seen=seen)

    def again(self, key: str) -> bool:
        """See `layered.LayerMemory`."""
        return self._seen is not None and self._seen.again(key)

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
    files: dict[int, tuple[int, bytes]] = {}
    places: list[list[float]] = []

    def number(overlay: OverlayPng) -> int:
        chain = [overlay]
        while (onto := chain[-1].onto) is not None and id(chain[-1]) not in numbers:
            chain.append(onto)
        for one in reversed(chain):
            if id(one) not in numbers:
                numbers[id(one)] = len(places)
                file, _ = files.setdefault(id(one.png), (len(files), one.png))
                onto_index = -1 if one.onto is None else numbers[id(one.onto)]
                places.append([*one.rect.as_list(), file, onto_index, *_more(one)])
        return numbers[id(overlay)]

    shown = [[number(overlay) for overlay in overlays] for overlays in frames]
    pngs = [png for _, png in files.values()]
    told = {"files": [len(png) for png in pngs], "parts": places, "frames": shown}
    head = json.dumps(told, separators=(",", ":")).encode("ascii")
    return b"".join([len(head).to_bytes(4), head, *pngs])


def _more(one: OverlayPng) -> list[float]:
    if one.shift is not None:
        return [one.shift.x, one.shift.y, one.shift.opacity]
    return list(one.corner or ())


def unpack_layer(data: bytes) -> list[tuple[OverlayPng, ...]]:
    """Read `pack_layer`. Raises ValueError, KeyError, TypeError or IndexError if it is not one."""
    at = 4 + int.from_bytes(data[:4])
    head = json.loads(data[4:at])
    files = []
    for size in head["files"]:
        files.append(data[at : at + size])
        at += size
    if at != len(data):
        raise ValueError("a layer that is not as long as it says")
    parts: list[OverlayPng] = []
    for x, y, width, height, file, onto, *more in head["parts"]:
        if onto >= len(parts):
            raise ValueError("a patch that stands before what it is on")
        below = parts[onto] if onto >= 0 else None
        shift = Shift(*more) if len(more) == 3 else None
        corner = (int(more[0]), int(more[1])) if len(more) == 2 else None
        parts.append(OverlayPng(Rect(x, y, width, height), files[file], below, shift, corner))
    return [tuple(parts[index] for index in shown) for shown in head["frames"]]
