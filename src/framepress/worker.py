"""A worker of the fleet: takes jobs, keeps their leases while work advances, publishes, records, acks.

One parent (this module) with N slots (`slots`), each a process with a warm browser. The parent renders
nothing and waits for nothing, so that it can always extend a lease. In this order, per job:

    receive, prepare         `receiver`, in a thread
    render, check, publish   in the slot's process, by conditional put
    record                   batched, beside the clips
    ack                      only after the record is there

Killed anywhere, the job comes again, and whoever gets it finds the clip if it was published. So a row has its
record at least once and its clip exactly once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from framepress.blobs import open_blobs
from framepress.breaker import Breaker
from framepress.errors import (
    BrowserMissing,
    FramepressError,
    FrameTimeout,
    QueueUnavailable,
    StorageFault,
    StoreUnavailable,
)
from framepress.intake import Intake, Prepared, WrongEnvironment
from framepress.messages import Message
from framepress.orders import put_void
from framepress.queue.base import JobQueue, Lease
from framepress.queue.policy import Dead
from framepress.receiver import Arrival, Away, Receiver, Unfit, wait_for_end
from framepress.results import RowResult
from framepress.run_records import PLAIN_RUN, RecordWriter
from framepress.slots import Recycling, Slot
from framepress.tasks import Failed, PlanGivenUp

#: Seconds between two looks at what the slots do.
TICK_S = 0.05

#: A lease is extended at this part of its length. Twice it may fail before the lease is lost.
EXTEND_PART = 1 / 3

#: Seconds that records wait for others at most. A row's ack waits as long; a kill meanwhile costs one look.
RECORD_S = 1.0

#: Errors that say nothing about the row, but that something it needs is away or full.
INFRASTRUCTURE = (StoreUnavailable, QueueUnavailable, StorageFault)

#: Rows in a row for which no browser started, after which the worker ends.
BROWSERLESS_MAX = 3

#: Looks into the queue that have to find nothing before it counts as empty, where counts are approximate.
EMPTY_LOOKS = 2

Log = Callable[..., None]


class Observer:
    """Is told what happens; the default does nothing. See `metrics`."""

    def row_ended(self, status: str, result: RowResult | None) -> None:
        """A row ended: done, stored, dead, retry, given-back or lost."""

    def tick(self, busy: int, queue: JobQueue) -> None:
        """Called all the time."""


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker works.

    Attributes:
        slots: jobs at once.
        grace_s: seconds that jobs in work get to end after the first signal.
        job_limit_s: seconds after which a job is stopped and has failed.
        until_empty: end when no job is waiting, delayed or in work anywhere.
    """

    slots: int
    grace_s: float = 30.0
    job_limit_s: float = 1800.0
    until_empty: bool = False
    recycling: Recycling = field(default_factory=Recycling)


@dataclass
class _Ending:
    """A row that has its record, or will have it with the next flush; its ack waits for that."""

    lease: Lease
    writer: RecordWriter
    facts: Mapping[str, Any]
    extended_at: float


