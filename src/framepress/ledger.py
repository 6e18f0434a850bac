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
died) leaves the row ``bound``, with its attempts counted.

In a run of several formats (table ``formats``) every row stands once per format; see `FORMAT_STRIDE`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from framepress.errors import InternalError, RowsError
from framepress.ledger_file import RunDatabase, RunLock, connect, faults, run_path
from framepress.ledger_rows import (
    FORMAT_STRIDE,
    BoundRow,
    LedgerRow,
    ReadRow,
    UnreadRow,
    bound_row,
    inserted,
    ledger_row,
    to_json,
)
from framepress.lexeme import loads

#: Rows per transaction while a list is read in, and per page while it is read out.
PAGE_ROWS = 1_000

#: Rows that are asked for by their numbers at once; older SQLite takes no more than 999 parameters.
NUMBERS_AT_ONCE = 900

#: Columns of one list, the union over its rows.
COLUMNS_MAX = 10_000

#: What `conflicts` reports: files, and rows of each.
CONFLICTS_MAX = 20

STATES = ("read", "bound", "rejected", "done", "failed")

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

_STATE = "CASE WHEN rows.state = 'bound' AND o.state IN ('done', 'failed') THEN o.state ELSE rows.state END"
_JOINED = "rows LEFT JOIN outcomes o ON o.out = rows.out AND o.key = rows.key"


