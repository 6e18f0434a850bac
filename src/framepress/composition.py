"""A composition: one HTML file, the files it refers to by itself, and its variables.

`load_composition` checks all that needs no values; `Composition.instantiate` fills in one row's values and
reads size, rate, duration and sound from the result.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

from framepress.attribute_hints import check_attributes
from framepress.composition_file import find_file, read_html
from framepress.conditional_parts import left_out, present
from framepress.conditions import ConditionError, NotComparable, check_names
from framepress.declarations import FORMAT_NAME, Declaration, is_own_name
from framepress.declarations_block import read_declarations
from framepress.elements import Element, page_elements
from framepress.errors import CompositionError, InputError, RowValueError
from framepress.escaping import Language, Layer, NotFitting
from framepress.expansion import expand
from framepress.format_roots import ATTRIBUTE, FormatRoots
from framepress.formats import shown_values
from framepress.html_parts import Kind, Scan, placer
from framepress.html_scan import scan
from framepress.keys import composition_digest, digest_bytes, digest_file
from framepress.output_formats import parse_format
from framepress.page_facts import AudioElement, PageFacts, read_page
from framepress.page_videos import with_stand_ins
from framepress.pieces import Placer
from framepress.references import is_remote, relative_path, static_files
from framepress.relative_starts import with_plain_starts
from framepress.template import Template
from framepress.template_compiler import compile_template
from framepress.timing import frame_count, scaled_size

__all__ = [
    "AudioElement",
    "Composition",
    "Declaration",
    "Document",
    "frame_count",
    "load_composition",
    "scaled_size",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(PageFacts):
    """A composition with one row's values filled in. `html`: declarations removed, tokens replaced."""

    html: str


