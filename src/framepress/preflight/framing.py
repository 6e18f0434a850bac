"""What the files of a composition say about laying its rows out in a frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from framepress.composition import Composition, Document
from framepress.html_parts import Kind, Scan, StartTag
from framepress.html_scan import scan

#: What makes a document less on its own in a frame than in a tab, or outlives it there: what it stores, whom
#: it talks to, what is around it.
_NOT_ALONE = re.compile(
    r"\b(?:localStorage|sessionStorage|indexedDB|cookie|cookieStore|caches|BroadcastChannel|SharedWorker|Worker|"
    r"frameElement|opener|postMessage|(?:window|self|globalThis)\s*\.\s*(?:top|parent|name)|history|navigation)\b"
)
#: Elements that are, or bring, documents of their own; videos are given their frames by the loader.
_FRAMES = frozenset({"iframe", "frame", "object", "embed", "portal", "video"})
#: Words of a script that may look for a sound, or wait for it.
_LISTENS = re.compile(r"audio|\bmedia\b|HTMLMedia|metadata|canplay|durationchange", re.IGNORECASE)
#: Words of a script that may ask for files.
_ASKS = re.compile(
    r"fetch|XMLHttpRequest|import\s*\(|EventSource|Beacon|Audio|Image\b|background|\burl\b|\bsrc|href|HTML|"
    r"insertAdjacent|document\.write|createElement|WebAssembly|attachShadow",
    re.IGNORECASE,
)
#: What a style sheet or an old attribute paints from a file.
_PAINTS = re.compile(r"url\(|image-set|@import|\sbackground\s*=", re.IGNORECASE)
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}", re.IGNORECASE)
_SOUND = re.compile(r"<audio(?=[\s/>])", re.IGNORECASE)


def why_not_framed(composition: Composition) -> str | None:
    """Why no row of a composition can be laid out in a frame; None: nothing in its files is against it."""
    page = scan(composition.source)
    for tag in page.tags:
        if tag.name in _FRAMES or any(one.name == "http-equiv" for one in tag.attributes):
            return f"the composition has <{tag.name}>"
    for script in _all_scripts(composition, page):
        alone = _NOT_ALONE.search(script)
        if alone is not None:
            return f'a script uses "{alone[0]}"'
    return None


def may_be_silent(composition: Composition) -> bool:
    """Whether nothing in a page can tell that its sounds are not there.

    A sound is loaded by every row's page, passes our interception and is decoded as far as its length: a
    fifth of what a row of `examples/card` cost.
    """
    page = scan(composition.source)
    return not any(_LISTENS.search(script) for script in _all_scripts(composition, page))


def may_ask(composition: Composition) -> bool:
    """Whether a page may ask for files of which neither its driver nor its load event knows.

    The driver knows of images, fonts and style sheets, and that event waits for what markup asks for. What a
    style sheet paints is asked for when it is first laid out, which may be later.
    """
    page = scan(composition.source)
    sheets = [composition.source]
    for name, path in composition.files.items():
        if name.endswith(".css"):
            sheets.append(path.read_text("utf-8", errors="replace"))
    if any(_PAINTS.search(_FONT_FACE.sub("", sheet)) for sheet in sheets):
        return True
    return any(_ASKS.search(script) for script in _all_scripts(composition, page))


def silenced(document: Document, html: str) -> str:
    """A row's document whose sounds are loaded when they are played, that is, never.

    Where one is missing, or something else looks like a sound, the document stays as it is: loading it shows
    what is wrong.

    Args:
        html: of the document as it is given to a page.
    """
    # What an attribute says first counts, and no value can bring a bracket.
    silent, count = _SOUND.subn('<audio preload="none"', html)
    there = [sound for sound in document.audio if Path(sound.src).is_file()]
    return silent if len(there) == len(document.audio) == count else html


def _all_scripts(composition: Composition, page: Scan) -> Iterator[str]:
    yield from _scripts(composition.source, page)
    for name, path in composition.files.items():
        if name.endswith((".js", ".mjs")):
            yield path.read_text("utf-8", errors="replace")


def _scripts(source: str, page: Scan) -> Iterator[str]:
    """JavaScript in a document: of its script elements and handlers."""
    for region in page.regions:
        if region.kind in (Kind.SCRIPT, Kind.FOREIGN_CODE) and not _is_data(region.tag):
            yield source[region.start : region.end]
    for tag in page.tags:
        yield from (one.value for one in tag.attributes if one.name.startswith("on"))


def _is_data(tag: StartTag | None) -> bool:
    """Whether a script element holds data and no script."""
    kinds = [one.value for one in tag.attributes if one.name == "type"] if tag is not None else []
    return any("json" in kind or "-vars" in kind for kind in kinds)
