"""How long the row of a killed worker waits, and what kills cost, by back end. Writes docs/recovery.md.

    python benchmarks/recovery.py [--kills 5] [--rows 20] [--lease 5] [--backends sqlite,valkey,...]

For each back end, on loopback: (1) a worker with a row of several minutes is killed with SIGKILL, at a random
moment of its lease, while a second one is idle on an otherwise empty queue; the time until the second starts
the row. Then a third comes, the second is killed, and so on. (2) A list is rendered by three workers, one of
which is killed every 3 s; every clip is read and compared with its row, and records and logs are counted.

Results are kept in benchmarks/recovery.json by back end and lease, so that they can be measured one at a
time; the page shows all that are there (`--backends ""`
only writes it). Needs the packages of the extra "dev".
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from framepress import demo  # noqa: E402
from framepress.blobs import open_blobs  # noqa: E402
from framepress.demo import Chaos, read_number  # noqa: E402
from framepress.run_records import RunRecords  # noqa: E402
from servers import AWS, running  # noqa: E402
from test_queue import make_sqs_queue  # noqa: E402

BACKENDS = ("sqlite", "valkey", "redis", "ministack", "moto")

#: What is promised: the lease, and so many seconds for the next one to notice.
NOTICE_S = 5.0

#: Seconds of a worker to start on a busy machine.
START_S = 120.0

#: Seconds between two kills while a list is rendered, and workers.
EVERY_S, WORKERS = 3.0, 3

#: Minutes long in frames that are quick, so that the row never ends by itself nor fails.
SLOW_PAGE = demo.PAGE.replace(
    "</script>\n",
    '</script>\n<script>addEventListener("hf-seek", () => { let x = 0; '
    "for (let n = 0; n < 5e7; n += 1) x += n; window.x = x; });</script>\n",
    1,
).replace('data-duration="0.5"', 'data-duration="300"')


@contextmanager
def queue_of(backend: str) -> Iterator[str]:
    """A queue's URL on a fresh server."""
    if backend == "sqlite":
        yield "sqlite:///queue.db"
        return
    with running(backend) as server:
        if backend in ("ministack", "moto"):
            yield make_sqs_queue(server, f"t{uuid4().hex[:10]}")
        else:
            yield f"redis://127.0.0.1:{server.port}/0"


