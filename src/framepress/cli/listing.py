"""What the options of a list, and those around it, ask for: the same for every command that has them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from framepress.bound_list import ListRequest
from framepress.browser import BrowserOptions
from framepress.cache_options import CacheOptions, cache_options
from framepress.cli import show
from framepress.cli.arguments import parse_pairs
from framepress.cli.lists import ListOptions
from framepress.errors import CacheFault
from framepress.output_formats import parse_formats
from framepress.remote_files import RemoteOptions, remote_options
from framepress.row_binding import BindingOptions
from framepress.rows.select import parse_only, parse_row_ranges
from framepress.settings import RenderSettings, RunLimits
from framepress.temporary_folders import TEMP_PREFIX
from framepress.workshop import choice, render_settings


def binding_of(options: ListOptions, formats: Sequence[str] | None = None) -> BindingOptions:
    """How a command line binds the rows of a list. What names files and posters is the caller's.

    Args:
        formats: what ``--formats`` says, of commands that have it.

    Raises:
        UsageError: an option has a value that it does not take.
    """
    return BindingOptions(
        column_map=parse_pairs(options.map_ or (), "--map"),
        use_default=tuple(options.use_default or ()),
        id_column=options.id_column,
        locale_column=options.locale_column,
        formats=parse_formats(formats),
        row_ranges=parse_row_ranges(options.rows) if options.rows is not None else None,
        only=parse_only(options.only) if options.only is not None else None,
    )


def skips_bad_rows(text: str) -> bool:
    """What ``--bad-rows`` says."""
    return choice(text, ("stop", "skip"), "--bad-rows") == "skip"


def list_request(
    options: ListOptions,
    composition: Path,
    rows: str,
    *,
    binding: BindingOptions,
    settings: RenderSettings,
    limits: RunLimits,
    browser: BrowserOptions,
    workers: int,
    cache: CacheOptions | None,
) -> ListRequest:
    """A list that is to be looked at and not rendered.

    Args:
        cache: files of other hosts lie beside it.
    """
    return ListRequest(
        composition=composition,
        rows=rows,
        binding=binding,
        settings=settings,
        limits=limits,
        browser=browser,
        workers=workers,
        encoding=options.encoding,
        query=options.query,
        remote=remote_of(options, cache),
    )


class SettingsOptions(Protocol):
    """Options of what is rendered and how."""

    @property
    def crf(self) -> int | None: ...
    @property
    def preset(self) -> str | None: ...
    @property
    def quality(self) -> str | None: ...
    @property
    def fps(self) -> str | None: ...
    @property
    def scale(self) -> str | None: ...
    @property
    def locale(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def now(self) -> str: ...
    @property
    def system_fonts(self) -> bool: ...


def settings_of(options: SettingsOptions) -> RenderSettings:
    """The settings that a command line asks for."""
    return render_settings(
        crf=options.crf,
        preset=options.preset,
        quality=options.quality,
        fps=options.fps,
        scale=options.scale,
        locale=options.locale,
        timezone=options.timezone,
        now=options.now,
        system_fonts=options.system_fonts,
    )


def note_of(*, quiet: bool) -> Callable[[str], None]:
    """How a person is told what stops nothing; with --json too, since it goes to standard error."""
    return (lambda _: None) if quiet else show.tell_note


def open_cache(
    folder: str | None, limit: str | None, shared: str | None, note: Callable[[str], None]
) -> CacheOptions | None:
    """The cache, opened once to know before anything is rendered.

    Raises:
        CacheFault: the folder that the user chose cannot be used. One that nobody chose is done without.
    """
    found = cache_options(os.environ, folder=folder, limit=limit, shared=shared)
    try:
        if found is not None:
            found.open()
    except CacheFault as fault:
        if found is None or found.named:
            raise
        note(f"{fault.message} This run goes without a cache.")
        return None
    return found


def remote_of(options: ListOptions, cache: CacheOptions | None) -> RemoteOptions | None:
    """Which hosts rows may name; their files lie beside the cache, or in a folder that goes with the program.

    Raises:
        UsageError: a host is none.
    """

    def folder() -> Path:
        if cache is None:
            return Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-remote-"))
        return cache.folder.with_name(f"{cache.folder.name}-remote")

    return remote_options(options.allow_host or (), options.allow_private_host or (), folder)
