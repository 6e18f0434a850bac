"""Dialect B written out in the terms of A: bindings become tokens, nested compositions part of one document.

    data-var-text="id"           the text of the element becomes {{id}}
    data-var-src="id"            its src becomes {{id}}
    getVariables(), var(--id)    a script in front of all others, with {{id}} for each variable
    data-composition-src="file"  the content of the file, inside of the element; scripts and styles kept to it

So values are escaped, checked and found by the survey in one way, whichever dialect they came by. What a
nested composition is given (`data-variable-values`) is put in here and may hold tokens itself;
`bound_values` tells how values are written there, `expansion_edits` makes the single edits.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framepress.bound_values import Value, given_values, js_object, js_text, scope_of, value_of
from framepress.declarations import Declaration
from framepress.declared_attribute import ATTRIBUTE, declared_in
from framepress.errors import CompositionError
from framepress.expansion_edits import (
    around,
    host_edits,
    inner_root_edits,
    own_selectors,
    script_place,
    set_attribute,
    text_edits,
)
from framepress.html_parts import Kind, Scan, StartTag
from framepress.nested_files import (
    Source,
    address_edits,
    end_of,
    find_nested,
    frame_edits,
    moved_urls,
    read_nested,
    template_source,
)
from framepress.pieces import Edit, Piece, Placer, edited, joined

#: Compositions inside of each other, and all that one file nests; more is a circle or a mistake.
_DEPTH_MAX, _COUNT_MAX = 8, 200

#: Elements whose `src` may be bound.
_BOUND_SRC = ("img", "video", "audio", "source")
#: What a script of a nested composition sees as its own.
_SCOPED = "function(window,document,__hyperframes,__timelines){"
_CLASSIC_SCRIPT = re.compile(r"(?:(?:text|application)/(?:x-)?(?:java|ecma)script)?")


@dataclass(frozen=True)
class Expanded:
    """A composition in one text.

    Attributes:
        place: turns an offset in `text` into the place in the file that it comes from.
        declarations: of variables that rows may give, from `data-composition-variables`.
        files: relative path -> path, of nested files.
    """

    text: str
    place: Placer
    declarations: Mapping[str, Declaration] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


def expand(source: str, page: Scan, place: Placer, file: Path) -> Expanded:
    """Write a composition out.

    Args:
        source: the HTML. page: the scan of it. file: it is in; nested files lie in its folder.

    Raises:
        CompositionError: declarations, bindings or nested compositions that break a rule; with place.
    """
    marks = (ATTRIBUTE, "data-var-", "data-composition-src", "data-composition-id")
    if not any(mark in source for mark in marks):
        return Expanded(source, place)
    return _Expander(file).run(Source(file.name, source, page, place, 0, len(source), {}, -1))


class _Expander:
    def __init__(self, file: Path) -> None:
        self.folder = file.parent
        self.files: dict[str, Path] = {}
        self.scopes: dict[str, dict[str, Value]] = {}
        self.scripts: set[str] = set()

    def run(self, source: Source) -> Expanded:
        declarations: dict[str, Declaration] = {}
        for tag in source.page.tags:
            declarations.update(declared_in(tag, source.place))
        values = {name: Value(f"{{{{{name}}}}}", f"{{{{{name}}}}}") for name in declarations}
        edits = self.edits(source, values, (source.relative,))
        if values or self.scopes:
            where = script_place(source)
            edits.append(Edit(where, where, (Piece(self.script(values), source.place, where, made=True),)))
        text, place = joined(edited(source.text, source.place, edits))
        return Expanded(text, place, declarations, self.files)

    def script(self, values: Mapping[str, Value]) -> str:
        scopes = ",".join(f"{js_text(key)}:{js_object(scope)}" for key, scope in self.scopes.items())
        return f"<script>__framepress.declare({js_object(values)},{{{scopes}}});</script>"

    def edits(self, source: Source, values: Mapping[str, Value], trail: tuple[str, ...]) -> list[Edit]:
        """What changes in a file for one use of it.

        Args:
            values: of its variables. trail: the files that it is nested in, and itself.
        """
        edits: list[Edit] = []
        for index, tag in source.tags():
            edits += self.bindings(source, index, tag, values)
            edits += self.host(source, index, tag, trail)
            edits += self.repeated(source, tag)
        return edits

    # ---- bindings -------------------------------------------------------------------------------

    def bindings(self, source: Source, index: int, tag: StartTag, values: Mapping[str, Value]) -> list[Edit]:
        edits = []
        text = tag.attribute("data-var-text")
        if text is not None:
            value = value_of(text.value, values, "data-var-text", source.place(tag.start))
            edits += text_edits(source, tag, value.markup)
        src = tag.attribute("data-var-src")
        if src is not None:
            where = source.place(tag.start)
            if tag.name not in _BOUND_SRC:
                raise CompositionError(
                    f"{where}: data-var-src on <{tag.name}>; expected one of {', '.join(_BOUND_SRC)}.",
                    rule="binding",
                )
            value = value_of(src.value, values, "data-var-src", where)
            edits.append(set_attribute(source, tag, "src", value.markup))
        return edits

    # ---- nested compositions --------------------------------------------------------------------

    def host(self, source: Source, index: int, tag: StartTag, trail: tuple[str, ...]) -> list[Edit]:
        """The content of a nested composition in place of what its element holds."""
        nested, removed = self.nested_in(source, index, tag, trail)
        if nested is None:
            return []
        where = source.place(tag.start)
        if len(trail) > _DEPTH_MAX or len(self.scopes) >= _COUNT_MAX:
            raise CompositionError(
                f"{where}: more than {_DEPTH_MAX} compositions inside of each other, or {_COUNT_MAX} in all.",
                rule="nested-count",
            )
        key = str(len(self.scopes) + 1)
        given = given_values(tag, source.place)
        scope = self.scopes[key] = scope_of(nested.variables, given)
        end = end_of(source.text, source.page, tag, source.place)
        content = self.content(nested, key, scope, (*trail, nested.relative))
        edits = [Edit(tag.end, end.start, tuple(content)), *removed]
        return [*edits, *host_edits(source, tag, nested, key)]

    def nested_in(
        self, source: Source, index: int, tag: StartTag, trail: tuple[str, ...]
    ) -> tuple[Source | None, list[Edit]]:
        address = tag.attribute("data-composition-src")
        if address is None:
            return self.template_in(source, index, tag)
        where = source.place(tag.start)
        if "{{" in address.value:
            raise CompositionError(
                f"{where}: a token in data-composition-src; the file must be the same for all rows.",
                rule="nested-src",
            )
        relative = find_nested(self.folder, address.value, source.relative, where)
        if relative in trail:
            raise CompositionError(
                f"{where}: {relative} nests itself ({' -> '.join((*trail, relative))}).", rule="nested-circle"
            )
        self.files[relative] = self.folder / relative
        return read_nested(self.folder, relative), []

    def template_in(self, source: Source, index: int, tag: StartTag) -> tuple[Source | None, list[Edit]]:
        """An empty element whose content is a `<template>` of the same file, by its id."""
        name = tag.get("data-composition-id")
        if not name or tag.name == "template" or f"{name}-template" not in source.text:
            return None, []
        for other in source.page.tags:
            if other.name == "template" and other.get("id") == f"{name}-template":
                end = end_of(source.text, source.page, tag, source.place)
                if source.text[tag.end : end.start].strip():
                    return None, []
                nested = template_source(source.relative, source.text, source.page, source.place, other)
                close = end_of(source.text, source.page, other, source.place)
                return nested, [Edit(other.start, close.end)]
        return None, []

    def content(
        self, source: Source, key: str, scope: Mapping[str, Value], trail: tuple[str, ...]
    ) -> list[Piece]:
        edits = [
            *self.edits(source, scope, trail),
            *frame_edits(source),
            *address_edits(self.folder, source),
            *self.kept_to(source, key),
        ]
        if source.root >= 0:
            edits += inner_root_edits(source, source.page.tags[source.root])
        return edited(source.text, source.place, edits, source.start, source.end)

    def kept_to(self, source: Source, key: str) -> list[Edit]:
        """Scripts and styles that see, and reach, the nested composition alone."""
        edits: list[Edit] = []
        authored = source.page.tags[source.root].get("data-composition-id") if source.root >= 0 else ""
        opening = f"__framepress.nested({js_text(key)},{js_text(authored or '')},{_SCOPED}"
        base = posixpath.dirname(source.relative)
        for region in source.page.regions:
            tag = region.tag
            if tag is None or not source.start <= region.start < source.end:
                continue
            if region.kind is Kind.SCRIPT and tag.get("src") is None:
                if _CLASSIC_SCRIPT.fullmatch((tag.get("type") or "").strip().lower()):
                    edits += around(source, region.start, region.end, opening, "\n});")
            elif region.kind is Kind.STYLE:
                css = source.text[region.start : region.end]
                kept = moved_urls(self.folder, own_selectors(css), base)
                if "@import" not in kept:
                    kept = f'@scope ([data-framepress-nested="{key}"]) {{{kept}}}'
                piece = Piece(kept, source.place, region.start, made=True)
                edits.append(Edit(region.start, region.end, (piece,)))
        return edits

    def repeated(self, source: Source, tag: StartTag) -> list[Edit]:
        """Leave out a script that was loaded before: a second GSAP has timelines of its own."""
        src = tag.get("src") if tag.name == "script" else None
        if not src:
            return []
        name = posixpath.basename(src)
        if name not in self.scripts:
            self.scripts.add(name)
            return []
        return [Edit(tag.start, end_of(source.text, source.page, tag, source.place).end)]
