"""How fast `framepress enqueue` sends a list. Prints a Markdown table.

    python benchmarks/enqueue.py [--rows 100000] [--backends sqlite,valkey,ministack]

The list is a CSV of three columns, the composition has two variables; the whole command is timed as a
process, reading, checking and the row keys included, into a folder, with every server on loopback.
Then the same command runs again, which has to send nothing. Memory is the most that the command had
resident; processor seconds are its own, without the server's.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from servers import AWS, running  # noqa: E402
from test_queue import make_sqs_queue  # noqa: E402

PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">{"NAME": {"maxLength": 60}, "POINTS": {"type": "number"}}</script>
<div data-width="1920" data-height="1080" data-duration="6"><p>{{$NAME}}: {{$POINTS}}</p></div>
"""


@contextmanager
def queue_of(backend: str) -> Iterator[str]:
    if backend == "sqlite":
        yield "sqlite:///queue.db"
        return
    with running(backend) as server:
        if backend in ("ministack", "moto"):
            yield make_sqs_queue(server, f"t{uuid4().hex[:10]}")
        else:
            yield f"redis://127.0.0.1:{server.port}/0"


@dataclass(frozen=True)
class Measured:
    """One run of the command; memory in megabytes."""

    seconds: float
    cpu_s: float
    memory_mb: float


def measure(backend: str, rows: int) -> tuple[Measured, Measured]:
    """The command, and the same command again."""
    folder = Path(tempfile.mkdtemp(prefix="enqueue-"))
    try:
        (folder / "page.html").write_text(PAGE, "utf-8")
        with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "points", "out"])
            writer.writerows([f"Name {n}", n, f"{n}.mp4"] for n in range(rows))
        with queue_of(backend) as queue:
            return once(folder, queue, rows), once(folder, queue, 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def once(folder: Path, queue: str, expected: int) -> Measured:
    words = ["enqueue", "page.html", "--variants", "rows.csv", "--queue", queue, "--out-dir", "out"]
    environ = dict(os.environ) | AWS | {"XDG_STATE_HOME": str(folder / "state")}
    began = time.monotonic()
    with (folder / "said").open("wb") as said, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "framepress", *words, "--run", "bench", "--json"],
            cwd=folder,
            env=environ,
            stdout=said,
            stderr=errors,
        )
        # Not `wait`: it does not say what the process took.
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit((folder / "errors").read_text("utf-8", "replace"))
    sent = json.loads((folder / "said").read_text("utf-8"))["sent"]
    if sent != expected:
        raise SystemExit(f"{sent} messages were sent, expected {expected}.")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--backends", default="sqlite,valkey,ministack")
    arguments = parser.parse_args()
    os.environ.update(AWS)
    print("| queue | rows | seconds | of them processor | rows per second | memory | again |")
    print("|---|---|---|---|---|---|---|")
    for backend in arguments.backends.split(","):
        first, again = measure(backend, arguments.rows)
        print(
            f"| {backend} | {arguments.rows:,} | {first.seconds:.0f} | {first.cpu_s:.0f} "
            f"| {arguments.rows / first.seconds:,.0f} | {first.memory_mb:.0f} MB | {again.seconds:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
