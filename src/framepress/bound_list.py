"""A list that is looked at and not rendered: read, bound and kept in a ledger that goes away again.

list -> ledger in a temporary folder -> rows bound, or refused with their finding
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from framepress import variants
from framepress.batch import Batch
from framepress.batch_request import BatchRequest, Progress
from framepress.browser import BrowserOptions
from framepress.composition import Composition
from framepress.ledger import Ledger
from framepress.ledger_rows import BOUND, LedgerRow
from framepress.remote_files import RemoteOptions
from framepress.row_binding import BindingOptions
from framepress.settings import RenderSettings, RunLimits
from framepress.tasks import WorkerConfig
from framepress.temporary_folders import TEMP_PREFIX

#: Called with what is being done, how much of it is done, and how much there is (0: unknown).
Beat = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ListRequest:
    """A composition and a list, as they were asked for.

    Attributes:
        rows: list of rows; ``-`` for standard input. encoding, query, remote: see `BatchRequest`.
        workers: processes that work on it, or that a forecast is for.
    """

    composition: Path
    rows: str
    binding: BindingOptions
    settings: RenderSettings
    limits: RunLimits
    browser: BrowserOptions
    workers: int
    encoding: str | None = None
    query: str | None = None
    remote: RemoteOptions | None = None


class BoundList:
    """A list with its ledger. A context manager: leaving it removes what is temporary.

    Args:
        purpose: a word for the name of the temporary folder.

    Attributes:
        folder: temporary; whoever looks at the list may keep things there.

    Raises:
        CompositionError, RowsError, UsageError, StorageFault: the list cannot be rendered at all; part of
            that is found in `prepare` only.
    """

    def __init__(
        self,
        request: ListRequest,
        purpose: str,
        *,
        on_progress: Beat = lambda _, __, ___: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.request = request
        self.folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-{purpose}-"))

        def told(progress: Progress) -> None:
            on_progress(f"{progress.phase} rows", progress.read, 0)

        try:
            self.batch = Batch(self._batch_request(), on_progress=told, on_note=on_note)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger and remove the folder."""
        self.batch.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        """Read and bind all rows."""
        self.batch.prepare()

    @property
    def composition(self) -> Composition:
        return self.batch.composition

    @property
    def ledger(self) -> Ledger:
        return self.batch.ledger

    @property
    def remote_folder(self) -> Path | None:
        """Where fetched files of rows are; None: rows have none."""
        return self.batch.request.remote_folder

    def rows(self, *, unique: bool = False) -> Iterator[LedgerRow]:
        """The rows that can be rendered. `unique`: of those that ask for the same clip only one."""
        return self.ledger.iter_rows(BOUND, unique=unique)

    def binder(self) -> variants.Binder:
        """Which column gives which variable."""
        return binder_of(self.batch)

    def worker_config(self, out: Path) -> WorkerConfig:
        """What worker processes are told that work on these rows. `out`: folder of what they render."""
        return worker_config_of(self.batch, self.request.browser, out)

    def _batch_request(self) -> BatchRequest:
        request = self.request
        return BatchRequest(
            composition=request.composition,
            rows=request.rows,
            encoding=request.encoding,
            query=request.query,
            remote=request.remote,
            out_dir=self.folder / "list",
            binding=request.binding,
            settings=request.settings,
            limits=request.limits,
            browser=request.browser,
            workers=1,
        )


def binder_of(batch: Batch) -> variants.Binder:
    """The columns of a batch that was read, matched as its rows were bound."""
    binding = batch.request.binding
    return variants.Binder(
        batch.composition,
        columns=batch.ledger.columns(),
        column_map=binding.column_map,
        use_default=binding.use_default,
        batch=True,
        locale_column=binding.locale_column,
    )


def worker_config_of(batch: Batch, browser: BrowserOptions, out: Path) -> WorkerConfig:
    """What worker processes are told that lay the rows of a batch out, and keep nothing."""
    request, composition = batch.request, batch.composition
    return WorkerConfig(
        number=1,
        composition=composition.path,
        composition_digest=composition.digest,
        settings=request.settings,
        limits=request.limits,
        browser=browser,
        out=out,
        remote=request.remote_folder,
    )
