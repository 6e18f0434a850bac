"""Rows into variants: columns matched to variables, values completed and checked against their declarations.

Messages describe a value by its length and never show it.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framepress import keys
from framepress.composition import Composition, scaled_size
from framepress.declarations import Declaration, check_text
from framepress.errors import CompositionError, RowsError, RowValueError, UsageError
from framepress.escaping import NotFitting, check_address, scheme_of
from framepress.lexeme import Lexeme
from framepress.references import file_inside, is_remote, relative_path, srcset_addresses
from framepress.settings import RenderSettings
from framepress.template import Address

#: Frames per second where neither an option nor the composition says.
FPS_DEFAULT = Fraction(30)

#: Types whose value names a file.
_FILE_TYPES = frozenset(("image", "font", "url"))


def canonical_text(value: object) -> str:
    """The text that enters the page and the row key.

    Numbers of JSON stay as they were written, booleans are ``true`` and ``false``, null is empty, line
    breaks are ``\\n``, and text is in Unicode NFC.

    Raises:
        ValueError: a list, an object, a float: nothing that has one text.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Lexeme):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.replace("\r\n", "\n"))
    raise ValueError(f"a {type(value).__name__} is no single value")


def forbidden_character(text: str) -> tuple[int, str] | None:
    """``(index, description)`` of the first character that no value may hold, or None."""
    if text.isprintable():
        return None
    for index, character in enumerate(text):
        category = unicodedata.category(character)
        if category == "Cs":
            return index, f"half a character (surrogate U+{ord(character):04X})"
        if category == "Cc" and character not in "\n\t":
            return index, f"the control character U+{ord(character):04X}"
    return None


@dataclass(frozen=True)
class Variant:
    """One row, validated and completed.

    Attributes:
        values: every variable -> canonical text.
        files: POSIX path relative to the composition's folder -> SHA-256, of the files the row refers to.
    """

    values: Mapping[str, str]
    files: Mapping[str, str]


def _nearest(name: str, candidates: Iterable[str]) -> str | None:
    folded = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
    return folded[close[0]] if close else None


def _listed(names: Iterable[str], limit: int = 12) -> str:
    shown = [f'"{name}"' for name in names]
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more if shown else "none"


