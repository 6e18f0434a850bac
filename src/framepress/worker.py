"""A worker of the fleet: takes jobs, keeps their leases while work advances, publishes, records, acks.

One parent (this module) with N slots (`slots`), each a process with a warm browser. The parent renders
nothing and waits for nothing, so that it can always extend a lease. In this order, per job:

    receive, prepare         `receiver`, in a thread
    render, check, publish   in the slot's process, by conditional put
    record                   batched, beside the clips (`row_endings`)
    ack                      only after the record is there

Killed anywhere, the job comes again, and whoever gets it finds the clip if it was published. So a row has its
record at least once and its clip exactly once.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from framepress.breaker import Breaker
from framepress.errors import FrameTimeout, QueueUnavailable, StorageFault
from framepress.intake import Intake, Prepared
from framepress.messages import Message
from framepress.queue.base import JobQueue, Lease
from framepress.receiver import Arrival, Away, Receiver, Unfit, wait_for_end
from framepress.row_endings import Log, RowEndings
from framepress.row_outcomes import Observer, RowOutcomes
from framepress.slots import Recycling, Slot

#: Seconds between two looks at what the slots do.
TICK_S = 0.05

#: A lease is extended at this part of its length. Twice it may fail before the lease is lost.
EXTEND_PART = 1 / 3

#: Looks into the queue that have to find nothing before it counts as empty, where counts are approximate.
EMPTY_LOOKS = 2


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
        self._endings = RowEndings(queue, log)
        self._outcomes = RowOutcomes(queue, intake, self._endings, self._breaker, self._observer, log)
        self._wanted = 0
        self._stops = 0
        self._stop_at: float | None = None
        self._extend_again_at = 0.0
        self._empty_at = 0.0
        self._empty_looks = 1 if queue.knows_ids else EMPTY_LOOKS

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
            self._endings.close()
            with ThreadPoolExecutor(len(self._slots)) as pool:
                list(pool.map(Slot.close, self._slots))
            self._intake.close()
        if self._outcomes.fault is not None:
            raise self._outcomes.fault

    # ---- the loop -------------------------------------------------------------------------------

    def _once(self) -> None:
        self._woken.wait(TICK_S)
        self._woken.clear()
        for arrival in self._receiver.arrivals():
            self._arrived(arrival)
        for slot in self._slots:
            for job, reply in slot.replies():
                self._outcomes.ended(job, reply)
        self._start_ready()
        self._want()
        self._keep_leases()
        self._endings.go_on()
        self._observer.tick(self._busy, self._queue)

    def _finished(self) -> bool:
        if self._stops or self._outcomes.fault is not None:
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
        if self._stops or self._outcomes.fault is not None:
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
            self._outcomes.failed(arrival.lease, arrival.message, arrival.error)
        elif self._too_often(arrival.lease, arrival.message):
            pass
        elif arrival.stored is not None:
            self._outcomes.done(arrival.lease, arrival.message, arrival.store, arrival.stored)
        else:
            self._ready.append(arrival)

    def _too_often(self, lease: Lease, message: Message) -> bool:
        if not self._queue.policy.delivered_too_often(lease.deliveries):
            return False
        record = self._queue.policy.too_often_record(lease.deliveries)
        self._outcomes.settle(lease, message, record, retryable=False)
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
            self._endings.extend(now, lease_s * EXTEND_PART)
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
        self._outcomes.failed(job.lease, job.message, error)

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

    # ---- giving back ----------------------------------------------------------------------------

    def _give_all_back(self) -> None:
        for slot in self._slots:
            if slot.job is not None:
                lease = slot.job.lease
                self._log("given-back", id=slot.job.task.id, run=slot.job.message.run)
                slot.abandon()
                self._outcomes.give_back(lease, 0.0)
        for job in self._ready:
            self._outcomes.give_back(job.lease, 0.0)
        self._ready.clear()
        for arrival in self._receiver.arrivals():
            if isinstance(arrival, Prepared | Unfit):
                self._outcomes.give_back(arrival.lease, 0.0)
