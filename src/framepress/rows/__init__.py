"""Lists of rows: CSV, a JSON array, JSON Lines; from a file or standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from framepress.errors import RowsError
from framepress.rows.base import BadRow, Row, RowSource
from framepress.rows.csv_rows import CsvRows
from framepress.rows.json_rows import JsonArray, JsonLines
from framepress.rows.lines import Peekable, begin

__all__ = ["BadRow", "Row", "RowSource", "open_rows"]

_Reader = Callable[[str, BinaryIO, Peekable], RowSource]

_BY_EXTENSION: dict[str, _Reader] = {
    ".csv": CsvRows,
    ".tsv": CsvRows,
    ".json": JsonArray,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
}
_BY_SIGN: dict[bytes, _Reader] = {b"[": JsonArray, b"{": JsonLines}


def open_rows(spec: str, *, stdin: BinaryIO | None = None) -> RowSource:
    """Open a list of rows.

    Args:
        spec: a file, or ``-`` for standard input. The extension tells the format, else the first character
            that is not a blank: ``[`` a JSON array, ``{`` JSON Lines, any other CSV.
        stdin: what ``-`` reads; None: the process's own standard input.

    Raises:
        RowsError: the file cannot be opened, is in another format, or its CSV header breaks a rule.
    """
    name = "standard input" if spec == "-" else spec
    stream = (stdin or sys.stdin.buffer) if spec == "-" else _open(Path(spec))
    try:
        peekable = Peekable(stream, name)
        begin(peekable, name)
        reader = None if spec == "-" else _BY_EXTENSION.get(Path(spec).suffix.lower())
        if reader is None:
            reader = _BY_SIGN.get(peekable.peek_sign(), CsvRows)
        return reader(name, stream, peekable)
    except BaseException:
        stream.close()
        raise


def _open(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise RowsError(f"{path} is a folder; expected a CSV or JSON file of rows.", rule="unreadable")
        return path.open("rb")
    except OSError as exc:
        raise RowsError(
            f"{path} cannot be opened: {exc.strerror}. Rows come from a CSV, JSON or JSONL file, or - for "
            "standard input.",
            rule="unreadable",
        ) from exc
