"""CSV with a header: comma, semicolon, tab or pipe; quoted cells may hold line ends.

Every cell is text, as it stands in the file: leading zeros, spaces and dates are kept. Names in the header
lose the spaces around them. A first line ``sep=;``, as spreadsheet programs write it, sets the delimiter.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from framepress.errors import RowsError
from framepress.rows.base import (
    ROW_BYTES_MAX,
    VALUE_BYTES_MAX,
    BadRow,
    Row,
    RowSource,
    checked_header,
    oversize,
    quoted,
)
from framepress.rows.lines import Line, Peekable, decode_line, read_lines

#: In order of preference where a header reads equally well with several.
DELIMITERS = (",", ";", "\t", "|")

#: Characters looked at to tell the delimiter; a header with line ends in its names is longer than a line.
HEADER_LOOK = 1 << 16

# The csv module keeps one limit for the process; ours is kept on whole rows, by `_Records`.
csv.field_size_limit(max(csv.field_size_limit(), ROW_BYTES_MAX))


class _Records:
    """Feeds the csv module line by line and remembers the lines of the record under way."""

    def __init__(self, stream: Peekable, name: str) -> None:
        self._lines = read_lines(stream, name)
        self._name = name
        self.begin_record()

    def begin_record(self) -> None:
        self.line = 0
        self.size = 0
        self.texts: list[str] = []

    def __iter__(self) -> Iterator[str]:
        while (line := next(self._lines, None)) is not None:
            self.line = self.line or line.number
            self.size += len(line.data)
            if self.size > ROW_BYTES_MAX:
                raise RowsError(
                    f"{self._name}:{self.line}: the row that begins here is longer than {ROW_BYTES_MAX:,} "
                    "bytes; is a quote in it never closed?",
                    rule="row-too-long",
                )
            text = decode_line(line, self._name)
            self.texts.append(text)
            yield text

    def look(self, *, whole: bool) -> str:
        """The first line that is not blank, without consuming; `whole`: to the end of its quoted cells."""
        seen: list[Line] = []
        text = ""
        while (line := next(self._lines, None)) is not None:
            seen.append(line)
            text += decode_line(line, self._name)
            if text.strip("\r\n") and not (whole and text.count('"') % 2 and len(text) < HEADER_LOOK):
                break
        self._lines = chain(seen, self._lines)
        return text.lstrip("\r\n")


class CsvRows(RowSource):
    """Rows of a CSV file. The header is read at once, so the constructor raises `RowsError` too."""

    def __init__(self, name: str, stream: BinaryIO, peekable: Peekable) -> None:
        super().__init__(name, stream)
        self._records = _Records(peekable, name)
        header = self._read_header()
        self.columns = checked_header(header, f"{name}:{self._records.line}")

    def _rows(self) -> Iterator[Row | BadRow]:
        columns = self.columns or ()
        number = 0
        while (cells := self._next_record()) is not None:
            if not cells:  # a blank line
                continue
            number += 1
            line = self._records.line
            if len(cells) != len(columns):
                found = f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'}"
                problem = (
                    f"the row has {found}; the header has {len(columns)}. Quote cells that hold a delimiter."
                )
                yield self.bad(number, line, problem, rule="cells")
                continue
            values: dict[str, object] = dict(zip(columns, cells, strict=True))
            if self._records.size > VALUE_BYTES_MAX and (found_big := oversize(values.items())):
                field, length = found_big
                problem = f"column {quoted(field)} holds {length:,} characters; a value has at most 1 MB."
                yield self.bad(number, line, problem, rule="value-size", field=field, length=length)
                continue
            yield Row(number, line, values)

    def _next_record(self) -> list[str] | None:
        self._records.begin_record()
        try:
            return next(self._reader, None)
        except csv.Error as exc:
            raise _quote_error(self.name, self._records, self._delimiter) from exc

    def _read_header(self) -> list[str]:
        """Set the reader to the file's delimiter and return the header's cells."""
        if hint := re.fullmatch(r"sep=([^\w\s\"]|\t)\s*", self._records.look(whole=False)):
            next(iter(self._records))
            self._delimiter = hint[1]
        else:
            header = self._records.look(whole=True)
            self._delimiter = max(DELIMITERS, key=lambda delimiter: _width(header, delimiter))
        self._reader = csv.reader(iter(self._records), delimiter=self._delimiter, strict=True)
        while (cells := self._next_record()) is not None:
            if cells:
                return cells
        raise RowsError(
            f"{self.name}: the file is empty; expected a header with the columns' names.", rule="no-rows"
        )


def _width(header: str, delimiter: str) -> int:
    """Columns of the header if `delimiter` is right; 0 if its quotes contradict that."""
    try:
        return len(next(csv.reader(header.splitlines(keepends=True), delimiter=delimiter, strict=True), []))
    except csv.Error:
        return 0


def _open_quote(text: str, delimiter: str) -> int | None:
    """Index of the quote that opens a cell and is never closed, or that is closed too early; else None."""
    index = 0
    while index < len(text):
        if text[index] != '"':
            index = _cell_end(text, index, delimiter) + 1
            continue
        start, index = index, index + 1
        while True:
            index = text.find('"', index)
            if index < 0:
                return start
            if not text.startswith('""', index):
                break
            index += 2
        index += 1
        if index < len(text) and text[index] not in (delimiter, "\r", "\n"):
            return start
        index += 1
    return None


def _cell_end(text: str, index: int, delimiter: str) -> int:
    match = re.compile(rf"[{re.escape(delimiter)}\r\n]").search(text, index)
    return match.start() if match else len(text)


def _quote_error(name: str, records: _Records, delimiter: str) -> RowsError:
    """Where the quote stands that the csv module stumbled over.

    The rest is given up: with one quote too many or too few, a line further down may look like a row and
    be half of a cell.
    """
    text = "".join(records.texts)
    at = _open_quote(text, delimiter) or 0
    before = re.split(r"\r\n|\r|\n", text[:at])
    place = f"{name}:{records.line + len(before) - 1}:{len(before[-1]) + 1}"
    return RowsError(
        f"{place}: the quoted cell that begins here is not closed where the cell ends. "
        'Double the quotes inside a quoted cell ("").',
        rule="quote",
    )
