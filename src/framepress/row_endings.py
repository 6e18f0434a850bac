"""Rows that have ended on a worker: their records first, in batches beside the clips, then the queue is told.

Acking first would lose the record of a row for good; killed between the two, the row comes again, is found in
the store, and has a second record. Records are written by a thread of its own: a bucket that hangs holds up
no lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from framepress.blobs import open_blobs
from framepress.errors import QueueUnavailable, StorageFault, StoreUnavailable
from framepress.messages import Message
from framepress.queue.base import JobQueue, Lease
from framepress.run_records import PLAIN_RUN, RecordWriter

#: Seconds that records wait for others at most. A row's ack waits as long; a kill meanwhile costs one look.
RECORD_S = 1.0

#: Seconds until the next try when records cannot be written, and when the queue cannot be told.
RECORDS_PAUSE_S, ACKS_PAUSE_S = 2.0, 1.0

Log = Callable[..., None]


@dataclass
class _Ending:
    """A row that has its record, or will have it; the queue is told after that.

    Attributes:
        error: the row is dead of it; None: it is done.
        added: its writer has the record.
    """

    lease: Lease
    writer: RecordWriter
    record: Mapping[str, Any]
    error: Mapping[str, Any] | None
    extended_at: float = field(default_factory=time.monotonic)
    added: bool = False


class RowEndings:
    """The rows that wait for their records and for the queue to be told. Close it, or some stay untold."""

    def __init__(self, queue: JobQueue, log: Log) -> None:
        self._queue = queue
        self._log = log
        self._writers: dict[tuple[str, str], RecordWriter] = {}
        #: Rows without a record; whose records are being written; and of which the queue is to be told.
        self._waiting: list[_Ending] = []
        self._written: list[_Ending] = []
        self._recorded: list[_Ending] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._writing: Future[None] | None = None
        self._write_at = 0.0
        self._tell_at = 0.0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._written) + len(self._recorded)

    def add(
        self,
        lease: Lease,
        message: Message | None,
        store: str,
        record: Mapping[str, Any],
        *,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Take in a row that is done, or dead of an error; the queue is told once its record is there."""
        self._waiting.append(_Ending(lease, self._writer(store, message), record, error))

    def extend(self, now: float, age_s: float) -> None:
        """Extend the leases that were not for so long. Raises what the queue raises."""
        for ending in (*self._waiting, *self._written, *self._recorded):
            if now - ending.extended_at >= age_s:
                self._queue.extend(ending.lease)
                ending.extended_at = now

    def go_on(self) -> None:
        """Do what is due, without waiting for the store: have records written, and tell the queue.

        What cannot be done now is tried again.
        """
        now = time.monotonic()
        if self._writing is not None and self._writing.done():
            self._collect(now)
        if self._writing is None and self._waiting and now >= self._write_at:
            self._begin_to_write()
        if now >= self._tell_at:
            self._tell(now)

    def close(self) -> None:
        """Write what can be written and tell what can be told, once. What is left comes again."""
        if self._writing is not None:
            self._collect(time.monotonic())
        self._begin_to_write()
        self._collect(time.monotonic())
        self._tell(time.monotonic())
        self._thread.shutdown()

    def _begin_to_write(self) -> None:
        self._written, self._waiting = self._waiting, []
        self._writing = self._thread.submit(_write, self._written)

    def _collect(self, now: float) -> None:
        """Take the end of writing, and wait for it if need be."""
        assert self._writing is not None
        writing, self._writing = self._writing, None
        written, self._written = self._written, []
        try:
            writing.result()
        except (StoreUnavailable, StorageFault) as error:
            self._log("records-wait", message=error.message, next="rows are acked once they are recorded")
            self._waiting = [*written, *self._waiting]
            self._write_at = now + RECORDS_PAUSE_S
            return
        self._recorded += written
        self._write_at = now + RECORD_S

    def _tell(self, now: float) -> None:
        while self._recorded:
            try:
                self._settle(self._recorded[0])
            except (QueueUnavailable, StorageFault) as error:
                self._log("queue-away", message=error.message)
                self._tell_at = now + ACKS_PAUSE_S
                return
            self._recorded.pop(0)

    def _settle(self, ending: _Ending) -> None:
        if ending.error is not None:
            self._queue.bury(ending.lease, ending.error)
            return
        if not self._queue.ack(ending.lease):
            self._log(
                "ack-late",
                id=ending.record["id"],
                run=ending.lease.job.run,
                next="the clip is stored, so the second delivery will skip it",
            )
        self._queue.announce({**ending.record, "run": ending.lease.job.run})

    def _writer(self, store: str, message: Message | None) -> RecordWriter:
        run = (message.run if message else None) or PLAIN_RUN
        if (store, run) not in self._writers:
            self._writers[store, run] = RecordWriter(open_blobs(store), run)
        return self._writers[store, run]


def _write(endings: list[_Ending]) -> None:
    """Write their records; what raises can be tried again, and writes none twice."""
    for ending in endings:
        if not ending.added:
            ending.writer.add(ending.record)
            ending.added = True
    for writer in {id(ending.writer): ending.writer for ending in endings}.values():
        writer.flush()
