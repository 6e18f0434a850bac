"""A run over a list: rows into the ledger, bound and checked, then through the workers, one result each.

prepare()   list -> ledger -> values bound, keys and names known -> nothing rendered yet
results()   ledger -> stored already? else worker -> ledger -> RowResult, as rows end

What a run is asked for, and what it tells: `batch_request`. Why a list is refused: `list_refusal`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from framepress.artifacts import Artifacts
from framepress.batch_request import BatchRequest, Progress
from framepress.cache import Cache
from framepress.cache_options import CacheOptions, cache_or_folder, open_if_usable
from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.environment import machine_environment
from framepress.errors import FramepressError
from framepress.feeder import Feeder
from framepress.ledger import Ledger
from framepress.ledger_rows import BOUND, LedgerRow
from framepress.list_refusal import refuse_bad_rows, refuse_conflicts
from framepress.remote_files import RemoteFiles
from framepress.results import RowResult, Summary
from framepress.results_csv import check_results_path, for_ledger, write_results_csv
from framepress.row_binding import bind_rows, read_rows
from framepress.shelf import voided
from framepress.store import Store
from framepress.stores import open_store
from framepress.tasks import Beat
from framepress.temporary_folders import sweep_temporary_folders


class Batch:
    """One run. Use as a context manager: leaving it closes the ledger and writes the results file.

    Args:
        on_note: called with what a person should know and what stops nothing.

    Raises:
        CompositionError, RowsError, UsageError, StorageFault: from `prepare`; nothing was rendered.
    """

    def __init__(
        self,
        request: BatchRequest,
        *,
        stdin: BinaryIO | None = None,
        given: Iterable[Mapping[str, object]] | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.request = request
        self.progress = Progress(began_at=time.monotonic())
        self._began = time.monotonic()
        self._on_progress = on_progress
        self._on_note = on_note
        self._stdin = stdin
        self._given = given
        self._ledger: Ledger | None = None
        self.composition: Composition = load_composition(request.composition)
        self.store: Store = open_store(request.out_dir, force=request.force)
        self.demands = request.demands
        self.artifacts = Artifacts(None, self.demands)
        #: Where plans, plates and segments are; None: nowhere.
        self.pieces: CacheOptions | None = None
        self._closing = ExitStack()
        self._opened_pieces: Cache | None = None

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ledger(self) -> Ledger:
        assert self._ledger is not None, "prepare() comes first"
        return self._ledger

    def prepare(self) -> None:
        """Read, check and bind all rows. Nothing is rendered, no browser is started."""
        request = self.request
        if request.results is not None:
            check_results_path(request.results)
        self.store.check_writable()
        self.store.sweep()
        sweep_temporary_folders()
        for name in request.binding.formats:
            self.composition.in_format(name)
        self._ledger = Ledger.open(request.ledger_dir or Path(request.out_dir), request.run_id)
        self._tell("reading")
        source = request.open_rows(stdin=self._stdin, given=self._given, on_note=self._on_note)
        read_rows(self.ledger, source, request.binding, on_row=self._row_read)
        self._tell("checking")
        self.progress.read = 0
        with ExitStack() as stack:
            remote = None
            if request.remote is not None:
                remote = stack.enter_context(closing(RemoteFiles(request.remote)))
            bind_rows(
                self.ledger,
                self.composition,
                request.binding,
                request.settings,
                place=source.place,
                on_row=self._row_read,
                remote=remote,
                on_note=self._on_note,
            )
        refuse_conflicts(self.ledger, request.list_name)
        counts = self.ledger.counts()
        if counts["rejected"] and not request.binding.skip_bad_rows:
            refuse_bad_rows(self.ledger, counts)
        self.progress.total = counts["failed"] if request.retry_failed else sum(counts.values())
        self.progress.began_at = time.monotonic()
        self._tell("rendering")

    def results(self) -> Iterator[RowResult]:
        """Render what is missing, and yield one result per row as rows end.

        Raises:
            EnvironmentFault: the run cannot go on (no browser, disk full). Finished rows are kept.
        """
        if not self.request.retry_failed:
            for row in self.ledger.iter_rows({"rejected"}):
                yield self._count(_failed_result(row, row.error or {}))
        if self.request.refresh_environment:
            browser = self.request.browser
            assert browser is not None, "a run without a browser renders nothing"
            self.demands = replace(self.demands, environment=machine_environment(browser))
        self.pieces = self._choose_pieces()
        if self.pieces is not None:
            self.demands = replace(self.demands, voided=voided(self.open_pieces()))
        self.artifacts = Artifacts(open_if_usable(self.request.cache, self._on_note), self.demands)
        yield from Feeder(self, self._waiting()).run()

    def summary(self) -> Summary:
        """What became of the run so far."""
        progress = self.progress
        seconds = time.monotonic() - self._began
        return Summary(
            rows=progress.total,
            done=progress.done,
            stored=progress.stored,
            failed=progress.failed,
            seconds=round(seconds, 3),
            clips_per_hour=round(progress.rendered * 3600 / seconds, 1) if seconds else 0.0,
            out_dir=str(self.request.out_dir),
            results=str(self.request.results) if self.request.results else None,
            exit_code=1 if progress.failed else 0,
        )

    def close(self) -> None:
        """Write the results file and let go of ledger and cache. May be called more than once."""
        if self._ledger is None:
            return
        try:
            if self.request.results is not None and self.progress.phase in ("planning", "rendering"):
                write_results_csv(self.request.results, self._ledger)
        finally:
            self._ledger.close()
            self._ledger = None
            self.artifacts.close()
            self._closing.close()

    # ---- one row ends ---------------------------------------------------------------------------

    def finish(self, row: LedgerRow, result: RowResult) -> Iterator[RowResult]:
        """Record a row that has its clip; yields its result and those of rows that share the file."""
        self.ledger.finish(row.number, for_ledger(result))
        yield self._count(result)
        for number in self.ledger.twins(row.number):
            twin = self.ledger.row(number)
            update = {
                "row": twin.row,
                "format": twin.format,
                "id": twin.id or str(twin.row),
                "path": "stored",
                "attempt": 0,
            }
            yield self._count(result.model_copy(update=update))

    def fail(self, row: LedgerRow, error: FramepressError, attempt: int) -> Iterator[RowResult]:
        """Record a row that is given up; yields its result and those of rows that share the file."""
        record = error.record()
        result = _failed_result(row, record).model_copy(update={"attempt": attempt})
        self.ledger.fail(row.number, record, for_ledger(result))
        yield self._count(result)
        for number in self.ledger.twins(row.number):
            yield self._count(_failed_result(self.ledger.row(number), record))

    def refuse(self, plan: str) -> None:
        """A plan has been given up: what was made by it will not do for rows that are still to come."""
        self.demands = replace(self.demands, voided=self.demands.voided | {plan})
        self.artifacts.refuse(plan)

    def undone(self, row: LedgerRow) -> LedgerRow:
        """A row that was done is to be rendered again; its result is not counted twice."""
        twins = 1 + len(self.ledger.twins(row.number))
        self.progress.done -= twins
        self.progress.stored -= twins if row.result.get("stored") else twins - 1
        self._on_progress(self.progress)
        return row

    def note(self, text: str) -> None:
        """Tell a person what stops nothing."""
        self._on_note(text)

    def told_phase(self, phase: str) -> None:
        """Workers are at something else now."""
        self._tell(phase)

    def told(self, frames: int, survey: Beat | None = None) -> None:
        """Workers are at work: pass it on to whoever shows progress.

        Args:
            survey: the survey that is under way.
        """
        self.progress.frames = frames
        step = survey or Beat(0, 0)
        self.progress.step, self.progress.step_done, self.progress.step_total = (
            step.step,
            step.frames,
            step.total,
        )
        self._on_progress(self.progress)

    # ---- pieces ---------------------------------------------------------------------------------

    def open_pieces(self) -> Cache:
        """The cache of plans, plates and segments; there is one (`pieces`)."""
        if self._opened_pieces is None:
            assert self.pieces is not None
            self._opened_pieces = self.pieces.open()
        return self._opened_pieces

    def _choose_pieces(self) -> CacheOptions | None:
        """The run's cache, or a folder that goes with the run; None: reuse is off, or there is no room."""
        if self.request.reuse == "off":
            return None
        return cache_or_folder(self.request.cache, self._closing)

    # ---- inside ---------------------------------------------------------------------------------

    def _waiting(self) -> Iterator[LedgerRow]:
        states = {"failed"} if self.request.retry_failed else BOUND
        return self.ledger.iter_rows(states, unique=True)

    def _tell(self, phase: str) -> None:
        self.progress.phase = phase
        self._on_progress(self.progress)

    def _row_read(self) -> None:
        self.progress.read += 1
        if self.progress.read % 500 == 0:
            self._on_progress(self.progress)

    def _count(self, result: RowResult) -> RowResult:
        if result.status == "done":
            self.progress.done += 1
            self.progress.stored += result.path == "stored"
        else:
            self.progress.failed += 1
        self._on_progress(self.progress)
        return result


def _failed_result(row: LedgerRow, record: Mapping[str, Any]) -> RowResult:
    return RowResult(
        row=row.row,
        format=row.format,
        id=row.id or str(row.row),
        status="failed",
        row_key=row.key,
        error=dict(record),
    )
