"""One file of rows, or standard input, whatever it is packed and encoded in."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from framepress.errors import RowsError
from framepress.rows.base import CHUNK_BYTES, RowSource
from framepress.rows.csv_rows import CsvRows
from framepress.rows.encodings import LOOK_BYTES, Transcoded, by_head, judge, named
from framepress.rows.json_rows import JsonArray, JsonLines
from framepress.rows.lines import Peekable, begin

_Reader = Callable[[str, BinaryIO, Peekable], RowSource]

_BY_EXTENSION: dict[str, _Reader] = {
    ".csv": CsvRows,
    ".tsv": CsvRows,
    ".json": JsonArray,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
}
_BY_SIGN: dict[bytes, _Reader] = {b"[": JsonArray, b"{": JsonLines}

#: What a gzip file begins with.
_GZIP = b"\x1f\x8b"

#: What messages call the list that ``-`` reads.
STDIN_NAME = "standard input"


def open_file(
    spec: str, *, stdin: BinaryIO | None, encoding: str | None, on_note: Callable[[str], None]
) -> RowSource:
    """Open a file of rows, or ``-`` for standard input.

    Args:
        encoding: as the user named it; None: it is found out.
        on_note: told when an encoding was found out that is not Unicode.

    Raises:
        RowsError: it cannot be opened, is in another format or encoding, or its CSV header breaks a rule.
        UsageError: there is no such encoding.
    """
    name = STDIN_NAME if spec == "-" else spec
    wanted = named(encoding) if encoding is not None else None
    stream = (stdin or sys.stdin.buffer) if spec == "-" else open_path(Path(spec))
    try:
        peekable = Peekable(stream, name)
        if peekable.peek(2) == _GZIP:
            stream = cast(BinaryIO, _Unpacked(peekable, stream, name))
            peekable = Peekable(stream, name)
        found = wanted or _encoding(peekable, spec, name)
        if wanted is None and found == "cp1252":
            on_note(f"{name} is read as Windows-1252, because it is not UTF-8. --encoding says otherwise.")
        if not found.startswith("utf-8"):
            stream = cast(BinaryIO, Transcoded(cast(BinaryIO, peekable), found, name))
            peekable = Peekable(stream, name)
        begin(peekable, name)
        reader = None if spec == "-" else _BY_EXTENSION.get(_suffix(spec))
        if reader is None:
            reader = _BY_SIGN.get(peekable.peek_sign(), CsvRows)
        return reader(name, stream, peekable)
    except BaseException:
        stream.close()
        raise


def open_path(path: Path) -> BinaryIO:
    """Open a file.

    Raises:
        RowsError: it cannot be opened, or is a folder.
    """
    try:
        if path.is_dir():
            raise RowsError(f"{path} is a folder; expected a CSV or JSON file of rows.", rule="unreadable")
        return path.open("rb")
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "that is no path"
        raise RowsError(
            f"{path} cannot be opened: {reason}. Rows come from a CSV, JSON, JSONL or Parquet file, or - for "
            "standard input.",
            rule="unreadable",
        ) from exc


def _suffix(spec: str) -> str:
    path = Path(spec)
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def _encoding(peekable: Peekable, spec: str, name: str) -> str:
    """By the head; of a regular file by all of it. A stream is read once, so it is UTF-8 or refused later."""
    head = peekable.peek(LOOK_BYTES)
    found = by_head(head)
    if found is not None:
        return found
    if spec == "-" or not Path(spec).is_file():
        return "utf-8"
    with open_path(Path(spec)) as again:
        whole: BinaryIO = again
        if again.peek(2)[:2] == _GZIP:  # type: ignore[attr-defined]
            whole = cast(BinaryIO, _Unpacked(Peekable(again, name), again, name))
        return judge(_chunks(whole, name), name)


def _chunks(stream: BinaryIO, name: str) -> Iterator[bytes]:
    peekable = Peekable(stream, name)
    while data := peekable.read():
        yield data


class _Unpacked:
    """The content of a gzip stream; several packed one behind the other are one."""

    def __init__(self, packed: Peekable, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._file = gzip.GzipFile(fileobj=cast(BinaryIO, _Raw(packed)))

    def read1(self, size: int) -> bytes:
        try:
            return self._file.read1(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
            what = "it ends in the middle" if isinstance(exc, EOFError) else "it is damaged"
            raise RowsError(
                f"{self._name}: the gzip file cannot be unpacked: {what}. Make or fetch it again.",
                rule="gzip",
            ) from exc

    read = read1

    def close(self) -> None:
        self._file.close()
        self._stream.close()


class _Raw:
    """What `GzipFile` needs of a file, over a stream that was looked into."""

    def __init__(self, packed: Peekable) -> None:
        self._packed = packed
        self._rest = b""

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        if not self._rest:
            self._rest = self._packed.read()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    read1 = read
