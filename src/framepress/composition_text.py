"""The text of a composition: which names in it are variables, and what it is with their tokens compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from framepress.conditional_parts import left_out, present
from framepress.declarations import Declaration, is_own_name
from framepress.errors import CompositionError
from framepress.pieces import Placer
from framepress.template import Template
from framepress.template_compiler import compile_template


@dataclass(frozen=True)
class CompositionText:
    """What a composition says of names and tokens, whatever its picture is.

    Attributes:
        path: the HTML file.
        source: the HTML as read, dialect B written out (`expansion`).
        declarations: name -> declaration, in the order of the file.
        cut: the parts of `source` that only declare.
        place: turns an offset in `source` into the place in the file that it comes from; None: they are one.
    """

    path: Path
    source: str
    declarations: Mapping[str, Declaration]
    cut: tuple[tuple[int, int], ...] = ()
    place: Placer | None = field(default=None, repr=False, compare=False)
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
