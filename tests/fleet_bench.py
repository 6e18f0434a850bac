"""A small fleet inside a test: a list sent, workers as threads of this process, their renders real."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framepress.batch import Batch
from framepress.batch_request import BatchRequest
from framepress.blobs import open_blobs
from framepress.demo import PAGE, read_number
from framepress.enqueue import Sent, enqueue
from framepress.intake import Intake, IntakeOptions
from framepress.queue import open_queue
from framepress.queue.base import JobQueue
from framepress.queue.policy import RetryPolicy
from framepress.row_binding import BindingOptions
from framepress.run_records import RunRecords
from framepress.settings import RenderSettings, RunLimits
from framepress.worker import FleetWorker, WorkerOptions

LIMITS = RunLimits(frame_timeout_s=20, ready_timeout_s=20, silence_grace_s=10)


@dataclass
class Fleet:
    """One run named "run". `events`: what workers said."""

    folder: Path
    queue_url: str
    store: str
    browser: str
    lease_s: float = 30.0
    policy: RetryPolicy = field(default_factory=lambda: RetryPolicy(failures_max=2, backoff_s=0.1))
    limits: RunLimits = LIMITS
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def open_queue(self) -> JobQueue:
        return open_queue(self.queue_url, os.environ, lease_s=self.lease_s, policy=self.policy)

    def send(self, rows: Iterable[Mapping[str, Any]], page: str = PAGE, **more: Any) -> Sent:
        (self.folder / "page.html").write_text(page, "utf-8")
        (self.folder / "rows.json").write_text(json.dumps(list(rows)), "utf-8")
        bucket = "://" in self.store
        more = {"binding": BindingOptions(), **more}
        request = BatchRequest(
            composition=self.folder / "page.html",
            rows=str(self.folder / "rows.json"),
            out_dir=self.store if bucket else Path(self.store),
            settings=RenderSettings(),
            limits=RunLimits(),
            browser=None,
            workers=0,
            ledger_dir=self.folder / "state" if bucket else None,
            run="run",
            **more,
        )
        with self.open_queue() as queue, Batch(request) as batch:
            batch.prepare()
            return enqueue(batch, queue, queue_url=self.queue_url)

    def worker(
        self, queue: JobQueue, *, slots: int = 1, intake: Mapping[str, Any] | None = None, **more: Any
    ) -> FleetWorker:
        options = {"until_empty": True, "job_limit_s": 60.0} | more
        return FleetWorker(
            queue,
            Intake(
                IntakeOptions(
                    limits=self.limits,
                    environ=os.environ,
                    browser=self.browser,
                    **({"local": True} | dict(intake or {})),
                )
            ),
            WorkerOptions(slots=slots, **options),
            log=lambda event, **facts: self.events.append((event, facts)),
        )

    def work(self, **more: Any) -> None:
        """Work until the queue is empty."""
        with self.open_queue() as queue:
            self.worker(queue, **more).run()

    def start(self, queue: JobQueue, **more: Any) -> tuple[FleetWorker, threading.Thread]:
        """Begin to work, in a thread."""
        worker = self.worker(queue, until_empty=False, **more)
        thread = threading.Thread(target=worker.run)
        thread.start()
        return worker, thread

    def records(self) -> RunRecords:
        records = RunRecords(open_blobs(self.store), "run")
        records.refresh()
        return records

    def said(self, event: str) -> list[dict[str, Any]]:
        return [facts for name, facts in self.events if name == event]

    def numbers(self, count: int) -> list[int | None]:
        """What the clips 1..count show."""
        blobs = open_blobs(self.store)
        clips = (blobs.get(f"{number}.mp4", bytes_max=1 << 24) for number in range(1, count + 1))
        return [read_number(clip) if clip is not None else None for clip in clips]


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"number": number, "out": f"{number}.mp4"} for number in range(1, count + 1)]
