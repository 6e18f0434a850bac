"""Worker processes of one run, seen from the parent: start, feed, watch, replace, end.

A worker is a process of its own rather than a fork or a `multiprocessing` child, so that a program that
imports framepress needs no ``if __name__ == "__main__"``, and nothing of the parent (threads, locks, open
encoders) is inherited.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait

from framepress.errors import FramepressError, WorkerLost
from framepress.tasks import Beat, Failed, Reply, Task, WorkerConfig
from framepress.temporary_folders import remove_folders_of

#: Seconds a worker gets to begin: Python, its modules, the composition. It says so when it has.
BEGIN_S = 60.0

#: Seconds a worker gets to end its browser after the parent has closed the connection.
END_S = 5.0


@dataclass(frozen=True)
class Answer:
    """How a task ended.

    Attributes:
        reply: what the worker said; `Failed` if it died.
    """

    task: Task
    reply: Reply


class _Process:
    """One worker process and what it is doing."""

    def __init__(self, config: WorkerConfig) -> None:
        ours, theirs = socket.socketpair()
        self.config = config
        self.task: Task | None = None
        self.heard_at = time.monotonic()
        self.beat = Beat(0, 0)
        self.ready = False
        try:
            self._process = subprocess.Popen(
                # -P: a file random.py in the folder where somebody works is not Python's.
                [sys.executable, "-P", "-m", "framepress.pool_child", str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # A group of its own: Ctrl-C at the terminal is for the parent alone, which then decides.
                process_group=0,
            )
        finally:
            theirs.close()
        self.connection = Connection(ours.detach())
        self.connection.send(config)

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, task: Task) -> None:
        self.task = task
        self.beat = Beat(0, 0)
        self.heard_at = time.monotonic()
        self.connection.send(task)

    def hang_up(self) -> None:
        """Close the connection; the worker ends its browser and itself."""
        with contextlib.suppress(OSError):
            self.connection.close()

    def terminate(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def end(self, timeout_s: float) -> None:
        """Wait for the end; after `timeout_s` seconds with SIGKILL."""
        self.hang_up()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        # One that was killed has not tidied up.
        remove_folders_of(self._process.pid)


class WorkerPool:
    """N workers. Use as a context manager: leaving it ends them and their browsers.

    Args:
        config: of worker 1; the others differ in `number` only.
        count: workers, started at once.
    """

    def __init__(self, config: WorkerConfig, count: int) -> None:
        self._config = config
        limits = config.limits
        self._silence_s = max(limits.frame_timeout_s, limits.ready_timeout_s) + limits.silence_grace_s
        self._workers = [self._begin(number) for number in range(1, count + 1)]

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(hurry=kind is not None)

    @property
    def idle_count(self) -> int:
        return sum(worker.task is None for worker in self._workers)

    @property
    def busy_count(self) -> int:
        return len(self._workers) - self.idle_count

    def frames_in_progress(self) -> tuple[int, int]:
        """Frames done and frames in all of the tasks under way but surveys, as far as workers have said."""
        beats = [worker.beat for worker in self._workers if worker.task is not None and not worker.beat.step]
        return sum(beat.frames for beat in beats), sum(beat.total for beat in beats)

    @property
    def heard_at(self) -> float:
        """When a worker last gave a sign of life or got a task, by `time.monotonic`."""
        return max(worker.heard_at for worker in self._workers)

    @property
    def ready(self) -> bool:
        """Whether all workers have begun."""
        return all(worker.ready for worker in self._workers)

    def kill(self) -> None:
        """End all workers at once, in the middle of whatever they do."""
        for worker in self._workers:
            worker.end(0)

    def survey_in_progress(self) -> Beat | None:
        """The last sign of life of a survey under way; None: there is none, or it has not begun."""
        return next((worker.beat for worker in self._workers if worker.task and worker.beat.step), None)

    def pids(self) -> list[int]:
        """Process ids of the workers, for tests and for whoever measures."""
        return [worker.pid for worker in self._workers]

    def start(self, task: Task) -> None:
        """Give a task to an idle worker; there must be one (`idle_count`)."""
        worker = next(worker for worker in self._workers if worker.task is None)
        try:
            worker.start(task)
        except OSError:
            # It died while idle. The task goes to its replacement.
            self._replace(worker).start(task)

    def answers(self, timeout_s: float) -> Iterator[Answer]:
        """Wait up to `timeout_s` seconds and yield what has ended meanwhile, perhaps nothing."""
        busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
        for connection in wait(list(busy), timeout_s):
            assert isinstance(connection, Connection)
            answer = self._hear(busy[connection])
            if answer is not None:
                yield answer
        for worker in list(busy.values()):
            limit_s = self._silence_s if worker.ready else max(self._silence_s, BEGIN_S)
            if worker.task is not None and time.monotonic() - worker.heard_at > limit_s:
                yield self._lose(worker, f"was silent for {limit_s:g} s and was killed")

    def close(self, *, hurry: bool = False) -> None:
        """End all workers.

        Args:
            hurry: end them in the middle of a task.
        """
        for worker in self._workers:
            if hurry:
                worker.terminate()
            worker.hang_up()
        for worker in self._workers:
            worker.end(END_S)

    def _begin(self, number: int) -> _Process:
        return _Process(replace(self._config, number=number))

    def _hear(self, worker: _Process) -> Answer | None:
        try:
            message: Reply | Beat = worker.connection.recv()
        except (EOFError, OSError):
            return self._lose(worker, "died")
        worker.heard_at = time.monotonic()
        worker.ready = True
        if isinstance(message, Beat):
            worker.beat = message
            return None
        task, worker.task = worker.task, None
        assert task is not None
        return Answer(task, message)

    def _lose(self, worker: _Process, how: str) -> Answer:
        task = worker.task
        assert task is not None
        worker.end(0)
        self._replace(worker)
        # Died: by whatever killed it. Silent: by this row.
        rule = "worker-lost" if how == "died" else "worker-silent"
        error: FramepressError = WorkerLost(
            f"Worker {worker.config.number} {how} while it rendered this row.", rule=rule
        )
        return Answer(task, Failed(error))

    def _replace(self, worker: _Process) -> _Process:
        worker.end(0)
        fresh = self._begin(worker.config.number)
        self._workers[self._workers.index(worker)] = fresh
        return fresh
