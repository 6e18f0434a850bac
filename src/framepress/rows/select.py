"""Which rows of a list are used: ``--rows 5,17-20`` and ``--only COLUMN=VALUE``."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from framepress.errors import UsageError
from framepress.rows.base import quoted, tidy_name


@dataclass(frozen=True, slots=True)
class RowRanges:
    """Row numbers, 1-based, both ends included; sorted, not overlapping."""

    ranges: tuple[tuple[int, int], ...]

    @property
    def last(self) -> int:
        """The highest number asked for. A list that ends before it was asked for rows it does not have."""
        return self.ranges[-1][1]

    def __call__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self.ranges)


def parse_row_ranges(spec: str) -> RowRanges:
    """``5,17-20`` as a predicate over row numbers.

    Raises:
        UsageError: not numbers and ranges, a row 0, or a range that ends before it begins.
    """
    ranges: list[tuple[int, int]] = []
    for part in spec.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,12})\s*(?:-\s*([0-9]{1,12})\s*)?", part)
        if not match:
            raise UsageError("--rows takes row numbers and ranges, such as --rows 5,17-20.", rule="rows")
        first = int(match[1])
        last = int(match[2] or first)
        if first < 1:
            raise UsageError("--rows: rows are counted from 1.", rule="rows")
        if last < first:
            raise UsageError(f"--rows: {first}-{last} ends before it begins; {last}-{first}?", rule="rows")
        ranges.append((first, last))
    return RowRanges(_merged(ranges))


def _merged(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


@dataclass(frozen=True, slots=True)
class Only:
    """Rows whose `column` has exactly this text (`value`, which is a row's value: never show it)."""

    column: str
    value: str

    def __call__(self, values: Mapping[str, object]) -> bool:
        return _text(values.get(self.column)) == self.value

    def check_column(self, columns: Iterable[str]) -> None:
        """Raise `UsageError`, with the nearest name, if the list has no such column."""
        names = list(columns)
        if self.column not in names:
            near = difflib.get_close_matches(self.column, names, n=1)
            hint = f" Did you mean {quoted(near[0])}?" if near else ""
            raise UsageError(f"--only: the list has no column {quoted(self.column)}.{hint}", rule="only")


def parse_only(spec: str) -> Only:
    """``COLUMN=VALUE``; the first ``=`` splits, and the value may be empty.

    Raises:
        UsageError: there is no ``=``, or nothing before it.
    """
    column, sign, value = spec.partition("=")
    if not sign or not column.strip():
        raise UsageError("--only takes COLUMN=VALUE, such as --only plan=pro.", rule="only")
    return Only(tidy_name(column.strip()), unicodedata.normalize("NFC", value))


def _text(value: object) -> str | None:
    """Canonical text (as keys see it) of a value; None for a list or an object, which equal no text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else None
