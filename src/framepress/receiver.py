"""Gets jobs and prepares them, in a thread of its own: waiting for a queue or a bucket stops no lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from framepress.errors import FramepressError, InternalError, QueueUnavailable, StorageFault
from framepress.intake import Intake, Prepared
from framepress.messages import Message
from framepress.queue.base import JobQueue, Lease

#: Seconds between two tries while the queue is away, doubled up to the second.
AWAY_S, AWAY_S_MAX = 0.5, 10.0


@dataclass(frozen=True)
class Unfit:
    """A job that could not be prepared. `message`: None if it is none."""

    lease: Lease
    message: Message | None
    error: FramepressError


@dataclass(frozen=True)
class Away:
    """The queue does not answer."""

    error: FramepressError


Arrival = Prepared | Unfit | Away
T = TypeVar("T")


class Receiver:
    """One job at a time, and only when somebody wants one: nothing is prefetched.

    Args:
        wake: called when something has arrived.

    Attributes:
        empty_looks: looks in a row that found nothing.
    """

    def __init__(self, queue: JobQueue, intake: Intake, wake: Callable[[], None]) -> None:
        self._queue = queue
        self._intake = intake
        self._wake = wake
        self._wanted = threading.Semaphore(0)
        self._stop = threading.Event()
        self._arrived: SimpleQueue[Arrival] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self.empty_looks = 0

    def start(self) -> None:
        self._thread.start()

    def want(self) -> None:
        """Get one more job; each `want` is answered by one arrival that is not `Away`, or not at all."""
        self._wanted.release()

    def arrivals(self) -> list[Arrival]:
        """What has come since the last call."""
        found: list[Arrival] = []
        while True:
            try:
                found.append(self._arrived.get_nowait())
            except Empty:
                return found

    def stop(self) -> None:
        """Get no more. What arrives meanwhile is in `arrivals` once `ended`."""
        self._stop.set()
        self._wanted.release()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        away_s = AWAY_S
        while True:
            self._wanted.acquire()
            lease: Lease | None = None
            while lease is None and not self._stop.is_set():
                try:
                    lease = self._queue.receive(self._queue.wait_s)
                    away_s = AWAY_S
                except (QueueUnavailable, StorageFault) as error:
                    self._hand_over(Away(error))
                    self._stop.wait(away_s)
                    away_s = min(AWAY_S_MAX, away_s * 2)
                    continue
                self.empty_looks = self.empty_looks + 1 if lease is None else 0
            if lease is None:
                return
            self._hand_over(self._prepared(lease))

    def _prepared(self, lease: Lease) -> Arrival:
        message: Message | None = None
        try:
            message = self._intake.message(lease)
            return self._intake.prepare(lease, message)
        except FramepressError as error:
            return Unfit(lease, message, error)
        except OSError as error:
            fault = StorageFault(
                f"The machine refused an operation on a file: {error.strerror}. Is the disk full?",
                rule="os-error",
            )
            return Unfit(lease, message, fault)
        except Exception as error:
            # Its text may hold a row's value.
            name = type(error).__name__
            bug = InternalError(f"Unexpected {name} while a job was prepared. Please report it.")
            return Unfit(lease, message, bug)

    def _hand_over(self, arrival: Arrival) -> None:
        self._arrived.put(arrival)
        self._wake()


def wait_for_end(receiver: Receiver, timeout_s: float) -> None:
    """Wait until the receiver has ended, at most so long."""
    deadline = time.monotonic() + timeout_s
    while not receiver.ended and time.monotonic() < deadline:
        time.sleep(0.02)
