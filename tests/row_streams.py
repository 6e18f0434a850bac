"""Streams that deliver lists of rows in awkward ways, and reading them in all of these ways."""

from __future__ import annotations

import io

import pytest

from framepress.errors import RowsError
from framepress.rows import BadRow, Row, open_rows


class Drip(io.RawIOBase):
    """A raw stream that gives one byte per read."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(1)


class Repeated(io.RawIOBase):
    """`head`, then `body` `count` times, without ever holding it all."""

    def __init__(self, head: bytes, body: bytes, count: int, tail: bytes = b"") -> None:
        self._pieces = (piece for part in ([head], (body for _ in range(count)), [tail]) for piece in part)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return next(self._pieces, b"")


def read(data: bytes) -> list[Row | BadRow]:
    """All rows, read whole and in drops."""
    whole = [plain(row) for row in open_rows("-", stdin=io.BytesIO(data))]
    drops = list(open_rows("-", stdin=Drip(data)))  # type: ignore[arg-type]
    assert [plain(row) for row in drops] == whole
    return drops


def plain(row: Row | BadRow) -> object:
    """The row in a form that compares by content."""
    return row if isinstance(row, Row) else (row.number, row.line, row.error.record())


def refusal(data: bytes) -> RowsError:
    """The error that ends reading, the same for a file read whole and in drops."""
    errors = []
    for stream in (io.BytesIO(data), Drip(data)):
        with pytest.raises(RowsError) as caught:
            list(open_rows("-", stdin=stream))  # type: ignore[arg-type]
        errors.append(caught.value)
    assert errors[0].record() == errors[1].record()
    return errors[0]


def values(data: bytes) -> list[dict[str, object]]:
    """The values of all rows, none of which is bad."""
    rows = read(data)
    assert all(isinstance(row, Row) for row in rows)
    return [row.values for row in rows if isinstance(row, Row)]
