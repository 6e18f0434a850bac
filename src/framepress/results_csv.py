"""``results.csv``: the list as it came, with what became of each row, for whoever imports it elsewhere.

Values are written as they were read. A spreadsheet program takes a cell that begins with ``=`` for a
formula, in this file as in the list it came from: altering values here would break the import that the file
is for.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framepress.errors import StorageFault
from framepress.ledger import Ledger
from framepress.lexeme import dumps
from framepress.partial import replacing
from framepress.results import RowResult, Seconds

#: Our columns, after the list's own; ``fp_`` goes in front of one that the list has too.
COLUMNS = ("status", "file", "poster", "seconds", "bytes", "error")
#: The same of a run with --formats, where a row of the list is a line per format.
FORMAT_COLUMNS = ("format", *COLUMNS)

#: Rows not rendered yet, or that the run did not get to, are "pending".
_STATUS = {"read": "pending", "bound": "pending"}


def check_results_path(path: Path) -> None:
    """Find out before the first row, rather than after the last, that the file cannot be written.

    Raises:
        StorageFault: its folder is missing or cannot be written, or it is itself a folder.
    """
    problem = None
    if path.is_dir():
        problem = "it is a folder"
    elif not path.parent.is_dir():
        problem = "its folder is not there"
    elif not os.access(path.parent, os.W_OK):
        problem = "its folder is not writable"
    if problem is not None:
        raise StorageFault(f"{path} cannot be written: {problem}. Choose another --results.", rule="results")


def write_results_csv(path: Path, ledger: Ledger) -> None:
    """Write every row of the ledger, in order; the file appears whole or not at all. UTF-8, commas, CRLF.

    Raises:
        StorageFault: it cannot be written; an earlier file is then as it was.
    """
    columns = ledger.columns()
    try:
        with replacing(path) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
            # CRLF is RFC 4180's line end, and with it Python's writer puts quotes round a lone \r.
            writer = csv.writer(text, lineterminator="\r\n")
            own = FORMAT_COLUMNS if ledger.formats else COLUMNS
            writer.writerow([*columns, *_own_columns(columns, own)])
            for values, state, result in ledger.results():
                cells = _own_cells(own, state, result)
                writer.writerow([*(_cell(values.get(name)) for name in columns), *cells])
            text.detach()
    except OSError as exc:
        raise StorageFault(
            f"{path} cannot be written: {exc.strerror}. Make room or choose another with --results.",
            rule="results",
        ) from exc


def for_ledger(result: RowResult) -> dict[str, object]:
    """The result as the ledger keeps it and `write_results_csv` reads it."""
    return {
        "file": result.out,
        "poster": result.poster,
        "seconds": result.seconds.total if result.seconds != Seconds() else None,
        "bytes": result.bytes or None,
        "plan": result.plan,
        "stored": result.path == "stored",
    }


def _own_columns(columns: tuple[str, ...], wanted: tuple[str, ...]) -> list[str]:
    taken = {name.casefold() for name in columns}
    own: list[str] = []
    for column in wanted:
        name = column
        while name in taken:
            name = f"fp_{name}"
        own.append(name)
    return own


def _own_cells(own: tuple[str, ...], state: str, result: Mapping[str, Any]) -> list[str]:
    error = result.get("error")
    said = {
        **result,
        "status": _STATUS.get(state, state),
        "error": error.get("message", "") if isinstance(error, Mapping) else "",
    }
    return ["" if (fact := said.get(name)) is None else str(fact) for name in own]


def _cell(value: object) -> str:
    """A value as text: as it was spelled; lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return dumps(value)
