"""The rows of a list that a preview steps through, read by the options of `render`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framepress.errors import RowsError
from framepress.preflight.table import Table
from framepress.row_binding import BindingOptions
from framepress.rows import BadRow, open_rows
from framepress.rows.data import is_query
from framepress.rows.globs import is_glob, matching
from framepress.rows.sql import is_database
from framepress.variants import canonical_text

#: Rows that can be stepped through; of a longer list the first.
ROWS_MAX = 20_000


@dataclass(frozen=True)
class ListSource:
    """A list as it was asked for.

    Attributes:
        rows, encoding, query: see `open_rows`.
        binding: which columns give what, and which rows are meant.
    """

    rows: str
    encoding: str | None = None
    query: str | None = None
    binding: BindingOptions = field(default_factory=BindingOptions)

    def files(self) -> list[Path]:
        """The files that it is in; none for a query, a database or standard input."""
        spec = self.rows
        if spec == "-" or is_query(spec) or is_database(spec):
            return []
        try:
            return [Path(name) for name in matching(spec)] if is_glob(spec) else [Path(spec)]
        except RowsError:
            return []


@dataclass(frozen=True)
class PreviewRow:
    """A row of the list: canonical texts by column."""

    number: int
    texts: Mapping[str, str]


@dataclass
class ListedRows:
    """The rows that are meant, and their columns."""

    rows: list[PreviewRow] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    table: Table = field(default_factory=Table)


def read_list(source: ListSource) -> ListedRows:
    """Read a list; rows that cannot be read are left out.

    Raises:
        RowsError, UsageError, EnvironmentFault: see `open_rows`; or no row of it is meant.
    """
    found = ListedRows()
    columns: dict[str, None] = {}
    for row in itertools.islice(_meant(source), ROWS_MAX):
        columns.update(dict.fromkeys(row.texts))
        found.table.add(row.number, dict(row.texts))
        found.rows.append(row)
    found.columns = tuple(columns)
    if not found.rows:
        raise RowsError("The list has no row that can be read and fits --rows and --only.", rule="no-rows")
    return found


def _meant(source: ListSource) -> Iterator[PreviewRow]:
    binding = source.binding
    with open_rows(source.rows, encoding=source.encoding, query=source.query) as rows:
        for row in rows:
            if isinstance(row, BadRow):
                continue
            if binding.only is not None:
                binding.only.check_column(rows.columns or tuple(row.values))
            if binding.row_ranges is not None and not binding.row_ranges(row.number):
                continue
            if binding.only is None or binding.only(row.values):
                yield PreviewRow(row.number, {name: _text(value) for name, value in row.values.items()})


def _text(value: object) -> str:
    try:
        return canonical_text(value)
    except ValueError:
        return ""
