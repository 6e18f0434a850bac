"""framepress from Python: `render` one clip, `render_many` clips of a list.

The same machinery as the command line: worker processes with warm browsers, finished clips found again by
their row key, temporary files removed however it ends. Names are those of the command line's options. Like
`cli`, this module is at the rim and reads the environment of the process, where it looks for the browser.

Workers are processes of their own and do not import the caller's program, so a script needs no
``if __name__ == "__main__"``.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, TypedDict, Unpack

from framepress.batch import Batch, BatchRequest, Progress
from framepress.cache_options import CacheOptions, cache_options
from framepress.composition_loading import load_composition
from framepress.declarations import FORMAT_NAME
from framepress.errors import CacheFault, UsageError
from framepress.output_formats import parse_formats
from framepress.provenance import Demands
from framepress.remote_files import RemoteOptions, remote_options
from framepress.results import RowResult
from framepress.row_binding import BindingOptions
from framepress.rows.given import as_read
from framepress.rows.select import parse_only, parse_row_ranges
from framepress.settings import RenderSettings, RunLimits
from framepress.single import SingleRender, SingleRequest
from framepress.temporary_folders import TEMP_PREFIX, remove_folder
from framepress.workshop import (
    Workshop,
    render_settings,
    reuse_level,
    run_limits,
    seconds_option,
    worker_count,
)

Rows = str | os.PathLike[str] | Iterable[Mapping[str, object]]


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


def render(
    composition: str | os.PathLike[str],
    out: str | os.PathLike[str],
    values: Mapping[str, object] | None = None,
    *,
    format: str | None = None,
    **options: Unpack[Options],
) -> RowResult:
    """Render one clip.

        from framepress import render

        result = render("card.html", "asha.mp4", {"name": "Asha", "points": 1284}, quality="draft")
        print(result.frames, "frames in", result.seconds.total, "s")

    Args:
        composition: an HTML file, or a folder with ``index.html``.
        out: the file. If it is there and shows the same, it stays; if the cache has it, it is copied from
            there (`RowResult.path` is "stored").
        values: variable to str, number, bool or None; what is left out has its default.
        format: such as "9:16" or "1080x1920", if the composition has it; None: as composed.

    Raises:
        UsageError, InputError: composition, values or options are wrong. EnvironmentFault: no browser, no
            space. RowFailure: the page could not be rendered. Nothing was written.
    """
    path = Path(composition)
    checked = _Checked(options)
    load_composition(path)
    cache = checked.cache()
    with checked.workshop(path) as browser, checked.remote(cache) as remote:
        request = SingleRequest(
            composition=path,
            values={
                **{name: _value(name, value) for name, value in (values or {}).items()},
                **({FORMAT_NAME: parse_formats([format])[0]} if format is not None else {}),
            },
            out=Path(out),
            settings=checked.settings,
            limits=checked.limits,
            browser=browser,
            workers=checked.workers,
            force=checked.force,
            again=checked.no_cache,
            cache=cache,
            remote=remote,
            demands=Demands(max_reuse=checked.reuse),
            refresh_environment=checked.refresh_environment,
            poster_s=checked.poster_s,
            poster_button=checked.poster_button,
            place="values",
        )
        return SingleRender(request, on_note=_warn).run()


def render_many(
    composition: str | os.PathLike[str],
    rows: Rows,
    *,
    encoding: str | None = None,
    query: str | None = None,
    out_dir: str | os.PathLike[str] = "out",
    column_map: Mapping[str, str] | None = None,
    use_default: Iterable[str] = (),
    id_column: str | None = None,
    locale_column: str | None = None,
    out_name: str | None = None,
    formats: Sequence[str] = (),
    skip_bad_rows: bool = False,
    only_rows: str | None = None,
    only: str | None = None,
    retry_failed: bool = False,
    results: str | os.PathLike[str] | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    **options: Unpack[Options],
) -> Generator[RowResult, None, None]:
    """Render a clip per row, and yield what became of each as rows end.

        from framepress import render_many

        people = [{"name": "Asha", "points": 1284}, {"name": "Ben", "points": 730}]
        for result in render_many("card.html", people, out_dir="clips", out_name="{name}.mp4", workers=2):
            print(result.row, result.status, result.out or result.error["message"])

    Nothing happens before the first result is asked for. A caller that stops asking should close the iterator
    (`contextlib.closing`); workers end then. Finished clips are kept in any case, and the same call goes on
    where the last one stopped.

    Args:
        composition: an HTML file, or a folder with ``index.html``.
        rows: a list as `--variants` takes it (a file, a pattern of files, a query over files, the URL of a
            database), or mappings of column to str, number, bool or None. They are read once, to the end,
            before the first row is rendered.
        encoding: of a text list; None: it is found out. query: what is read from a database.
        out_dir: folder of the clips.
        column_map: variable to column, where they differ.
        use_default: variables whose default may stand in for a column that the list lacks.
        id_column: the column that names a row in results.
        locale_column: the column that says each row's language, such as "de-DE".
        out_name: file names of rows without "out": ``{column}``, ``{@row}``, ``{@key}``, ``{@format}``.
        formats: in which every row is rendered, such as "9:16" or "1080x1920"; empty: as composed.
        skip_bad_rows: a row with a bad value becomes a failed result; otherwise it stops the run at once.
        only_rows: ``"5,17-20"``. only: ``"COLUMN=VALUE"``.
        retry_failed: only rows that failed in an earlier call of the same composition, rows file and folder.
        results: also write a CSV of all rows with what became of them.
        on_progress: called now and then, in this thread.

    Yields:
        One result per row; `status` "failed" with `error` if there is no clip.

    Raises:
        UsageError, InputError: composition, rows or options are wrong; nothing was rendered.
        EnvironmentFault: the run cannot go on (no browser, disk full).
    """
    path = Path(composition)
    checked = _Checked(options)
    file = os.fspath(rows) if isinstance(rows, str | os.PathLike) else None
    given = None if isinstance(rows, str | os.PathLike) else rows
    load_composition(path)
    cache = checked.cache()
    with checked.workshop(path) as browser, checked.remote(cache) as remote:
        request = BatchRequest(
            composition=path,
            rows=file,
            encoding=encoding,
            query=query,
            out_dir=Path(out_dir),
            binding=BindingOptions(
                column_map=dict(column_map or {}),
                use_default=tuple(use_default),
                id_column=id_column,
                locale_column=locale_column,
                out_name=out_name,
                formats=parse_formats(formats),
                skip_bad_rows=skip_bad_rows,
                row_ranges=parse_row_ranges(only_rows) if only_rows is not None else None,
                only=parse_only(only) if only is not None else None,
                poster_s=checked.poster_s,
                poster_button=checked.poster_button,
            ),
            settings=checked.settings,
            limits=checked.limits,
            browser=browser,
            workers=checked.workers,
            force=checked.force,
            again=checked.no_cache,
            cache=cache,
            remote=remote,
            reuse=checked.reuse,
            demands=Demands(max_reuse=checked.reuse),
            refresh_environment=checked.refresh_environment,
            retry_failed=retry_failed,
            results=Path(results) if results is not None else None,
        )
        with Batch(request, given=given, on_progress=on_progress, on_note=_warn) as batch:
            batch.prepare()
            yield from batch.results()


_SETTINGS = ("crf", "preset", "quality", "fps", "scale", "locale", "timezone", "now", "system_fonts")


class _Checked:
    """Options, checked before anything is begun."""

    def __init__(self, options: Mapping[str, Any]) -> None:
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
        self.reuse = reuse_level(options.get("reuse"), options.get("environ", os.environ))
        self.poster_s = seconds_option(options.get("poster_s"), "poster_s")
        self.poster_button = bool(options.get("poster_button"))
        self._browser = options.get("browser")
        self._environ: Mapping[str, str] = options.get("environ", os.environ)
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
        return Workshop(
            composition,
            browser=os.fspath(self._browser) if self._browser is not None else None,
            environ=self._environ,
            system_fonts=self.settings.system_fonts,
        )


def _warn(note: str) -> None:
    warnings.warn(note, RuntimeWarning, stacklevel=3)


def _value(name: str, value: object) -> object:
    try:
        return as_read(value)
    except ValueError as exc:
        raise UsageError(f'values: "{name}" is {exc}; expected text or a number.', rule="type") from exc