@dataclass(frozen=True)
class Composition:
    """See the head of the module. Made by `load_composition`; safe to share between threads that only read.

    Attributes:
        path: the HTML file.
        folder: root of everything the page may load.
        source: the HTML as read, dialect B written out (`expansion`).
        declarations: name -> declaration, in the order of the file.
        files: POSIX path relative to `folder` -> path, of the statically referenced files.
        digest: `keys.composition_digest` of the HTML and these files.
        fills: the picture has another size than the file gives the root (`in_format`), which has to fill it.
    """

    path: Path
    folder: Path
    source: str
    declarations: Mapping[str, Declaration]
    files: Mapping[str, Path]
    digest: str
    cut: tuple[tuple[int, int], ...] = ()
    place: Placer | None = field(default=None, repr=False, compare=False)
    fills: bool = False
    _formats: dict[str | None, Composition] = field(default_factory=dict, repr=False, compare=False)
    _templates: dict[frozenset[tuple[str, str]], Template] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def types(self) -> Mapping[str, str]:
        """Variable -> declared type."""
        return {name: declaration.type for name, declaration in self.declarations.items()}

    @cached_property
    def _bare_names(self) -> frozenset[str]:
        """Whatever stands in double braces, token or not."""
        found = re.finditer(r"\{\{\s*+([^{}$\x00-\x1f][^{}\x00-\x1f]{0,119})\}\}", self.source)
        return frozenset(match[1].rstrip() for match in found)

    def _meaning(self, bare: str, columns: Iterable[str], exact: Iterable[str]) -> str | None:
        """The variable that ``{{bare}}`` means, or None if it is text."""
        columns = tuple(columns)
        if bare in self.declarations or bare in columns or bare in exact:
            return bare
        declared = [name for name in self.declarations if name.casefold() == bare.casefold()]
        if len(declared) == 1:
            return declared[0]
        alike = [column for column in columns if column.casefold() == bare.casefold()]
        return bare if len(alike) == 1 else None

    def template(self, columns: Iterable[str] = (), exact: Iterable[str] = ()) -> Template:
        """The compiled text. Which bare names are tokens depends on the columns of the batch.

        Args:
            columns: of the batch; matched exactly, else without regard to case.
            exact: further names that are tokens exactly as written.
        """
        columns = tuple(columns)
        exact = frozenset(name for name in exact if not is_own_name(name))
        meanings = {bare: self._meaning(bare, columns, exact) for bare in self._bare_names}
        key = frozenset((bare, name) for bare, name in meanings.items() if name is not None)
        template = self._templates.get(key)
        if template is None:
            template = compile_template(
                self.source, self.name, cut=self.cut, resolve=meanings.get, source_place=self.place
            )
            self._templates[key] = template
        return template

    def variables(self, columns: Iterable[str] = ()) -> tuple[str, ...]:
        """Names that a row may supply: declared ones first, then those only used, in order of appearance."""
        return tuple(dict.fromkeys((*self.declarations, *self.template(columns).names)))

    def used(self, columns: Iterable[str] = ()) -> tuple[str, ...]:
        """Names that stand in the file as tokens."""
        return self.template(columns).names

    def complete(self, template: Template, values: Mapping[str, str]) -> dict[str, str]:
        """Values for every token, with defaults for those that are missing.

        Raises:
            CompositionError: a token has neither value nor default.
        """
        completed = dict(values)
        for name in template.names:
            if name not in completed:
                declaration = self.declarations.get(name)
                default = declaration.default if declaration else None
                if default is None:
                    raise CompositionError(
                        f'{self.name}: "{name}" has neither a value nor a default. Give it one.',
                        rule="value-missing",
                    )
                completed[name] = default
        return completed

    @cached_property
    def has_formats(self) -> bool:
        """Whether it says of some elements in which formats they are."""
        return ATTRIBUTE in self.source and any(
            tag.attribute(ATTRIBUTE) is not None for tag in scan(self.source).tags
        )

    def in_format(self, name: str | None) -> Composition:
        """The composition with its text in one format, and its digest as it is; None: that of its first root.

        Raises:
            CompositionError: it does not have the format.
        """
        found = self._formats.get(name)
        if found is None:
            found = self._formats[name] = self._made_in_format(name)
        return found

    @property
    def _source_place(self) -> Placer:
        return self.place or placer(self.name, self.source)

    def _roots(self) -> FormatRoots:
        return FormatRoots(self.source, scan(self.source), self.name, self._source_place)

    def _made_in_format(self, name: str | None) -> Composition:
        source_place = self._source_place
        made = self._roots().formatted(parse_format(name) if name is not None else None)

        def place(offset: int) -> str:
            index = bisect_left(made.outs, offset + 1) - 1
            return source_place(made.ins[index] + offset - made.outs[index])

        page = scan(made.text)
        cut = read_declarations(made.text, page, place)[1]
        one = replace(
            self,
            source=made.text,
            cut=cut,
            place=place,
            fills=not made.own_size,
            _formats={},
            _templates={},
        )
        facts = _read_unfilled(one)
        if (facts.width, facts.height) != made.size:
            raise CompositionError(
                f"{self.name}: another element with data-width stands before the root for {name}; put the "
                "roots first.",
                rule="format",
            )
        one.__dict__["has_formats"] = False
        return one

    def check_formats(self) -> None:
        """Every format that is named has its root, and that root is right.

        Raises:
            CompositionError: see `in_format`.
        """
        for root in self._roots().roots:
            for one in root.formats:
                self.in_format(one.name)

    def of(self, values: Mapping[str, str]) -> Composition:
        """The composition in the format that a row's values say (`FORMAT_NAME`)."""
        name = values.get(FORMAT_NAME)
        return self if name is None and not self.has_formats else self.in_format(name)

    def facts(self, values: Mapping[str, str], *, columns: Iterable[str] = ()) -> PageFacts:
        """What the attributes say once the values are in; `instantiate` without the text. Same errors."""
        formatted = self.of(values)
        if formatted is not self:
            return formatted.facts(_unformatted(values), columns=columns)
        template = self.template(columns, values)
        if template is self._plain_template and self._plain_facts is not None:
            return self._plain_facts
        completed = self.complete(template, values)
        template = self._present(template, completed)
        if self._adds_markup(template, completed):
            return self.instantiate(values, columns=columns)
        return self._read(template, completed)

    @cached_property
    def _plain_template(self) -> Template:
        return self.template()

    @cached_property
    def _plain_facts(self) -> PageFacts | None:
        """The facts if no row can change them, else None."""
        template = self._plain_template
        elements = page_elements(template.page, template, None, template.place)
        varies = template.conditions or "html" in self.types.values()
        if varies or any(element.unknown for element in elements):
            return None
        return read_page(elements, self.name, self._audio_path)

    def _adds_markup(self, template: Template, values: Mapping[str, str]) -> bool:
        return any(
            self.types.get(slot.name) == "html"
            and slot.layer is Layer.TEXT
            and slot.spot.language is Language.PLAIN
            and "<" in values[slot.name]
            for slot in template.slots
        )

    def left_out(self, values: Mapping[str, str], *, columns: Iterable[str] = ()) -> tuple[int, ...]:
        """Which elements with `data-if` a row lacks, by their number from 0; empty: none, or there are none.

        Raises:
            NotComparable: a value cannot be compared.
        """
        template = self.template(columns, values)
        return left_out(template, self.complete(template, values), self.types)

    def present(self, template: Template, values: Mapping[str, str]) -> Template:
        """A template without the elements that a row lacks.

        Raises:
            NotComparable: a value cannot be compared. CompositionError: when an element began is not known.
        """
        return present(template, values, self.types)

    def _present(self, template: Template, values: Mapping[str, str]) -> Template:
        try:
            return self.present(template, values)
        except NotComparable as error:
            raise RowValueError(
                f'{self.name}: "{error.name}" has a value of {len(values.get(error.name, ""))} characters; '
                f"expected {error.expected}.",
                rule="condition-type",
                field=error.name,
                length=len(values.get(error.name, "")),
            ) from error

    def _read(self, template: Template, values: Mapping[str, str]) -> PageFacts:
        elements = page_elements(template.page, template, values, template.place)
        return read_page(elements, self.name, self._audio_path)

    def _audio_path(self, element: Element, src: str) -> str:
        if "src" in element.from_row and is_remote(src):
            # Which hosts are allowed, and what came of it, is found out where rows are bound.
            return src.strip()
        noun = "video" if element.tag == "video" else "sound"
        shown = f"the address of this {noun}" if "src" in element.from_row else f'"{src[:100]}"'
        try:
            relative = relative_path(src, "")
        except ValueError as error:
            raise CompositionError(
                f"{element.place}: {shown} is not a path inside the folder of {self.name}.",
                rule="video-src" if noun == "video" else "audio-src",
            ) from error
        if relative is None:
            raise CompositionError(
                f"{element.place}: {shown} is not a file; put the {noun} into the folder of {self.name}.",
                rule="video-src" if noun == "video" else "audio-src",
            )
        return relative

    def instantiate(
        self, values: Mapping[str, str], *, columns: Iterable[str] = (), locale: str = "en-US"
    ) -> Document:
        """Fill in one row.

        Args:
            values: canonical texts, checked by `variants.Binder`; a missing one becomes its default.
            columns: of the batch; needed only for bare ``{{name}}`` that `values` does not name.
            locale: of declared formats; `LOCALE_NAME` in `values` wins.

        Raises:
            CompositionError: a token without value; size, rate or times that break a rule.
            RowValueError: a value that cannot stand at its place.
        """
        formatted = self.of(values)
        if formatted is not self:
            return formatted.instantiate(_unformatted(values), columns=columns, locale=locale)
        template = self.template(columns, values)
        completed = self.complete(template, values)
        template = self._present(template, completed)
        shown = shown_values(self.declarations, completed, locale)
        try:
            html = template.render(completed, self.types, shown)
        except NotFitting:
            for name, place, problem in template.problems(completed, self.types):
                raise RowValueError(
                    f'{place}: the value of "{name}" ({len(completed[name])} characters) does not fit there; '
                    f"expected {problem.expected}.",
                    rule=problem.rule,
                    place=place,
                    field=name,
                    length=len(completed[name]),
                ) from None
            raise
        if self._adds_markup(template, completed):
            facts = self._read_finished(html)
        else:
            facts = self._read(template, completed)
            self._check_shape(template.page, html)
        html = with_plain_starts(html, placer(self.name, html))
        html = with_stand_ins(html, facts.videos, placer(self.name, html))
        return Document(html=html, **{one.name: getattr(facts, one.name) for one in fields(facts)})

    def _read_finished(self, html: str) -> PageFacts:
        elements = page_elements(scan(html), None, None, placer(self.name, html))
        hidden = [replace(element, from_row=frozenset(element.attributes)) for element in elements]
        return read_page(hidden, self.name, self._audio_path)

    def _check_shape(self, page: Scan, html: str) -> None:
        """No value may change which elements and attributes there are, whatever we got wrong before."""
        if _shape(page) != _shape(scan(html)):
            raise RowValueError(
                f"{self.name}: a value of this row would change the structure of the page. "
                "Please report this with the composition.",
                rule="structure",
            )


def _unformatted(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name != FORMAT_NAME}


def _read_unfilled(composition: Composition) -> PageFacts:
    """What the attributes say before any value is known."""
    template = composition.template()
    elements = page_elements(template.page, template, None, template.place)
    return read_page(elements, composition.name, composition._audio_path)


def _shape(page: Scan) -> list[tuple[str, tuple[str, ...], int]]:
    return [(tag.name, tuple(a.name for a in tag.attributes), tag.parent) for tag in page.tags]


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
    draft = Composition(file, file.parent, source, declarations, {}, "", cut, place)
    template = draft.template()
    _check_conditions(draft, template)
    _read_unfilled(draft.of({}))
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
