"""framepress from Python: `render` one clip, `render_many` clips of a list.

The same machinery as the command line: worker processes with warm browsers, finished clips found again by
their row key, temporary files removed however it ends. Names are those of the command line's options. Like
`cli`, this module is at the rim and reads the environment of the process, where it looks for the browser.

Workers are processes of their own and do not import the caller's program, so a script needs no
``if __name__ == "__main__"``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from framepress.api_options import Checked, Options
from framepress.batch import Batch
from framepress.batch_request import BatchRequest, Progress
from framepress.composition_loading import load_composition
from framepress.declarations import FORMAT_NAME
from framepress.errors import UsageError
from framepress.output_formats import parse_formats
from framepress.provenance import Demands
from framepress.results import RowResult
from framepress.row_binding import BindingOptions
from framepress.rows.given import as_read
from framepress.rows.select import parse_only, parse_row_ranges
from framepress.single import SingleRender
from framepress.single_request import SingleRequest

Rows = str | os.PathLike[str] | Iterable[Mapping[str, object]]


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
    checked = Checked(options, os.environ)
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
    checked = Checked(options, os.environ)
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


def _warn(note: str) -> None:
    warnings.warn(note, RuntimeWarning, stacklevel=3)


def _value(name: str, value: object) -> object:
    try:
        return as_read(value)
    except ValueError as exc:
        raise UsageError(f'values: "{name}" is {exc}; expected text or a number.', rule="type") from exc
