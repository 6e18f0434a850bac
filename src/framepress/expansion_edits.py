"""The edits by which dialect B is written out: of texts, attributes, tags, and selectors of style sheets.

Where in a document they are made, and why, `expansion` knows.
"""

from __future__ import annotations

import html
import re

from framepress.declared_attribute import ATTRIBUTE
from framepress.html_parts import Kind, StartTag
from framepress.nested_files import Source
from framepress.pieces import Edit, Piece

_CSS_MARKS = re.compile(r"([{};@])")
_DOCUMENT_SELECTOR = re.compile(r"(?<![\w#.\-\[:])(?::root|html|body)(?![\w\-])")


def script_place(source: Source) -> int:
    """Before every other script, inside of the head if one is written."""
    first = None
    for tag in source.page.tags:
        if tag.name == "head":
            return tag.end
        if tag.name == "html":
            first = tag.end
        else:
            return tag.start if first is None else first
    return 0 if first is None else first


def text_edits(source: Source, tag: StartTag, markup: str) -> list[Edit]:
    """The first text directly in the element becomes the value, all other text in it goes; elements stay."""
    made = Piece(markup, source.place, tag.start, made=True)
    texts = [
        region
        for region in source.page.regions
        if region.tag is tag and region.kind in (Kind.TEXT, Kind.RCDATA)
    ]
    if not texts:
        return [Edit(tag.end, tag.end, (made,))]
    return [Edit(text.start, text.end, (made,) if text is texts[0] else ()) for text in texts]


def set_attribute(source: Source, tag: StartTag, name: str, value: str) -> Edit:
    """An attribute of a tag gets a value, whether it was written or not."""
    made = Piece(f'{name}="{value}"', source.place, tag.start, made=True)
    attribute = tag.attribute(name)
    if attribute is not None:
        return Edit(attribute.start, attribute.value_end + len(attribute.quote), (made,))
    behind = tag.start + 1 + len(tag.name)
    space = Piece(" ", source.place, tag.start, made=True)
    return Edit(behind, behind, (space, made))


def _remove_attributes(source: Source, tag: StartTag, names: tuple[str, ...]) -> list[Edit]:
    found = [tag.attribute(name) for name in names]
    return [Edit(one.start, one.value_end + len(one.quote)) for one in found if one is not None]


def host_edits(source: Source, tag: StartTag, nested: Source, key: str) -> list[Edit]:
    """An element that nests a composition is marked; a name or duration that it lacks is its root's."""
    added = f' data-framepress-nested="{key}"'
    root = nested.page.tags[nested.root] if nested.root >= 0 else None
    if not tag.get("data-composition-id"):
        authored = root.get("data-composition-id") if root else None
        added += f' data-composition-id="{html.escape(authored or f"nested-{key}")}"'
    if root is not None and tag.attribute("data-duration") is None and tag.attribute("data-end") is None:
        duration = root.get("data-duration")
        if duration is not None:
            added += f' data-duration="{html.escape(duration)}"'
    behind = tag.start + 1 + len(tag.name)
    return [
        Edit(behind, behind, (Piece(added, source.place, tag.start, made=True),)),
        *_remove_attributes(source, tag, ("data-composition-src", "data-variable-values")),
    ]


def inner_root_edits(source: Source, tag: StartTag) -> list[Edit]:
    """The root of a nested composition is timed by the element that it was put into."""
    behind = tag.start + 1 + len(tag.name)
    mark = Piece(" data-framepress-inner", source.place, tag.start, made=True)
    timing = ("data-start", "data-duration", "data-end", ATTRIBUTE)
    return [Edit(behind, behind, (mark,)), *_remove_attributes(source, tag, timing)]


def around(source: Source, start: int, end: int, before: str, after: str) -> list[Edit]:
    """A part of the text stays, between two new ones."""
    return [
        Edit(start, start, (Piece(before, source.place, start, made=True),)),
        Edit(end, end, (Piece(after, source.place, end, made=True),)),
    ]


def own_selectors(css: str) -> str:
    """`html`, `body` and `:root` of a nested file mean the element that it was put into."""

    parts = _CSS_MARKS.split(css)
    for index in range(0, len(parts) - 1, 2):
        if parts[index + 1] == "{" and (index == 0 or parts[index - 1] != "@"):
            parts[index] = _DOCUMENT_SELECTOR.sub(":scope", parts[index])
    return "".join(parts)
