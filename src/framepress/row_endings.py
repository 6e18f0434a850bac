"""Rows that have ended on a worker: their records first, in batches beside the clips, then their acks.

Acking first would lose the record of a row for good; killed between the two, the row comes again, is found in
the store, and has a second record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    """A row that has its record, or will have it with the next flush; its ack waits for that."""

    lease: Lease
    writer: RecordWriter
    facts: Mapping[str, Any]
    extended_at: float


class RowEndings:
    """The rows that wait for their records and acks."""

    def __init__(self, queue: JobQueue, log: Log) -> None:
        self._queue = queue
        self._log = log
        self._writers: dict[tuple[str, str], RecordWriter] = {}
        self._endings: list[_Ending] = []
        self._flushed_at = 0.0
        self._flush_again_at = 0.0

    def __len__(self) -> int:
        return len(self._endings)

    def add(self, lease: Lease, message: Message, store: str, record: Mapping[str, Any]) -> None:
        """Take in a row that has ended; it is acked once its record is there."""
        writer = self._writer(store, message)
        writer.add(record)
        self._endings.append(_Ending(lease, writer, record, time.monotonic()))

    def write_now(self, message: Message | None, store: str, record: Mapping[str, Any]) -> None:
        """Write a record at once.

        Raises:
            StoreUnavailable, StorageFault: it goes with the next flush.
        """
        writer = self._writer(store, message)
        writer.add(record)
        writer.flush()

    def extend(self, now: float, age_s: float) -> None:
        """Extend the leases that were not for so long. Raises what the queue raises."""
        for ending in self._endings:
            if now - ending.extended_at >= age_s:
                self._queue.extend(ending.lease)
                ending.extended_at = now

    def flush_if_due(self) -> None:
        """`flush`, if records have waited long enough."""
        if self._endings and time.monotonic() - self._flushed_at >= RECORD_S:
            self.flush()

    def flush(self, *, last: bool = False) -> None:
        """Write records, then tell the queue. What cannot be written now is tried again."""
        now = time.monotonic()
        if not last and now < self._flush_again_at:
            return
        try:
            for writer in {id(ending.writer): ending.writer for ending in self._endings}.values():
                writer.flush()
        except (StoreUnavailable, StorageFault) as error:
            self._log("records-wait", message=error.message, next="rows are acked once they are recorded")
            self._flush_again_at = now + RECORDS_PAUSE_S
            return
        self._flushed_at = now
        endings, self._endings = self._endings, []
        for index, ending in enumerate(endings):
            try:
                self._settle(ending)
            except (QueueUnavailable, StorageFault) as error:
                self._log("queue-away", message=error.message)
                if not last:
                    self._endings = [*endings[index:], *self._endings]
                    self._flush_again_at = now + ACKS_PAUSE_S
                return

    def _settle(self, ending: _Ending) -> None:
        if not self._queue.ack(ending.lease):
            self._log(
                "ack-late",
                id=ending.facts["id"],
                run=ending.lease.job.run,
                next="the clip is stored, so the second delivery will skip it",
            )
        self._queue.announce({**ending.facts, "run": ending.lease.job.run})

    def _writer(self, store: str, message: Message | None) -> RecordWriter:
        run = (message.run if message else None) or PLAIN_RUN
        if (store, run) not in self._writers:
            self._writers[store, run] = RecordWriter(open_blobs(store), run)
        return self._writers[store, run]
