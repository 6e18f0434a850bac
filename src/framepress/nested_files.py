"""What a file that is nested into another one brings along: its content, its own variables, its root.

A nested composition is a file with a ``<template>``, whose content counts, or a whole document, of which
body, styles and scripts count.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from framepress.composition_file import read_html
from framepress.declarations import Declaration
from framepress.declared_attribute import declared_in
from framepress.errors import CompositionError
from framepress.html_parts import Kind, Region, Scan, StartTag, placer
from framepress.html_scan import scan
from framepress.pieces import Edit, Piece, Placer
from framepress.references import file_inside, loaded_attributes, relative_path

#: Tags of a whole document that are left out when it becomes part of another one.
_FRAME_TAGS = frozenset(("html", "head", "body", "meta", "base"))
_UP_URL = re.compile(r"""(url\(\s*["']?)(\.\./[^"')]+)""")


@dataclass(frozen=True)
class Source:
    """A file, or a part of one, that goes into another document.

    Attributes:
        relative: POSIX path of the file relative to the composition's folder.
        start, end: the part of `text` that counts.
        variables: that it declares.
        root: index of its root among the tags, or -1.
    """

    relative: str
    text: str
    page: Scan
    place: Placer
    start: int
    end: int
    variables: Mapping[str, Declaration]
    root: int

    def tags(self) -> Iterator[tuple[int, StartTag]]:
        """Index and tag, of the part that counts; not of templates in it, whose content is not shown."""
        inert: set[int] = set()
        for index, tag in enumerate(self.page.tags):
            if not self.start <= tag.start < self.end:
                continue
            if tag.parent in inert:
                inert.add(index)
                continue
            if tag.name == "template":
                inert.add(index)
            yield index, tag


def find_nested(folder: Path, address: str, referrer: str, where: str) -> str:
    """The path relative to the folder that a `data-composition-src` means: from the file that names it, else
    from the folder of the composition.

    Args:
        referrer: relative path of the file that names it. where: its place, for messages.

    Raises:
        CompositionError: no path inside the folder, or no such file.
    """
    for base in dict.fromkeys((posixpath.dirname(referrer), "")):
        try:
            relative = relative_path(address, base) or ""
            file_inside(folder, relative)
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise CompositionError(
                f'{where}: data-composition-src is "{address[:100]}", which {error}; '
                f"expected an HTML file inside {folder}.",
                rule="nested-src",
            ) from error
        return relative
    raise CompositionError(
        f'{where}: "{address[:200]}" is not there; expected an HTML file in {folder}. '
        "Put it there or correct data-composition-src.",
        rule="nested-missing",
    )


def read_nested(folder: Path, relative: str) -> Source:
    """Read a nested file.

    Raises:
        CompositionError: it is no HTML, or its declarations are wrong.
    """
    _, text = read_html(file_inside(folder, relative))
    page = scan(text)
    place = placer(relative, text)
    if not page.tags:
        raise CompositionError(f"{relative}: not HTML: there is no element in it.", rule="html-none")
    for tag in page.tags:
        if tag.name == "template":
            return template_source(relative, text, page, place, tag)
    return _source(relative, text, page, place, 0, len(text))


def template_source(relative: str, text: str, page: Scan, place: Placer, tag: StartTag) -> Source:
    """The content of a `<template>`."""
    return _source(relative, text, page, place, tag.end, end_of(text, page, tag, place).start)


def _source(relative: str, text: str, page: Scan, place: Placer, start: int, end: int) -> Source:
    variables: dict[str, Declaration] = {}
    root = -1
    for index, tag in enumerate(page.tags):
        variables.update(declared_in(tag, place))
        is_root = tag.attribute("data-composition-id") or (
            tag.attribute("data-width") and tag.attribute("data-height")
        )
        if root < 0 and is_root and start <= tag.start < end:
            root = index
    return Source(relative, text, page, place, start, end, variables, root)


def end_of(text: str, page: Scan, tag: StartTag, place: Placer) -> Region:
    """The end tag of an element.

    Raises:
        CompositionError: it has none.
    """
    depth = 0
    for region in page.regions:
        if region.start < tag.end:
            continue
        if region.kind is Kind.START_TAG and region.tag is not None and region.tag.name == tag.name:
            depth += 1
        elif region.kind is Kind.END_TAG and _ends(text, region) == tag.name:
            if depth == 0:
                return region
            depth -= 1
    raise CompositionError(
        f"{place(tag.start)}: <{tag.name}> is not closed; add </{tag.name}>.", rule="element-unclosed"
    )


def _ends(text: str, region: Region) -> str:
    """The name in an end tag."""
    name = re.match(r"</([a-zA-Z][^\s/>]*)", text[region.start : region.end])
    return name[1].lower() if name else ""


def frame_edits(source: Source) -> list[Edit]:
    """Leave out the tags that make a file a document of its own."""
    return [
        Edit(region.start, region.end) for region in source.page.regions if _is_frame(source.text, region)
    ]


def _is_frame(text: str, region: Region) -> bool:
    if region.kind is Kind.END_TAG:
        return _ends(text, region) in _FRAME_TAGS
    if region.kind is Kind.START_TAG:
        return region.tag is not None and region.tag.name in _FRAME_TAGS
    return region.kind is Kind.DOCTYPE


def address_edits(folder: Path, source: Source) -> list[Edit]:
    """Addresses that are relative to the nested file, from the folder of the composition instead.

    An address that names a file from the composition's folder stays.
    """
    base = posixpath.dirname(source.relative)
    if not base:
        return []
    edits = []
    for _, tag in source.tags():
        for name, form in loaded_attributes(tag):
            attribute = tag.attribute(name)
            if form != "url" or attribute is None or "{{" in attribute.value:
                continue
            moved = _moved(folder, attribute.value, base)
            if moved is not None:
                piece = Piece(moved, source.place, attribute.value_start, made=True)
                edits.append(Edit(attribute.value_start, attribute.value_end, (piece,)))
    return edits


def moved_urls(folder: Path, css: str, base: str) -> str:
    """A style sheet with what it finds by ``../`` found from the composition's folder."""
    return _UP_URL.sub(lambda match: match[1] + (_moved(folder, match[2], base) or match[2]), css)


def _moved(folder: Path, address: str, base: str) -> str | None:
    try:
        relative = relative_path(address, base)
        if relative is None:
            return None
        file_inside(folder, relative)
    except (ValueError, FileNotFoundError):
        return None
    return relative
