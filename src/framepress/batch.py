"""A run over a list: rows into the ledger, bound and checked, then through the workers, one result each.

prepare()   list -> ledger -> values bound, keys and names known -> nothing rendered yet
results()   ledger -> stored already? else worker -> ledger -> RowResult, as rows end
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from framepress import keys
from framepress.artifacts import Artifacts
from framepress.browser import BrowserOptions
from framepress.cache import Cache
from framepress.cache_options import CacheOptions, open_if_usable
from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.environment import machine_environment
from framepress.errors import FramepressError, InputError
from framepress.feeder import Feeder
from framepress.ledger import Ledger
from framepress.ledger_rows import BOUND, FORMAT_STRIDE, LedgerRow
from framepress.provenance import Demands, Reuse
from framepress.remote_files import RemoteFiles, RemoteOptions
from framepress.results import RowResult, Seconds, Summary
from framepress.results_csv import check_results_path, write_results_csv
from framepress.row_binding import BindingOptions, bind_rows, read_rows
from framepress.rows import RowSource, list_identity, list_name, open_rows
from framepress.rows.given import GIVEN_NAME, GivenRows
from framepress.settings import RenderSettings, RunLimits
from framepress.shelf import voided
from framepress.store import ANY_WILL_DO, Store
from framepress.stores import open_store
from framepress.tasks import Beat
from framepress.temporary_folders import TEMP_PREFIX, remove_folder, sweep_temporary_folders

#: Findings told in the message when bad rows stop a run; the rest are counted.
FINDINGS_TOLD_MAX = 20


@dataclass(frozen=True)
class BatchRequest:
    """A run as it was asked for.

    Attributes:
        rows: list of rows, ``-`` for standard input; None: a program gives them (`Batch`'s `given`).
        out_dir: folder of the clips, or the URL of a bucket's prefix.
        run: name of the run; None: made from what is asked for.
        ledger_dir: where the ledger lies; None: in `out_dir`, which then is a folder.
        binding: how columns become values, names and ids, and which rows are meant.
        browser: None: nothing is rendered here.
        workers: processes.
        force: render rows whose clip is there; overwrite files that are not ours.
        again: render rows whose clip is there; files that are not ours stay.
        cache: where finished clips are looked for and kept; None: nowhere.
        demands: what stored clips must be.
        reuse: how far reuse between rows may go.
        refresh_environment: render rows whose clip was made by another browser, encoder or fonts.
        retry_failed: only rows that failed in an earlier run of the same command.
        results: where to write results.csv; None: nowhere.
        limits: `rows_per_browser` and the like.
        remote: which hosts rows may name; None: none.
        encoding: of a text list; None: it is found out. query: what is read from a database.
    """

    composition: Path
    rows: str | None
    out_dir: Path | str
    binding: BindingOptions
    settings: RenderSettings
    limits: RunLimits
    browser: BrowserOptions | None
    workers: int
    force: bool = False
    again: bool = False
    retry_failed: bool = False
    results: Path | None = None
    ledger_dir: Path | None = None
    run: str | None = None
    cache: CacheOptions | None = None
    demands: Demands = ANY_WILL_DO
    reuse: Reuse = "bands"
    refresh_environment: bool = False
    encoding: str | None = None
    query: str | None = None
    remote: RemoteOptions | None = None

    @property
    def run_id(self) -> str:
        """Name of the run: the same command on the same list goes on where the last one stopped."""
        if self.run is not None:
            return self.run
        rows = GIVEN_NAME if self.rows is None else list_identity(self.rows, self.query)
        place = self.out_dir if isinstance(self.out_dir, str) else str(self.out_dir.absolute())
        text = "\n".join((str(self.composition.absolute()), rows, place))
        return keys.digest_bytes(text.encode("utf-8", "surrogateescape"))[:16]

    @property
    def remote_folder(self) -> Path | None:
        """Where fetched files of rows are; None: no host is allowed."""
        return self.remote.folder if self.remote is not None else None

    @property
    def list_name(self) -> str:
        """What messages call the list."""
        return GIVEN_NAME if self.rows is None else list_name(self.rows)


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        phase: "reading", "checking", "planning" (rows are compared, and what they share is made),
            "rendering".
        total: rows the run is about, 0 while that is unknown.
        frames: frames done of the rows in the making.
        step, step_done, step_total: while "planning": what is being done, and frames of it; "": nothing yet.
    """

    phase: str = "reading"
    total: int = 0
    done: int = 0
    stored: int = 0
    failed: int = 0
    read: int = 0
    frames: int = 0
    step: str = ""
    step_done: int = 0
    step_total: int = 0
    began_at: float = 0.0

    @property
    def rendered(self) -> int:
        return self.done - self.stored

    def clips_per_minute(self) -> float:
        elapsed = time.monotonic() - self.began_at
        return self.rendered * 60 / elapsed if elapsed > 0 else 0.0

    def seconds_left(self) -> float | None:
        """By the pace so far; None before the first clip."""
        left = self.total - self.done - self.failed
        pace = self.clips_per_minute() / 60
        return left / pace if pace > 0 else None


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
        self._pieces_folder: Path | None = None
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
        source = self._open_rows()
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
        self._refuse_conflicts()
        counts = self.ledger.counts()
        if counts["rejected"] and not request.binding.skip_bad_rows:
            self._refuse_bad_rows(counts["rejected"])
        self.progress.total = counts["failed"] if request.retry_failed else self._total()
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
            if self._pieces_folder is not None:
                remove_folder(self._pieces_folder)

    # ---- one row ends ---------------------------------------------------------------------------

    def finish(self, row: LedgerRow, result: RowResult) -> Iterator[RowResult]:
        """Record a row that has its clip; yields its result and those of rows that share the file."""
        self.ledger.finish(row.number, _for_ledger(result))
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
        self.ledger.fail(row.number, record, _for_ledger(result))
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
        if open_if_usable(self.request.cache) is not None:
            return self.request.cache
        try:
            self._pieces_folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-pieces-"))
        except OSError:
            return None
        return CacheOptions(self._pieces_folder)

    # ---- inside ---------------------------------------------------------------------------------

    def _open_rows(self) -> RowSource:
        if self.request.rows is not None:
            return open_rows(
                self.request.rows,
                stdin=self._stdin,
                encoding=self.request.encoding,
                query=self.request.query,
                on_note=self._on_note,
            )
        return GivenRows(self._given if self._given is not None else ())

    def _waiting(self) -> Iterator[LedgerRow]:
        states = {"failed"} if self.request.retry_failed else BOUND
        return self.ledger.iter_rows(states, unique=True)

    def _total(self) -> int:
        return sum(self.ledger.counts().values())

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

    def _refuse_conflicts(self) -> None:
        conflicts = self.ledger.conflicts()
        if conflicts:
            out, numbers = conflicts[0]
            rows = ", ".join(dict.fromkeys(str(number % FORMAT_STRIDE) for number in numbers))
            more = f" {len(conflicts) - 1} more names are shared so." if len(conflicts) > 1 else ""
            raise InputError(
                f'{self.request.list_name}: rows {rows} would all write "{out}", but they ask for different '
                f'clips.{more} Give each row its own "out", or name files with --out-name "{{@row}}.mp4".',
                rule="out-conflict",
            )

    def _refuse_bad_rows(self, count: int) -> None:
        told: dict[str, None] = {}
        repeated = 0
        rules: Counter[str] = Counter()
        for row in self.ledger.iter_rows({"rejected"}):
            error = row.error or {}
            rules[str(error.get("rule", ""))] += 1
            text = f"  {error.get('message', '')}"
            if self.ledger.formats and text in told:
                repeated += 1  # the same row in another format
            elif len(told) < FINDINGS_TOLD_MAX:
                told[text] = None
        left = count - len(told) - repeated
        more = f"\n  and {left} more" if left > 0 else ""
        what = "clips" if self.ledger.formats else "rows"
        raise InputError(
            f"{count} of {self._total()} {what} cannot be rendered; nothing was rendered.\n"
            + "\n".join(told)
            + more
            + "\nMend them, or go on without them: --bad-rows skip.",
            rule=rules.most_common(1)[0][0],
        )


def _failed_result(row: LedgerRow, record: Mapping[str, Any]) -> RowResult:
    return RowResult(
        row=row.row,
        format=row.format,
        id=row.id or str(row.row),
        status="failed",
        row_key=row.key,
        error=dict(record),
    )


def _for_ledger(result: RowResult) -> dict[str, object]:
    """The result as the ledger keeps it and `results_csv` reads it."""
    return {
        "file": result.out,
        "poster": result.poster,
        "seconds": result.seconds.total if result.seconds != Seconds() else None,
        "bytes": result.bytes or None,
        "plan": result.plan,
        "stored": result.path == "stored",
    }