class Binder:
    """Matches the columns of a batch to the variables of a composition, once, and then binds rows.

    Args:
        columns: all columns of the batch, or the names given to a single render.
        column_map: variable -> column (`--map`).
        use_default: variables that may lack a column (`--use-default`).
        batch: many rows; a variable without a column is then an error, not its default.

    Raises:
        RowsError, UsageError: a name in `column_map` or `use_default` that does not exist; two columns that
            match one variable.
    """

    def __init__(
        self,
        composition: Composition,
        *,
        columns: Iterable[str],
        column_map: Mapping[str, str],
        use_default: Collection[str],
        batch: bool,
    ) -> None:
        self.composition = composition
        self.columns = tuple(columns)
        self.batch = batch
        self._known = tuple(dict.fromkeys((*self.columns, *column_map)))
        self._template = composition.template(self._known)
        self.variables = composition.variables(self._known)
        self._used = frozenset(self._template.names)
        self._use_default = frozenset(self._variable(name, "--use-default") for name in use_default)
        mapped = {self._variable(name, "--map"): column for name, column in column_map.items()}
        self.column_of: dict[str, str] = {}
        for name in self.variables:
            column = self._mapped(name, mapped[name]) if name in mapped else self._match(name)
            if column is not None:
                self.column_of[name] = column
        self._digests: dict[tuple[str, int, int], str] = {}
        self._times_vary = _times_vary(composition, self._known)

    def _variable(self, name: str, option: str) -> str:
        if name in self.variables:
            return name
        alike = [variable for variable in self.variables if variable.casefold() == name.casefold()]
        if len(alike) == 1:
            return alike[0]
        raise UsageError(
            f'{option} names "{name}", which is no variable of {self.composition.name}; '
            f"there are {_listed(self.variables)}.",
            rule="unknown-variable",
        )

    def _mapped(self, name: str, column: str) -> str:
        if column not in self.columns:
            near = _nearest(column, self.columns)
            raise RowsError(
                f'--map {name}={column}: there is no column "{column}"'
                + (f'; did you mean "{near}"?' if near else f"; there are {_listed(self.columns)}."),
                rule="unknown-column",
            )
        return column

    def _match(self, name: str) -> str | None:
        if name in self.columns:
            return name
        alike = [column for column in self.columns if column.casefold() == name.casefold()]
        if len(alike) > 1:
            raise RowsError(
                f'"{name}" matches the columns {_listed(alike)}; say which with --map {name}={alike[0]}.',
                rule="ambiguous-column",
            )
        return alike[0] if alike else None

    def check_columns(self) -> None:
        """Refuse columns that cannot be right, before any row is looked at.

        Raises:
            RowsError: in a batch, a variable that the file uses has no column.
            UsageError: in a single render, a name that is no variable.
        """
        if not self.batch:
            self._check_given()
            return
        missing = [
            name
            for name in self.variables
            if name in self._used and name not in self.column_of and name not in self._use_default
        ]
        if not missing:
            return
        used = set(self.column_of.values())
        free = [column for column in self.columns if column not in used]
        texts = []
        for name in missing:
            near = _nearest(name, free) or (free[0] if len(free) == 1 else None)
            hint = f"the nearest is \"{near}\": --map '{name}={near}'" if near else "map one with --map"
            texts.append(f'no column for "{name}" ({hint}')
            declaration = self.composition.declarations.get(name)
            can_default = declaration is not None and (
                declaration.default is not None or not declaration.required
            )
            texts[-1] += f", or --use-default {name})" if can_default else ")"
        raise RowsError(
            f"{self.composition.name}: {'; '.join(texts)}. Columns: {_listed(self.columns)}.",
            rule="missing-column",
        )

    def _check_given(self) -> None:
        used = set(self.column_of.values())
        for column in self.columns:
            if column not in used:
                near = _nearest(column, self.variables)
                raise UsageError(
                    f'"{column}" is no variable of {self.composition.name}'
                    + (f'; did you mean "{near}"?' if near else f"; there are {_listed(self.variables)}."),
                    rule="unknown-variable",
                )

    def bind(self, row: Mapping[str, object], *, place: str, row_number: int | None) -> Variant:
        """One row into a variant.

        Args:
            row: column -> str, `Lexeme`, bool or None. Not changed.
            place: ``file:line`` of the row, or ``--vars``.

        Raises:
            RowValueError: its message is the first finding; `findings` holds all, each a RowValueError.
        """
        binding = _Binding(self, row, place, row_number)
        variant = binding.run()
        if binding.findings:
            first = binding.findings[0]
            error = RowValueError(
                first.message,
                rule=first.rule,
                place=place,
                row=row_number,
                field=first.field,
                length=first.length,
            )
            error.__dict__["findings"] = tuple(binding.findings)
            raise error
        return variant

    def digest(self, path: Path) -> str:
        """The digest of a file, computed again only when its size or time changed."""
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size)
        if key not in self._digests:
            self._digests[key] = keys.digest_file(path)
        return self._digests[key]


def _times_vary(composition: Composition, columns: tuple[str, ...]) -> bool:
    """Whether a row can break what is read from attributes: then each row is tried out."""
    template = composition.template(columns)
    relevant = ("data-", "src", "muted", "loop")
    for tag in template.page.tags:
        for attribute in tag.attributes:
            if "\0" in attribute.value and attribute.name.startswith(relevant):
                return True
    return "html" in composition.types.values()


