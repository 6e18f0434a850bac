"""Lists of rows: text files and standard input, Parquet, queries over files, databases."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from framepress.errors import UsageError
from framepress.rows.base import BadRow, Row, RowSource
from framepress.rows.data import QUERY_NAME, DataRows, is_parquet, is_query
from framepress.rows.files import STDIN_NAME, open_file
from framepress.rows.globs import GlobRows, is_glob, matching
from framepress.rows.sql import SqlRows, database_name, is_database

__all__ = ["BadRow", "Row", "RowSource", "list_identity", "list_name", "open_rows"]


def open_rows(
    spec: str,
    *,
    stdin: BinaryIO | None = None,
    encoding: str | None = None,
    query: str | None = None,
    on_note: Callable[[str], None] = lambda _: None,
) -> RowSource:
    """Open a list of rows.

    Args:
        spec: a file; ``-`` for standard input; a pattern of files with ``*``, ``?`` or ``[...]``; a query
            over files, which begins with SELECT, WITH or FROM; or the URL of a database. Of a file the
            extension tells the format, else the first character that is not a blank: ``[`` a JSON array,
            ``{`` JSON Lines, any other CSV. Files may be packed by gzip.
        stdin: what ``-`` reads; None: the process's own standard input.
        encoding: of text; None: UTF-8, UTF-16 or Windows-1252, as it is found out.
        query: what is read from a database.
        on_note: told what a person should know and what stops nothing.

    Raises:
        RowsError: the list cannot be opened, is in another format, or its header breaks a rule.
        UsageError: what is said of it does not fit together, or a client is not installed.
        EnvironmentFault: a database does not answer.
    """
    if is_database(spec):
        _refuse(encoding, "--encoding", "a database says itself how its text is encoded")
        return SqlRows(spec, query)
    _refuse(query, "--query", "it goes with the URL of a database; a query over files is --variants itself")
    if is_query(spec) or is_parquet(spec):
        _refuse(encoding, "--encoding", "a query and Parquet are in UTF-8")
        return DataRows(spec)
    open_one = partial(open_file, stdin=stdin, encoding=encoding, on_note=on_note)
    if spec != "-" and is_glob(spec):
        files = matching(spec)
        return GlobRows(spec, files, open_one)
    return open_one(spec)


def list_name(spec: str) -> str:
    """What messages call a list: never with a password."""
    if spec == "-":
        return STDIN_NAME
    if is_database(spec):
        return database_name(spec)
    return QUERY_NAME if is_query(spec) else spec


def list_identity(spec: str, query: str | None) -> str:
    """What makes a list the same one as in an earlier run; without passwords."""
    if spec == "-":
        return STDIN_NAME
    if is_database(spec):
        return f"{database_name(spec)}\n{query or ''}"
    return spec if is_query(spec) else str(Path(spec).absolute())


def _refuse(given: str | None, option: str, because: str) -> None:
    if given is not None:
        raise UsageError(f"{option} does not fit this list: {because}.", rule=option.removeprefix("--"))
