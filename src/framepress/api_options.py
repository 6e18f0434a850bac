"""The options of `render` and `render_many`: what there is, checked, and made into what a run takes."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, TypedDict

from framepress.cache_options import CacheOptions, cache_options
from framepress.errors import CacheFault, UsageError
from framepress.remote_files import RemoteOptions, remote_options
from framepress.settings import RenderSettings, RunLimits
from framepress.temporary_folders import TEMP_PREFIX, remove_folder
from framepress.workshop import (
    Workshop,
    render_settings,
    reuse_level,
    run_limits,
    seconds_option,
    worker_count,
)


class Options(TypedDict, total=False):
    """What both functions take; every one may be left out.

    Attributes:
        crf: 1 (finest) to 51; default 18. preset: x264's; default "veryfast".
        quality: "draft", "standard" or "high": CRF and preset in one word; those win over it.
        fps: over the composition's, such as 25 or "30000/1001".
        scale: smaller pictures: 0.5, or "720p" for the short side.
        locale, timezone, now: what the page reads; default "en-US", "UTC", "2000-01-01T00:00:00Z".
        system_fonts: this machine's fonts may be fallbacks.
        frame_timeout_s: seconds that a frame may take; default 30.
        workers: processes at once; default: by processors and memory.
        force: render what is stored already, and overwrite files that framepress did not make.
        poster_s: also write a JPEG of this moment (seconds) beside the clip. poster_button: with a play
            button.
        browser: the Chromium to use; default: FRAMEPRESS_BROWSER, else the first that is found.
        environ: environment in which it is looked for; default: that of this process.
        cache_dir: folder of finished clips and pieces; default: FRAMEPRESS_CACHE_DIR, else
            ``~/.cache/framepress``; "none": no cache. cache_limit: the size it is pruned to, such as "50GB".
        shared_cache: object store behind the cache, such as "s3://bucket/folder"; default:
            FRAMEPRESS_SHARED_CACHE.
        no_cache: render what is stored already, and use no cache.
        reuse: how far rows share what they have in common: "off", "frames", "segments" or "bands" (default);
            `environ`'s FRAMEPRESS_MAX_REUSE caps it.
        refresh_environment: render again what another browser, encoder or font made.
        allow_hosts: hosts whose pictures rows may name by https:, such as "cdn.example.com" or
            "*.example.com". allow_private_hosts: the same in the own network, also by http:.
        limits: all limits at once, over frame_timeout_s.
    """

    crf: int
    preset: str
    quality: str
    fps: int | str | Fraction
    scale: float | str
    locale: str
    timezone: str
    now: str
    system_fonts: bool
    frame_timeout_s: float
    workers: int
    force: bool
    poster_s: float | str | Fraction
    poster_button: bool
    browser: str | os.PathLike[str]
    environ: Mapping[str, str]
    cache_dir: str | os.PathLike[str]
    cache_limit: str
    shared_cache: str
    no_cache: bool
    reuse: str
    refresh_environment: bool
    allow_hosts: Sequence[str]
    allow_private_hosts: Sequence[str]
    limits: RunLimits


_SETTINGS = ("crf", "preset", "quality", "fps", "scale", "locale", "timezone", "now", "system_fonts")


class Checked:
    """Options, checked before anything is begun.

    Args:
        environ: the environment if the options give none.

    Raises:
        UsageError: there is no such option, or it cannot have that value.
    """

    def __init__(self, options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        unknown = sorted(set(options) - set(Options.__annotations__))
        if unknown:
            raise UsageError(f"There is no option {', '.join(unknown)}.", rule="unknown-option")
        self.settings: RenderSettings = render_settings(
            **{name: options[name] for name in _SETTINGS if name in options}
        )
        self.limits: RunLimits = options.get("limits") or run_limits(
            frame_timeout_s=options.get("frame_timeout_s", 30.0)
        )
        self.workers = worker_count(options.get("workers"))
        self.force = bool(options.get("force"))
        self.no_cache = bool(options.get("no_cache"))
        self.refresh_environment = bool(options.get("refresh_environment"))
        self.reuse = reuse_level(options.get("reuse"), options.get("environ", environ))
        self.poster_s = seconds_option(options.get("poster_s"), "poster_s")
        self.poster_button = bool(options.get("poster_button"))
        self._browser = options.get("browser")
        self._environ: Mapping[str, str] = options.get("environ", environ)
        self._hosts = (options.get("allow_hosts") or (), options.get("allow_private_hosts") or ())
        folder = options.get("cache_dir")
        self._cache = cache_options(
            self._environ,
            folder=os.fspath(folder) if folder is not None else None,
            limit=options.get("cache_limit"),
            shared=options.get("shared_cache"),
        )

    def cache(self) -> CacheOptions | None:
        """The cache, opened once to know before anything is rendered.

        Raises:
            CacheFault: the folder that the caller chose cannot be used.
        """
        if self.no_cache or self._cache is None:
            return None
        try:
            self._cache.open()
        except CacheFault as fault:
            if self._cache.named:
                raise
            warnings.warn(f"{fault.message} This run goes without a cache.", RuntimeWarning, stacklevel=4)
            return None
        return self._cache

    @contextmanager
    def remote(self, cache: CacheOptions | None) -> Iterator[RemoteOptions | None]:
        """Which hosts rows may name; their files lie beside the cache, or in a folder that goes afterwards.

        Raises:
            UsageError: a host is none.
        """
        with ExitStack() as stack:

            def folder() -> Path:
                if cache is not None:
                    return cache.folder.with_name(f"{cache.folder.name}-remote")
                made = tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-remote-")
                stack.callback(remove_folder, Path(made))
                return Path(made)

            yield remote_options(*self._hosts, folder)

    def workshop(self, composition: Path) -> Workshop:
        """What comes before a render of the composition."""
        return Workshop(
            composition,
            browser=os.fspath(self._browser) if self._browser is not None else None,
            environ=self._environ,
            system_fonts=self.settings.system_fonts,
        )
