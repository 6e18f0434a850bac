"""A run of framepress watched while it goes on: rows as they arrive, memory of its processes."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerbench.meter import Process, Stopwatch, Usage, anonymous_mb, descendants
from peerbench.programs import framepress_program
from peerbench.workshop import BenchmarkError

#: Seconds between two looks at memory. A look costs some milliseconds with the processes of two browsers.
LOOK_S = 0.25


@dataclass(frozen=True)
class Arrival:
    """A row of `--json`, and the seconds from the start of the program to its line."""

    at_s: float
    line: Mapping[str, Any]


@dataclass(frozen=True)
class MemoryLook:
    """Anonymous megabytes at a moment: of the largest worker with its browser, and of the parent."""

    at_s: float
    worker_mb: float
    parent_mb: float


@dataclass(frozen=True)
class PressRun:
    """One run over a list.

    Attributes:
        usage: start of the program and its browsers included.
        arrivals: rows in the order in which they ended.
        summary: the last line of `--json`.
        looks: empty if memory was not watched.
    """

    usage: Usage
    arrivals: tuple[Arrival, ...]
    summary: Mapping[str, Any]
    looks: tuple[MemoryLook, ...]

    @property
    def clips_per_hour(self) -> float:
        return 3600 * len(self.arrivals) / self.usage.wall_s


def render_options() -> str:
    """The help of `framepress render`, in which options are found by name."""
    done = subprocess.run(
        [framepress_program(), "render", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def run_press(
    arguments: Sequence[str],
    *,
    log: Path,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    watch_memory: bool = True,
    on_row: Callable[[int, Arrival], None] | None = None,
) -> PressRun:
    """Run `framepress` with `arguments`, which ask for `--json`.

    Args:
        log: gets both outputs.
        environment: added to that of this process.
        on_row: called with the parent's process id as rows arrive.

    Raises:
        BenchmarkError: a row failed, the program did, or it took longer than `timeout_s`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    arrivals: list[Arrival] = []
    summary: Mapping[str, Any] = {}
    watch, started = Stopwatch(), time.monotonic()
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [framepress_program(), *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(environment or {})},
            text=True,
        )
        timer = threading.Timer(timeout_s, process.kill)
        timer.start()
        watcher = _MemoryWatcher(process.pid, started)
        if watch_memory:
            watcher.start()
        assert process.stdout is not None
        for text in process.stdout:
            errors.write(text)
            line = json.loads(text)
            if line["type"] == "summary":
                summary = line
                continue
            arrivals.append(Arrival(time.monotonic() - started, line))
            if on_row is not None:
                on_row(process.pid, arrivals[-1])
        status = process.wait()
        watcher.stop()
        timer.cancel()
    usage = watch.stop_after_leftovers()
    if status != 0 or not arrivals:
        raise BenchmarkError(f"framepress ended with status {status} after {len(arrivals)} rows; see {log}")
    return PressRun(usage, tuple(arrivals), summary, tuple(watcher.looks))


def worker_of(parent: int, processes: Sequence[Process]) -> dict[int, int]:
    """For each descendant of a parent, the worker (child of the parent) that it is or belongs to."""
    workers: dict[int, int] = {}
    for process in processes:  # parents come before their children
        workers[process.pid] = process.pid if process.parent == parent else workers[process.parent]
    return workers


class _MemoryWatcher:
    def __init__(self, parent: int, started: float) -> None:
        self.looks: list[MemoryLook] = []
        self._parent = parent
        self._started = started
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            sums: dict[int, float] = {}
            for pid, worker in worker_of(self._parent, descendants(self._parent)).items():
                sums[worker] = sums.get(worker, 0.0) + anonymous_mb(pid)
            at_s = time.monotonic() - self._started
            self.looks.append(MemoryLook(at_s, max(sums.values(), default=0.0), anonymous_mb(self._parent)))