class _Binding:
    """The work on one row; findings are collected, not raised."""

    def __init__(self, binder: Binder, row: Mapping[str, object], place: str, number: int | None) -> None:
        self.binder = binder
        self.composition = binder.composition
        self.row = row
        self.place = place
        self.number = number
        self.findings: list[RowValueError] = []
        self.files: dict[str, str] = {}

    def run(self) -> Variant:
        values: dict[str, str] = {}
        good: dict[str, str] = {}
        for name in self.binder.variables:
            count = len(self.findings)
            values[name] = self.value(name)
            if len(self.findings) == count:
                good[name] = values[name]
        template = self.binder._template
        seen: set[tuple[str, str]] = set()
        for name, where, problem in template.problems(good, self.composition.types):
            if (name, problem.rule) not in seen:
                seen.add((name, problem.rule))
                self.find(name, problem.rule, f"{problem.expected} (at {where})", len(good[name]))
        for address in template.addresses:
            if address.loaded and all(name in good for name in address.names):
                self.address(address, address.finished(good))
        if not self.findings and self.binder._times_vary:
            self.try_out(values)
        return Variant(values, dict(sorted(self.files.items())))

    def find(self, name: str, rule: str, expected: str, length: int | None, found: str = "") -> None:
        column = self.binder.column_of.get(name)
        subject = f'column "{column}"' if column is not None and self.binder.batch else f'"{name}"'
        what = found or f"has a value of {length} characters"
        into = f' for "{name}"' if column is not None and column != name and self.binder.batch else ""
        self.findings.append(
            RowValueError(
                f"{self.place}: {subject} {what}; expected {expected}{into}.",
                rule=rule,
                place=self.place,
                row=self.number,
                field=column or name,
                length=length,
            )
        )

    def value(self, name: str) -> str:
        """The completed text of a variable; what is wrong with it goes to `findings`."""
        column = self.binder.column_of.get(name)
        declaration = self.composition.declarations.get(name)
        if column is None or (column not in self.row and name in self.binder._use_default):
            return self.absent(name, declaration)
        try:
            text = canonical_text(self.row.get(column))
        except ValueError:
            self.find(name, "type", "one text, number, true or false", None, "is a list or an object")
            return ""
        if not text:
            return self.empty(name, declaration)
        bad = forbidden_character(text)
        if bad is not None:
            index, description = bad
            self.find(name, "character", f"text without {description} (character {index + 1})", len(text))
            return ""
        self.check(name, declaration, text)
        return text

    def absent(self, name: str, declaration: Declaration | None) -> str:
        """No column, or nothing given: the default. Variables that no token uses may be empty."""
        if declaration is not None and declaration.default is not None:
            self.check_file(name, declaration, declaration.default)
            return declaration.default
        required = declaration is None or declaration.required
        if required and name in self.binder._used:
            self.find(name, "required", "a value, because there is no default", None, "has no value")
        return ""

    def empty(self, name: str, declaration: Declaration | None) -> str:
        if declaration is not None and declaration.fallback is not None:
            self.check_file(name, declaration, declaration.fallback)
            return declaration.fallback
        if (declaration is None or declaration.required) and name in self.binder._used:
            self.find(
                name,
                "required",
                'a value; declare a "fallback" or "required": false to allow it',
                0,
                "is empty",
            )
        return ""

    def check(self, name: str, declaration: Declaration | None, text: str) -> None:
        if declaration is None:
            return
        findings = check_text(declaration, text)
        for finding in findings:
            self.find(name, finding.rule, finding.expected, len(text))
        if not findings:
            self.check_file(name, declaration, text)

    def check_file(self, name: str, declaration: Declaration, text: str) -> None:
        if declaration.type not in _FILE_TYPES or not text:
            return
        if declaration.type == "url" and (is_remote(text) or scheme_of(text) == "mailto"):
            return  # to be shown or linked; where it is loaded, the address itself is refused below
        try:
            check_address(text)
        except NotFitting as error:
            self.find(name, error.rule, error.expected, len(text))
            return
        self.file(name, text, len(text))

    def address(self, address: Address, finished: str) -> None:
        for part in srcset_addresses(finished) if address.is_list else [finished]:
            self.file(address.names[0], part, None, f" ({address.label} at {address.place})")

    def file(self, name: str, address: str, length: int | None, where: str = "") -> None:
        """Take in the file that an address means."""
        if is_remote(address):
            self.find(
                name,
                "remote-not-yet",
                f"a path inside the composition's folder{where}",
                length,
                "names another host, which is not supported yet",
            )
            return
        folder = self.composition.folder
        try:
            relative = relative_path(address, "")
            if relative is None or relative in self.files:
                return
            self.files[relative] = self.binder.digest(file_inside(folder, relative))
        except FileNotFoundError:
            self.find(
                name, "asset-missing", f"a file in {folder}{where}", length, "names a file that is not there"
            )
        except (ValueError, OSError):
            self.find(
                name,
                "asset-outside",
                f"a readable file in {folder}{where}",
                length,
                "names something that is no file inside the folder",
            )

    def try_out(self, values: Mapping[str, str]) -> None:
        try:
            self.composition.facts(values, columns=self.binder._known)
        except CompositionError as error:
            self.findings.append(
                RowValueError(
                    f"{self.place}: with this row, {error.message}",
                    rule=error.rule,
                    place=self.place,
                    row=self.number,
                )
            )
        except RowValueError as error:
            self.findings.append(error)


def all_findings(error: RowValueError) -> Iterator[RowValueError]:
    """Every finding of a refused row; the error itself if it is the only one."""
    yield from error.__dict__.get("findings", (error,))


def row_key_of(composition: Composition, variant: Variant, settings: RenderSettings) -> str:
    """The row key of a variant. Options that lead to the same size and rate give the same key.

    Raises:
        UsageError: `settings.scale` does not fit the size.
        CompositionError: size or rate, with this row's values, break a rule.
    """
    facts = composition.facts(variant.values)
    width, height = scaled_size(facts.width, facts.height, settings.scale)
    described: dict[str, object] = dict(settings)
    del described["scale"]
    described |= {"width": width, "height": height, "fps": settings.fps or facts.fps or FPS_DEFAULT}
    return keys.row_key(
        composition=composition.digest, values=variant.values, files=variant.files, settings=described
    )
