"""What `framepress render` does, once it is known what was asked for."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from framepress.batch import Batch
from framepress.batch_request import BatchRequest
from framepress.blobs import is_bucket_url
from framepress.browser import BrowserOptions
from framepress.bundle_folder import local_composition
from framepress.cache_options import CacheOptions
from framepress.cli import show
from framepress.cli.approving import require_approval
from framepress.cli.arguments import parse_pairs, parse_values, read_values
from framepress.cli.listing import binding_of, note_of, open_cache, remote_of, settings_of, skips_bad_rows
from framepress.cli.render import Options
from framepress.composition_loading import load_composition
from framepress.errors import UsageError
from framepress.output_formats import parse_formats
from framepress.provenance import Demands
from framepress.remote_files import RemoteOptions
from framepress.results import RowResult
from framepress.settings import RenderSettings, RunLimits
from framepress.single import SingleRender, render_to_stream
from framepress.single_request import SingleRequest, in_format
from framepress.state import state_folder
from framepress.stores import place_option
from framepress.temporary_folders import remove_folders_of
from framepress.workshop import (
    Workshop,
    reuse_level,
    run_limits,
    seconds_option,
    worker_count,
)


@dataclass(frozen=True)
class _Common:
    """What both kinds of render need, checked."""

    composition: Path
    settings: RenderSettings
    limits: RunLimits
    browser: BrowserOptions
    workers: int
    poster_s: Fraction | None
    cache: CacheOptions | None
    remote: RemoteOptions | None


def run(options: Options) -> int:
    """Render what was asked for and return the exit code. Everything is checked before a browser is sought.

    Raises:
        FramepressError: the run did not begin, or cannot go on.
    """
    try:
        return _run(options)
    finally:
        # A signal may have come between the making of a folder and the note of its name.
        remove_folders_of(os.getpid())


def _run(options: Options) -> int:
    with local_composition(str(options.composition)) as composition:
        return _run_local(replace(options, composition=composition))


def _with_list_output(options: Options) -> Options:
    """``--output "renders/{name}.mp4"`` of a list, as in HyperFrames, is a folder and a pattern."""
    pattern = options.out
    if options.variants is None or not pattern or "{" not in pattern:
        return options
    folder, _, name = pattern.rpartition("/") if "{" not in pattern.rpartition("/")[0] else ("", "", pattern)
    if options.out_dir is not None or options.out_name is not None:
        raise UsageError(
            "--output with {placeholders} names the folder and the files of a list; leave --out-dir and "
            "--out-name out.",
            rule="output-twice",
        )
    name = name.replace("{index}", "{@index}")
    return replace(options, out=None, out_dir=folder or ".", out_name=name)


def _run_local(options: Options) -> int:
    options = _with_list_output(options)
    settings = settings_of(options)
    limits = run_limits(frame_timeout_s=options.frame_timeout)
    reuse = reuse_level(options.reuse, os.environ)
    poster_s = seconds_option(options.poster, "--poster")
    workers = worker_count(options.workers)
    _refuse_mixed(options)
    binding = replace(
        binding_of(options, options.formats),
        out_name=options.out_name,
        skip_bad_rows=skips_bad_rows(options.bad_rows),
        poster_s=poster_s,
        poster_button=options.poster_button,
    )
    values = _single_values(options)
    still_s = seconds_option(options.still, "--still")
    load_composition(options.composition)
    cache = None
    if not options.no_cache:
        note = note_of(quiet=options.quiet)
        cache = open_cache(options.cache_dir, options.cache_limit, options.shared_cache, note)
    remote = remote_of(options, cache)
    workshop = Workshop(
        options.composition,
        browser=options.browser,
        environ=os.environ,
        system_fonts=options.system_fonts,
    )
    with workshop as browser:
        if not browser.begin_frame and not options.quiet:
            show.tell_note(
                f"{browser.path.name} does not draw on request, so pictures are taken of what it draws by "
                "its own clock: right, but slower. `framepress doctor --install` gets a headless shell."
            )
        common = _Common(options.composition, settings, limits, browser, workers, poster_s, cache, remote)
        if options.variants is None:
            _render_single(options, common, values, still_s)
            return 0
        request = BatchRequest(
            composition=common.composition,
            rows=options.variants,
            out_dir=place_option(options.out_dir or "out"),
            binding=binding,
            settings=settings,
            limits=limits,
            browser=browser,
            workers=workers,
            force=options.force,
            again=options.no_cache,
            retry_failed=options.retry_failed,
            results=options.results,
            ledger_dir=state_folder(os.environ) if is_bucket_url(options.out_dir or "") else None,
            cache=cache,
            demands=Demands(max_reuse=reuse),
            reuse=reuse,
            refresh_environment=options.refresh_environment,
            remote=common.remote,
            encoding=options.encoding,
            query=options.query,
        )
        return _render_list(options, request)


def _render_list(options: Options, request: BatchRequest) -> int:
    kept: list[RowResult] = []
    failed = 0
    with show.Reporter(quiet=options.quiet or options.json_) as reporter:
        note = note_of(quiet=options.quiet) if options.json_ else reporter.note
        with Batch(request, on_progress=reporter.batch, on_note=note) as batch:
            batch.prepare()
            if options.require_approval is not None:
                require_approval(
                    options.require_approval,
                    batch,
                    request.browser,
                    request.workers,
                    reporter.step,
                    note,
                )
            for result in batch.results():
                if options.json_:
                    show.print_json(result.model_dump_json())
                failed += result.error is not None
                if len(kept) < show.ROWS_LISTED_MAX or (result.error and failed <= show.FAILED_LISTED_MAX):
                    kept.append(result)
        summary = batch.summary()
    if options.json_:
        show.print_json(summary.model_dump_json())
    if not options.quiet and not options.json_:
        show.tell_run(kept, summary)
    elif failed:
        show.tell_failed(kept, failed)
    return summary.exit_code


def _render_single(
    options: Options, common: _Common, values: dict[str, object], still_s: Fraction | None
) -> None:
    out = options.out
    suffix = ".png" if still_s is not None else ".mp4"
    stem = common.composition.resolve()
    default = f"{stem.name if stem.is_dir() else stem.stem}{suffix}"
    formats = parse_formats(options.formats)
    if out == "-" and len(formats) > 1:
        raise UsageError(
            f"--out - is one clip, and --formats names {len(formats)}; give --out a file.", rule="out-formats"
        )
    request = SingleRequest(
        composition=common.composition,
        values=values,
        out=Path(default if out is None or out == "-" else out),
        settings=common.settings,
        limits=common.limits,
        browser=common.browser,
        workers=common.workers,
        force=options.force,
        again=options.no_cache,
        cache=common.cache,
        refresh_environment=options.refresh_environment,
        poster_s=common.poster_s,
        poster_button=options.poster_button,
        column_map=parse_pairs(options.map_ or (), "--map"),
        remote=common.remote,
    )
    composition = load_composition(request.composition)
    for name in formats:
        # Before the first clip: the composition has them all.
        composition.in_format(name)
    for one in [in_format(request, name) for name in formats] or [request]:
        _render_one(options, one, still_s, to_stream=out == "-")


def _render_one(
    options: Options, request: SingleRequest, still_s: Fraction | None, *, to_stream: bool
) -> None:
    with show.Reporter(quiet=options.quiet or options.json_) as reporter:
        if still_s is not None:
            result = _render_still(request, still_s, to_stream=to_stream)
        elif to_stream:
            result = render_to_stream(
                request, sys.stdout.buffer, on_progress=reporter.single, on_note=note_of(quiet=options.quiet)
            )
        else:
            result = SingleRender(
                request, on_progress=reporter.single, on_note=note_of(quiet=options.quiet)
            ).run()
    if options.json_:
        show.print_json(result.model_dump_json())
    elif not options.quiet:
        show.tell_single(result)


def _render_still(request: SingleRequest, still_s: Fraction, *, to_stream: bool) -> RowResult:
    single = SingleRender(request)
    if not to_stream:
        return single.publish_still(still_s)
    result, png = single.still(still_s)
    sys.stdout.buffer.write(png)
    sys.stdout.buffer.flush()
    return result


def _refuse_mixed(options: Options) -> None:
    """Options of a list and options of a single clip exclude each other."""
    if options.variants is None:
        _refuse_list_options(options)
    elif options.out is not None or options.vars_ or options.vars_file or options.variables or options.still:
        raise UsageError(
            "--variants renders a list; --out, --vars, --vars-file, --variables and --still are for a single "
            "clip. Use --out-dir and --out-name, and --rows 5 for one row of a list.",
            rule="variants-and-vars",
        )
    if options.out == "-" and options.json_:
        raise UsageError(
            "--out - and --json would share standard output; give --out a file.", rule="out-json"
        )
    if options.out == "-" and options.poster:
        raise UsageError("--poster lies beside its clip; give --out a file.", rule="out-poster")
    if options.still and options.poster:
        raise UsageError("--still is one picture and has no poster; leave --poster out.", rule="still-poster")


def _refuse_list_options(options: Options) -> None:
    given = {
        "--out-dir": options.out_dir is not None,
        "--out-name": options.out_name is not None,
        "--encoding": options.encoding is not None,
        "--query": options.query is not None,
        "--id": options.id_column is not None,
        "--locale-column": options.locale_column is not None,
        "--use-default": bool(options.use_default),
        "--rows": options.rows is not None,
        "--only": options.only is not None,
        "--retry-failed": options.retry_failed,
        "--results": options.results is not None,
        "--bad-rows": options.bad_rows != "stop",
        "--require-approval": options.require_approval is not None,
    }
    named = [name for name, is_given in given.items() if is_given]
    if named:
        raise UsageError(
            f"{', '.join(named)}: only for a list of rows; add --variants FILE.", rule="list-option"
        )


def _single_values(options: Options) -> dict[str, object]:
    """Later ways of giving a value win: the file, then the JSON text, then single ones."""
    values: dict[str, object] = {}
    if options.vars_file is not None:
        values |= read_values(options.vars_file, "--vars-file")
    if options.variables is not None:
        values |= parse_values(options.variables, "--variables")
    return values | parse_pairs(options.vars_ or (), "--vars")
