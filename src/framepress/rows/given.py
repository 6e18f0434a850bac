"""Rows that a program gives: mappings, one after the other."""

from __future__ import annotations

import io
import json
import math
import numbers
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from framepress.lexeme import Lexeme
from framepress.rows.base import BadRow, Row, RowSource, oversize, tidy_name

#: What messages call a list that has no file; a row's line is its number.
GIVEN_NAME = "rows"


class GivenRows(RowSource):
    """Rows out of an iterable, read once and in order.

    Values are str, bool, None, int, Decimal or float, the last as `json.dumps` would write it: a list gives
    the same clips as the JSON file that Python makes of it. Lists and dicts pass through to the results.
    """

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        super().__init__(GIVEN_NAME, io.BytesIO())
        self._given = rows

    def _rows(self) -> Iterator[Row | BadRow]:
        for number, given in enumerate(self._given, start=1):
            yield self._row(number, given)

    def _row(self, number: int, given: Mapping[str, object]) -> Row | BadRow:
        if not isinstance(given, Mapping):
            kind = type(given).__name__
            return self.bad(number, number, f"the row is a {kind}; expected a mapping.", rule="row-type")
        values: dict[str, object] = {}
        for name, value in given.items():
            if not isinstance(name, str) or not name:
                return self.bad(
                    number, number, "a column's name is no text, or is empty; name it.", rule="column-name"
                )
            try:
                values[tidy_name(name)] = as_read(value)
            except ValueError as exc:
                problem = f'column "{name}" is {exc}; expected text, a number, true, false or nothing.'
                return self.bad(number, number, problem, rule="type", field=name)
        if (large := oversize(values.items())) is not None:
            name, length = large
            problem = f'column "{name}" has {length:,} characters; a value has at most 1 MB.'
            return self.bad(number, number, problem, rule="value-size", field=name, length=length)
        return Row(number, number, values)


def as_read(value: object) -> Any:
    """A value of Python as the readers of files give it: numbers as `Lexeme`.

    Raises:
        ValueError: JSON has no such value; the text says what it is, not which.
    """
    if value is None or isinstance(value, bool | Lexeme):
        return value
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("text with half a character (a lone surrogate)")
        return str(value)
    if isinstance(value, numbers.Real | Decimal):
        return _lexeme(value)
    if isinstance(value, list | tuple):
        return [as_read(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): as_read(item) for name, item in value.items()}
    raise ValueError(f"a {type(value).__name__}")


def _lexeme(value: numbers.Real | Decimal) -> Lexeme:
    if isinstance(value, numbers.Integral):
        return Lexeme(str(int(value)))
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return Lexeme(format(value, "f") if isinstance(value, Decimal) else json.dumps(float(value)))
