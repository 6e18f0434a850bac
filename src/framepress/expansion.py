"""Dialect B written out in the terms of A: bindings become tokens, nested compositions part of one document.

    data-var-text="id"           the text of the element becomes {{id}}
    data-var-src="id"            its src becomes {{id}}
    getVariables(), var(--id)    a script in front of all others, with {{id}} for each variable
    data-composition-src="file"  the content of the file, inside of the element; scripts and styles kept to it

So values are escaped, checked and found by the survey in one way, whichever dialect they came by. What a
nested composition is given (`data-variable-values`) is put in here and may hold tokens itself.
"""

from __future__ import annotations

import html
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framepress.declarations import Declaration
from framepress.declared_attribute import ATTRIBUTE, declared_in
from framepress.errors import CompositionError
from framepress.html_parts import Kind, Scan, StartTag
from framepress.lexeme import Lexeme, loads
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
_TOKEN = re.compile(r"(\{\{\s*\$?[^{}\x00-\x1f]{1,120}\}\})")
_CSS_MARKS = re.compile(r"([{};@])")
_DOCUMENT_SELECTOR = re.compile(r"(?<![\w#.\-\[:])(?::root|html|body)(?![\w\-])")
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


@dataclass(frozen=True, slots=True)
class _Value:
    """A variable as it stands in a script, and in a text or attribute; both may hold tokens."""

    script: str
    markup: str


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
        self.scopes: dict[str, dict[str, _Value]] = {}
        self.scripts: set[str] = set()

    def run(self, source: Source) -> Expanded:
        declarations: dict[str, Declaration] = {}
        for tag in source.page.tags:
            declarations.update(declared_in(tag, source.place))
        values = {name: _Value(f"{{{{{name}}}}}", f"{{{{{name}}}}}") for name in declarations}
        edits = self.edits(source, values, (source.relative,))
        if values or self.scopes:
            where = _script_place(source)
            edits.append(Edit(where, where, (Piece(self.script(values), source.place, where, made=True),)))
        text, place = joined(edited(source.text, source.place, edits))
        return Expanded(text, place, declarations, self.files)

    def script(self, values: Mapping[str, _Value]) -> str:
        scopes = ",".join(f"{_js(key)}:{_object(scope)}" for key, scope in self.scopes.items())
        return f"<script>__framepress.declare({_object(values)},{{{scopes}}});</script>"

    def edits(self, source: Source, values: Mapping[str, _Value], trail: tuple[str, ...]) -> list[Edit]:
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

    def bindings(self, source: Source, index: int, tag: StartTag, values: Mapping[str, _Value]) -> list[Edit]:
        edits = []
        text = tag.attribute("data-var-text")
        if text is not None:
            value = _value_of(text.value, values, "data-var-text", source.place(tag.start))
            edits += _text_edits(source, tag, value.markup)
        src = tag.attribute("data-var-src")
        if src is not None:
            where = source.place(tag.start)
            if tag.name not in _BOUND_SRC:
                raise CompositionError(
                    f"{where}: data-var-src on <{tag.name}>; expected one of {', '.join(_BOUND_SRC)}.",
                    rule="binding",
                )
            value = _value_of(src.value, values, "data-var-src", where)
            edits.append(_set_attribute(source, tag, "src", value.markup))
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
        given = _given_values(tag, source.place)
        scope = self.scopes[key] = _scope(nested.variables, given)
        end = end_of(source.text, source.page, tag, source.place)
        content = self.content(nested, key, scope, (*trail, nested.relative))
        edits = [Edit(tag.end, end.start, tuple(content)), *removed]
        return [*edits, *_host_edits(source, tag, nested, key)]

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
        self, source: Source, key: str, scope: Mapping[str, _Value], trail: tuple[str, ...]
    ) -> list[Piece]:
        edits = [
            *self.edits(source, scope, trail),
            *frame_edits(source),
            *address_edits(self.folder, source),
            *self.kept_to(source, key),
        ]
        if source.root >= 0:
            edits += _inner_root_edits(source, source.page.tags[source.root])
        return edited(source.text, source.place, edits, source.start, source.end)

    def kept_to(self, source: Source, key: str) -> list[Edit]:
        """Scripts and styles that see, and reach, the nested composition alone."""
        edits: list[Edit] = []
        authored = source.page.tags[source.root].get("data-composition-id") if source.root >= 0 else ""
        opening = f"__framepress.nested({_js(key)},{_js(authored or '')},{_SCOPED}"
        base = posixpath.dirname(source.relative)
        for region in source.page.regions:
            tag = region.tag
            if tag is None or not source.start <= region.start < source.end:
                continue
            if region.kind is Kind.SCRIPT and tag.get("src") is None:
                if _CLASSIC_SCRIPT.fullmatch((tag.get("type") or "").strip().lower()):
                    edits += _around(source, region.start, region.end, opening, "\n});")
            elif region.kind is Kind.STYLE:
                css = source.text[region.start : region.end]
                kept = moved_urls(self.folder, _own_selectors(css), base)
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


