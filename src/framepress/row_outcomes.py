"""What follows when a row ends on a worker: record and ack, another try, a dead letter, or back it goes.

done            recorded, then acked (`row_endings`)
failed          counts as a failure; again later, or dead with its record
infrastructure  something the row needs is away: given back, counted by the breaker only
this machine    no browser, another environment: given back, and the worker ends
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from framepress.blobs import open_blobs
from framepress.breaker import Breaker
from framepress.errors import (
    BrowserMissing,
    FramepressError,
    QueueUnavailable,
    StorageFault,
    StoreUnavailable,
)
from framepress.intake import Intake, Prepared, WrongEnvironment
from framepress.messages import Message
from framepress.orders import put_void
from framepress.queue.base import JobQueue, Lease
from framepress.queue.policy import Dead
from framepress.results import RowResult
from framepress.row_endings import Log, RowEndings
from framepress.tasks import Failed, PlanGivenUp

#: Errors that say nothing about the row, but that something it needs is away or full.
INFRASTRUCTURE = (StoreUnavailable, QueueUnavailable, StorageFault)

#: Rows in a row for which no browser started, after which the worker ends.
BROWSERLESS_MAX = 3


class Observer:
    """Is told what happens; the default does nothing. See `metrics`."""

    def row_ended(self, status: str, result: RowResult | None) -> None:
        """A row ended: done, stored, dead, retry, given-back or lost."""

    def tick(self, busy: int, queue: JobQueue) -> None:
        """Called all the time."""


class RowOutcomes:
    """Decides and does what follows; of one worker, in its thread.

    Attributes:
        fault: why this machine cannot do the work; None: it can.
    """

    def __init__(
        self,
        queue: JobQueue,
        intake: Intake,
        endings: RowEndings,
        breaker: Breaker,
        observer: Observer,
        log: Log,
    ) -> None:
        self._queue = queue
        self._intake = intake
        self._endings = endings
        self._breaker = breaker
        self._observer = observer
        self._log = log
        self._browserless = 0
        self.fault: FramepressError | None = None

    def ended(self, job: Prepared, reply: RowResult | PlanGivenUp | Failed) -> None:
        if isinstance(reply, PlanGivenUp):
            self._plan_given_up(job, reply)
        elif isinstance(reply, RowResult):
            self.done(job.lease, job.message, job.store, reply)
        else:
            self.failed(job.lease, job.message, reply.error)

    def _plan_given_up(self, job: Prepared, reply: PlanGivenUp) -> None:
        """The row itself is right; those that were made by the plan are not to be trusted any more."""
        self._log(
            "plan-wrong",
            id=job.task.id,
            run=job.message.run,
            plan=reply.plan,
            message=reply.reason,
            next="`framepress enqueue` again sends the rows that were made by this plan once more",
        )
        try:
            put_void(open_blobs(job.store), reply.plan, reply.reason)
        except (StoreUnavailable, StorageFault) as error:
            # Without the mark nobody would know: the row is done once more, and finds the plan wrong again.
            self.failed(job.lease, job.message, error)
            return
        self._intake.refuse(job.store, reply.plan)
        self.done(job.lease, job.message, job.store, reply.result)

    def done(self, lease: Lease, message: Message, store: str, result: RowResult) -> None:
        if self._breaker.is_open:
            self._log("breaker-closed", next="rows are taken again")
        self._breaker.ended(infrastructure=False)
        self._browserless = 0
        record = {
            "status": "done",
            **_names(lease, message, result.row_key),
            "path": result.path,
            "reuse": result.reuse,
            "reason": result.reason,
            "plan": result.plan,
            "url": result.out,
            "poster": result.poster,
            "bytes": result.bytes,
            "frames": result.frames,
            "seconds": result.seconds.total,
            "environment": result.environment,
            "attempts": lease.failures + 1,
        }
        self._endings.add(lease, message, store, record)
        status = "stored" if result.path == "stored" else "done"
        self._observer.row_ended(status, result)
        self._log(
            "row-done", id=record["id"], run=message.run, path=result.path, seconds=result.seconds.total
        )

    def failed(self, lease: Lease, message: Message | None, error: FramepressError) -> None:
        facts = {
            "id": _id(lease, message),
            "run": lease.job.run,
            "rule": error.rule,
            "message": error.message,
        }
        if isinstance(error, BrowserMissing | WrongEnvironment):
            # The fault is this machine's: others may have the job at once. A browser that was killed while it
            # started looks like one that does not start, so that has to happen again.
            self._browserless += 1
            if isinstance(error, WrongEnvironment) or self._browserless >= BROWSERLESS_MAX:
                self.fault = self.fault or error
            self.give_back(lease, 0.0)
            self._breaker.untaken()
        elif isinstance(error, INFRASTRUCTURE):
            self._log("infrastructure", **facts, next="the row is given back, without counting a failure")
            self.give_back(lease, self._queue.policy.delay_s(lease.deliveries))
            self._count_infrastructure(lease)
        elif error.rule == "worker-lost":
            self._log("process-died", **facts, next="the row is given back, without counting a failure")
            self.give_back(lease, 0.0)
            self._breaker.untaken()
        else:
            self._breaker.untaken()
            self.settle(lease, message, error.record(), retryable=error.retryable)

    def _count_infrastructure(self, lease: Lease) -> None:
        if self._breaker.ended(infrastructure=True):
            self._log("breaker-open", next=f"no row is taken for {self._breaker.pause_s:.0f} s, then one")
        if self._breaker.given_up and lease.job.run:
            self._log(
                "run-paused",
                run=lease.job.run,
                next="mend what is away, then `framepress resume`",
            )
            self._try(lambda: self._queue.pause(lease.job.run))

    def settle(
        self, lease: Lease, message: Message | None, error: Mapping[str, Any], *, retryable: bool
    ) -> None:
        """A failure that counts: again later, or dead, with its record before the queue is told."""
        decision = self._queue.policy.after_failure(lease.failures + 1, retryable=retryable)
        if isinstance(decision, Dead):
            self._bury(lease, message, error)
            return
        self._log(
            "row-failed",
            id=_id(lease, message),
            run=lease.job.run,
            rule=error["rule"],
            message=error["message"],
            next=f"failure {lease.failures + 1}; it is tried again",
        )
        self._observer.row_ended("retry", None)
        self._try(lambda: self._queue.fail(lease, error, retryable=True))

    def _bury(self, lease: Lease, message: Message | None, error: Mapping[str, Any]) -> None:
        record = {
            "status": "dead",
            **_names(lease, message, message.row_key if message else None),
            "error": dict(error),
            "attempts": lease.failures + 1,
        }
        self._log(
            "row-dead",
            id=record["id"],
            run=lease.job.run,
            rule=error["rule"],
            message=error["message"],
            next="`framepress dead show`, then retry or drop",
        )
        self._observer.row_ended("dead", None)
        try:
            store = self._intake.store_of(message) if message is not None else self._intake.options.out
            if store is not None:
                self._endings.add(lease, message, store, record, error=error)
                return
        except FramepressError as fault:
            # A message that names no good store has no place for its record; the queue still has the job.
            self._log("no-record", id=record["id"], run=lease.job.run, message=fault.message)
        self._try(lambda: self._queue.bury(lease, error))

    def give_back(self, lease: Lease, delay_s: float) -> None:
        self._observer.row_ended("given-back", None)
        self._try(lambda: self._queue.give_back(lease, delay_s))

    def _try(self, call: Callable[[], object]) -> None:
        """Tell the queue something that it finds out by itself too, once the lease has run out."""
        try:
            call()
        except (QueueUnavailable, StorageFault) as error:
            self._log("queue-away", message=error.message)


def _id(lease: Lease, message: Message | None) -> str:
    return (message.id if message else None) or lease.job.id


def _names(lease: Lease, message: Message | None, row_key: str | None) -> dict[str, Any]:
    return {
        "out": message.out if message else None,
        "row_key": row_key,
        "id": _id(lease, message),
        "row": message.row if message else None,
        "job": lease.job.id,
        "at": round(time.time(), 3),
    }
