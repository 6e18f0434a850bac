"""A composition: one HTML file, the files it refers to by itself, and its variables.

`composition_loading` checks all that needs no values, `composition_text` knows the tokens;
`Composition.instantiate` fills in one row's values and reads size, rate, duration and sound from the result.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

from framepress.composition_text import CompositionText
from framepress.conditions import NotComparable
from framepress.declarations import FORMAT_NAME
from framepress.declarations_block import read_declarations
from framepress.elements import Element, page_elements
from framepress.errors import CompositionError, RowValueError
from framepress.escaping import Language, Layer, NotFitting
from framepress.format_roots import ATTRIBUTE, FormatRoots
from framepress.formats import shown_values
from framepress.html_parts import Scan, placer
from framepress.html_scan import scan
from framepress.output_formats import parse_format
from framepress.page_facts import PageFacts, read_page
from framepress.page_videos import with_stand_ins
from framepress.pieces import Placer
from framepress.references import is_remote, relative_path
from framepress.relative_starts import with_plain_starts
from framepress.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(PageFacts):
    """A composition with one row's values filled in. `html`: declarations removed, tokens replaced."""

    html: str


@dataclass(frozen=True, kw_only=True)
class Composition(CompositionText):
    """See the head of the module. Made by `load_composition`; safe to share between threads that only read.

    Attributes, besides those of `CompositionText`:
        folder: root of everything the page may load.
        files: POSIX path relative to `folder` -> path, of the statically referenced files.
        digest: `keys.composition_digest` of the HTML and these files.
        fills: the picture has another size than the file gives the root (`in_format`), which has to fill it.
    """

    folder: Path
    files: Mapping[str, Path]
    digest: str
    fills: bool = False
    _formats: dict[str | None, Composition] = field(default_factory=dict, repr=False, compare=False)

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
        facts = read_unfilled(one)
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


def read_unfilled(composition: Composition) -> PageFacts:
    """What the attributes say before any value is known."""
    template = composition.template()
    elements = page_elements(template.page, template, None, template.place)
    return read_page(elements, composition.name, composition._audio_path)


def _shape(page: Scan) -> list[tuple[str, tuple[str, ...], int]]:
    return [(tag.name, tuple(a.name for a in tag.attributes), tag.parent) for tag in page.tags]
