"""The values of one row: the one text each has, completed, and checked against declarations and places.

`row_files` takes in the files that they name. Messages describe a value by its length and never show it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

from framepress.column_match import ColumnMatch
from framepress.conditional_parts import left_out
from framepress.conditions import NotComparable
from framepress.declarations import FORMAT_NAME, LEFT_OUT_NAME, LOCALE_NAME, Declaration, check_text
from framepress.errors import CompositionError, RowValueError
from framepress.formats import canonical_locale
from framepress.lexeme import Lexeme
from framepress.output_formats import parse_format
from framepress.remote_source import RemoteSource
from framepress.row_files import RowFiles, RowFindings
from framepress.template import Template

#: Characters that make everything after them run the other way, whatever it is. Arabic and Hebrew need none.
_OVERRIDES = "\u202d\u202e"


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
        if character in _OVERRIDES:
            return index, f"U+{ord(character):04X}, which turns the text after it about"
    return None


class RowValues:
    """The work on one row.

    Args:
        match: of the row's batch.
        row: column -> str, `Lexeme`, bool or None. Not changed.
        place: ``file:line`` of the row, or ``--vars``.
        digest, remote: as in `RowFiles`.

    Attributes:
        findings: what is wrong with the row; collected, not raised.
        files: that its values name; all of them after `complete`.
    """

    def __init__(
        self,
        match: ColumnMatch,
        row: Mapping[str, object],
        place: str,
        number: int | None,
        digest: Callable[[Path], str],
        remote: RemoteSource | None,
    ) -> None:
        self.match = match
        self.composition = match.composition
        self.row = row
        self.place = place
        self.number = number
        found = RowFindings(match, place, number)
        self.findings = found.errors
        self.find = found.find
        self.files = RowFiles(self.composition, found, digest, remote)

    def complete(self) -> dict[str, str]:
        """Variable -> canonical text of all variables; right if there are no `findings` afterwards."""
        values: dict[str, str] = {}
        good: dict[str, str] = {}
        for name in self.match.variables:
            count = len(self.findings)
            values[name] = self.value(name)
            if len(self.findings) == count:
                good[name] = values[name]
        self.locale(values)
        template = self.present(values, good)
        if template is None:
            return values
        seen: set[tuple[str, str]] = set()
        for name, where, problem in template.problems(good, self.composition.types):
            if (name, problem.rule) not in seen:
                seen.add((name, problem.rule))
                self.find(name, problem.rule, f"{problem.expected} (at {where})", len(good[name]))
        self.files.addresses(template, good)
        return values

    def locale(self, values: dict[str, str]) -> None:
        """The row's own locale, if it says one."""
        column = self.match.locale_column
        try:
            text = canonical_text(self.row.get(column)) if column is not None else ""
        except ValueError:
            text = "?"
        if not text:
            return
        try:
            values[LOCALE_NAME] = canonical_locale(text)
        except ValueError:
            self.findings.append(
                RowValueError(
                    f'{self.place}: column "{column}" has a value of {len(text)} characters; expected a '
                    "locale such as de-DE, or nothing for that of the run.",
                    rule="locale",
                    place=self.place,
                    row=self.number,
                    field=column,
                    length=len(text),
                )
            )

    def format(self, values: dict[str, str], name: str | None) -> None:
        """The format, of the run or, of a single row that was sent, its own."""
        if name is None and not self.match.batch:
            given = self.row.get(FORMAT_NAME)
            name = given if isinstance(given, str) else None
        if name is None:
            return
        try:
            values[FORMAT_NAME] = parse_format(name).name
            self.composition.of(values)
        except (ValueError, CompositionError) as error:
            text = error.message if isinstance(error, CompositionError) else f"expected {error}."
            self.findings.append(
                RowValueError(f"{self.place}: the format: {text}", rule="format", place=self.place)
            )

    def present(self, values: dict[str, str], good: Mapping[str, str]) -> Template | None:
        """The template without the elements that the row lacks; None: its values do not say which these
        are."""
        template = self.match.template
        if not template.conditions:
            return template
        if any(name not in good for condition in template.conditions for name in condition.names):
            return None
        try:
            left = left_out(template, good, self.composition.types)
        except NotComparable as error:
            self.find(error.name, "condition-type", error.expected, len(values[error.name]))
            return None
        values[LEFT_OUT_NAME] = ",".join(map(str, left))
        return self.composition.present(template, good)

    def value(self, name: str) -> str:
        """The completed text of a variable; what is wrong with it goes to `findings`."""
        column = self.match.column_of.get(name)
        declaration = self.composition.declarations.get(name)
        if column is None or (column not in self.row and name in self.match.use_default):
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
            self.files.check_file(name, declaration, declaration.default)
            return declaration.default
        required = declaration is None or declaration.required
        if required and name in self.match.used:
            self.find(name, "required", "a value, because there is no default", None, "has no value")
        return ""

    def empty(self, name: str, declaration: Declaration | None) -> str:
        if declaration is not None and declaration.fallback is not None:
            self.files.check_file(name, declaration, declaration.fallback)
            return declaration.fallback
        if (declaration is None or declaration.required) and name in self.match.used:
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
            self.files.check_file(name, declaration, text)

    def try_out(self, values: Mapping[str, str]) -> None:
        """Whether the page keeps its size, rate and times with these values."""
        try:
            self.composition.facts(values, columns=self.match.known)
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
