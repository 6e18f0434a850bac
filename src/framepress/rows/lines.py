"""Bytes into lines whose numbers and columns can be told, whatever size the pieces arrive in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from framepress.errors import RowsError
from framepress.rows.base import CHUNK_BYTES, ROW_BYTES_MAX

#: What a file begins with that is not text, and what to call it.
_OTHER_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a spreadsheet (.xlsx, .ods) or another zip file"),
    (b"PAR1", "Parquet, which is read from a file named .parquet, not from here"),
    (b"SQLite format 3\x00", "an SQLite database"),
)

BOM = b"\xef\xbb\xbf"


class Peekable:
    """A binary stream that can be looked into. `read` returns what is there, b"" at the end."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        # read1 returns what a pipe holds; read would wait until a whole chunk has come.
        self._read = getattr(stream, "read1", stream.read)
        self._ahead = b""

    def read(self) -> bytes:
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            return ahead
        return self._pull()

    def read1(self, size: int) -> bytes:
        """`read`, for those who name a size; it is at most what one read gives."""
        return self.read()

    def close(self) -> None:
        self._stream.close()

    def _pull(self) -> bytes:
        try:
            data: bytes | None = self._read(CHUNK_BYTES)
        except OSError as exc:
            raise RowsError(
                f"{self._name} cannot be read: {exc.strerror}. Check the file and try again.",
                rule="unreadable",
            ) from exc
        return data or b""

    def peek(self, size: int) -> bytes:
        """Up to `size` bytes from the front; fewer only if the stream is shorter."""
        while len(self._ahead) < size and (data := self._pull()):
            self._ahead += data
        return self._ahead[:size]

    def skip(self, size: int) -> None:
        self._ahead = self._ahead[size:]

    def peek_sign(self) -> bytes:
        """The first byte that is not a blank, b"" if there is none among the first `ROW_BYTES_MAX`."""
        size = 64
        while True:
            ahead = self.peek(size)
            if text := ahead.lstrip(b" \t\r\n"):
                return text[:1]
            if len(ahead) < size or size >= ROW_BYTES_MAX:
                return b""
            size *= 4


def begin(stream: Peekable, name: str) -> None:
    """Drop a byte order mark; refuse what is plainly not text.

    Raises:
        RowsError: it is a known binary format.
    """
    head = stream.peek(16)
    if head.startswith(BOM):
        stream.skip(len(BOM))
    for mark, what in _OTHER_FORMATS:
        if head.startswith(mark):
            raise RowsError(
                f"{name}: this is {what}; expected CSV or JSON in UTF-8. Export it as CSV (UTF-8).",
                rule="format",
            )


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its end ("\\n", "\\r\\n", "\\r" or none), and its 1-based number."""

    number: int
    data: bytes


def read_lines(stream: Peekable, name: str) -> Iterator[Line]:
    r"""Split at \n, \r\n and \r. The last line may lack its end.

    Raises:
        RowsError: a line is longer than `ROW_BYTES_MAX`.
    """
    number = 0
    pieces: list[bytes] = []
    size = 0
    while data := stream.read():
        # A line that spans chunks is joined once, when its end comes, or a long one would cost its square.
        if not (pieces and pieces[-1].endswith(b"\r")) and b"\n" not in data and b"\r" not in data:
            pieces.append(data)
            size += len(data)
            if size > ROW_BYTES_MAX:
                raise _too_long(name, number + 1)
            continue
        lines = b"".join((*pieces, data)).splitlines(keepends=True)
        # A \r at the very end may be half of a \r\n.
        pieces = [] if lines[-1].endswith(b"\n") else [lines.pop()]
        size = sum(map(len, pieces))
        for line in lines:
            number += 1
            if len(line) > ROW_BYTES_MAX:
                raise _too_long(name, number)
            yield Line(number, line)
    if rest := b"".join(pieces):
        for line in rest.splitlines(keepends=True):
            number += 1
            yield Line(number, line)


def _too_long(name: str, number: int) -> RowsError:
    return RowsError(
        f"{name}:{number}: the line is longer than {ROW_BYTES_MAX:,} bytes; rows are shorter. "
        "Is this a list of rows?",
        rule="row-too-long",
    )


def decode_line(line: Line, name: str) -> str:
    """The line's text.

    Raises:
        RowsError: it is not UTF-8, or holds a NUL; the message has line and column.
    """
    try:
        text = line.data.decode("utf-8")
    except UnicodeDecodeError as exc:
        column = len(line.data[: exc.start].decode("utf-8")) + 1
        raise RowsError(
            f"{name}:{line.number}:{column}: this is not UTF-8. Export the list again as UTF-8, or say what "
            "it is: --encoding windows-1252.",
            rule="encoding",
        ) from exc
    if "\0" in text:
        column = text.index("\0") + 1
        raise RowsError(
            f"{name}:{line.number}:{column}: there is a NUL character; text has none. Export the list again; "
            "if it is UTF-16, say --encoding utf-16.",
            rule="nul",
        )
    return text
