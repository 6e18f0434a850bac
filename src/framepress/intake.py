"""From a message to what a worker process is told: checked, its files on this disk, its clip looked for.

Messages are data of unknown origin. `template` may name a bundle in the store that the clip goes to, or a
composition below a folder that this worker serves; `out` stays below the store; the store is one that this
worker may write to; sizes are limited. What `template` names is found by `local_compositions`; what the row
may share with others is known to `fleet_reuse`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from framepress import variants
from framepress.blobs import check_bucket_url, is_bucket_url
from framepress.browser import Browser, BrowserOptions
from framepress.composition import Composition
from framepress.environment import environment_of
from framepress.errors import EnvironmentFault, RowValueError, StorageFault
from framepress.fleet_reuse import FleetReuse
from framepress.local_compositions import LocalCompositions
from framepress.messages import Message, MessageError, NotHere, decode_message, message_settings
from framepress.names import safe_name
from framepress.provenance import Demands
from framepress.queue.base import BODY_BYTES_MAX, Lease
from framepress.references import is_remote
from framepress.remote_source import Known
from framepress.results import RowResult
from framepress.row_task import RowTask
from framepress.settings import RenderSettings, RunLimits
from framepress.store import Store
from framepress.stores import open_store
from framepress.sweeping import Sweeping
from framepress.tasks import WorkerConfig
from framepress.temporary_folders import TEMP_PREFIX, remove_folder
from framepress.wanted_poster import WantedPoster
from framepress.workshop import Workshop

_FOREIGN = "Move it, or render this run with another --out-dir."


class WrongEnvironment(EnvironmentFault):
    """This machine makes other pixels than the run was promised."""


@dataclass(frozen=True)
class IntakeOptions:
    """What a worker accepts and how it renders.

    Attributes:
        serve: folders whose compositions messages may name.
        out: where clips may go, they and all below; for plain messages, where they do. None: to any bucket
            that messages name, and to the folders they name if `local`.
        local: the queue is this machine's own, so whoever sends can write here anyway.
        any_environment: render rows that were promised another environment's pixels.
    """

    limits: RunLimits
    environ: Mapping[str, str]
    serve: tuple[Path, ...] = ()
    out: str | None = None
    local: bool = False
    browser: str | None = None
    any_environment: bool = False


@dataclass(frozen=True)
class Prepared:
    """A job that is ready for a worker process.

    Attributes:
        stored: the clip is there; nothing is to be rendered.
    """

    lease: Lease
    message: Message
    store: str
    config: WorkerConfig
    task: RowTask
    stored: RowResult | None


class Intake:
    """Prepares jobs, in one thread. Close it, or temporary folders stay.

    Raises:
        UsageError: FRAMEPRESS_MAX_REUSE is no level.
    """

    def __init__(self, options: IntakeOptions) -> None:
        self.options = options
        self._stack = ExitStack()
        self._browsers: dict[tuple[Path, bool], BrowserOptions] = {}
        self._environment: str | None = None
        self._sweeps: dict[str, Sweeping] = {}
        self._remote = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-remote-"))
        self._stack.callback(remove_folder, self._remote)
        self._compositions = LocalCompositions(options.serve, self._remote, self._stack)
        self._reuse = FleetReuse(options.environ, self._compositions, self._stack)

    def close(self) -> None:
        """Remove temporary folders, and what workers left that were killed since the last look."""
        for sweep in self._sweeps.values():
            with contextlib.suppress(StorageFault):
                sweep.sweep()
        self._stack.close()

    def message(self, lease: Lease) -> Message:
        """The message of a job.

        Raises:
            MessageError: it is none.
        """
        if len(lease.job.body) > BODY_BYTES_MAX:
            raise MessageError(
                f"The message has {len(lease.job.body):,} bytes; expected at most {BODY_BYTES_MAX:,}.",
                rule="message-size",
            )
        return decode_message(lease.job.body)

    def store_of(self, message: Message) -> str:
        """Where the clip goes.

        Raises:
            NotHere: the message names no store, or one that this worker may not write to.
        """
        allowed = self.options.out
        if message.store is None:
            if allowed is None:
                raise NotHere(
                    "The message names no store; start the worker with --out-dir.", rule="store-missing"
                )
            return allowed
        place = check_bucket_url(message.store) if is_bucket_url(message.store) else message.store
        if not is_bucket_url(place) and not os.path.isabs(place):  # noqa: PTH117
            raise MessageError("The message's store is a relative path.", rule="store-relative")
        bucket_or_local = is_bucket_url(place) or self.options.local
        if bucket_or_local if allowed is None else _within(place, allowed):
            return place
        raise NotHere(
            "The message's store is not one that this worker may write to. Start it with --out-dir of that "
            "store, or a folder above it.",
            rule="store-refused",
        )

    def prepare(self, lease: Lease, message: Message) -> Prepared:
        """What a worker process needs for the job.

        Raises:
            InputError: nothing can improve it. StoreUnavailable: later perhaps.
            WrongEnvironment: not on this machine.
        """
        place = self.store_of(message)
        settings = message_settings(message)
        composition = self._compositions.composition(message, place)
        browser = self._browser(composition, settings)
        self._check_environment(message, browser)
        out = _safe_out(message.out)
        variant = self._bind(composition, message)
        row_key = variants.row_key_of(composition, variant, settings)
        if message.row_key is not None and message.row_key != row_key:
            raise MessageError(
                f"The row {message.id or message.row} asks for something else than its row key says: the "
                "composition, a file or the settings changed on the way. Run `framepress enqueue` again.",
                rule="key-mismatch",
            )
        poster = None
        if message.poster is not None:
            poster = WantedPoster(row_key, Fraction(message.poster.time), message.poster.button)
        store = open_store(place)
        self._sweeps.setdefault(place, Sweeping(store)).on_job(again=lease.deliveries > 1)
        demands = self._reuse.demands_of(place)
        order, plain_because = self._reuse.order(message, place, composition, variant)
        task = RowTask(
            variant=variant,
            row_key=row_key,
            out=out,
            row=message.row,
            id=message.id or lease.job.id,
            attempt=lease.failures + 1,
            poster=poster,
            order=order,
            plain_because=plain_because,
            reuse=demands.max_reuse,
            stays=demands,
        )
        config = WorkerConfig(
            number=1,
            composition=composition.path,
            composition_digest=composition.digest,
            settings=settings,
            limits=self.options.limits,
            browser=browser,
            out=place,
            pieces=self._reuse.pieces,
            remote=self._remote,
        )
        task, stored = _look(store, task, demands)
        return Prepared(lease, message, place, config, task, stored)

    def refuse(self, place: str, plan: str) -> None:
        """A plan has been given up: clips that were made by it will not do."""
        self._reuse.refuse(place, plan)

    def _bind(self, composition: Composition, message: Message) -> variants.Variant:
        binder = variants.Binder(
            composition, columns=tuple(message.vars), column_map={}, use_default=(), batch=False
        )
        binder.check_columns()
        # What was fetched when the row was sent: no other picture than its key says.
        binder.remote = Known(message.files) if any(map(is_remote, message.files)) else None
        return binder.bind(message.vars, place=f"message of row {message.id or message.row}", row_number=None)

    # ---- the browser ----------------------------------------------------------------------------

    def _browser(self, composition: Composition, settings: RenderSettings) -> BrowserOptions:
        key = (composition.folder, settings.system_fonts)
        if key not in self._browsers:
            workshop = Workshop(
                composition.path,
                browser=self.options.browser,
                environ=self.options.environ,
                system_fonts=settings.system_fonts,
            )
            self._browsers[key] = self._stack.enter_context(workshop)
        return self._browsers[key]

    def _check_environment(self, message: Message, browser: BrowserOptions) -> None:
        wanted = message.environment
        if wanted is None or self.options.any_environment:
            return
        if self._environment is None:
            with Browser(browser) as started:
                self._environment = environment_of(started)
        if wanted != self._environment:
            raise WrongEnvironment(
                f"The run is to be made in the environment {wanted[:12]}; this machine's is "
                f"{self._environment[:12]} (`framepress doctor` says what is in it). Use the same image "
                "everywhere, or go on with --any-environment.",
                rule="environment",
            )


def _look(store: Store, task: RowTask, demands: Demands) -> tuple[RowTask, RowResult | None]:
    """The task, without what is stored already; and the result if that is all."""
    stored = store.find(task.out, task.row_key, way_out=_FOREIGN, demands=demands)
    if stored is None:
        return task, None
    poster = None
    if task.poster is not None:
        poster = task.poster.stored(store, task.out, way_out=_FOREIGN)
        if poster is None:
            return replace(task, stored=stored), None
    return task, task.result_of(stored, poster)


def _safe_out(out: str) -> str:
    try:
        return safe_name(out)
    except RowValueError as error:
        raise MessageError(f"The message's out: {error.message}", rule=error.rule) from error


def _within(place: str, allowed: str) -> bool:
    """Whether a place is the allowed one or below it."""
    if is_bucket_url(place) != is_bucket_url(allowed):
        return False
    if is_bucket_url(place):
        return ".." not in place.split("/") and f"{place.rstrip('/')}/".startswith(f"{allowed.rstrip('/')}/")
    return Path(place).resolve().is_relative_to(Path(allowed).resolve())
