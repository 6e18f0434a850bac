"""What a ledger is asked: rows and their states, values as read, results, counts.

Rows are read in pages, so a list of any length is gone through in constant memory.
How the tables are laid out, and why a row's state is derived: see `ledger`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from framepress.errors import InternalError
from framepress.ledger_file import RunDatabase
from framepress.ledger_rows import FORMAT_STRIDE, BoundRow, LedgerRow, bound_row, ledger_row
from framepress.lexeme import loads

#: Rows per transaction while a list is read in, and per page while it is read out.
PAGE_ROWS = 1_000

#: Rows that are asked for by their numbers at once; older SQLite takes no more than 999 parameters.
NUMBERS_AT_ONCE = 900

#: What `conflicts` reports: files, and rows of each.
CONFLICTS_MAX = 20

STATES = ("read", "bound", "rejected", "done", "failed")

_STATE = "CASE WHEN rows.state = 'bound' AND o.state IN ('done', 'failed') THEN o.state ELSE rows.state END"
_JOINED = "rows LEFT JOIN outcomes o ON o.out = rows.out AND o.key = rows.key"


class LedgerQueries(RunDatabase):
    """The reading half of a `Ledger`; nothing here changes a row.

    Attributes:
        formats: in which the rows are rendered, in order; empty: none was asked for.
    """

    formats: tuple[str, ...] = ()

    def _read_formats(self) -> None:
        names = self._execute("SELECT name FROM formats ORDER BY position")
        self.formats = tuple(name for (name,) in names)

    def columns(self) -> tuple[str, ...]:
        """Every column of the list, in the order of first appearance."""
        return tuple(name for (name,) in self._execute("SELECT name FROM columns ORDER BY position"))

    def raw(self, number: int) -> dict[str, object]:
        """The row's values as read; empty if it could not be read."""
        for (raw,) in self._execute("SELECT raw FROM rows WHERE number = ?", (number,)):
            return loads(raw) if raw else {}
        raise InternalError(f"The ledger has no row {number}.")

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
