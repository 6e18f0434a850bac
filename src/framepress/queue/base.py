"""The lease protocol: what every queue does, and what may not be assumed of any.

A job is some bytes with a name. Whoever receives it has it for `lease_s` seconds, its *lease*; it is nobody
else's meanwhile. It then has to be extended, ended (`ack`), given back or reported as failed; otherwise the
job goes to somebody else. Delivery is at least once: a job may come twice, also after its `ack` was told, and
two workers may have it at one time if one of them was stopped for longer than its lease. So whoever takes
jobs must make doing one twice harmless; framepress does it by row keys and conditional puts.

Every method may raise `QueueUnavailable`, after which nothing is known about whether it took effect. All but
`receive` are quick. Methods may be called from several threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from framepress.queue.policy import Dead, RetryPolicy

#: Bytes of a message. What SQS has always taken is 256 KiB with attributes; 200 kB leaves room for those.
BODY_BYTES_MAX = 200_000

#: Seconds a received job stays hidden from other workers. Several times the slowest small row and long
#: enough for a browser to start on a busy machine; a crash costs at most this much delay.
LEASE_S = 60.0

#: How a reported failure ended: tried again later, dead, or no longer ours.
Failed = Literal["retry", "dead", "lost"]


@dataclass(frozen=True, slots=True)
class Job:
    """What is sent.

    Attributes:
        run: whose it is; "" for a plain message of somebody else's.
        id: names the job within its run. Sending one id twice adds nothing, except on SQS, which cannot
            know: its sender keeps a list (`framepress.enqueue`).
        body: at most `BODY_BYTES_MAX` bytes.
    """

    run: str
    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Lease:
    """A job in our hands.

    Attributes:
        receipt: means something to its queue alone.
        deliveries: how often the job was received, this time included. Approximate on SQS.
        failures: how often it was reported as failed.
    """

    job: Job
    receipt: str
    deliveries: int
    failures: int


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that was given up. `error`: as `FramepressError.record` gives it."""

    job: Job
    error: Mapping[str, Any]
    failures: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Jobs in the queue, of all runs. Approximate on SQS.

    Attributes:
        waiting: could be received now. delayed: later, after a failure, or when their run is resumed.
        leased: in the hands of workers. dead: given up.
    """

    waiting: int
    delayed: int
    leased: int
    dead: int

    @property
    def open(self) -> int:
        """Jobs that are not at their end."""
        return self.waiting + self.delayed + self.leased


class JobQueue(ABC):
    """One queue. Close it after use.

    Attributes:
        lease_s: of every lease that this object gives. All workers of a queue should agree on it.
        policy: decides what `fail` does.
        knows_ids: `send` adds no job twice.
    """

    knows_ids = True

    #: Seconds that a look into an empty queue should wait; so long may the end of a worker take.
    wait_s = 1.0

    def __init__(self, lease_s: float = LEASE_S, policy: RetryPolicy | None = None) -> None:
        self.lease_s = lease_s
        self.policy = policy or RetryPolicy()

    # ---- senders --------------------------------------------------------------------------------

    @abstractmethod
    def send(self, jobs: Sequence[Job]) -> int:
        """Add jobs in this order and return how many were new. If it raises, some may have been added."""

    # ---- workers --------------------------------------------------------------------------------

    @abstractmethod
    def receive(self, wait_s: float) -> Lease | None:
        """One job, or None if none came within about `wait_s` seconds. Never more: nothing is prefetched.

        Jobs whose lease ran out come too, within 5 s after that, also if nothing else arrives. Jobs of
        paused runs do not come, those of cancelled runs never.
        """

    @abstractmethod
    def extend(self, lease: Lease) -> bool:
        """Have `lease_s` seconds from now; False: it is no longer ours."""

    @abstractmethod
    def ack(self, lease: Lease) -> bool:
        """The job is done and goes away; False: it was no longer ours (and is perhaps being done again)."""

    @abstractmethod
    def give_back(self, lease: Lease, delay_s: float = 0.0) -> bool:
        """Somebody else may have it, after `delay_s` seconds; this is no failure. False: no longer ours."""

    def fail(self, lease: Lease, error: Mapping[str, Any], *, retryable: bool) -> Failed:
        """An attempt ended with an error: try again later, or bury it, as the policy says.

        Args:
            error: as `FramepressError.record` gives it, without values of a row.
            retryable: whether another attempt can help; if not, the job is dead at once.
        """
        decision = self.policy.after_failure(lease.failures + 1, retryable=retryable)
        if isinstance(decision, Dead):
            return "dead" if self.bury(lease, error) else "lost"
        return "retry" if self._retry(lease, decision.delay_s) else "lost"

    @abstractmethod
    def _retry(self, lease: Lease, delay_s: float) -> bool:
        """Count a failure and have the job come again after `delay_s` seconds; False: no longer ours."""

    @abstractmethod
    def bury(self, lease: Lease, error: Mapping[str, Any]) -> bool:
        """The job is dead until somebody retries it; counts as a failure. False: no longer ours."""

    # ---- operators ------------------------------------------------------------------------------

    @abstractmethod
    def counts(self) -> Counts:
        """How many jobs there are."""

    @abstractmethod
    def dead_jobs(self, run: str) -> Iterable[DeadJob]:
        """The dead jobs of a run, in no particular order."""

    @abstractmethod
    def dead_retry(self, run: str, ids: Sequence[str] | None = None) -> int:
        """Send dead jobs again with their failures forgotten; returns how many.

        Args:
            ids: only these; None: all of the run.
        """

    @abstractmethod
    def dead_drop(self, run: str, ids: Sequence[str] | None = None) -> int:
        """Remove dead jobs for good; returns how many."""

    @abstractmethod
    def pause(self, run: str) -> None:
        """No job of the run is received until `resume`. Those in work go on. On SQS the queue as a whole."""

    @abstractmethod
    def resume(self, run: str) -> None:
        """Undo `pause`; harmless if nothing was paused."""

    @abstractmethod
    def paused(self) -> frozenset[str]:
        """The runs that are paused."""

    @abstractmethod
    def cancel(self, run: str) -> None:
        """Throw away all jobs of the run but dead ones. Those in work lose their lease, except on SQS."""

    @abstractmethod
    def forget(self, run: str, ids: Sequence[str]) -> int:
        """Remove these jobs whatever their state; returns how many were found. SQS finds only dead ones."""

    @abstractmethod
    def expire(self, older_than_s: float) -> int:
        """Remove what is left of runs to which nothing was sent for so long; returns how many jobs.

        SQS does this by itself (its retention period), so there it does nothing.
        """

    def announce(self, facts: Mapping[str, Any]) -> None:  # noqa: B027 - a queue need not have listeners
        """Tell whoever listens that a row ended: names, key, place, sizes, times; never values."""

    def check(self) -> None:  # noqa: B027 - most queues need none
        """Find out, before the first job, whether the queue is fit for use.

        Raises:
            EnvironmentFault: it is not; the message says how to mend it.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; leases stay until they run out."""

    def __enter__(self) -> JobQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
