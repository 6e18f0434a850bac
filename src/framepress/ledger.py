"""The rows of a run, their states and results: one SQLite file per run, which is also its spool.

Layout: ``<out folder>/.framepress/runs/<run id>.sqlite3``, with ``<run id>.lock`` beside it. The file holds
people's data, so folders are 0700 and files 0600 (SQLite gives its -wal and -shm the file's own mode).

Two tables carry the meaning:

- ``rows``: what the list said, read anew by every invocation (`Ledger.reset_rows`).
- ``outcomes``: what became of a file, by its name and row key. It outlives `reset_rows`: a row of a later
  invocation that asks for the same file with the same key finds its outcome there; a row whose key has
  changed does not. Two rows with one name and one key share one outcome.

A row's state is therefore derived: ``read`` and ``rejected`` stand in ``rows``; a bound row is ``done`` or
``failed`` if its outcome says so, else ``bound``. An attempt that was begun and not ended (the process
died) leaves the row ``bound``, with its attempts counted. Here is what writes; what reads is in
`ledger_queries`.

In a run of several formats (table ``formats``) every row stands once per format; see `FORMAT_STRIDE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from framepress.errors import InternalError, RowsError
from framepress.ledger_file import RunLock, connect, faults, run_path
from framepress.ledger_queries import PAGE_ROWS, LedgerQueries
from framepress.ledger_rows import FORMAT_STRIDE, BoundRow, ReadRow, UnreadRow, inserted, to_json

#: Columns of one list, the union over its rows.
COLUMNS_MAX = 10_000

_SCHEMA = """
CREATE TABLE columns (position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE rows (
    number INTEGER PRIMARY KEY,
    line INTEGER NOT NULL,
    raw TEXT,              -- the row's values as JSON; NULL: a row that could not be read
    state TEXT NOT NULL,   -- read, bound, rejected
    error TEXT,            -- JSON, of rejected rows
    key TEXT, id TEXT, out TEXT, vals TEXT, files TEXT
);
CREATE INDEX rows_by_out ON rows (out, key) WHERE out IS NOT NULL;
CREATE TABLE outcomes (
    out TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,   -- started, done, failed
    attempts INTEGER NOT NULL,
    result TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (out, key)
) WITHOUT ROWID;
"""

#: Made at every opening: ledgers of earlier versions have none, and are read anew by every invocation.
_FORMATS = "CREATE TABLE IF NOT EXISTS formats (position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"


class Ledger(LedgerQueries):
    """The ledger of one run; what it can be asked: see `LedgerQueries`; errors of its file and how writes are
    kept together: see `RunDatabase`.
    """

    @classmethod
    def open(cls, folder: Path, run_id: str, *, fresh: bool = False) -> Ledger:
        """Open or create the run's ledger below the out folder.

        Args:
            fresh: forget what an earlier invocation recorded.

        Raises:
            UsageError: `run_id` is not a plain file name.
            EnvironmentFault: another process has the run (``rule="run-locked"``; the message has its pid).
            StorageFault: the folder cannot be written, or the file is damaged or of another version.
        """
        path = run_path(folder, run_id)
        lock = RunLock(path.with_suffix(".lock"), run_id)
        try:
            ledger = cls(connect(path, _SCHEMA, fresh=fresh), lock, path)
        except BaseException:
            lock.release()
            raise
        try:
            ledger._execute(_FORMATS)
            ledger._read_formats()
        except BaseException:
            ledger.close()
            raise
        return ledger

    # The list

    def reset_rows(self) -> None:
        """Forget the list, not the outcomes; the next `add_rows` reads it anew."""
        with self.batch():
            self._execute("DELETE FROM rows")
            self._execute("DELETE FROM columns")
            self._execute("DELETE FROM formats")
        self.formats = ()

    def repeat_rows(self, formats: Sequence[str]) -> None:
        """Have every row of the list once per format; after `add_rows`, before anything is bound."""
        with self.batch():
            for position, name in enumerate(formats):
                self._execute("INSERT INTO formats VALUES (?, ?)", (position, name))
            for position in range(1, len(formats)):
                self._execute(
                    "INSERT INTO rows SELECT number + ?, line, raw, state, error, key, id, out, vals, files "
                    "FROM rows WHERE number < ?",
                    (position * FORMAT_STRIDE, FORMAT_STRIDE),
                )
        self._read_formats()

    def add_rows(self, rows: Iterable[ReadRow | UnreadRow]) -> int:
        """Take in a list, one transaction per `PAGE_ROWS`, and return how many rows it had.

        Raises:
            RowsError: whatever the reader raised, or more than `COLUMNS_MAX` names in all.
        """
        known = dict.fromkeys(self.columns())
        source = iter(rows)
        count = 0
        while page := list(islice(source, PAGE_ROWS)):
            with self.batch():
                for row in page:
                    if not hasattr(row, "error"):
                        self._add_columns(row.values, known)
                with faults(self.path):
                    self._db.executemany("INSERT INTO rows VALUES (?,?,?,?,?,?,?,?,?,?)", map(inserted, page))
            count += len(page)
        return count

    def _add_columns(self, names: Iterable[str], known: dict[str, None]) -> None:
        for name in names:
            if name in known:
                continue
            if len(known) == COLUMNS_MAX:
                raise RowsError(f"The rows have more than {COLUMNS_MAX:,} different names.", rule="columns")
            known[name] = None
            self._execute("INSERT INTO columns (name) VALUES (?)", (name,))

    def remove(self, numbers: Iterable[int]) -> None:
        """Forget rows and what became of their files, so that nothing of them is left in the file."""
        with self.batch():
            for number in numbers:
                self._execute(
                    "DELETE FROM outcomes WHERE (out, key) IN (SELECT out, key FROM rows WHERE number = ?)",
                    (number,),
                )
                self._execute("DELETE FROM rows WHERE number = ?", (number,))
        # Deleted rows stay readable in free pages and in the log until both are written anew.
        self._execute("VACUUM")
        self._execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # Binding

    def bind(
        self,
        number: int,
        *,
        key: str,
        id: str,
        out: str,
        values: Mapping[str, str],
        files: Mapping[str, str],
    ) -> None:
        """Record what the row asks for. If its file already has an outcome under this key, that stands."""
        self.bind_all([BoundRow(number, key, id, out, values, files)])

    def bind_all(self, rows: Sequence[BoundRow]) -> None:
        """`bind` for many."""
        changed = 0
        with self.batch(), faults(self.path):
            changed = self._db.executemany(
                "UPDATE rows SET state = 'bound', error = NULL, key = ?, id = ?, out = ?, vals = ?, "
                "files = ? WHERE number = ?",
                [(r.key, r.id, r.out, to_json(r.values), to_json(r.files), r.number) for r in rows],
            ).rowcount
        if changed != len(rows):
            raise _unknown_row()

    def reject(self, number: int, error: Mapping[str, Any], *, id: str | None = None) -> None:
        """Record that the row cannot be rendered as it is."""
        self._update(
            "UPDATE rows SET state = 'rejected', error = ?, id = ?, key = NULL, out = NULL, vals = NULL, "
            "files = NULL WHERE number = ?",
            (to_json(error), id, number),
        )

    # Outcomes

    def start(self, number: int) -> int:
        """Count an attempt and return how many there were since the last outcome, this one included."""
        self._conclude(number, "started", {}, None)
        return self.row(number).attempts

    def finish(self, number: int, result: Mapping[str, Any]) -> None:
        """The row's file is published: the row and its twins are done."""
        self._conclude(number, "done", result, None)

    def fail(self, number: int, error: Mapping[str, Any], result: Mapping[str, Any] | None = None) -> None:
        """The row is given up until somebody asks for it again."""
        self._conclude(number, "failed", result or {}, error)

    def _conclude(
        self, number: int, state: str, result: Mapping[str, Any], error: Mapping[str, Any] | None
    ) -> None:
        # An attempt counts on while attempts go on, also over the death of a process, and from 1 after
        # an outcome; an outcome keeps the number that led to it.
        self._update(
            "INSERT INTO outcomes SELECT out, key, ?1, ?1 = 'started', ?2, ?3 FROM rows "
            "WHERE number = ?4 AND state = 'bound' ON CONFLICT (out, key) DO UPDATE SET attempts = "
            "CASE WHEN excluded.state != 'started' THEN attempts WHEN state = 'started' THEN attempts + 1 "
            "ELSE 1 END, state = excluded.state, result = excluded.result, error = excluded.error",
            (state, to_json(result), to_json(error) if error is not None else None, number),
        )

    def _update(self, statement: str, values: tuple[object, ...]) -> None:
        if self._execute(statement, values).rowcount != 1:
            raise _unknown_row()


def _unknown_row() -> InternalError:
    return InternalError("The ledger was told about a row that it does not have, or that is not bound.")