def recoveries(backend: str, kills: int, lease_s: float, chance: random.Random) -> list[float]:
    """Seconds from each kill of a worker until its row starts elsewhere, on a queue with nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-"))
    page, demo.PAGE = demo.PAGE, SLOW_PAGE
    workers, found = [], []
    try:
        with queue_of(backend) as queue:
            chaos = Chaos(folder, queue, "out", environ(folder), rows=1, lease_s=lease_s)
            chaos.more = ("--out-dir", str(folder / "out"))
            chaos.send()
            workers.append(chaos.start_worker())
            wait_for(lambda: len(chaos.said("row-started")) == 1)
            for number in range(1, kills + 1):
                workers.append(chaos.start_worker())
                wait_for(lambda: len(chaos.said("started")) == number + 1)  # noqa: B023 - called at once
                # Leases are extended at a third of their length: any moment between two extensions.
                time.sleep(chance.uniform(0, lease_s / 3))
                killed = time.monotonic()
                demo.kill(workers[number - 1])
                wait_for(lambda: len(chaos.said("row-started")) > number, lease_s)  # noqa: B023
                found.append(time.monotonic() - killed)
            ended = [facts for event in ("row-failed", "row-done") for facts in chaos.said(event)]
            if ended:
                raise SystemExit(f"The row did not last: {ended[0]}")
            return found
    finally:
        demo.PAGE = page
        for process in workers:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def struggle(backend: str, rows: int, lease_s: float) -> dict[str, Any]:
    """A list under kills: what came of it."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-"))
    try:
        with queue_of(backend) as queue:
            chaos = Chaos(
                folder,
                queue,
                "out",
                environ(folder),
                rows=rows,
                workers=WORKERS,
                every_s=EVERY_S,
                lease_s=lease_s,
            )
            chaos.more = ("--out-dir", str(folder / "out"))
            outcome = chaos.go()
        blobs = open_blobs(folder / "out")
        records = RunRecords(blobs, "chaos")
        records.refresh()
        done = [record for record in records.each() if record["status"] == "done"]
        rendered = Counter(record["out"] for record in done if record["path"] != "stored")
        clips = {number: blobs.get(f"{number}.mp4", bytes_max=1 << 24) for number in range(1, rows + 1)}
        return {
            "rows": rows,
            "kills": outcome.kills,
            "seconds": outcome.seconds,
            "right": outcome.right,
            "lost": sum(clip is None for clip in clips.values()),
            "wrong": sum(c is not None and read_number(c) != n for n, c in clips.items()),
            "twice": outcome.twice,
            "again": len(chaos.said("row-started")) - rows,
            "rendered_twice": sum(count - 1 for count in rendered.values()),
            "found": sum(record["path"] == "stored" for record in done),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environ(folder: Path) -> dict[str, str]:
    return dict(os.environ) | AWS | {"XDG_STATE_HOME": str(folder / "state")}


def wait_for(condition: Callable[[], bool], more_s: float = 0.0) -> None:
    deadline = time.monotonic() + START_S + more_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("A worker did not start, or its row did not start again.")
        time.sleep(0.02)


HEAD = """# What killed workers cost

Written by `benchmarks/recovery.py` from `benchmarks/recovery.json`; not to be edited by hand.

## How long a row waits

From SIGKILL of a worker, at a random moment between two extensions of its lease, until its row starts on
another one that is idle, on a queue with nothing else. Promised is the lease and 5 s. A lease is extended at
a third of its length, so a row waits two thirds of it at least and the whole of it at most, plus what the
queue takes to notice.

| back end | lease | kills | median | longest | promised | kept |
|---|---|---|---|---|---|---|
"""

STRUGGLE = f"""
## What a list suffers

{WORKERS} workers, one of which is killed every {EVERY_S:g} s if a row has ended since; every clip is read
afterwards.

- *Lost*, *wrong*: rows without a clip, or with one that shows another row. *Twice*: published twice, by the
  records.
- *Begun again*: renders beyond one per row that were begun, which is what kills cost. *Rendered twice*: of
  these, to the end by two workers, because the first one's lease ran out.
- *Found*: deliveries of rows whose clip was there, so that one HEAD was all.

| back end | lease | rows | kills | right | lost | wrong | twice | begun again | rendered twice | found | s |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""

TAIL = """
`ministack` and `moto` are emulators of SQS; all servers were on loopback, those across a network answer
later. The numbers say nothing about the speed of rendering: most of the time goes into starting killed
workers again.
"""


def page(results: list[dict[str, Any]]) -> str:
    """The page, in Markdown."""
    waits, lists = [], []
    for one in results:
        times, lease = one["recovery_s"], one["lease_s"]
        promised = lease + NOTICE_S
        kept = "yes" if max(times) <= promised else "**no**"
        waits.append(
            f"| {one['backend']} | {lease:g} s | {len(times)} | {statistics.median(times):.1f} s "
            f"| {max(times):.1f} s | {promised:g} s | {kept} |"
        )
        if (s := one["struggle"]) is not None:
            lists.append(
                f"| {one['backend']} | {lease:g} s | {s['rows']} | {s['kills']} | {s['right']} | {s['lost']} "
                f"| {s['wrong']} | {s['twice']} | {s['again']} | {s['rendered_twice']} | {s['found']} "
                f"| {s['seconds']:.0f} |"
            )
    loads = [one["load"] for one in results]
    machines = "; ".join(sorted({one["machine"] for one in results}))
    beside = f"Other programs ran beside it: the mean load was {min(loads):.0f} to {max(loads):.0f}."
    return f"{HEAD}{_lines(waits)}{STRUGGLE}{_lines(lists)}{TAIL}{machines}. {beside}\n"


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20, help="0: no list")
    parser.add_argument("--lease", type=float, default=5.0)
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/recovery.json")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/recovery.md")
    arguments = parser.parse_args()
    os.environ.update(AWS)
    kept = json.loads(arguments.results.read_text("utf-8")) if arguments.results.exists() else []
    results = {(one["backend"], one["lease_s"]): one for one in kept}
    for backend in filter(None, arguments.backends.split(",")):
        key = (backend, arguments.lease)
        times = recoveries(backend, arguments.kills, arguments.lease, random.Random(arguments.seed))
        print(f"{backend}: recovery {[round(one, 1) for one in times]}", flush=True)
        results[key] = {
            "backend": backend,
            "lease_s": arguments.lease,
            "recovery_s": [round(one, 2) for one in times],
            "struggle": None,
            "load": round(os.getloadavg()[1], 1),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        }
        keep(results, arguments)
        if arguments.rows:
            results[key]["struggle"] = struggle(backend, arguments.rows, arguments.lease)
            print(f"{backend}: {results[key]['struggle']}", flush=True)
    keep(results, arguments)


def keep(results: dict[tuple[str, float], dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Write results and page."""
    ordered = sorted(results.values(), key=lambda one: (one["lease_s"], BACKENDS.index(one["backend"])))
    arguments.results.write_text(json.dumps(ordered, indent=1) + "\n", "utf-8")
    arguments.out.write_text(page(ordered), "utf-8")


if __name__ == "__main__":
    main()
