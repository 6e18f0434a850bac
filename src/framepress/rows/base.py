"""What every reader of rows gives out, and the limits they share.

A fault that ends with its row is *yielded* as a `BadRow`, so that a run may go on without that row. A fault
after which nobody can say where the next row begins is *raised* as `RowsError`.
"""

from __future__ import annotations

import io
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from framepress.errors import InternalError, RowsError, RowValueError

#: Bytes (UTF-8) of one value. Far above any text on a picture; a whole document in a cell is a mistake.
VALUE_BYTES_MAX = 1_000_000

#: Bytes of one row as written. Bounds memory when a quote or a brace is never closed; parsed, a row of short
#: numbers takes thirty times as much.
ROW_BYTES_MAX = 4_000_000

#: Columns of one list. Bounds the header and, with JSON, the union of the rows' names.
COLUMNS_MAX = 10_000

#: Bytes asked of the source at once.
CHUNK_BYTES = 1 << 16

#: Characters of a column's name that a message shows.
_NAME_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One row as read.

    Attributes:
        number: 1-based, bad rows counted, blank lines not.
        line: 1-based line of the file in which the row begins.
        values: column to str, `Lexeme`, bool or None; from JSON also lists and dicts of these, which no
            variable can take but which pass through to the results.
    """

    number: int
    line: int
    values: dict[str, object]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that broke a rule of its format; the rows after it can still be read."""

    number: int
    line: int
    error: RowValueError


class RowSource(ABC):
    """Rows from one stream, in order, in constant memory. It is read once; `close` is idempotent.

    Attributes:
        name: the file as the user wrote it, or ``"standard input"``.
        columns: known before the first row for CSV; None for JSON, whose rows name their own.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self.columns: tuple[str, ...] | None = None
        self._stream = stream
        self._begun = False

    def place(self, line: int) -> str:
        """Where the row that begins in `line` stands, for messages."""
        return f"{self.name}:{line}"

    def __iter__(self) -> Iterator[Row | BadRow]:
        """Yield every row.

        Raises:
            RowsError: the rest cannot be read, or there is no row at all. Rows before it were yielded.
        """
        if self._begun:
            raise InternalError(f"{self.name} was read twice.")
        self._begun = True
        return self._checked()

    def any_rows(self) -> Iterator[Row | BadRow]:
        """Every row, of which there may be none; for a source that is a part of a list. Closes nothing."""
        self._begun = True
        return self._rows()

    def _checked(self) -> Iterator[Row | BadRow]:
        empty = True
        try:
            for row in self._rows():
                empty = False
                yield row
        finally:
            self.close()
        if empty:
            raise RowsError(f"{self.name}: there are no rows in it; expected at least one.", rule="no-rows")

    @abstractmethod
    def _rows(self) -> Iterator[Row | BadRow]: ...

    def bad(self, number: int, line: int, problem: str, *, rule: str, **facts: object) -> BadRow:
        """A `BadRow` whose message is its place and `problem`; `facts` are `field` and `length`."""
        place = f"{self.name}:{line}"
        field, length = facts.get("field"), facts.get("length")
        error = RowValueError(
            f"{place}: {problem}",
            rule=rule,
            place=place,
            row=number,
            field=field if isinstance(field, str) else None,
            length=length if isinstance(length, int) else None,
        )
        return BadRow(number, line, error)

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> RowSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def no_stream() -> BinaryIO:
    """For sources that are no stream of bytes."""
    return io.BytesIO()


def checked_header(cells: Iterable[str], place: str) -> tuple[str, ...]:
    """The names of the columns, tidied.

    Args:
        place: of the header, for messages.

    Raises:
        RowsError: too many, one without a name, or two of one name.
    """
    names = tuple(tidy_name(cell.strip()) for cell in cells)
    if len(names) > COLUMNS_MAX:
        raise RowsError(
            f"{place}: the header has {len(names):,} columns; at most {COLUMNS_MAX:,} are read.",
            rule="header",
        )
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name:
            raise RowsError(f"{place}: column {position} has no name. Name or remove it.", rule="header")
        if name in seen:
            raise RowsError(
                f"{place}: columns {seen[name]} and {position} both have the name {quoted(name)}. "
                "Rename or remove one.",
                rule="header",
            )
        seen[name] = position
    return names


def quoted(name: str) -> str:
    """A column's name for a message: in quotes, on one line, shortened."""
    shown = "".join(c if c.isprintable() else "?" for c in name[:_NAME_SHOWN])
    return f'"{shown}…"' if len(name) > _NAME_SHOWN else f'"{shown}"'


def tidy_name(name: str) -> str:
    """A column's name in the form in which names are compared (NFC): files from macOS come decomposed."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def oversize(values: Iterable[tuple[str, object]]) -> tuple[str, int] | None:
    """Column and length in characters of the first text above `VALUE_BYTES_MAX`; None: there is none."""
    for name, value in values:
        # A character takes at most 4 bytes, so most texts need no encoding to be judged.
        if (
            isinstance(value, str)
            and len(value) > VALUE_BYTES_MAX // 4
            and len(value.encode("utf-8", "surrogatepass")) > VALUE_BYTES_MAX
        ):
            return name, len(value)
    return None
