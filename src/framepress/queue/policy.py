"""What becomes of a job that went wrong: again, later, or never. Pure: values in, values out.

Two counts decide, and they are not the same. *Failures* are attempts that ended with an error; they are what
makes a job dead. *Deliveries* are times that a worker got the job; a worker that is killed or gives its job
back has used a delivery and no attempt. Only a job that is delivered again and again and never ends, because
it takes its worker along each time, is stopped by its deliveries.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Retry:
    """Again, after `delay_s` seconds."""

    delay_s: float


@dataclass(frozen=True)
class Dead:
    """Not again before a person has looked at it."""


@dataclass(frozen=True)
class RetryPolicy:
    """Limits of a job.

    Attributes:
        failures_max: a job is dead with this many failures.
        deliveries_max: and with more deliveries than this. Far above what kills of spot machines bring
            about, so that only a job that kills its workers reaches it.
        backoff_s: seconds before the second attempt; doubled for each one after.
        backoff_max_s: what doubling ends at; SQS cannot delay a message by more than 900 s.
        draw: a number in [0, 1); the delay is a random part of its upper half, so that jobs that failed
            together (a host was away) do not come back together.
    """

    failures_max: int = 5
    deliveries_max: int = 50
    backoff_s: float = 2.0
    backoff_max_s: float = 300.0
    draw: Callable[[], float] = field(default=random.random, compare=False)

    def after_failure(self, failures: int, *, retryable: bool) -> Retry | Dead:
        """What to do about a job that has now failed `failures` times, this one included."""
        if not retryable or failures >= self.failures_max:
            return Dead()
        return Retry(self.delay_s(failures))

    def delay_s(self, times: int) -> float:
        """Seconds to wait after that many failures, from 1."""
        longest = min(self.backoff_max_s, self.backoff_s * 2.0 ** min(times - 1, 30))
        return longest * (0.5 + self.draw() / 2)

    def delivered_too_often(self, deliveries: int) -> bool:
        """Whether a job that no worker ends is to be given up."""
        return deliveries > self.deliveries_max

    def too_often_record(self, deliveries: int) -> Mapping[str, Any]:
        """The error of such a job, in the form of `FramepressError.record`."""
        return {
            "type": "WorkerLost",
            "rule": "delivered-too-often",
            "message": (
                f"The row was given to {deliveries - 1} workers and none of them came to an end with it. "
                "Render it by itself to see why (memory?), then `framepress dead retry`."
            ),
            "retryable": True,
        }
