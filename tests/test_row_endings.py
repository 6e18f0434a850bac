"""Rows that have ended: recorded first, then told to the queue, and nobody waits for a slow store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framepress.blobs import FolderBlobs
from framepress.errors import StoreUnavailable
from framepress.messages import Message
from framepress.queue import open_queue
from framepress.queue.base import Job, JobQueue, Lease
from framepress.row_endings import RowEndings
from framepress.run_records import RunRecords
from program import until


class SlowStore:
    """Holds up or refuses whatever is written to a folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.open.set()
        self.refuses = False
        put = FolderBlobs.put

        def slow(blobs: FolderBlobs, name: str, data: bytes, **more: Any) -> None:
            self.open.wait(30)
            if self.refuses:
                raise StoreUnavailable("The bucket is away.", rule="store")
            put(blobs, name, data, **more)

        monkeypatch.setattr(FolderBlobs, "put", slow)


class Bench:
    """A queue with jobs, and what the endings said."""

    def __init__(self, folder: Path, queue: JobQueue) -> None:
        self.queue = queue
        self.store = str(folder / "out")
        self.said: list[str] = []
        self.endings = RowEndings(queue, lambda event, **_: self.said.append(event))
        self.message = Message(run="run", template="page.html", out="1.mp4", vars={})

    def lease(self, name: str) -> Lease:
        self.queue.send([Job("run", name, b"{}")])
        lease = self.queue.receive(0)
        assert lease is not None
        return lease

    def end(self, name: str, *, error: dict[str, Any] | None = None) -> Lease:
        lease = self.lease(name)
        record = {"status": "dead" if error else "done", "out": name, "row_key": name, "id": name}
        self.endings.add(lease, self.message, self.store, record, error=error)
        return lease

    def recorded(self) -> list[str]:
        records = RunRecords(FolderBlobs(Path(self.store)), "run")
        records.refresh()
        return sorted(str(record["id"]) for record in records.each())

    def go_on(self, *, rows: int) -> None:
        """Until so many rows wait."""

        def are() -> bool:
            self.endings.go_on()
            return len(self.endings) == rows

        until(are, f"{rows} rows to wait", 20)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_queue(f"sqlite:///{tmp_path / 'queue.db'}", {}, lease_s=2.0) as queue:
        yield Bench(tmp_path, queue)


def test_a_row_is_recorded_and_then_acked_or_buried(bench: Bench) -> None:
    bench.end("a")
    bench.end("b", error={"type": "RowFailure", "rule": "r", "message": "m", "retryable": False})
    bench.go_on(rows=0)
    assert bench.recorded() == ["a", "b"]
    counts = bench.queue.counts()
    assert (counts.open, counts.dead) == (0, 1)
    bench.endings.close()


def test_a_store_that_hangs_holds_up_no_lease(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SlowStore(monkeypatch)
    store.open.clear()
    bench.end("a")
    hangs_until = time.monotonic() + 3.0
    longest = 0.0
    while time.monotonic() < hangs_until:
        began = time.monotonic()
        bench.endings.go_on()
        bench.endings.extend(began, 0.5)
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.05)
    # Longer than the lease, and nobody else gets the row.
    assert bench.queue.receive(0) is None
    assert longest < 1.0
    bench.end("b")
    assert (len(bench.endings), bench.recorded()) == (2, [])
    store.open.set()
    bench.go_on(rows=0)
    assert bench.recorded() == ["a", "b"]
    assert (bench.queue.counts().open, bench.said) == (0, [])
    bench.endings.close()


def test_a_store_that_refuses_is_asked_again_and_no_row_is_recorded_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framepress.row_endings.RECORDS_PAUSE_S", 0.1)
    store = SlowStore(monkeypatch)
    store.refuses = True
    bench.end("a")
    until(lambda: (bench.endings.go_on(), bench.said)[1], "a refusal")  # type: ignore[func-returns-value]
    assert (set(bench.said), len(bench.endings)) == ({"records-wait"}, 1)
    store.refuses = False
    bench.end("b")
    bench.go_on(rows=0)
    assert bench.recorded() == ["a", "b"]
    bench.endings.close()


def test_at_the_end_what_can_be_written_is_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SlowStore(monkeypatch)
    bench.end("a")
    bench.endings.close()
    assert (bench.recorded(), bench.queue.counts().open) == (["a"], 0)
    other = Bench(Path(bench.store).parent, bench.queue)
    store.refuses = True
    lease = other.end("b")
    other.endings.close()
    assert other.said == ["records-wait"]
    # Unrecorded, so its job is still there and comes again.
    assert bench.queue.counts().leased == 1
    assert bench.queue.give_back(lease)
