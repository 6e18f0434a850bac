"""The files of a composition as its page sees them: a made-up origin that is served from one folder.

Nothing outside the folder is reachable, by `..`, by a link, or by another host. Files of other hosts that
a row names were fetched before and lie in a folder of their own.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from framepress import picture_files
from framepress.media_kinds import kind_of
from framepress.remote_folder import remote_path

#: `.invalid` never resolves (RFC 6761), and an https origin is a secure context, as on a real site.
HOST_SUFFIX = "framepress.invalid"

#: Bytes of one file that a page may load. They are copied through the pipe.
FILE_BYTES_MAX = 256 << 20

#: Bytes of files kept in memory per site, so that a row does not read them again.
MEMORY_BYTES_MAX = 256 << 20

_TYPES = {
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".wasm": "application/wasm",
}


@dataclass(frozen=True)
class Served:
    """One file, ready for the pipe.

    Attributes:
        animated, broken, oversized: see `picture_files`; they mean something only if it is asked for as a
        picture.
    """

    body: bytes
    content_type: str
    animated: bool
    broken: bool
    oversized: bool = False


@dataclass
class Site:
    """A folder behind an origin.

    Attributes:
        folder: everything the page may load lies in it.
        entry: path of the HTML file relative to `folder`.
        name: a label of the origin; different compositions need different ones, because Chromium keeps
            what it has loaded by address.
        lasting: relative paths that are part of the composition's digest. Only these may be kept by
            Chromium from one row to the next; a row's own files may change under their name.
        remote: folder of files of other hosts, by digest; None: there are none.
    """

    folder: Path
    entry: str
    name: str
    lasting: frozenset[str] = frozenset()
    remote: Path | None = None
    _memory: dict[str, Served] = field(default_factory=dict, repr=False)
    _memory_bytes: int = 0

    @property
    def origin(self) -> str:
        return f"https://{self.name}.{HOST_SUFFIX}"

    @property
    def url(self) -> str:
        return f"{self.origin}/{self.entry}"

    def path_of(self, url: str) -> str | None:
        """The relative path that a URL of this origin names, or None for any other URL."""
        try:
            parts = urlsplit(url)
        except ValueError:
            # A script may name any text as its own address (`//# sourceURL=`).
            return None
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            return None
        return unquote(parts.path).lstrip("/")

    def read(self, path: str) -> Served | None:
        """The file at a relative path; None if it is missing, hidden, too large, or outside the folder."""
        served = self._memory.get(path)
        if served is None:
            served = self._read(path)
            if served is not None and path in self.lasting:
                self._remember(path, served)
        return served

    def read_remote(self, digest: str) -> Served | None:
        """A file of another host; None: it is not there any more."""
        if self.remote is None:
            return None
        try:
            data = remote_path(self.remote, digest).read_bytes()
        except OSError:
            return None
        kind = kind_of(data) or "application/octet-stream"
        return _served(data, kind)

    def _read(self, path: str) -> Served | None:
        try:
            target = (self.folder / path).resolve(strict=True)
            inside = target.relative_to(self.folder.resolve()).parts
            # Hidden folders hold the ledgers of earlier runs, with other people's rows.
            if any(part.startswith(".") for part in inside) or not target.is_file():
                return None
            if target.stat().st_size > FILE_BYTES_MAX:
                return None
            data = target.read_bytes()
        except (OSError, ValueError, RuntimeError):
            return None
        return _served(data, content_type(path))

    def _remember(self, path: str, served: Served) -> None:
        if self._memory_bytes + len(served.body) <= MEMORY_BYTES_MAX:
            self._memory[path] = served
            self._memory_bytes += len(served.body)


def _served(data: bytes, kind: str) -> Served:
    return Served(
        data,
        kind,
        picture_files.is_animated(data, kind),
        picture_files.is_broken(data, kind),
        picture_files.is_oversized(data),
    )


def content_type(path: str) -> str:
    """The media type by file name; unknown names are bytes."""
    suffix = Path(path).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


def response_headers(*, lasting: bool, content: str) -> list[Mapping[str, str]]:
    """Headers of an answer in the form CDP wants."""
    keep = "max-age=31536000, immutable" if lasting else "no-store"
    return [
        {"name": "Content-Type", "value": content},
        {"name": "Cache-Control", "value": keep},
        {"name": "Access-Control-Allow-Origin", "value": "*"},
    ]
