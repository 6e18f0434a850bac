"""What the commands of `framepress cache` do."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from framepress.cache import Cache, CacheInfo, Freed
from framepress.cache_folder import CacheFolder
from framepress.cache_options import NO_FOLDER, CacheOptions, cache_options, parse_size
from framepress.cli import show
from framepress.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([smhdw])", re.IGNORECASE)
_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def info(folder: str | None, *, as_json: bool) -> None:
    """Show what the cache holds."""
    found = _open(folder).info()
    if as_json:
        show.print_json(json.dumps(_described(found)))
        return
    if found.count:
        show.console().print(_table(found))
    used = ""
    if found.oldest_ns is not None:
        used = f"; nothing has been unused for more than {_age(time.time() - found.oldest_ns / 1e9)}"
    _say(
        f"{found.folder}: {found.count:,} entries, {size_text(found.size_bytes)} of "
        f"{size_text(found.limit_bytes)}{used}."
    )


def prune(folder: str | None, *, limit: str | None, older_than: str | None, as_json: bool) -> None:
    """Make room, and say how much."""
    limit_bytes = parse_size(limit, "--limit") if limit is not None else None
    older_than_s = parse_age(older_than) if older_than is not None else None
    _tell_freed(_open(folder).prune(limit_bytes, older_than_s), as_json=as_json)


def clear(folder: str | None, *, as_json: bool) -> None:
    """Empty the cache, also one of another version."""
    if CacheFolder(_options(folder).folder).empty_other_version():
        _say("It was a cache of another version of framepress, and is empty now.")
    _tell_freed(_open(folder).clear(), as_json=as_json)


def verify(folder: str | None, *, as_json: bool) -> int:
    """Read everything; the exit code is 1 if something was damaged."""
    with _progress(quiet=as_json) as told:
        outcome = _open(folder).verify(told)
    if as_json:
        show.print_json(json.dumps(dataclasses.asdict(outcome)))
    elif outcome.damaged_count:
        _say(
            f"{outcome.damaged_count:,} of {outcome.count:,} entries were damaged and are taken out; they "
            "are made again when they are needed. Is the disk failing?"
        )
    else:
        _say(f"{outcome.count:,} entries, {size_text(outcome.size_bytes)}: all whole.")
    return 1 if outcome.damaged_count else 0


# ---- inside -------------------------------------------------------------------------------------


def _options(folder: str | None) -> CacheOptions:
    found = cache_options(os.environ, folder=folder)
    if found is None:
        raise UsageError(
            f"There is no cache: --cache-dir or FRAMEPRESS_CACHE_DIR is {NO_FOLDER}, or there is no home "
            "folder. Name one with --cache-dir.",
            rule="no-cache",
        )
    return dataclasses.replace(found, named=True, shared=None)


def _open(folder: str | None) -> Cache:
    options = _options(folder)
    if not Path(options.folder).exists():
        raise UsageError(f"{options.folder}: there is no cache yet.", rule="no-cache")
    return options.open()


def _described(found: CacheInfo) -> dict[str, object]:
    return {
        "folder": str(found.folder),
        "limit_bytes": found.limit_bytes,
        "count": found.count,
        "size_bytes": found.size_bytes,
        "kinds": {name: dataclasses.asdict(kind) for name, kind in found.kinds.items()},
        "oldest_use": found.oldest_ns // 1_000_000_000 if found.oldest_ns is not None else None,
    }


def _table(found: CacheInfo) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("kind")
    table.add_column("entries", justify="right")
    table.add_column("size", justify="right")
    for name, kind in found.kinds.items():
        table.add_row(name, f"{kind.count:,}", size_text(kind.size_bytes))
    return table


def _tell_freed(freed: Freed, *, as_json: bool) -> None:
    if as_json:
        show.print_json(json.dumps(dataclasses.asdict(freed)))
        return
    held = f" {freed.held_count:,} are in use and stay." if freed.held_count else ""
    _say(f"Freed {size_text(freed.size_bytes)} in {freed.count:,} entries.{held}")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal."""
    console = show.console()
    if quiet or not console.is_terminal:
        yield lambda _, __: None
        return
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def parse_age(text: str) -> float:
    """Seconds from an age such as 12h or 30d.

    Raises:
        UsageError: it is none.
    """
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f'--older-than is "{text}"; expected an age, such as 12h or 30d.', rule="age")
    return float(match[1]) * _AGE_UNITS[match[2].lower()]


def _age(seconds: float) -> str:
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return "two minutes"


def size_text(size_bytes: int) -> str:
    """Bytes for a person."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:,.1f} {name}"
    return f"{size_bytes} bytes"


def _say(text: str) -> None:
    show.console().print(text, markup=False)
