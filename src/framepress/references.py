"""Which files a page refers to by itself: the static part of what its folder must hold.

Followed are the addresses that a browser loads without running a script: `src`, `srcset`, `poster`, `data`,
links to style sheets and preloads, SVG's `image` and `use`, `url()` and `@import` in style attributes,
style elements and linked style sheets, and documents in frames, each with what it refers to in turn. Links
to click on (`<a href>`), module imports and what scripts fetch are not followed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from framepress.css_scan import scan_css
from framepress.errors import AssetError
from framepress.escaping import scheme_of
from framepress.html_parts import WHITE_SPACE, Kind, Scan, StartTag, placer
from framepress.html_scan import scan

#: Bytes of a style sheet or a framed document that is searched for addresses.
_TEXT_BYTES_MAX = 20 * 1024 * 1024
#: Files one composition may refer to.
_FILE_COUNT_MAX = 10_000

_LOADING_RELS = frozenset(("stylesheet", "preload", "modulepreload"))
_SRC_TAGS = frozenset(
    ("img", "source", "audio", "video", "script", "iframe", "embed", "track", "input", "frame")
)


@dataclass(frozen=True, slots=True)
class Found:
    """An address as it is written (decoded), and the offset of where."""

    address: str
    offset: int


def srcset_addresses(value: str) -> list[str]:
    """The addresses of a `srcset`: candidates end at a comma that follows white space or ends the address."""
    addresses = []
    position, length = 0, len(value)
    while position < length:
        while position < length and value[position] in WHITE_SPACE + ",":
            position += 1
        start = position
        while position < length and value[position] not in WHITE_SPACE:
            position += 1
        address = value[start:position]
        if not address:
            break
        addresses.append(address.rstrip(","))
        if not address.endswith(","):
            comma = value.find(",", position)
            position = length if comma < 0 else comma + 1
    return addresses


def loaded_attributes(tag: StartTag) -> Iterator[tuple[str, str]]:
    """``(attribute, "url" | "srcset")`` of a tag that a browser loads by itself."""
    name = tag.name
    if name == "link":
        if _LOADING_RELS & set((tag.get("rel") or "").lower().split()):
            yield "href", "url"
            yield "imagesrcset", "srcset"
        return
    if name in _SRC_TAGS:
        yield "src", "url"
    if name in ("img", "source"):
        yield "srcset", "srcset"
        yield "data-fallback-src", "url"
    elif name == "video":
        yield "poster", "url"
    elif name == "object":
        yield "data", "url"
    elif name in ("image", "use", "feimage"):
        yield "href", "url"
        yield "xlink:href", "url"
    elif name in ("body", "table", "td", "th"):
        yield "background", "url"


def addresses_in_html(text: str, page: Scan) -> Iterator[Found]:
    """All addresses of a page that it loads by itself, placeholders and all."""
    for tag in page.tags:
        for name, form in loaded_attributes(tag):
            attribute = tag.attribute(name)
            if attribute is not None:
                values = srcset_addresses(attribute.value) if form == "srcset" else [attribute.value]
                for value in values:
                    yield Found(value, attribute.start)
        style = tag.attribute("style")
        if style is not None and ("(" in style.value or "@" in style.value):
            for reference in scan_css(style.value).references:
                yield Found(reference.address, style.start)
    for region in page.regions:
        if region.kind is Kind.STYLE:
            for reference in scan_css(text[region.start : region.end]).references:
                yield Found(reference.address, region.start + reference.offset)


def addresses_in_css(text: str) -> Iterator[Found]:
    for reference in scan_css(text).references:
        yield Found(reference.address, reference.offset)


def is_remote(address: str) -> bool:
    """Whether an address names something on another host."""
    stripped = address.strip(WHITE_SPACE)
    return stripped.startswith("//") or scheme_of(stripped) in ("http", "https", "ftp", "ws", "wss")


def relative_path(address: str, base: str) -> str | None:
    """The path, relative to the folder, that an address means.

    Args:
        base: POSIX path of the folder that the referring file is in, relative to the root; empty: the root.

    Returns:
        None if it is no file: another scheme, another host, a fragment, nothing.

    Raises:
        ValueError: it leaves the folder, or is no path at all.
    """
    address = address.strip(WHITE_SPACE)
    if not address or address.startswith(("#", "//", "?")) or scheme_of(address):
        return None
    path = unquote(address.split("#")[0].split("?")[0], errors="strict")
    if "\0" in path or "\\" in path:
        raise ValueError("not a path")
    joined = posixpath.normpath(path.lstrip("/") if path.startswith("/") else posixpath.join(base, path))
    if joined == ".." or joined.startswith("../"):
        raise ValueError("leaves the folder")
    return joined


def file_inside(folder: Path, relative: str) -> Path:
    """The file, if it is a regular one and lies in the folder also after following symbolic links.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is a folder or something else, or a symbolic link leads outside.
    """
    path = folder / relative
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(relative) from error
    if not real.is_relative_to(folder.resolve()):
        raise ValueError("is reached by a symbolic link that leads out of the folder")
    if not real.is_file():
        raise ValueError("is not a file")
    return path


class _Collector:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}
        self.queue: list[str] = []

    def take(self, found: Found, base: str, referrer: Callable[[int], str]) -> None:
        """Add the file behind one address. `referrer` turns an offset into ``file:line:column``."""
        if "\0" in found.address:
            return
        shown = found.address[:200]
        try:
            relative = relative_path(found.address, base)
            if relative is None or relative in self.files:
                return
            self.files[relative] = file_inside(self.folder, relative)
        except FileNotFoundError as error:
            raise AssetError(
                f'{referrer(found.offset)}: "{shown}" is not there; expected a file in {self.folder}. '
                "Put it there or correct the reference.",
                rule="asset-missing",
            ) from error
        except ValueError as error:
            raise AssetError(
                f'{referrer(found.offset)}: "{shown}" cannot be used: it {_why(error)}. '
                f"Everything a page loads must lie inside {self.folder}.",
                rule="asset-outside",
            ) from error
        if len(self.files) > _FILE_COUNT_MAX:
            raise AssetError(
                f"The composition refers to more than {_FILE_COUNT_MAX} files.", rule="asset-count"
            )
        if relative.lower().endswith((".css", ".html", ".htm", ".svg")):
            self.queue.append(relative)

    def follow(self) -> None:
        while self.queue:
            relative = self.queue.pop()
            text = _text_of(self.files[relative])
            if text is None:
                continue
            base, place = posixpath.dirname(relative), placer(relative, text)
            found = addresses_in_css(text) if relative.lower().endswith(".css") else _html_addresses(text)
            for item in found:
                self.take(item, base, place)


def _html_addresses(text: str) -> Iterator[Found]:
    return addresses_in_html(text, scan(text))


def _why(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is percent-encoded, but not as UTF-8"
    return str(error)


def _text_of(path: Path) -> str | None:
    try:
        if path.stat().st_size > _TEXT_BYTES_MAX:
            raise AssetError(f"{path}: larger than {_TEXT_BYTES_MAX // 1024**2} MB.", rule="asset-size")
        return path.read_bytes().decode("utf-8", errors="replace").replace("\0", "\ufffd")
    except OSError as error:
        raise AssetError(f"{path} cannot be read: {error.strerror}.", rule="asset-unreadable") from error


def static_files(
    folder: Path, text: str, page: Scan, base: str, referrer: Callable[[int], str]
) -> dict[str, Path]:
    """Every file the page refers to, transitively: POSIX path relative to the folder -> path.

    Args:
        base: folder of the page relative to `folder`.
        referrer: turns an offset in `text` into ``file:line:column``.

    Raises:
        AssetError: a file is missing, unreadable, or outside; names it and who refers to it.
    """
    collector = _Collector(folder)
    for found in addresses_in_html(text, page):
        collector.take(found, base, referrer)
    collector.follow()
    return dict(sorted(collector.files.items()))
