"""Parquet and queries over files, databases: real files, a real SQLite, a real PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from framepress.batch_request import BatchRequest
from framepress.errors import EnvironmentFault, FramepressError, RowsError, UsageError
from framepress.lexeme import Lexeme
from framepress.row_binding import BindingOptions
from framepress.rows import BadRow, Row, list_identity, list_name, open_rows
from framepress.settings import RenderSettings, RunLimits
from servers import free_port

SECRET = "hunter2/@?#"
QUOTED_SECRET = "hunter2%2F%40%3F%23"


def texts(spec: str, query: str | None = None) -> list[dict[str, object]]:
    found = list(open_rows(spec, query=query))
    assert all(isinstance(row, Row) for row in found)
    return [row.values for row in found if isinstance(row, Row)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def parquet(here: Path) -> Path:
    duckdb.sql(
        "COPY (SELECT '007' zip, 1.50::DECIMAL(9,2) price, 0.1::DOUBLE share, DATE '2024-01-31' AS day, "
        "true vip, NULL::INT gone, 'Zoë' \"name\" UNION ALL SELECT '1', 2, 3, NULL, false, 4, 'Ben') "
        "TO 'people.parquet'"
    )
    return here / "people.parquet"


def test_every_column_of_parquet_is_text(parquet: Path) -> None:
    first, second = texts(str(parquet))
    assert first == {
        "zip": "007", "price": "1.50", "share": "0.1", "day": "2024-01-31", "vip": "true", "gone": None,
        "name": "Zoë",
    }  # fmt: skip
    assert second["gone"] == "4"


def test_a_query_reads_csv_without_guessing(here: Path) -> None:
    (here / "people.csv").write_text("id,zip,day\n1,007,2024-01-31\n2,010,1.50\n3,,x\n")
    found = texts("select zip, day from 'people.csv' where id <> '3' order by id;")
    assert found == [{"zip": "007", "day": "2024-01-31"}, {"zip": "010", "day": "1.50"}]
    assert texts("FROM 'people.csv' LIMIT 1") == [{"id": "1", "zip": "007", "day": "2024-01-31"}]
    joined = (
        "with p as (select * from 'people.csv') "
        "select p.zip from p join 'people.csv' q using (id) where p.id = '1'"
    )
    assert texts(joined) == [{"zip": "007"}]


def test_parquet_files_of_a_pattern_are_one_list(parquet: Path) -> None:
    shutil.copy(parquet, parquet.with_name("people2.parquet"))
    assert len(texts("people*.parquet")) == 4
    assert len(texts("select * from 'people*.parquet'")) == 4


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select * from 'no.csv'", 'No files found that match the pattern "no.csv"'),
        ("select nope from 'people.csv'", 'column "nope" not found'),
        ("select from where", "Parser Error"),
        ("select * from read_csv('people.csv')", "guesses types"),
        ("select * from 'people.json'", r"numbers of \"people.json\" lose"),
        ("select id, id from 'people.csv'", 'both have the name "id"'),
        ("select * from 'people.csv' where 1 = 0", "there are no rows"),
        ("select * from 'http://127.0.0.1:9/x.parquet'", "httpfs"),
        ("select id from 'people.csv'; drop table x", "one SELECT"),
        ("with x as (select 1) insert into y select * from x", "one SELECT"),
    ],
)
def test_a_query_that_cannot_be_run_is_told_by_its_place(here: Path, query: str, message: str) -> None:
    (here / "people.csv").write_text("id,name\n1,secret-name\n")
    with pytest.raises(FramepressError, match=message) as caught:
        list(open_rows(query))
    assert caught.value.exit_code == 2
    assert "secret-name" not in caught.value.message


def test_what_duckdb_says_about_data_is_not_shown(here: Path) -> None:
    (here / "people.csv").write_text("id,name\n1,secret-name\n")
    with pytest.raises(RowsError, match="ConversionException") as caught:
        list(open_rows("select name::int as n from 'people.csv'"))
    assert "secret-name" not in caught.value.message


def test_a_parquet_file_that_is_none_is_refused(here: Path) -> None:
    (here / "x.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(RowsError, match=r"x\.parquet"):
        open_rows("x.parquet")


@pytest.fixture
def people(here: Path) -> str:
    with sqlite3.connect(here / "people.db") as db:
        db.execute("CREATE TABLE people (id INTEGER, name TEXT, share REAL, photo BLOB)")
        rows = [(1, "Zoë", 0.5, None), (2, "007", None, None), (3, "Ben", 1e-7, b"\x89PNG")]
        db.executemany("INSERT INTO people VALUES (?,?,?,?)", rows)
    db.close()
    return "sqlite:///people.db"


def test_rows_of_a_database_keep_how_numbers_are_written(people: str) -> None:
    found = texts(people, "SELECT id, name, share FROM people WHERE id < 3 ORDER BY id;")
    assert found == [{"id": "1", "name": "Zoë", "share": "0.5"}, {"id": "2", "name": "007", "share": None}]
    assert isinstance(found[0]["id"], Lexeme)
    assert texts(people, "select '10:30 %s 100%' as note") == [{"note": "10:30 %s 100%"}]


def test_a_cell_without_text_makes_its_row_bad(people: str) -> None:
    rows = list(open_rows(people, query="SELECT * FROM people ORDER BY id"))
    assert [type(row) for row in rows] == [Row, Row, BadRow]
    assert isinstance(rows[2], BadRow)
    assert rows[2].error.message.startswith('sqlite:///people.db:3: column "photo" is binary data')


@pytest.mark.parametrize(
    ("spec", "query", "message"),
    [
        ("sqlite:///people.db", None, "Add --query"),
        ("sqlite:///people.db", "DELETE FROM people", "one SELECT"),
        ("sqlite:///people.db", "SELECT 1; DELETE FROM people", "one SELECT"),
        ("sqlite:///people.db", "SELECT nope FROM people", "no such column: nope"),
        ("sqlite:///people.db", "SELECT id, id FROM people", 'both have the name "id"'),
        ("sqlite:///people.db", "SELECT id FROM people WHERE id > 9", "there are no rows"),
        ("sqlite:///none.db", "SELECT 1", "there is no such file"),
        ("oracle://a/b", "SELECT 1", "oracle:// is no database that is read"),
        ("https://example.com/people.csv", "SELECT 1", "https:// is no database"),
        ("postgresql://host:port/x", "SELECT 1", "no URL of a database"),
        ("mysql://127.0.0.1:9/x?nonsense=1", "SELECT 1", "an option that the client does not know"),
        ("people.csv", "SELECT 1", "--query does not fit"),
    ],
)
def test_a_database_that_cannot_be_read_is_told(
    people: str, spec: str, query: str | None, message: str
) -> None:
    with pytest.raises(FramepressError, match=message) as caught:
        list(open_rows(spec, query=query))
    assert caught.value.exit_code == 2


def test_a_database_is_never_written(people: str, here: Path) -> None:
    before = (here / "people.db").read_bytes()
    # SQLite would take this for a query that reads.
    with pytest.raises(RowsError, match="the query failed"):
        list(open_rows(people, query="WITH x AS (SELECT 1) DELETE FROM people"))
    assert (here / "people.db").read_bytes() == before
    assert sorted(path.name for path in here.iterdir()) == ["people.db"]


def test_passwords_are_in_no_message_and_in_no_name_of_a_run() -> None:
    specs = [
        f"{scheme}://me:{QUOTED_SECRET}@127.0.0.1:{free_port()}/crm" for scheme in ("postgresql", "mysql")
    ]
    for spec in [*specs, f"postgresql://me:{SECRET}@db.example/crm"]:
        assert "me" not in list_name(spec).removesuffix("example/crm")
        assert "hunter2" not in list_name(spec) + list_identity(spec, "SELECT 1")
    for spec in specs:
        with pytest.raises(EnvironmentFault) as caught:
            open_rows(spec, query="SELECT 1")
        assert "hunter2" not in caught.value.message
        assert "no connection to the database" in caught.value.message
    with pytest.raises(FramepressError) as other:
        open_rows(f"postgresql://me:{SECRET}@[bad/crm", query="SELECT 1")
    assert "hunter2" not in other.value.message


def test_a_new_password_is_the_same_run(tmp_path: Path) -> None:
    def run_id(spec: str, query: str) -> str:
        return BatchRequest(
            composition=tmp_path / "c.html", rows=spec, out_dir=tmp_path, binding=BindingOptions(),
            settings=RenderSettings(), limits=RunLimits(), browser=None, workers=0, query=query,
        ).run_id  # fmt: skip

    first = run_id("postgresql://me:one@h/crm", "SELECT 1")
    assert run_id("postgresql://me:two@h/crm", "SELECT 1") == first
    assert run_id("postgresql://me:one@h/crm", "SELECT 2") != first


@pytest.mark.parametrize(
    ("module", "spec", "extra"),
    [("duckdb", "x.parquet", "data"), ("duckdb", "select 1", "data"), ("sqlalchemy", "sqlite:///x", "sql"),
     ("psycopg", "postgresql://h/d", "sql"), ("pymysql", "mysql://h/d", "sql")],
)  # fmt: skip
def test_a_missing_client_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, module: str, spec: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    query = "SELECT 1" if "://" in spec else None
    with pytest.raises(UsageError, match=rf"pip install 'framepress\[{extra}\]'"):
        open_rows(spec, query=query)


# ---- a real PostgreSQL -------------------------------------------------------------------------------


def _postgres_bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A URL of a fresh server with a table of 200,000 rows, its password in it."""
    programs = _postgres_bin()
    if programs is None:
        pytest.skip("no PostgreSQL (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="framepress-pg-"))
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    password = folder / "password"
    password.write_text(SECRET + "\n")
    password.chmod(0o644)
    port = free_port()
    init: list[str | Path] = [
        programs / "initdb",
        "-D",
        folder / "db",
        "-U",
        "me",
        "-A",
        "scram-sha-256",
        f"--pwfile={password}",
        "-N",
    ]
    subprocess.run(init, check=True, capture_output=True, cwd=folder, **as_user)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control: list[str | Path] = [
        programs / "pg_ctl",
        "-D",
        folder / "db",
        "-w",
        "-l",
        folder / "log",
        "-o",
        options,
    ]
    subprocess.run([*control, "start"], check=True, capture_output=True, cwd=folder, **as_user)
    url = f"postgresql://me:{QUOTED_SECRET}@127.0.0.1:{port}/postgres"
    try:
        import psycopg  # noqa: PLC0415 - of the extra

        with psycopg.connect(url) as db:
            db.execute(
                "CREATE TABLE people "
                "(id int, name text, price numeric(9,2), day date, at timestamptz, tags text[])"
            )
            db.execute("CREATE SEQUENCE counter")
            db.execute(
                "INSERT INTO people SELECT i, 'Zoë ' || i, 1.50, '2024-01-31', '2024-01-31 10:00Z', "
                "ARRAY['a'] FROM generate_series(1, 200000) i"
            )
        yield url
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder, **as_user
        )
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_postgres_is_read_in_pieces_in_a_transaction_that_cannot_write(postgres: str) -> None:
    source = open_rows(postgres, query="SELECT *, 100 % 7 AS rest FROM people ORDER BY id")
    rows = iter(source)
    first = next(rows)
    assert isinstance(first, Row)
    assert first.values == {
        "id": "1", "name": "Zoë 1", "price": "1.50", "day": "2024-01-31", "at": "2024-01-31 10:00:00+00:00",
        "tags": ["a"], "rest": "2",
    }  # fmt: skip
    import psycopg  # noqa: PLC0415 - of the extra

    with psycopg.connect(postgres) as db:
        (cursors,) = db.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'FETCH FORWARD%'"
        ).fetchone() or (0,)
        assert cursors == 1
    assert sum(1 for _ in rows) == 199_999
    for query, reason in [
        ("WITH x AS (DELETE FROM people RETURNING id) SELECT * FROM x", "DECLARE CURSOR|read-only"),
        ("SELECT nextval('counter')", "read-only"),
        ("SELECT nope FROM people", 'column "nope" does not exist'),
    ]:
        with pytest.raises(RowsError, match=reason) as caught:
            list(open_rows(postgres, query=query))
        assert "hunter2" not in caught.value.message
    with pytest.raises(RowsError) as bad:
        list(open_rows(postgres, query="SELECT name::int FROM people"))
    assert "Zoë" not in bad.value.message
    with pytest.raises(EnvironmentFault, match="password authentication failed") as refused:
        open_rows(postgres.replace(QUOTED_SECRET, "wrong"), query="SELECT 1")
    assert "wrong" not in refused.value.message.replace("password authentication", "")
