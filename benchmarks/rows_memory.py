"""Memory and time of reading lists of rows into a run: read, checked, bound to a composition, names given.

    python benchmarks/rows_memory.py --rows 100000 1000000

Every list is read by a process of its own, whose greatest resident memory is what the table tells. Rows have
four columns, about 90 bytes. PostgreSQL is measured where FRAMEPRESS_BENCH_POSTGRES names a server.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HTML = """<script type="application/hyperframes-vars">{"NAME": {}, "POINTS": {"type": "number"}}</script>
<div data-width="640" data-height="360" data-fps="30" data-duration="2">{{$NAME}} {{$POINTS}}</div>"""
QUERY = "SELECT id, name, points, note FROM people ORDER BY id"
NOTE = "x" * 50


def records(count: int) -> Iterator[tuple[int, str, int, str]]:
    for number in range(count):
        yield number, f"Asha {number}", number % 2000, NOTE


def make(kind: str, count: int, folder: Path) -> tuple[str, str | None]:
    """A list of the kind, as `--variants` and `--query` name it."""
    if kind == "sqlite":
        with sqlite3.connect(folder / "people.db") as db:
            db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, points INTEGER, note TEXT)")
            db.executemany("INSERT INTO people VALUES (?,?,?,?)", records(count))
        return f"sqlite:///{folder}/people.db", QUERY
    if kind == "postgres":
        import psycopg  # noqa: PLC0415 - of the extra

        url = os.environ["FRAMEPRESS_BENCH_POSTGRES"]
        with psycopg.connect(url) as db:
            db.execute("DROP TABLE IF EXISTS people")
            db.execute("CREATE TABLE people (id int PRIMARY KEY, name text, points int, note text)")
            with db.cursor().copy("COPY people FROM STDIN") as copy:
                for record in records(count):
                    copy.write_row(record)
        return url, QUERY
    path = folder / f"people.{kind}"
    with gzip.open(path, "wt", 1) if kind.endswith(".gz") else path.open("w") as file:
        if kind.startswith("csv") or kind == "parquet":
            file.write("id,name,points,note\n")
            file.writelines(",".join(map(str, record)) + "\n" for record in records(count))
        else:
            for i, name, points, note in records(count):
                file.write(json.dumps({"id": i, "name": name, "points": points, "note": note}) + "\n")
    if kind == "parquet":
        import duckdb  # noqa: PLC0415 - of the extra

        source = path.rename(folder / "source.csv")
        duckdb.sql(f"COPY (SELECT * FROM read_csv('{source}')) TO '{path}' (FORMAT parquet)")
    return str(path), None


def prepare(spec: str, query: str | None, folder: Path) -> None:
    """What a run does before it renders; prints seconds and the greatest resident memory, MB."""
    from framepress.batch import Batch  # noqa: PLC0415 - only in the measured process
    from framepress.batch_request import BatchRequest  # noqa: PLC0415
    from framepress.row_binding import BindingOptions  # noqa: PLC0415
    from framepress.settings import RenderSettings, RunLimits  # noqa: PLC0415

    request = BatchRequest(
        composition=folder / "card.html",
        rows=spec,
        query=query,
        out_dir=folder / "out",
        binding=BindingOptions(out_name="{id}.mp4"),
        settings=RenderSettings(),
        limits=RunLimits(),
        browser=None,
        workers=0,
    )
    began = time.perf_counter()
    with Batch(request) as batch:
        batch.prepare()
        rows = batch.progress.total
    seconds = time.perf_counter() - began
    # Not ru_maxrss, which a child inherits from whoever started it.
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_mb": peak / 1024}))


def measure(kind: str, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="rows-memory-") as name:
        folder = Path(name)
        (folder / "card.html").write_text(HTML)
        spec, query = make(kind, count, folder)
        command = [sys.executable, __file__, "--measure", spec, query or "", str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout)
        assert found["rows"] == count
        return found


def main() -> None:
    kinds = ["csv", "csv.gz", "jsonl", "parquet", "sqlite"]
    kinds += ["postgres"] if "FRAMEPRESS_BENCH_POSTGRES" in os.environ else []
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        spec, query, folder = options.measure
        prepare(spec, query or None, Path(folder))
        return
    print("| list | rows | seconds | rows per second | peak memory, MB |\n|---|---|---|---|---|")
    for kind in options.kinds:
        for count in options.rows:
            found = measure(kind, count)
            pace = found["rows"] / found["seconds"]
            print(
                f"| {kind} | {count:,} | {found['seconds']:.1f} | {pace:,.0f} | {found['peak_mb']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
