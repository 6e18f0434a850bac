"""A composition read from its file: dialect B written out, and everything checked that needs no values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from framepress.attribute_hints import check_attributes
from framepress.composition import Composition, read_unfilled
from framepress.composition_file import find_file, read_html
from framepress.condition_syntax import ConditionError
from framepress.conditions import check_names
from framepress.declarations_block import read_declarations
from framepress.errors import CompositionError, InputError
from framepress.expansion import expand
from framepress.html_parts import Kind, Scan, placer
from framepress.html_scan import scan
from framepress.keys import composition_digest, digest_bytes, digest_file
from framepress.references import static_files
from framepress.template import Template


def load_composition(path: str | Path) -> Composition:
    """Read a composition and check everything that needs no values.

    Args:
        path: an HTML file, or a folder with ``index.html``.

    Raises:
        CompositionError: not HTML, no root, bad declarations, tokens, sizes or times; with place.
        AssetError: a file that it refers to is missing or outside its folder.
    """
    file = find_file(Path(path))
    data, source = read_html(file)
    page = scan(source)
    if not page.tags:
        raise CompositionError(f"{file}: not HTML: there is no element in it.", rule="html-none")
    _check_closed(source, page, placer(file.name, source))
    expanded = expand(source, page, placer(file.name, source), file)
    source, place = expanded.text, expanded.place
    page = scan(source)
    declarations, cut = read_declarations(source, page, place)
    declarations.update(expanded.declarations)
    _check_base(page, place)
    check_attributes(source, page, place)
    draft = Composition(file, source, declarations, cut, place, folder=file.parent, files={}, digest="")
    template = draft.template()
    _check_conditions(draft, template)
    read_unfilled(draft.of({}))
    if draft.has_formats:
        draft.check_formats()
    files = static_files(file.parent, template.text, template.page, "", template.place)
    files = dict(sorted({**files, **expanded.files}.items()))
    return replace(draft, files=files, digest=_digest(data, files), _formats={})


def _check_conditions(composition: Composition, template: Template) -> None:
    known = {name: composition.declarations.get(name) for name in template.token_names}
    known |= composition.declarations
    for condition in template.conditions:
        try:
            check_names(condition.node, known)
        except ConditionError as error:
            raise condition.fault(error) from error


def _digest(data: bytes, files: Mapping[str, Path]) -> str:
    digests = {"index": digest_bytes(data)}
    for relative, path in files.items():
        try:
            digests["./index" if relative == "index" else relative] = digest_file(path)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.", rule="asset-unreadable") from error
    return composition_digest(digests)


def _check_base(page: Scan, place: Callable[[int], str]) -> None:
    for tag in page.tags:
        href = tag.get("href") if tag.name == "base" else None
        if href is not None and href.strip() not in ("", ".", "./"):
            raise CompositionError(
                f"{place(tag.start)}: <base href> is not supported; write addresses relative to the file.",
                rule="base",
            )


def _check_closed(source: str, page: Scan, place: Callable[[int], str]) -> None:
    """Refuse a tag, a comment or a text without markup that goes on to the end of the file: the rest is in
    it."""
    last = page.regions[-1]
    text = source[last.start : last.end]
    unfinished = last.kind is Kind.START_TAG and last.tag is None
    if unfinished or (last.kind is Kind.END_TAG and not text.endswith(">")):
        raise CompositionError(
            f"{place(last.start)}: the tag that begins here is never closed; is a quote missing?",
            rule="unclosed",
        )
    if last.kind is Kind.COMMENT and text.startswith("<!--") and not text.endswith(("-->", "--!>")):
        raise CompositionError(
            f"{place(last.start)}: the comment that begins here is never closed; add -->.", rule="unclosed"
        )
    if last.kind in (Kind.SCRIPT, Kind.STYLE, Kind.RCDATA) and last.tag is not None:
        raise CompositionError(
            f"{place(last.tag.start)}: <{last.tag.name}> is never closed; add </{last.tag.name}>.",
            rule="unclosed",
        )
