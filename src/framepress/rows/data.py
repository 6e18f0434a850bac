"""Rows out of files by DuckDB: Parquet, and a query over files. Every column comes as text.

CSV files of a query are read without guessing types, so that ``007`` stays what it is. The database is in
memory, fetches nothing from other hosts, and runs one query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framepress.errors import RowsError, UsageError
from framepress.rows.base import BadRow, Row, RowSource, checked_header, no_stream, oversize, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: What messages call the rows of a query.
QUERY_NAME = "query result"

#: Rows fetched at once.
FETCH_ROWS = 1_000

#: What DuckDB may take: enough to sort some million rows, which then go to the disk.
_CONFIG = {
    "threads": "2",
    "memory_limit": "512MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}

_QUERY = re.compile(r"\s*(?:select|with|from)\s", re.IGNORECASE)
_CSV = re.compile(r"\.(?:csv|tsv)(?:\.gz|\.zst)?$", re.IGNORECASE)
_JSON = re.compile(r"\.(?:json|jsonl|ndjson)(?:\.gz|\.zst)?$", re.IGNORECASE)
_GUESSING = frozenset(("read_csv", "read_csv_auto"))


def is_query(spec: str) -> bool:
    """Whether a list is a query over files, and not a file of such a name."""
    return bool(_QUERY.match(spec)) and not Path(spec).exists()


def is_parquet(spec: str) -> bool:
    """Whether a list is one or several Parquet files, by their name."""
    return spec.lower().endswith((".parquet", ".pq"))


class DataRows(RowSource):
    """The rows of a query, or of Parquet files. A row's line is its number.

    Args:
        spec: what the user wrote: a query, or a file or pattern of Parquet files.

    Raises:
        UsageError: DuckDB is not installed.
        RowsError: the query is none, does more than read, names what is not there, or breaks a header's rule.
    """

    def __init__(self, spec: str) -> None:
        name = QUERY_NAME if is_query(spec) else spec
        super().__init__(name, no_stream())
        self._connection = _connect()
        try:
            query = self._reading(spec) if is_query(spec) else f"SELECT * FROM read_parquet({_literal(spec)})"
            # With a column named twice the outer query would rename it.
            described = self._run(f"DESCRIBE {query}").fetchall()
            self.columns = checked_header([str(column[0]) for column in described], f"{name}: the header")
            self._result = self._run(f"SELECT COLUMNS(*)::VARCHAR FROM ({query}\n)")
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def _rows(self) -> Iterator[Row | BadRow]:
        import duckdb  # noqa: PLC0415 - optional

        columns = self.columns or ()
        number = 0
        while True:
            try:
                page = self._result.fetchmany(FETCH_ROWS)
            except duckdb.Error as exc:
                raise self._fault(exc) from exc
            if not page:
                return
            for cells in page:
                number += 1
                yield self._row(number, dict(zip(columns, cells, strict=True)))

    def _row(self, number: int, values: dict[str, object]) -> Row | BadRow:
        if found := oversize(values.items()):
            field, length = found
            problem = f"column {quoted(field)} holds {length:,} characters; a value has at most 1 MB."
            return self.bad(number, number, problem, rule="value-size", field=field, length=length)
        return Row(number, number, values)

    def _reading(self, text: str) -> str:
        """The query without its final semicolon, its CSV files set up to be read as text."""
        import duckdb  # noqa: PLC0415 - optional

        query = text.strip().rstrip(";").rstrip()
        try:
            statements = self._connection.extract_statements(query)
        except duckdb.Error as exc:
            raise self._fault(exc) from exc
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise UsageError(
                "--variants takes one query that reads: one SELECT, and nothing else.", rule="query"
            )
        tree = json.loads(self._run("SELECT json_serialize_sql(?)", [query]).fetchall()[0][0])
        if tree.get("error"):
            raise RowsError(
                f"{self.name}: the query cannot be looked into. Write it as a SELECT over files.",
                rule="query",
            )
        for name in sorted(set(_tables(tree))):
            self._set_up(name)
        return query

    def _set_up(self, name: str) -> None:
        if _JSON.search(name):
            raise RowsError(
                f"{self.name}: in a query, numbers of {quoted(name)} lose the way they are written (1.50 "
                f"becomes 1.5). Give the file itself to --variants, or accept that with "
                f"read_json({_literal(name)}).",
                rule="query-types",
            )
        if _CSV.search(name):
            view = '"' + name.replace('"', '""') + '"'
            self._run(
                f"CREATE VIEW {view} AS SELECT * FROM "
                f"read_csv({_literal(name)}, all_varchar=true, header=true)"
            )

    def _run(self, query: str, values: list[str] | None = None) -> DuckDBPyConnection:
        import duckdb  # noqa: PLC0415 - optional

        try:
            return self._connection.execute(query, values) if values else self._connection.execute(query)
        except duckdb.Error as exc:
            raise self._fault(exc) from exc

    def _fault(self, exc: Exception) -> RowsError:
        """What went wrong. Messages about data hold data, so only those about query and files are shown."""
        kind = type(exc).__name__
        if kind in ("ParserException", "BinderException", "CatalogException", "IOException", "Error"):
            problem = str(exc).strip().split("\n")[0][:300].removesuffix(".")
        else:
            problem = (
                f"a value or a file is not as the query takes it ({kind}); DuckDB's own shell shows more"
            )
        return RowsError(f"{self.name}: {problem}.", rule="query")


def _connect() -> DuckDBPyConnection:
    try:
        import duckdb  # noqa: PLC0415 - optional
    except ModuleNotFoundError as exc:
        raise UsageError(
            "Parquet files and queries need DuckDB: pip install 'framepress[data]'.", rule="extra-missing"
        ) from exc
    return duckdb.connect(":memory:", config=dict(_CONFIG))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _tables(node: Any) -> Iterator[str]:
    """Names of all tables and files in a query's tree.

    Raises:
        RowsError: a function is called that guesses the types of CSV columns.
    """
    if isinstance(node, list):
        for item in node:
            yield from _tables(item)
    elif isinstance(node, dict):
        if node.get("type") == "BASE_TABLE" and isinstance(node.get("table_name"), str):
            yield node["table_name"]
        if node.get("function_name") in _GUESSING and "all_varchar" not in json.dumps(node):
            raise RowsError(
                f"{QUERY_NAME}: {node['function_name']}() guesses types, and 007 becomes 7. Write the file's "
                "name in quotes after FROM, or say all_varchar=true.",
                rule="query-types",
            )
        for item in node.values():
            yield from _tables(item)
