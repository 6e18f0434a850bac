"""Which cache a run uses: from options and the environment to a `Cache`, in the parent and in its workers."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from framepress.cache import Cache
from framepress.errors import CacheFault, UsageError
from framepress.shared_cache import SharedCache, SharedOptions, check_url
from framepress.temporary_folders import TEMP_PREFIX, remove_folder

#: Instead of a folder: no cache at all. A folder of that name is ``./none``.
NO_FOLDER = "none"

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kMGT]?)i?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True)
class CacheOptions:
    """How to open the cache; data only, for workers too.

    Attributes:
        folder: of the cache.
        limit_bytes: None: the default of `Cache`.
        named: the user chose the folder; one that cannot be used is then an error.
        shared: a second level; None: there is none.
    """

    folder: Path
    limit_bytes: int | None = None
    named: bool = False
    shared: SharedOptions | None = None

    def open(self, warn: Callable[[str], None] = lambda _: None) -> Cache:
        """Open the cache; nothing is asked of a second level yet.

        Args:
            warn: called once if the second level has to be given up.

        Raises:
            CacheFault: the folder cannot be used.
        """
        shared = SharedCache(self.shared, warn) if self.shared is not None else None
        return Cache(self.folder, limit_bytes=self.limit_bytes, shared=shared)


def cache_options(
    environ: Mapping[str, str],
    *,
    folder: str | None = None,
    limit: str | None = None,
    shared: str | None = None,
) -> CacheOptions | None:
    """The cache of a run; None: none is wanted, or there is no place for one.

    Args:
        environ: looked at for FRAMEPRESS_CACHE_DIR, FRAMEPRESS_CACHE_LIMIT and FRAMEPRESS_SHARED_CACHE, which
            the arguments win over, then XDG_CACHE_HOME and HOME.
        folder: `NO_FOLDER` means none.
        limit: such as ``50GB``.
        shared: address of an object store.

    Raises:
        UsageError: the limit is no size, or the address none of a store.
    """
    limit = limit or environ.get("FRAMEPRESS_CACHE_LIMIT") or None
    limit_bytes = parse_size(limit, "--cache-limit") if limit is not None else None
    chosen = folder or environ.get("FRAMEPRESS_CACHE_DIR") or None
    level = _shared_options(environ, shared or environ.get("FRAMEPRESS_SHARED_CACHE") or None)
    if chosen == NO_FOLDER:
        return None
    if chosen is not None:
        return CacheOptions(Path(chosen).absolute(), limit_bytes, named=True, shared=level)
    default = default_folder(environ)
    return CacheOptions(default, limit_bytes, shared=level) if default is not None else None


def _shared_options(environ: Mapping[str, str], url: str | None) -> SharedOptions | None:
    if url is None:
        return None
    check_url(url)
    return SharedOptions(url, allow_http=environ.get("AWS_ENDPOINT_URL", "").startswith("http://"))


def default_folder(environ: Mapping[str, str]) -> Path | None:
    """Where the cache is if nobody says otherwise; None: the user has no home.

    Source: XDG Base Directory Specification (a relative XDG_CACHE_HOME is to be ignored).
    """
    named = environ.get("XDG_CACHE_HOME", "")
    if named.startswith("/"):
        return Path(named, "framepress")
    home = environ.get("HOME", "")
    return Path(home, ".cache", "framepress") if home.startswith("/") else None


def open_if_usable(
    options: CacheOptions | None, warn: Callable[[str], None] = lambda _: None
) -> Cache | None:
    """The cache of a run that has begun; None: there is none, or it has become unusable since.

    The run does not end for it: whatever is not found is made.
    """
    try:
        return options.open(warn) if options is not None else None
    except CacheFault:
        return None


def cache_or_folder(options: CacheOptions | None, stack: ExitStack) -> CacheOptions | None:
    """The cache that is meant for what rows share, or a temporary folder; None: there is no room for one.

    Args:
        stack: at its end the folder goes.
    """
    if open_if_usable(options) is not None:
        return options
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-pieces-"))
    except OSError:
        return None
    stack.callback(remove_folder, folder)
    return CacheOptions(folder)


def parse_size(text: str, option: str) -> int:
    """Bytes from a size such as 50GB, 1.5T or 1000000.

    Raises:
        UsageError: it is none.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f'{option} is "{text}"; expected a size, such as 50GB or 800MB.', rule="size")
    return int(float(match[1]) * _UNITS[match[2].lower()])
