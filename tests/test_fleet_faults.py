"""Real workers, real servers, real blows: afterwards every clip is right, every row done once, nothing left.

The runs of 300 rows belong to the full suite; of each kind of blow the daily suite has a small one here or in
test_fleet.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import pytest

from faults import FlakyProxy, kill_browser_of
from framepress.demo import Chaos, kill
from program import Program, until
from servers import AWS, Server, running
from test_fleet import SLOW
from test_object_store import make_bucket
from test_queue import make_sqs_queue
from test_store import mounted

ROWS = 300

#: Of the daily suite.
ROWS_FEW = 4


@pytest.fixture
def chaos(program: Program) -> Chaos:
    """A run on a file and a folder; its processes carry the program's mark."""
    environ = program._environ() | {"XDG_STATE_HOME": str(program.folder / "state")}
    return Chaos(
        folder=program.folder,
        queue="sqlite:///queue.db",
        store="out",
        environ=environ,
        rows=ROWS,
        browser=program.environ["FRAMEPRESS_BROWSER"],
    )


def on_servers(chaos: Chaos, queue: Server, storage_url: str, storage: Server) -> None:
    """Move a run onto Valkey and a bucket, which its workers reach at `storage_url`, and we directly."""
    os.environ.update(AWS)
    os.environ["AWS_ENDPOINT_URL"] = storage.url
    chaos.environ = dict(chaos.environ) | AWS | {"AWS_ENDPOINT_URL": storage_url}
    chaos.store = make_bucket(storage).url
    chaos.queue = f"redis://127.0.0.1:{queue.port}/0?name=t{uuid4().hex[:10]}"


def assert_all_right(chaos: Chaos, program: Program) -> None:
    outcome = chaos.go()
    assert outcome.line() == f"{chaos.rows} right, 0 lost, 0 twice"
    until(lambda: not program.processes(), "workers and browsers to end", 60)
    # The next start clears away what was left.
    again = chaos.start_worker("--until-empty")
    assert again.wait(60) == 0
    program.assert_nothing_left()


@pytest.mark.slow
def test_rows_survive_workers_that_are_killed(chaos: Chaos, program: Program) -> None:
    assert_all_right(chaos, program)


@pytest.mark.slow
def test_rows_survive_a_worker_that_is_killed(chaos: Chaos, program: Program) -> None:
    chaos.rows, chaos.workers, chaos.every_s, chaos.lease_s = ROWS_FEW, 1, 2.0, 4.0
    assert_all_right(chaos, program)


@pytest.mark.slow
def test_rows_survive_browsers_that_are_killed(chaos: Chaos, program: Program) -> None:
    chaos.blow = lambda process: kill_browser_of(process.pid)
    assert_all_right(chaos, program)


@pytest.mark.slow
def test_rows_survive_workers_that_are_stopped_for_longer_than_their_lease(
    chaos: Chaos, program: Program
) -> None:
    chaos.lease_s, chaos.every_s = 4.0, 8.0
    stopped: list[tuple[float, subprocess.Popen[bytes]]] = []

    def stop(process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGSTOP)
            stopped.append((time.monotonic() + 6.0, process))

    def go_on(_: float) -> None:
        for due, process in list(stopped):
            if time.monotonic() >= due:
                stopped.remove((due, process))
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)

    chaos.blow, chaos.on_tick = stop, go_on
    assert_all_right(chaos, program)


@pytest.mark.slow
def test_rows_survive_a_queue_server_that_is_restarted_and_workers_that_are_killed(
    chaos: Chaos, program: Program, server_of: Callable[[str], Server], aws: None
) -> None:
    storage = server_of("ministack")
    with running("valkey") as queue:
        on_servers(chaos, queue, storage.url, storage)
        restarts = iter((15.0, 40.0, 65.0))
        due = next(restarts)

        def restart(elapsed: float) -> None:
            nonlocal due
            if elapsed >= due:
                due = next(restarts, 1e9)
                queue.kill()
                time.sleep(2)
                queue.start()

        chaos.on_tick = restart
        assert_all_right(chaos, program)


@pytest.mark.slow
def test_rows_survive_a_bucket_that_answers_500_and_then_nothing(
    chaos: Chaos, program: Program, server_of: Callable[[str], Server], aws: None
) -> None:
    storage = server_of("ministack")
    proxy = FlakyProxy(storage.port)
    try:
        on_servers(chaos, server_of("valkey"), proxy.url, storage)

        def spoil(elapsed: float) -> None:
            spoilt = {"500": 15 <= elapsed < 30, "hang": 45 <= elapsed < 60}
            proxy.mode = next((mode for mode, now in spoilt.items() if now), "ok")

        chaos.on_tick, chaos.blow = spoil, lambda _: None
        assert_all_right(chaos, program)
    finally:
        proxy.close()


@pytest.mark.slow
def test_rows_survive_a_disk_that_is_full_for_a_while(chaos: Chaos, program: Program) -> None:
    out = program.folder / "out"
    with mounted(out, "size=8m"):
        ballast = out / "ballast"

        def fill(elapsed: float) -> None:
            if 10 <= elapsed < 25 and not ballast.exists():
                with suppress(OSError), ballast.open("wb") as stream:
                    while True:
                        stream.write(b"\0" * 4096)
            elif elapsed >= 25:
                ballast.unlink(missing_ok=True)

        chaos.on_tick, chaos.blow = fill, lambda _: None
        assert_all_right(chaos, program)


QUEUES = [
    "sqlite",
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("valkey", "redis", "ministack", "moto")),
]


@pytest.mark.parametrize("kind", QUEUES)
def test_the_row_of_a_killed_worker_starts_again_soon_on_an_idle_queue(
    kind: str, chaos: Chaos, server_of: Callable[[str], Server], aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chaos.rows, chaos.lease_s = 1, 4.0
    if kind != "sqlite":
        server = server_of(kind)
        name = f"t{uuid4().hex[:10]}"
        sqs = kind in ("ministack", "moto")
        chaos.environ = dict(chaos.environ) | AWS
        chaos.queue = (
            make_sqs_queue(server, name) if sqs else f"redis://127.0.0.1:{server.port}/0?name={name}"
        )
    monkeypatch.setattr("framepress.demo.PAGE", SLOW)
    # A folder is taken from a file's queue only, unless it is allowed.
    allowed = ("--out-dir", str(chaos.folder / "out"))
    chaos.send()
    first = chaos.start_worker(*allowed)
    other: subprocess.Popen[bytes] | None = None
    try:
        until(lambda: chaos.said("row-started"), "the row to start", 60)
        other = chaos.start_worker(*allowed)
        until(lambda: len(chaos.said("started")) == 2, "the other worker", 60)
        killed_at = time.monotonic()
        kill(first)
        until(lambda: len(chaos.said("row-started")) == 2, "the row to start again", 60)
        assert time.monotonic() - killed_at <= chaos.lease_s + 5
    finally:
        for process in (first, other):
            if process is not None:
                process.kill()
                process.wait()
