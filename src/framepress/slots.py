"""Places where a worker renders: each has a process with a warm browser, and at most one job."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from framepress.errors import InternalError
from framepress.intake import Prepared
from framepress.pool import WorkerPool
from framepress.results import RowResult
from framepress.tasks import Failed, PlanGivenUp, WorkerConfig


@dataclass(frozen=True)
class Recycling:
    """When a process is replaced after a job. None: never for that reason."""

    jobs_max: int | None = None
    memory_mb: int | None = None


class Slot:
    """One place.

    Attributes:
        job: what is being rendered; None: idle.
        began_at: when it was begun; extended_at: when its lease was last extended, both `time.monotonic`.
    """

    def __init__(self, number: int, recycling: Recycling) -> None:
        self.number = number
        self.job: Prepared | None = None
        self.began_at = self.extended_at = 0.0
        self._recycling = recycling
        self._pool: WorkerPool | None = None
        self._config: WorkerConfig | None = None
        self._jobs = 0

    def fits(self, job: Prepared) -> bool:
        """Whether its process is one for jobs like this, and warm."""
        return self._pool is not None and self._config == job.config

    def start(self, job: Prepared) -> None:
        """Begin a job; the slot is idle."""
        assert self.job is None
        if not self.fits(job):
            self.close()
            self._config = job.config
            self._pool = WorkerPool(replace(job.config, number=self.number), 1)
        assert self._pool is not None
        self._pool.start(job.task)
        self.job = job
        self.began_at = self.extended_at = time.monotonic()

    @property
    def advanced(self) -> bool:
        """Whether there was a sign of progress since the lease was last extended; a process that is beginning
        (`pool` bounds how long that may take) counts as one."""
        if self._pool is None:
            return False
        return not self._pool.ready or self._pool.heard_at > self.extended_at

    def replies(self) -> Iterator[tuple[Prepared, RowResult | PlanGivenUp | Failed]]:
        """The end of the job, if it has come; the slot is idle then."""
        if self._pool is None or self.job is None:
            return
        # One job, so at most one answer.
        for answer in list(self._pool.answers(0))[:1]:
            if not isinstance(answer.reply, RowResult | PlanGivenUp | Failed):
                raise InternalError(f"A worker answered a row with {type(answer.reply).__name__}.")
            job = self.job
            assert job is not None
            self.job = None
            self._jobs += 1
            self._recycle()
            yield job, answer.reply

    def abandon(self) -> None:
        """Stop in the middle of the job; its process and browser are killed."""
        self.job = None
        if self._pool is not None:
            self._pool.kill()
        self._forget()

    def close(self) -> None:
        """End the process; in the middle of a job if there is one."""
        busy, self.job = self.job is not None, None
        if self._pool is not None:
            self._pool.close(hurry=busy)
        self._forget()

    def _recycle(self) -> None:
        limits = self._recycling
        assert self._pool is not None
        worn = limits.jobs_max is not None and self._jobs >= limits.jobs_max
        large = limits.memory_mb is not None and _memory_mb(self._pool.pids()) > limits.memory_mb
        if worn or large:
            self.close()

    def _forget(self) -> None:
        self._pool = self._config = None
        self._jobs = 0


def _memory_mb(pids: list[int]) -> int:
    """Resident megabytes of processes; 0 where the system does not say."""
    pages = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