class Ledger(RunDatabase):
    """The ledger of one run; errors of its file and how writes are kept together: see `RunDatabase`.

    Attributes:
        formats: in which the rows are rendered, in order; empty: none was asked for.
    """

    formats: tuple[str, ...] = ()

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

    def _read_formats(self) -> None:
        names = self._execute("SELECT name FROM formats ORDER BY position")
        self.formats = tuple(name for (name,) in names)

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

    def columns(self) -> tuple[str, ...]:
        """Every column of the list, in the order of first appearance."""
        return tuple(name for (name,) in self._execute("SELECT name FROM columns ORDER BY position"))

    def raw(self, number: int) -> dict[str, object]:
        """The row's values as read; empty if it could not be read."""
        for (raw,) in self._execute("SELECT raw FROM rows WHERE number = ?", (number,)):
            return loads(raw) if raw else {}
        raise InternalError(f"The ledger has no row {number}.")

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

    def conflicts(self) -> list[tuple[str, list[int]]]:
        """Names of files that rows with different keys ask for, with the rows; `CONFLICTS_MAX` of each."""
        outs = self._execute(
            "SELECT out FROM rows WHERE out IS NOT NULL GROUP BY out HAVING COUNT(DISTINCT key) > 1 "
            "ORDER BY MIN(number) LIMIT ?",
            (CONFLICTS_MAX,),
        ).fetchall()
        numbers = "SELECT number FROM rows WHERE out = ? ORDER BY number LIMIT ?"
        return [(out, [n for (n,) in self._execute(numbers, (out, CONFLICTS_MAX))]) for (out,) in outs]

    def twins(self, number: int) -> list[int]:
        """The other rows that ask for the same file with the same key: one file, a result for each."""
        rows = self._execute(
            "SELECT b.number FROM rows a JOIN rows b ON b.out = a.out AND b.key = a.key "
            "WHERE b.number != a.number AND a.number = ? ORDER BY b.number",
            (number,),
        )
        return [n for (n,) in rows]

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

    # Reading

    def row(self, number: int) -> LedgerRow:
        """One row as it stands."""
        for found in self._page(number - 1, STATES, unique=False, limit=1):
            if found.number == number:
                return found
        raise InternalError(f"The ledger has no row {number}.")

    def first(self, position: int) -> LedgerRow | None:
        """The first row that is bound and not done, in the format at this position; None: there is none."""
        found = self._page(position * FORMAT_STRIDE, ("bound",), unique=False, limit=1)
        return found[0] if found and found[0].number // FORMAT_STRIDE == position else None

    def iter_rows(self, states: Collection[str] = STATES, *, unique: bool = False) -> Iterator[LedgerRow]:
        """Rows in these states, in order. Safe while rows change: each is judged when its page is read.

        Args:
            states: ``{"failed"}`` gives what a retry is about.
            unique: of rows that ask for one file with one key, only the first.
        """
        last = 0
        while page := self._page(last, states, unique=unique, limit=PAGE_ROWS):
            yield from page
            last = page[-1].number

    def iter_bound(self) -> Iterator[BoundRow]:
        """What the rows ask for, in order; of those that ask for one file with one key, only the first. For
        whoever goes through a long list and asks for no outcomes; rows do not change meanwhile.
        """
        last = 0
        while page := self._bound(
            "number > ? AND state = 'bound' AND NOT EXISTS (SELECT 1 FROM rows t WHERE t.out = rows.out "
            "AND t.key = rows.key AND t.number < rows.number) ORDER BY number LIMIT ?",
            (last, PAGE_ROWS),
        ):
            yield from page
            last = page[-1].number

    def bound_rows(self, numbers: Iterable[int]) -> Iterator[BoundRow]:
        """What these rows ask for; per `NUMBERS_AT_ONCE` of them in the order of the list."""
        source = iter(numbers)
        while some := tuple(islice(source, NUMBERS_AT_ONCE)):
            marks = ",".join("?" * len(some))
            yield from self._bound(f"state = 'bound' AND number IN ({marks}) ORDER BY number", some)

    def _bound(self, which: str, values: tuple[object, ...]) -> list[BoundRow]:
        found = self._execute(f"SELECT number, key, id, out, vals, files FROM rows WHERE {which}", values)
        return [bound_row(one) for one in found]

    def _page(self, after: int, states: Collection[str], *, unique: bool, limit: int) -> list[LedgerRow]:
        marks = ",".join("?" * len(states))
        first = (
            " AND NOT EXISTS (SELECT 1 FROM rows t WHERE t.out = rows.out AND t.key = rows.key "
            "AND t.number < rows.number)"
        )
        found = self._execute(
            f"SELECT number, line, {_STATE} AS now, rows.key, id, rows.out, vals, files, o.attempts, "
            f"o.result, coalesce(rows.error, o.error) FROM {_JOINED} WHERE number > ? AND now IN ({marks})"
            f"{first if unique else ''} ORDER BY number LIMIT ?",
            (after, *states, limit),
        )
        return [ledger_row(values, self.formats) for values in found.fetchall()]

    def counts(self) -> dict[str, int]:
        """How many rows are in each of `STATES`."""
        # GROUP BY would sort all rows, in memory: temporary files would hold people's data.
        each = ", ".join(f"SUM(now = '{state}')" for state in STATES)
        found = self._execute(f"SELECT {each} FROM (SELECT {_STATE} AS now FROM {_JOINED})").fetchone()
        return {state: count or 0 for state, count in zip(STATES, found, strict=True)}

    def iter_raw(self, states: Collection[str] = ("read",)) -> Iterator[tuple[LedgerRow, dict[str, object]]]:
        """The rows in these states with their values as read, in order; safe while rows change."""
        yield from self._with_raw(states)

    def results(self) -> Iterator[tuple[dict[str, object], str, dict[str, Any]]]:
        """Every row in the list's order, each in all its formats: values as read, state, and its result, with
        ``error`` in it if it has one, and ``format``."""
        last = 0
        while page := self._listed(last):
            others: dict[int, list[LedgerRow]] = {}
            for position in range(1, len(self.formats)):
                before = position * FORMAT_STRIDE + page[0].number - 1
                for row in self._page(before, STATES, unique=False, limit=len(page)):
                    others.setdefault(row.row, []).append(row)
            raws = self._raws(page)
            for first in page:
                for row in (first, *others.get(first.row, ())):
                    said: dict[str, Any] = {"error": row.error} if row.error else {}
                    said |= {"format": row.format} if row.format else {}
                    yield raws[first.number], row.state, {**row.result, **said}
            last = page[-1].number

    def _listed(self, after: int) -> list[LedgerRow]:
        """A page of the list, each row in its first format."""
        page = self._page(after, STATES, unique=False, limit=PAGE_ROWS)
        return [row for row in page if row.number < FORMAT_STRIDE]

    def _with_raw(self, states: Collection[str]) -> Iterator[tuple[LedgerRow, dict[str, object]]]:
        last = 0
        while page := self._page(last, states, unique=False, limit=PAGE_ROWS):
            raws = self._raws(page)
            for row in page:
                yield row, raws[row.number]
            last = page[-1].number

    def _raws(self, page: Sequence[LedgerRow]) -> dict[int, dict[str, object]]:
        """The values as read of consecutive rows."""
        found = self._execute(
            "SELECT number, raw FROM rows WHERE number BETWEEN ? AND ?", (page[0].number, page[-1].number)
        )
        return {number: loads(raw) if raw else {} for number, raw in found.fetchall()}

    def _update(self, statement: str, values: tuple[object, ...]) -> None:
        if self._execute(statement, values).rowcount != 1:
            raise _unknown_row()


def _unknown_row() -> InternalError:
    return InternalError("The ledger was told about a row that it does not have, or that is not bound.")
