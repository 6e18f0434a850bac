"""Rows out of a database: one query, read only, in pieces that the server holds.

The URL may have a password; no message and no record has. What a message calls the list is the URL without
user, password and options.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from framepress.errors import EnvironmentFault, RowsError, UsageError
from framepress.rows.base import BadRow, Row, RowSource, checked_header, no_stream, oversize, quoted
from framepress.rows.given import as_read

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

#: Rows that are held at once.
FETCH_ROWS = 1_000

#: Seconds in which a database has to answer.
CONNECT_S = 15

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "sqlite": "sqlite",
}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\+\w+)?://")
_FORMS = "postgresql://HOST/DATABASE, mysql://HOST/DATABASE or sqlite:///FILE"
#: Quoted text, quoted names and comments, in which a semicolon or a word means nothing.
_QUIET = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_READS = re.compile(r"\s*\(*\s*(?:select|with|values|table)\b", re.IGNORECASE)


def is_database(spec: str) -> bool:
    """Whether a list is named by a URL."""
    return bool(_URL.match(spec))


def database_name(spec: str) -> str:
    """What messages call a database: scheme, host and database, nothing else."""
    scheme, _, rest = spec.partition("://")
    place, slash, path = rest.partition("/")
    # A password may hold a slash or a question mark; all up to the last @ is not shown.
    if "@" in rest:
        place, slash, path = rest.rpartition("@")[2].partition("/")
    return f"{scheme.split('+')[0].lower()}://{place}{slash}{path.split('?')[0]}"


class SqlRows(RowSource):
    """The rows of a query, in the order of the result. A row's line is its number.

    Args:
        spec: the URL. query: one SELECT.

    Raises:
        UsageError: no such kind of database, no query, one that does not only read; the client is missing.
        EnvironmentFault: the database does not answer, or refuses the user.
        RowsError: the query fails, or breaks a rule of headers.
    """

    def __init__(self, spec: str, query: str | None) -> None:
        super().__init__(database_name(spec), no_stream())
        self._secret: str | None = None
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        statement = _checked(query, self.name)
        try:
            self._open(spec, statement)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        if connection is not None:
            connection.close()
        if engine is not None:
            engine.dispose()

    def _open(self, spec: str, statement: str) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - optional
        except ModuleNotFoundError as exc:
            raise _missing() from exc
        url = self._url(spec)
        try:
            self._engine = sqlalchemy.create_engine(
                url, connect_args=_connect_args(url), hide_parameters=True, poolclass=sqlalchemy.NullPool
            )
        except ModuleNotFoundError as exc:
            raise _missing() from exc
        except (sqlalchemy.exc.ArgumentError, TypeError) as exc:
            raise UsageError(
                f"{self.name}: the options of the URL are not understood.", rule="database-url"
            ) from exc
        try:
            connection = self._engine.connect()
        except TypeError as exc:  # of the client, which is given every option of the URL
            raise UsageError(
                f"{self.name}: the URL has an option that the client does not know.", rule="database-url"
            ) from exc
        except (sqlalchemy.exc.SQLAlchemyError, OSError) as exc:
            raise EnvironmentFault(
                f"{self.name}: no connection to the database: {self._reason(exc)}. Check host, user and "
                "password; a password is best kept in ~/.pgpass, ~/.my.cnf or PGPASSWORD.",
                rule="database",
            ) from exc
        self._connection = connection
        try:
            self._result = _read_only(connection).exec_driver_sql(statement)
            if not self._result.returns_rows:
                raise RowsError(f"{self.name}: the query gives no rows; expected a SELECT.", rule="query")
            self.columns = checked_header(self._result.keys(), f"{self.name}: the header")
        except sqlalchemy.exc.SQLAlchemyError as exc:
            raise self._fault(exc) from exc

    def _url(self, spec: str) -> URL:
        import sqlalchemy  # noqa: PLC0415 - optional

        scheme = spec.partition("://")[0].split("+")[0].lower()
        driver = _DRIVERS.get(scheme)
        try:
            url = sqlalchemy.make_url(spec)
        except (sqlalchemy.exc.ArgumentError, ValueError) as exc:
            raise UsageError(
                f"--variants: this is no URL of a database; expected {_FORMS}.", rule="database-url"
            ) from exc
        if driver is None:
            raise UsageError(
                f"--variants: {scheme}:// is no database that is read; expected {_FORMS}, or a file.",
                rule="database-url",
            )
        self._secret = str(url.password) if url.password else None
        url = url.set(drivername=driver)
        if scheme != "sqlite":
            return url
        if not url.database or not Path(url.database).is_file():
            raise RowsError(
                f"{self.name}: there is no such file; sqlite:///FILE names one.", rule="unreadable"
            )
        path = Path(url.database).absolute().as_uri()
        return url.set(database=path, query={"mode": "ro", "uri": "true"})

    def _rows(self) -> Iterator[Row | BadRow]:
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - optional

        columns = self.columns or ()
        number = 0
        while True:
            try:
                page = self._result.fetchmany(FETCH_ROWS)
            except SQLAlchemyError as exc:
                raise self._fault(exc) from exc
            if not page:
                return
            for cells in page:
                number += 1
                yield self._row(number, columns, cells)

    def _row(self, number: int, columns: tuple[str, ...], cells: Any) -> Row | BadRow:
        values: dict[str, object] = {}
        for name, cell in zip(columns, cells, strict=True):
            try:
                values[name] = _value(cell)
            except ValueError as exc:
                problem = f"column {quoted(name)} is {exc}; expected text, a number, a date, true or false."
                return self.bad(number, number, problem, rule="type", field=name)
        if found := oversize(values.items()):
            field, length = found
            problem = f"column {quoted(field)} holds {length:,} characters; a value has at most 1 MB."
            return self.bad(number, number, problem, rule="value-size", field=field, length=length)
        return Row(number, number, values)

    def _fault(self, exc: Exception) -> RowsError:
        return RowsError(f"{self.name}: the query failed: {self._reason(exc)}.", rule="query")

    def _reason(self, exc: BaseException) -> str:
        """What the database says. Of errors about data only their class, since their text holds data."""
        origin = getattr(exc, "orig", None) or exc
        if type(origin).__name__ not in ("OperationalError", "ProgrammingError") and not _is_about_query(
            origin
        ):
            return type(origin).__name__
        text = str(origin.args[-1] if origin.args else origin).strip().split("\n")[0][:300].rstrip(".")
        return text.replace(self._secret, "***") if self._secret else text


def _is_about_query(origin: BaseException) -> bool:
    """PostgreSQL: class 42 is syntax and access rules, 0A what it cannot do, 25 what a transaction may not
    do; 28 and 08 are authorization and connection."""
    return (getattr(origin, "sqlstate", None) or "")[:2] in ("42", "0A", "25", "28", "08")


def _missing() -> UsageError:
    return UsageError("Databases need their clients: pip install 'framepress[sql]'.", rule="extra-missing")


def _checked(query: str | None, name: str) -> str:
    """The query without its final semicolon."""
    if query is None or not query.strip():
        raise UsageError(
            f"{name}: what is to be read? Add --query 'SELECT name, points FROM people ORDER BY id'.",
            rule="query-missing",
        )
    quiet = _QUIET.sub(lambda match: " " * len(match.group()), query).rstrip().rstrip(";")
    if ";" in quiet or not _READS.match(quiet):
        raise UsageError("--query takes one query that reads: one SELECT, and nothing else.", rule="query")
    return query[: len(quiet.rstrip())]


def _connect_args(url: URL) -> dict[str, object]:
    return {} if url.drivername == "sqlite" else {"connect_timeout": CONNECT_S}


def _read_only(connection: Connection) -> Connection:
    """The connection in a transaction that cannot write, its results kept by the server."""
    dialect = connection.dialect.name
    if dialect == "mysql":
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        connection.commit()
    elif dialect == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
    options: dict[str, Any] = {"stream_results": True, "max_row_buffer": FETCH_ROWS, "no_parameters": True}
    if dialect == "postgresql":
        options["postgresql_readonly"] = True
    return connection.execution_options(**options)


def _value(cell: object) -> object:
    """A cell as the readers of files give it.

    Raises:
        ValueError: it has no text; says what it is.
    """
    if isinstance(cell, str) or cell is None:
        return cell
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    if isinstance(cell, UUID):
        return str(cell)
    if isinstance(cell, bytes | bytearray | memoryview):
        raise ValueError("binary data")  # noqa: TRY004 - not a mistake of the caller
    if isinstance(cell, Decimal) and not cell.is_finite():
        raise ValueError("not a finite number")
    return as_read(cell)
