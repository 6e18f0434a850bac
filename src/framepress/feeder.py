"""Rows to idle workers and answers back, for one run; rows whose clip is there or in the cache need none."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING

from framepress.errors import EnvironmentFault, InputError, InternalError, PlanWrong
from framepress.ledger_rows import LedgerRow
from framepress.planner import Planner, Todo
from framepress.pool import Answer, WorkerPool
from framepress.results import RowResult
from framepress.row_page import FIXED
from framepress.row_task import RowTask, stored_result
from framepress.tasks import Failed, OpenTask, PlainFramesTask, SurveyTask, WorkerConfig
from framepress.variants import Variant
from framepress.wanted_poster import WantedPoster

if TYPE_CHECKING:
    from framepress.batch import Batch

#: Seconds between two looks at what the workers do; also how often progress is told.
TICK_S = 0.2

#: Rows that are looked up at once. Their clips are copied side by side, so that the disk syncs several in one
#: go, and their outcomes are one transaction.
LOOKUP_ROWS = 64

#: Threads that look up and copy; most of their time is waiting for the disk.
LOOKUP_THREADS = 8

#: What to do about a file of somebody else's.
WAY_OUT_FOREIGN = "Move it, or overwrite it with --force."


class Feeder:
    """Keeps the workers busy with what is waiting, and hands on what comes back."""

    def __init__(self, batch: Batch, waiting: Iterator[LedgerRow]) -> None:
        self._batch = batch
        self._request = batch.request
        self._waiting = waiting
        self._again: deque[Todo] = deque()
        self._rows: dict[tuple[int, str | None], LedgerRow] = {}
        self._planner = Planner(batch)

    def run(self) -> Iterator[RowResult]:
        pool: WorkerPool | None = None
        with ExitStack() as stack:
            work = self._work(stack.enter_context(ThreadPoolExecutor(LOOKUP_THREADS, "lookup")))
            while True:
                while pool is None or pool.idle_count:
                    item = self._next(work)
                    if item is None:
                        break
                    if isinstance(item, RowResult):
                        yield item
                        continue
                    if pool is None:
                        count = min(self._request.workers, self._batch.progress.total)
                        pool = stack.enter_context(WorkerPool(self._config(), count))
                        self._check_formats(pool)
                    self._start(pool, item)
                if pool is None or not pool.busy_count:
                    return
                for answer in pool.answers(TICK_S):
                    yield from self._take(answer)
                self._batch.told(pool.frames_in_progress()[0], pool.survey_in_progress())

    def _check_formats(self, pool: WorkerPool) -> None:
        """Before the first row: the page answers to the sizes that the composition says it does.

        Raises:
            CompositionError: it does not; nothing was rendered.
        """
        ledger = self._batch.ledger
        for position, name in enumerate(ledger.formats):
            row = ledger.first(position) if self._batch.composition.in_format(name).fills else None
            if row is None:
                continue
            pool.start(OpenTask(Variant(values=row.values, files=row.files)))
            while pool.busy_count:
                for answer in pool.answers(TICK_S):
                    reply = answer.reply
                    # Whatever else is wrong may be this row's alone, and is told as such.
                    if isinstance(reply, Failed) and reply.error.rule == FIXED:
                        raise reply.error

    def _next(
        self, work: Iterator[Todo | RowResult]
    ) -> Todo | RowResult | SurveyTask | PlainFramesTask | None:
        """What an idle worker is to do; None: nothing, as long as nothing ends."""
        while True:
            help_ = self._planner.take_help()
            if help_ is not None:
                return help_
            if self._again:
                item: Todo | RowResult | None = self._again.popleft()
            elif self._planner.is_full:
                return None
            else:
                item = next(work, None) or next(self._planner.redo, None)
            if not isinstance(item, Todo) or item.stored is not None:
                return item
            survey = self._planner.survey_for(item.row)
            if survey is not None:
                self._planner.wait(item.row, item)
                return survey
            if not self._planner.must_wait(item.row):
                return item
            self._planner.wait(item.row, item)

    def _work(self, threads: ThreadPoolExecutor) -> Iterator[Todo | RowResult]:
        """What is to be rendered, and in between the results of rows that need no worker."""
        batch = self._batch
        while rows := list(islice(self._waiting, LOOKUP_ROWS)):
            ready: list[Todo | RowResult] = []
            found = list(threads.map(self._look_up, rows))
            # The clips of these rows are on the disk by now; only then they count as done.
            with batch.ledger.batch():
                for row, one in zip(rows, found, strict=True):
                    if isinstance(one, RowResult):
                        ready.extend(batch.finish(row, one))
                    elif isinstance(one, InputError):
                        ready.extend(batch.fail(row, one, 0))
                    else:
                        ready.append(one)
            yield from ready

    def _look_up(self, row: LedgerRow) -> Todo | RowResult | InputError:
        """The result of a row whose clip is there, or what is left to do for it. Runs in several threads.

        Raises:
            EnvironmentFault: the folder cannot be read or written.
        """
        try:
            return self._stored(row)
        except InputError as error:
            return error

    def _stored(self, row: LedgerRow) -> Todo | RowResult:
        """See `_look_up`.

        Raises:
            InputError: a file that is not ours is in the way.
        """
        batch, request = self._batch, self._request
        assert row.out is not None and row.key is not None
        if request.force:
            return Todo(row, 1)
        poster = self._poster(row)
        poster_file = poster.stored(batch.store, row.out, way_out=WAY_OUT_FOREIGN) if poster else None
        stored = batch.store.find(row.out, row.key, way_out=WAY_OUT_FOREIGN, demands=batch.demands)
        if request.again:
            return Todo(row, 1)
        stored = stored or batch.artifacts.fetch(batch.store, row.out, row.key)
        if stored is None:
            return Todo(row, 1)
        if poster is not None and poster_file is None:
            return Todo(row, 1, stored=stored)
        return stored_result(stored, row.key, row.row, row.format, row.id or str(row.row), poster_file)

    def _poster(self, row: LedgerRow) -> WantedPoster | None:
        binding = self._request.binding
        if binding.poster_s is None:
            return None
        assert row.key is not None
        return WantedPoster(row.key, binding.poster_s, binding.poster_button)

    def _start(self, pool: WorkerPool, todo: Todo | SurveyTask | PlainFramesTask) -> None:
        if isinstance(todo, SurveyTask | PlainFramesTask):
            pool.start(todo)
            return
        row = todo.row
        assert row.out is not None and row.key is not None
        self._batch.ledger.start(row.number)
        self._rows[row.row, row.format] = row
        pool.start(
            RowTask(
                variant=Variant(values=row.values, files=row.files),
                row_key=row.key,
                out=row.out,
                row=row.row,
                id=row.id or str(row.row),
                attempt=todo.attempt,
                poster=self._poster(row),
                stored=todo.stored,
                stays=None if self._request.again or self._request.force else self._batch.demands,
                **self._planner.instructions(row),
            )
        )

    def _take(self, answer: Answer) -> Iterator[RowResult]:
        task, reply = answer.task, answer.reply
        if isinstance(task, PlainFramesTask):
            # If it failed, the survey makes them itself.
            return
        if isinstance(task, SurveyTask):
            self._again.extend(self._planner.surveyed(task, reply))
            return
        assert isinstance(task, RowTask) and task.row is not None
        row = self._rows.pop((task.row, task.format))
        if isinstance(reply, RowResult) and self._planner.is_void(reply.plan):
            # It was under way when its plan was given up.
            self._again.append(Todo(row, task.attempt))
        elif isinstance(reply, RowResult):
            if reply.path != "stored" and reply.row_key is not None:
                self._batch.artifacts.share(reply.row_key)
            yield from self._batch.finish(row, reply)
        elif not isinstance(reply, Failed):
            raise InternalError(f"A worker answered a row with {type(reply).__name__}.")
        elif isinstance(reply.error, PlanWrong):
            self._planner.void(row, reply.error)
            self._again.append(Todo(row, task.attempt))
        elif isinstance(reply.error, EnvironmentFault):
            raise reply.error
        elif reply.error.retryable and task.attempt < self._request.limits.attempts_max:
            self._again.append(Todo(row, task.attempt + 1, task.stored))
        else:
            yield from self._batch.fail(row, reply.error, task.attempt)

    def _config(self) -> WorkerConfig:
        request = self._request
        assert request.browser is not None, "a run without a browser renders nothing"
        return WorkerConfig(
            number=1,
            composition=self._batch.composition.path,
            composition_digest=self._batch.composition.digest,
            settings=request.settings,
            limits=request.limits,
            browser=request.browser,
            out=request.out_dir,
            force=request.force,
            cache=request.cache,
            pieces=self._batch.pieces,
            remote=request.remote_folder,
        )
