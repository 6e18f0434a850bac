"""How long the row of a killed worker waits, and what kills cost, by back end. Writes docs/recovery.md.

    python benchmarks/recovery.py [--kills 3] [--rows 60] [--lease 10] [--backends sqlite,valkey,...]

For each back end, on loopback: (1) a worker with a slow row is killed with SIGKILL while a second one is
idle; the time until the second starts the row, several times. (2) A list is rendered by three workers,
one of which is killed every 3 s; counted are clips that are right, rows published twice, and deliveries that
found the clip there already. Needs the packages of the extra "dev".
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
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

from framepress import demo  # noqa: E402
from framepress.blobs import open_blobs  # noqa: E402
from framepress.demo import Chaos, Outcome  # noqa: E402
from framepress.run_records import RunRecords  # noqa: E402
from servers import AWS, running  # noqa: E402
from test_queue import make_sqs_queue  # noqa: E402

BACKENDS = ("sqlite", "valkey", "redis", "ministack", "moto")

#: Seconds of a worker to start on a busy machine.
START_S = 120.0

#: Minutes long in frames that are quick, so that the row never ends by itself nor fails.
SLOW_PAGE = demo.PAGE.replace(
    "</script>\n",
    '</script>\n<script>addEventListener("hf-seek", () => { let x = 0; '
    "for (let n = 0; n < 2e8; n += 1) x += n; window.x = x; });</script>\n",
    1,
).replace('data-duration="0.5"', 'data-duration="60"')


@dataclass(frozen=True)
class Row:
    """What was measured of one back end."""

    backend: str
    recovery_s: list[float]
    outcome: Outcome
    redelivered: int


@contextmanager
def queue_of(backend: str, folder: Path) -> Iterator[str]:
    """A queue's URL on a fresh server."""
    if backend == "sqlite":
        yield "sqlite:///queue.db"
        return
    with running(backend) as server:
        if backend in ("ministack", "moto"):
            yield make_sqs_queue(server, f"t{uuid4().hex[:10]}")
        else:
            yield f"redis://127.0.0.1:{server.port}/0"


def recovery(backend: str, lease_s: float) -> float:
    """Seconds from the kill of a worker until its row starts elsewhere, on a queue with nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-"))
    page, demo.PAGE = demo.PAGE, SLOW_PAGE
    allowed = ("--out-dir", str(folder / "out"))
    started = []
    try:
        with queue_of(backend, folder) as queue:
            chaos = Chaos(folder, queue, "out", environ(folder), rows=1, lease_s=lease_s)
            chaos.send()
            started.append(chaos.start_worker(*allowed))
            wait_for(lambda: bool(chaos.said("row-started")))
            started.append(chaos.start_worker(*allowed))
            wait_for(lambda: len(chaos.said("started")) == 2)
            killed = time.monotonic()
            demo.kill(started[0])
            wait_for(lambda: len(chaos.said("row-started")) == 2)
            return time.monotonic() - killed
    finally:
        demo.PAGE = page
        for process in started:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def struggle(backend: str, rows: int, lease_s: float) -> tuple[Outcome, int]:
    """A list under kills; what came of it, and deliveries that found their clip."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-"))
    try:
        with queue_of(backend, folder) as queue:
            chaos = Chaos(
                folder, queue, "out", environ(folder), rows=rows, workers=3, every_s=3.0, lease_s=lease_s
            )
            chaos.more = ("--out-dir", str(folder / "out"))
            outcome = chaos.go()
        records = RunRecords(open_blobs(folder / "out"), "chaos")
        records.refresh()
        return outcome, sum(record.get("path") == "stored" for record in records.each())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environ(folder: Path) -> dict[str, str]:
    return dict(os.environ) | AWS | {"XDG_STATE_HOME": str(folder / "state")}


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + START_S
    assert callable(condition)
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("A worker did not start, or its row did not start again.")
        time.sleep(0.02)


def table(rows: list[Row], arguments: argparse.Namespace) -> str:
    """The page, in Markdown."""
    lines = [
        "# What killed workers cost",
        "",
        "Written by `benchmarks/recovery.py`; not to be edited by hand.",
        "",
        f"Command: `python benchmarks/recovery.py --kills {arguments.kills} --rows {arguments.rows} "
        f"--lease {arguments.lease:g}`. Python {platform.python_version()}, {os.cpu_count()} processors, "
        f"{platform.machine()}, all servers on loopback; other programs ran beside it.",
        "",
        "*Recovery*: from SIGKILL of a worker until its row starts elsewhere, on an otherwise idle queue.",
        "*Late*: deliveries of rows whose clip was there, so that nothing was rendered for them.",
        "",
        "| back end | lease | recovery: median | longest | rows | kills | right | lost | twice | late | s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times, outcome = row.recovery_s, row.outcome
        lines.append(
            f"| {row.backend} | {arguments.lease:g} s | {statistics.median(times):.1f} s "
            f"| {max(times):.1f} s | {arguments.rows} | {outcome.kills} | {outcome.right} "
            f"| {outcome.lost} | {outcome.twice} | {row.redelivered} | {outcome.seconds:.0f} |"
        )
    lines += [
        "",
        "`ministack` and `moto` are emulators of SQS. The numbers say nothing about the speed of rendering:",
        "most of the time goes into starting killed workers again. Servers across a network answer later.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--lease", type=float, default=10.0)
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--out", type=Path, default=ROOT / "docs/recovery.md")
    arguments = parser.parse_args()
    os.environ.update(AWS)
    rows = []
    for backend in arguments.backends.split(","):
        times = [recovery(backend, arguments.lease) for _ in range(arguments.kills)]
        print(f"{backend}: recovery {[round(one, 1) for one in times]}", flush=True)
        outcome, redelivered = struggle(backend, arguments.rows, arguments.lease)
        print(f"{backend}: {outcome.line()}, {outcome.kills} kills, {outcome.seconds} s", flush=True)
        rows.append(Row(backend, times, outcome, redelivered))
    arguments.out.write_text(table(rows, arguments), "utf-8")


if __name__ == "__main__":
    main()
