"""What a run is asked for, and what it tells of where it stands: the two sides of a `Batch`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from framepress import keys
from framepress.browser import BrowserOptions
from framepress.cache_options import CacheOptions
from framepress.provenance import Demands, Reuse
from framepress.remote_files import RemoteOptions
from framepress.row_binding import BindingOptions
from framepress.rows import RowSource, list_identity, list_name, open_rows
from framepress.rows.given import GIVEN_NAME, GivenRows
from framepress.settings import RenderSettings, RunLimits
from framepress.store import ANY_WILL_DO


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

    def open_rows(
        self,
        *,
        stdin: BinaryIO | None,
        given: Iterable[Mapping[str, object]] | None,
        on_note: Callable[[str], None],
    ) -> RowSource:
        """The reader of the list, or of the rows that a program gives."""
        if self.rows is not None:
            return open_rows(
                self.rows, stdin=stdin, encoding=self.encoding, query=self.query, on_note=on_note
            )
        return GivenRows(given if given is not None else ())


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
