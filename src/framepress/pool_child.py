"""A worker process: takes tasks from its parent, one at a time, with one warm browser.

Started as ``python -m framepress.pool_child FD``; the descriptor is a socket to the parent. It ends when the
parent closes the socket or dies, and takes its browser with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from types import FrameType
from typing import NoReturn, TypeVar

from framepress.artifacts import Artifacts
from framepress.beating import BeatingStore
from framepress.cache_options import open_if_usable
from framepress.composition_loading import load_composition
from framepress.errors import FramepressError, InputError, InternalError, StorageFault
from framepress.freed_memory import keep_freed_memory
from framepress.ordered_rows import OrderedRows, do_survey
from framepress.preflight.bench import PreflightBench
from framepress.preflight.tasks import BasisTask, InspectTask, ShotTask
from framepress.provenance import Demands
from framepress.renderer import Renderer
from framepress.results import RowResult
from framepress.row_task import RowTask
from framepress.stores import open_store
from framepress.tasks import (
    Beat,
    Failed,
    Kept,
    Opened,
    OpenTask,
    PlainFramesTask,
    PlanGivenUp,
    Reply,
    SegmentsDone,
    SegmentTask,
    StillTask,
    SurveyTask,
    Task,
    WorkerConfig,
)
from framepress.temporary_folders import remove_folders_of

#: Seconds between two signs of life.
BEAT_S = 1.0

_PR_SET_PDEATHSIG = 1

T = TypeVar("T")


class Worker:
    """Serves one connection."""

    def __init__(self, connection: Connection, config: WorkerConfig) -> None:
        self._connection = connection
        self._config = config
        self._beat_at = 0.0
        self._last = Beat(0, 0)
        composition = load_composition(config.composition)
        if composition.digest != config.composition_digest:
            raise InputError(
                f"{config.composition.name}: the composition changed after the run began. Run the command "
                "again; finished clips of the old composition are made anew.",
                rule="composition-changed",
            )
        pieces = open_if_usable(config.pieces)
        self.renderer = Renderer(
            composition, config.settings, config.limits, config.browser, pieces, config.remote
        )
        self._ordered: OrderedRows | None = None
        if pieces is not None:
            tries = config.limits.attempts_max
            self._ordered = OrderedRows(self.renderer.plans, pieces, self._survey_beat, tries)
        self._preflight = PreflightBench(self.renderer, self._beat)
        # While the store works, this thread waits for it and sends nothing.
        self._store = BeatingStore(
            open_store(config.out, force=config.force), lambda: connection.send(self._last)
        )
        # The parent sends finished clips to a second level: it has the time, and somebody to tell.
        local = replace(config.cache, shared=None) if config.cache is not None else None
        self._artifacts = Artifacts(open_if_usable(local), Demands())

    def serve(self) -> None:
        """Answer tasks until the parent has no more."""
        while True:
            try:
                task: Task = self._connection.recv()
            except EOFError:
                return
            self._connection.send(self._answer(task))

    def _answer(self, task: Task) -> Reply:
        failed, reply = _try(lambda: self._do(task))
        if reply is None:
            assert failed is not None
            return failed
        return reply

    def _do(self, task: Task) -> Reply:  # noqa: PLR0911 - one for each kind of task
        renderer = self.renderer
        match task:
            case RowTask():
                # A browser that has started is progress: on a busy machine that alone takes seconds.
                renderer.warm.page()
                self._connection.send(Beat(0, 0))
                return self._row(task)
            case OpenTask():
                clip = renderer.open(task.variant)
                renderer.seek_first(clip)
                return Opened(renderer.as_played(clip), renderer.environment)
            case SegmentTask():
                began = time.perf_counter()
                clip = renderer.open(task.variant)
                encoded = renderer.encode(clip, [range(*gop) for gop in task.gops], self._beat)
                return SegmentsDone(encoded, renderer.stateful(), time.perf_counter() - began)
            case SurveyTask():
                return do_survey(renderer.plans, task, self._survey_beat)
            case PlainFramesTask():
                renderer.plans.keep_plain_frames(task.samples, self._survey_beat, group=task.group)
                return Kept()
            case BasisTask() | InspectTask() | ShotTask():
                renderer.warm.page()
                return self._preflight.do(task)
            case StillTask():
                return renderer.still(renderer.open(task.variant), task.time_s)

    def _row(self, task: RowTask) -> RowResult | PlanGivenUp:
        if task.order is None or task.stored is not None or self._ordered is None:
            return self._render(task)
        return self._ordered.render(task, self._render)

    def _render(self, task: RowTask) -> RowResult:
        result = self.renderer.render(task, self._store, self._beat, keep=self._artifacts.keep)
        return result.model_copy(update={"worker": self._config.number})

    def _beat(self, frames: int, total: int) -> None:
        self._survey_beat("", frames, total)

    def _survey_beat(self, step: str, frames: int, total: int) -> None:
        now = time.monotonic()
        self._last = Beat(frames, total, step)
        if now - self._beat_at >= BEAT_S:
            self._beat_at = now
            self._connection.send(self._last)


def _try(work: Callable[[], T]) -> tuple[Failed, None] | tuple[None, T]:
    """What `work` gives, or its error in our words: a worker ends on its own terms only."""
    try:
        return None, work()
    except FramepressError as error:
        return Failed(error), None
    except OSError as error:
        return Failed(
            StorageFault(
                f"The machine refused an operation on a file: {error.strerror or error}. Check free "
                "space and permissions of the output and temporary folders.",
                rule="os-error",
            )
        ), None
    except Exception as error:
        where = _innermost(error)
        return Failed(InternalError(f"Unexpected {type(error).__name__} at {where}. Please report it.")), None


def _innermost(error: BaseException) -> str:
    """File and line of the innermost frame; the message itself may hold a row's value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119


def _die_with_parent(parent_pid: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent_pid:
            raise SystemExit(0)


def _terminate(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(143)


def main() -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    # Writing into a full disk must be an error of the call, not the end of the process.
    with contextlib.suppress(AttributeError, ValueError):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    _die_with_parent(int(sys.argv[2]))
    keep_freed_memory()
    worker: Worker | None = None
    try:
        config: WorkerConfig = connection.recv()
        failed, worker = _try(lambda: Worker(connection, config))
        if worker is None:
            connection.send(failed)
            return
        connection.send(Beat(0, 0))
        worker.serve()
    except (BrokenPipeError, ConnectionResetError, EOFError):
        return
    finally:
        # When the parent dies, its end of the socket closes first and the signal comes then: into this.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if worker is not None:
            worker.renderer.close()
        # A signal may have come between the making of a folder and the note of its name.
        remove_folders_of(os.getpid())


if __name__ == "__main__":
    main()
