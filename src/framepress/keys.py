"""Canonical bytes, digests, and every key under which something is stored. This text is the specification.

**Digest.** The SHA-256 of some bytes, as 64 lower-case hexadecimal digits.

**Canonical bytes** of a value (`canonical_json`): JSON in UTF-8 without white space and without a final
newline; object members in ascending order of the code points of their names; every string and name in
Unicode NFC; of the characters only ``"``, ``\\`` and U+0000..U+001F are escaped (``\\b \\f \\n \\r \\t``
where there is a short form, else ``\\u00xx`` in lower case); integers in decimal; ``true``, ``false``,
``null``; a rational as the string ``n/d`` in lowest terms with a positive ``d`` (thirty is ``"30/1"``).
Floats have no canonical form and are refused. A list keeps its order. Two names that are one in NFC are
refused, and so is a lone surrogate.

**Composition digest.** The digest of the canonical bytes of an object that maps each file of the
composition to the digest of its bytes. A name is the path relative to the folder, with ``/``, not
percent-encoded; the HTML file itself is ``index``, whatever its name, and a file that is really called
``index`` is ``./index``.

**Row key.** The digest of the canonical bytes of

    {"composition": <composition digest>,
     "files":       {<path or address>: <digest of the bytes>, ...},   files that only this row refers to
     "format":      1,                                                 FORMAT_VERSION
     "kind":        "row",
     "settings":    {"crf", "fps", "height", "locale", "now", "preset", "system_fonts", "timezone", "width"},
     "values":      {<variable>: <text>, ...}}                         completed, canonical text

``width`` and ``height`` are those of the output in pixels and ``fps`` is the rate that is used: options
that lead to the same output give the same key. Columns that no variable uses never enter. The key says what
was asked for; it names the artifact, so it does not hold the environment.

**Environment digest.** The digest of the canonical bytes of ``{"facts": {<name>: <text>, ...}, "format": 1,
"kind": "environment"}``.

**Piece key.** For anything stored that is less than an artifact: the digest of the canonical bytes of
``{"format": 1, "kind": "piece:<kind>", "parts": {...}}``. ``parts`` always has ``environment``, the
environment digest, so that pieces of two environments never meet.

A change to any of this is a change of `FORMAT_VERSION`.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import OrderedDict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from framepress.errors import InternalError

#: Version of every key. Raised when the meaning of a key changes; old artifacts are then not found again.
FORMAT_VERSION = 1

#: Keys that `SeenKeys` remembers.
SEEN_MAX = 10_000

#: Bytes read at once when a file is digested.
_CHUNK_BYTES = 1 << 20


# Made once: `json.dumps` with options makes one per call, which for a row's key is most of its time.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _canonical(value: object) -> object:
    """`value` in the types that `json` writes canonically."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", str(value))
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, Mapping):
        return _canonical_members(value)
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _canonical_members(value: Mapping[Any, object]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, item in value.items():
        if not isinstance(name, str):
            raise TypeError("names of members must be strings")
        normal = unicodedata.normalize("NFC", name)
        if normal in members:
            raise ValueError("two names are the same in Unicode NFC")
        members[normal] = _canonical(item)
    return members


def canonical_json(value: object) -> bytes:
    """The canonical bytes of a value; see the head of the module.

    Args:
        value: None, bool, int, str, Fraction, and lists, tuples and mappings with string keys of these.

    Raises:
        TypeError: another type, floats among them.
        ValueError: a lone surrogate, or two names that are one in NFC.
    """
    return _ENCODER.encode(_canonical(value)).encode()


def digest_bytes(data: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: str | Path) -> str:
    """`digest_bytes` of a file, read in pieces. Raises OSError as `open` does."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def composition_digest(files: Mapping[str, str]) -> str:
    """The digest of a composition.

    Args:
        files: relative POSIX path -> digest of the bytes; the HTML file under ``index``.
    """
    return digest_bytes(canonical_json(files))


def row_key(
    *,
    composition: str,
    values: Mapping[str, str],
    files: Mapping[str, str],
    settings: Mapping[str, object] | bytes,
) -> str:
    """The name of an artifact: what was asked for, and nothing else.

    Args:
        composition: `composition_digest`.
        values: every variable with its canonical text.
        files: path (or address) -> digest, of the files that only the row refers to.
        settings: see the head of the module; or their canonical bytes, which the rows of a list share.
    """
    # The members in their canonical order, put together by hand: of a list, all but two are always the same.
    return digest_bytes(
        b'{"composition":%b,"files":%b,"format":%d,"kind":"row","settings":%b,"values":%b}'
        % (
            canonical_json(composition),
            canonical_json(files) if files else b"{}",
            FORMAT_VERSION,
            settings if isinstance(settings, bytes) else canonical_json(settings),
            canonical_json(values),
        )
    )


def environment_digest(facts: Mapping[str, str]) -> str:
    """The digest of what a machine brings to the pixels.

    Args:
        facts: name -> text, such as ``{"chromium": "156.0", "libx264": "165", "simd": "avx2"}``.
    """
    return digest_bytes(canonical_json({"facts": facts, "format": FORMAT_VERSION, "kind": "environment"}))


def piece_key(kind: str, **parts: object) -> str:
    """The key of a stored piece.

    Args:
        kind: what the piece is, such as ``"segment"``.
        parts: everything that decides its bytes; ``environment`` must be among them.
    """
    if "environment" not in parts:
        raise InternalError(f'The key of a stored "{kind}" lacks the environment. Please report this.')
    return digest_bytes(canonical_json({"format": FORMAT_VERSION, "kind": f"piece:{kind}", "parts": parts}))


class SeenKeys:
    """Keys that were asked for here before: what comes once is in nearly every row, what comes twice is
    worth an effort.
    """

    def __init__(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()

    def again(self, key: str) -> bool:
        """Whether it has been asked for before; of those that are long gone it is not known."""
        known = key in self._keys
        self._keys[key] = None
        if len(self._keys) > SEEN_MAX:
            self._keys.popitem(last=False)
        return known