class FleetWorker:
    """See the head of the module. `run` once, in the main thread; `stop` from anywhere.

    Args:
        log: called with an event and facts; never with a value of a row.
    """

    def __init__(
        self,
        queue: JobQueue,
        intake: Intake,
        options: WorkerOptions,
        *,
        log: Log,
        observer: Observer | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self._queue = queue
        self._intake = intake
        self._options = options
        self._log = log
        self._observer = observer or Observer()
        self._breaker = breaker or Breaker()
        self._woken = threading.Event()
        self._receiver = Receiver(queue, intake, self._woken.set)
        self._slots = [Slot(number, options.recycling) for number in range(1, options.slots + 1)]
        self._ready: list[Prepared] = []
        self._writers: dict[tuple[str, str], RecordWriter] = {}
        self._endings: list[_Ending] = []
        self._flushed_at = 0.0
        self._flush_again_at = 0.0
        self._wanted = 0
        self._stops = 0
        self._stop_at: float | None = None
        self._fault: FramepressError | None = None
        self._extend_again_at = 0.0
        self._empty_at = 0.0
        self._empty_looks = 1 if queue.knows_ids else EMPTY_LOOKS
        self._browserless = 0

    def stop(self) -> None:
        """The first call: end what is in work, within the grace. The second: give everything back now."""
        self._stops += 1
        self._woken.set()

    def run(self) -> None:
        """Work until stopped, or until the queue is empty if so asked.

        Raises:
            EnvironmentFault: this machine cannot do the work; jobs in hand were given back.
        """
        self._receiver.start()
        try:
            while not self._finished():
                self._once()
        finally:
            self._receiver.stop()
            self._give_all_back()
            wait_for_end(self._receiver, 10.0)
            self._give_all_back()
            self._flush(last=True)
            with ThreadPoolExecutor(len(self._slots)) as pool:
                list(pool.map(Slot.close, self._slots))
            self._intake.close()
        if self._fault is not None:
            raise self._fault

    # ---- the loop -------------------------------------------------------------------------------

    def _once(self) -> None:
        self._woken.wait(TICK_S)
        self._woken.clear()
        for arrival in self._receiver.arrivals():
            self._arrived(arrival)
        for slot in self._slots:
            for job, reply in slot.replies():
                self._ended(job, reply)
        self._start_ready()
        self._want()
        self._keep_leases()
        if self._endings and time.monotonic() - self._flushed_at >= RECORD_S:
            self._flush()
        self._observer.tick(self._busy, self._queue)

    def _finished(self) -> bool:
        if self._stops or self._fault is not None:
            if self._stop_at is None:
                self._stop_at = time.monotonic() + self._options.grace_s
                self._receiver.stop()
                self._log("stopping", busy=self._busy, grace_s=self._options.grace_s)
            over = self._stops > 1 or time.monotonic() >= self._stop_at
            return over or not (self._busy or self._endings)
        return self._options.until_empty and self._queue_is_empty()

    @property
    def _busy(self) -> int:
        return sum(slot.job is not None for slot in self._slots)

    def _queue_is_empty(self) -> bool:
        if self._busy or self._endings or self._ready or self._receiver.empty_looks < self._empty_looks:
            return False
        now = time.monotonic()
        if now - self._empty_at < 0.5:
            return False
        self._empty_at = now
        try:
            return self._queue.counts().open == 0
        except QueueUnavailable:
            return False

    def _want(self) -> None:
        """Ask for as many jobs as there are idle slots, and for none while the breaker is open."""
        if self._stops or self._fault is not None:
            return
        free = len(self._slots) - self._busy - len(self._ready) - self._wanted
        for _ in range(free):
            if not self._breaker.take():
                return
            self._wanted += 1
            self._receiver.want()

    def _arrived(self, arrival: Arrival) -> None:
        if isinstance(arrival, Away):
            self._log("queue-away", message=arrival.error.message)
            return
        self._wanted -= 1
        if isinstance(arrival, Unfit):
            self._failed(arrival.lease, arrival.message, arrival.error)
        elif self._too_often(arrival.lease, arrival.message):
            pass
        elif arrival.stored is not None:
            self._done(arrival.lease, arrival.message, arrival.store, arrival.stored)
        else:
            self._ready.append(arrival)

    def _too_often(self, lease: Lease, message: Message) -> bool:
        if not self._queue.policy.delivered_too_often(lease.deliveries):
            return False
        record = self._queue.policy.too_often_record(lease.deliveries)
        self._settle(lease, message, record, retryable=False)
        return True

    def _start_ready(self) -> None:
        while self._ready:
            idle = [slot for slot in self._slots if slot.job is None]
            if not idle:
                return
            job = self._ready.pop(0)
            slot = next((one for one in idle if one.fits(job)), idle[0])
            slot.start(job)
            self._log("row-started", id=job.task.id, run=job.message.run, deliveries=job.lease.deliveries)

    def _keep_leases(self) -> None:
        now = time.monotonic()
        if now < self._extend_again_at:
            return
        lease_s = self._queue.lease_s
        try:
            for slot in self._slots:
                if slot.job is None:
                    continue
                if now - slot.began_at > self._options.job_limit_s:
                    self._over_limit(slot)
                elif now - slot.extended_at >= lease_s * EXTEND_PART and slot.advanced:
                    if self._queue.extend(slot.job.lease):
                        slot.extended_at = now
                    else:
                        self._lost(slot)
                elif now - slot.extended_at >= lease_s:
                    # Hung, or this process was stopped: somebody else may have it by now.
                    self._lost(slot)
            for ending in self._endings:
                if now - ending.extended_at >= lease_s * EXTEND_PART:
                    self._queue.extend(ending.lease)
                    ending.extended_at = now
        except (QueueUnavailable, StorageFault) as error:
            self._log("queue-away", message=error.message)
            self._extend_again_at = now + 1.0

    def _over_limit(self, slot: Slot) -> None:
        assert slot.job is not None
        job = slot.job
        slot.abandon()
        limit_s = self._options.job_limit_s
        error = FrameTimeout(
            f"The row took longer than {limit_s:g} s and was stopped. Shorten the clip or raise --job-limit.",
            rule="job-limit",
        )
        self._failed(job.lease, job.message, error)

    def _lost(self, slot: Slot) -> None:
        assert slot.job is not None
        self._log(
            "lease-lost",
            id=slot.job.task.id,
            run=slot.job.message.run,
            next="another worker has the row; this one stopped rendering it",
        )
        self._observer.row_ended("lost", None)
        slot.abandon()
        self._breaker.untaken()

    # ---- a row ends -----------------------------------------------------------------------------

    def _ended(self, job: Prepared, reply: RowResult | PlanGivenUp | Failed) -> None:
        if isinstance(reply, PlanGivenUp):
            self._plan_given_up(job, reply)
        elif isinstance(reply, RowResult):
            self._done(job.lease, job.message, job.store, reply)
        else:
            self._failed(job.lease, job.message, reply.error)

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
            self._failed(job.lease, job.message, error)
            return
        self._intake.refuse(job.store, reply.plan)
        self._done(job.lease, job.message, job.store, reply.result)

    def _done(self, lease: Lease, message: Message, store: str, result: RowResult) -> None:
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
        self._record(lease, message, store, record)
        status = "stored" if result.path == "stored" else "done"
        self._observer.row_ended(status, result)
        self._log(
            "row-done", id=record["id"], run=message.run, path=result.path, seconds=result.seconds.total
        )

    def _failed(self, lease: Lease, message: Message | None, error: FramepressError) -> None:
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
                self._fault = self._fault or error
            self._give_back(lease, 0.0)
            self._breaker.untaken()
        elif isinstance(error, INFRASTRUCTURE):
            self._log("infrastructure", **facts, next="the row is given back, without counting a failure")
            self._give_back(lease, self._queue.policy.delay_s(lease.deliveries))
            self._count_infrastructure(lease)
        elif error.rule == "worker-lost":
            self._log("process-died", **facts, next="the row is given back, without counting a failure")
            self._give_back(lease, 0.0)
            self._breaker.untaken()
        else:
            self._breaker.untaken()
            self._settle(lease, message, error.record(), retryable=error.retryable)

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

    def _settle(
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
                writer = self._writer(store, message)
                writer.add(record)
                writer.flush()
        except FramepressError as fault:
            # A message that names no good store has no place for its record; the queue still has the job.
            self._log("no-record", id=record["id"], run=lease.job.run, message=fault.message)
            if isinstance(fault, INFRASTRUCTURE):
                self._give_back(lease, self._queue.policy.delay_s(lease.deliveries))
                return
        self._try(lambda: self._queue.bury(lease, error))

    def _record(self, lease: Lease, message: Message, store: str, record: Mapping[str, Any]) -> None:
        writer = self._writer(store, message)
        writer.add(record)
        self._endings.append(_Ending(lease, writer, record, time.monotonic()))

    def _writer(self, store: str, message: Message | None) -> RecordWriter:
        run = (message.run if message else None) or PLAIN_RUN
        if (store, run) not in self._writers:
            self._writers[store, run] = RecordWriter(open_blobs(store), run)
        return self._writers[store, run]

    def _flush(self, *, last: bool = False) -> None:
        """Write records, then tell the queue. What cannot be written now is tried again."""
        now = time.monotonic()
        if not last and now < self._flush_again_at:
            return
        try:
            for writer in {id(ending.writer): ending.writer for ending in self._endings}.values():
                writer.flush()
        except (StoreUnavailable, StorageFault) as error:
            self._log("records-wait", message=error.message, next="rows are acked once they are recorded")
            self._flush_again_at = now + 2.0
            return
        self._flushed_at = now
        endings, self._endings = self._endings, []
        for index, ending in enumerate(endings):
            try:
                if not self._queue.ack(ending.lease):
                    self._log(
                        "ack-late",
                        id=ending.facts["id"],
                        run=ending.lease.job.run,
                        next="the clip is stored, so the second delivery will skip it",
                    )
                self._queue.announce({**ending.facts, "run": ending.lease.job.run})
            except (QueueUnavailable, StorageFault) as error:
                self._log("queue-away", message=error.message)
                if not last:
                    self._endings = [*endings[index:], *self._endings]
                    self._flush_again_at = now + 1.0
                return

    # ---- giving back ----------------------------------------------------------------------------

    def _give_back(self, lease: Lease, delay_s: float) -> None:
        self._observer.row_ended("given-back", None)
        self._try(lambda: self._queue.give_back(lease, delay_s))

    def _give_all_back(self) -> None:
        for slot in self._slots:
            if slot.job is not None:
                lease = slot.job.lease
                self._log("given-back", id=slot.job.task.id, run=slot.job.message.run)
                slot.abandon()
                self._give_back(lease, 0.0)
        for job in self._ready:
            self._give_back(job.lease, 0.0)
        self._ready.clear()
        for arrival in self._receiver.arrivals():
            if isinstance(arrival, Prepared | Unfit):
                self._give_back(arrival.lease, 0.0)

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