# ---- values -------------------------------------------------------------------------------------


def _value_of(name: str, values: Mapping[str, _Value], attribute: str, where: str) -> _Value:
    value = values.get(name.strip())
    if value is None:
        known = ", ".join(f'"{one}"' for one in values) or "none"
        raise CompositionError(
            f'{where}: {attribute} names "{name[:60]}", which is not declared in {ATTRIBUTE}; '
            f"declared are {known}.",
            rule="binding",
        )
    return value


def _given_values(tag: StartTag, place: Placer) -> dict[str, object]:
    attribute = tag.attribute("data-variable-values")
    if attribute is None or not attribute.value.strip():
        return {}
    where = place(attribute.start)
    try:
        given: object = loads(attribute.value)
    except (ValueError, RecursionError) as error:
        raise CompositionError(
            f"{where}: data-variable-values is not JSON; expected an object in single quotes, such as "
            '\'{"title": "Hello"}\'.',
            rule="variable-values",
        ) from error
    if not isinstance(given, dict):
        raise CompositionError(
            f'{where}: data-variable-values is no object; expected {{"title": "Hello"}}.',
            rule="variable-values",
        )
    return {name: _scalar(value, name, where) for name, value in given.items()}


def _scalar(value: object, name: str, where: str) -> object:
    if isinstance(value, dict):
        value = value.get("url", value.get("name"))
    if value is None or isinstance(value, str | bool):
        return value
    raise CompositionError(
        f'{where}: the value of "{name[:60]}" is no text, number, true or false.',
        rule="variable-values",
    )


def _scope(declared: Mapping[str, Declaration], given: Mapping[str, object]) -> dict[str, _Value]:
    """The values of a nested composition: what it is given, else its defaults."""
    scope = {}
    for name, declaration in declared.items():
        if name not in given:
            text = (declaration.default or "").replace("{{", "{{{{")
            typed = declaration.type in ("number", "boolean") and text
            scope[name] = _Value(text if typed else _js(text), html.escape(text))
    for name, value in given.items():
        kind = declared[name].type if name in declared else ""
        scope[name] = _given(value, kind)
    return scope


def _given(value: object, kind: str) -> _Value:
    if value is None:
        return _Value("null", "")
    if isinstance(value, bool):
        return _Value("true" if value else "false", "true" if value else "false")
    text = str(value)
    is_token = _TOKEN.fullmatch(text) is not None
    typed = isinstance(value, Lexeme) or (is_token and kind in ("number", "boolean"))
    parts = _TOKEN.split(text)
    markup = "".join(part if index % 2 else html.escape(part) for index, part in enumerate(parts))
    return _Value(text if typed else _js(text), markup)


def _object(values: Mapping[str, _Value]) -> str:
    return "{" + ",".join(f"{_js(name)}:{value.script}" for name, value in values.items()) + "}"


def _js(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("<", "\\u003c")


# ---- edits --------------------------------------------------------------------------------------


def _script_place(source: Source) -> int:
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


def _text_edits(source: Source, tag: StartTag, markup: str) -> list[Edit]:
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


def _set_attribute(source: Source, tag: StartTag, name: str, value: str) -> Edit:
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


def _host_edits(source: Source, tag: StartTag, nested: Source, key: str) -> list[Edit]:
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


def _inner_root_edits(source: Source, tag: StartTag) -> list[Edit]:
    """The root of a nested composition is timed by the element that it was put into."""
    behind = tag.start + 1 + len(tag.name)
    mark = Piece(" data-framepress-inner", source.place, tag.start, made=True)
    timing = ("data-start", "data-duration", "data-end", ATTRIBUTE)
    return [Edit(behind, behind, (mark,)), *_remove_attributes(source, tag, timing)]


def _around(source: Source, start: int, end: int, before: str, after: str) -> list[Edit]:
    return [
        Edit(start, start, (Piece(before, source.place, start, made=True),)),
        Edit(end, end, (Piece(after, source.place, end, made=True),)),
    ]


def _own_selectors(css: str) -> str:
    """`html`, `body` and `:root` of a nested file mean the element that it was put into."""

    parts = _CSS_MARKS.split(css)
    for index in range(0, len(parts) - 1, 2):
        if parts[index + 1] == "{" and (index == 0 or parts[index - 1] != "@"):
            parts[index] = _DOCUMENT_SELECTOR.sub(":scope", parts[index])
    return "".join(parts)
