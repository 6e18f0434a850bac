"""`framepress render`: one clip, or one per row of a list."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer
from pydantic import ValidationError

from framepress.batch import Batch, BatchRequest
from framepress.browser import TEMP_PREFIX, BrowserOptions, default_sandbox, remove_folder
from framepress.chromium import find_browser
from framepress.cli import show
from framepress.cli.arguments import (
    choice,
    fps_option,
    parse_pairs,
    parse_values,
    read_values,
    seconds_option,
)
from framepress.composition import load_composition
from framepress.errors import UsageError
from framepress.fontconfig import write_fontconfig
from framepress.machine import default_workers, read_machine
from framepress.results import RowResult
from framepress.row_binding import BindingOptions
from framepress.rows.select import parse_only, parse_row_ranges
from framepress.settings import QUALITIES, RenderSettings, RunLimits
from framepress.settings import Preset as PresetName
from framepress.single import SingleRender, SingleRequest, render_to_stream

EXAMPLES = """Examples:

  framepress render card.html --out asha.mp4 --vars name=Asha points=1284

  framepress render card.html --variants people.csv --out-dir out/ --workers 4

  framepress render card.html --variants people.csv --out-name "{user_id}.mp4" --results results.csv

  framepress render card.html --still 2.5 --out look.png --vars name=Asha

  cat people.jsonl | framepress render card.html --variants - --json | tee -a render.log
"""

Composition = Annotated[
    Path, typer.Argument(help="HTML file, or a folder with index.html.", show_default=False)
]
Out = Annotated[
    str | None,
    typer.Option("--out", "--output", "-o", help="File of a single clip; - is standard output."),
]
Vars = Annotated[
    list[str] | None,
    typer.Option("--vars", metavar="K=V ...", help="Values of a single clip, up to the next option."),
]
VarsFile = Annotated[
    Path | None,
    typer.Option("--vars-file", "--variables-file", help="Values of a single clip, a JSON object."),
]
Variables = Annotated[
    str | None, typer.Option("--variables", metavar="JSON", help="Values of a single clip as JSON text.")
]
Variants = Annotated[
    str | None,
    typer.Option(
        "--variants",
        "--batch",
        metavar="FILE",
        help="List of rows: JSON, JSON Lines or CSV; - is standard input.",
    ),
]
OutDir = Annotated[
    Path | None, typer.Option("--out-dir", help="Folder of the clips of a list.  [default: out]")
]
OutName = Annotated[
    str | None,
    typer.Option(help='File names of rows without "out": {column}, {@row}, {@key}.  [default: {@key}.mp4]'),
]
IdColumn = Annotated[
    str | None, typer.Option("--id", metavar="COLUMN", help="Column that names a row in results.")
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=COLUMN", help="Take a variable from another column."),
]
UseDefault = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Take the default of a variable that the list has no column for."),
]
BadRows = Annotated[str, typer.Option(metavar="stop|skip", help="What rows that break a rule do to the run.")]
Rows = Annotated[str | None, typer.Option("--rows", metavar="5,17-20", help="Only these rows.")]
Only = Annotated[
    str | None, typer.Option("--only", metavar="COLUMN=VALUE", help="Only rows with this value.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Only rows that failed in the last run.")]
Force = Annotated[
    bool, typer.Option("--force", help="Render what is there already; overwrite foreign files.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=256, help="Processes at once.  [default: by processors and memory]")
]
Crf = Annotated[
    int | None, typer.Option(min=1, max=51, help="x264's rate factor, lower is finer.  [default: 18]")
]
Preset = Annotated[str | None, typer.Option(help="x264's preset.  [default: veryfast]")]
Quality = Annotated[
    str | None,
    typer.Option(metavar="draft|standard|high", help="CRF and preset in one word; they win over it."),
]
Fps = Annotated[str | None, typer.Option(help="Frames per second, over data-fps.")]
Scale = Annotated[
    str | None, typer.Option(metavar="0.5|720p", help="Smaller pictures: a factor, or the short side.")
]
Still = Annotated[str | None, typer.Option(metavar="T", help="One moment as PNG instead of a clip; seconds.")]
Poster = Annotated[
    str | None, typer.Option(metavar="T", help="A JPEG of one moment beside each clip; seconds.")
]
PosterButton = Annotated[bool, typer.Option("--poster-button", help="Draw a play button on posters.")]
Results = Annotated[Path | None, typer.Option(help="Write the list with what became of each row, as CSV.")]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object per row on standard output, then a summary.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but errors.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Render every row, whatever is stored.")]
Locale = Annotated[str, typer.Option(help="Language of dates and numbers in the page.")]
Timezone = Annotated[str, typer.Option(help="Time zone of dates in the page.")]
Now = Annotated[str, typer.Option(help="What the page's clock reads at frame 0, ISO 8601.")]
SystemFonts = Annotated[bool, typer.Option("--system-fonts", help="Allow this machine's fonts as fallbacks.")]
FrameTimeout = Annotated[float, typer.Option(min=1, help="Seconds a frame may take.")]
BrowserPath = Annotated[
    str | None, typer.Option("--browser", help="Chromium to use.", envvar="FRAMEPRESS_BROWSER")
]
Strict = Annotated[bool, typer.Option("--strict-variables", hidden=True)]


@dataclass(frozen=True)
class _Common:
    """What both kinds of render need."""

    composition: Path
    settings: RenderSettings
    limits: RunLimits
    browser: BrowserOptions
    workers: int
    quiet: bool
    json: bool


def render(
    composition: Composition,
    out: Out = None,
    vars_: Vars = None,
    vars_file: VarsFile = None,
    variables: Variables = None,
    variants: Variants = None,
    out_dir: OutDir = None,
    out_name: OutName = None,
    id_column: IdColumn = None,
    map_: Map = None,
    use_default: UseDefault = None,
    bad_rows: BadRows = "stop",
    rows: Rows = None,
    only: Only = None,
    retry_failed: RetryFailed = False,
    force: Force = False,
    workers: Workers = None,
    crf: Crf = None,
    preset: Preset = None,
    quality: Quality = None,
    fps: Fps = None,
    scale: Scale = None,
    still: Still = None,
    poster: Poster = None,
    poster_button: PosterButton = False,
    results: Results = None,
    json_: Json = False,
    quiet: Quiet = False,
    no_cache: NoCache = False,
    locale: Locale = "en-US",
    timezone: Timezone = "UTC",
    now: Now = "2000-01-01T00:00:00Z",
    system_fonts: SystemFonts = False,
    frame_timeout: FrameTimeout = 30.0,
    browser: BrowserPath = None,
    strict_variables: Strict = False,
) -> None:
    """Render a composition to MP4: one clip with --vars, or one per row with --variants."""
    del strict_variables  # Always strict: a variable that nobody declared is an error.
    settings = _settings(
        crf=crf,
        preset=preset,
        quality=quality,
        fps=fps_option(fps),
        scale=scale,
        locale=locale,
        timezone=timezone,
        now=now,
        system_fonts=system_fonts,
    )
    if variants is None:
        _refuse_list_options(out_dir, out_name, id_column, use_default, rows, only, retry_failed, results)
    elif out is not None or vars_ or vars_file or variables or still:
        raise UsageError(
            "--variants renders a list; --out, --vars, --vars-file and --still are for a single clip. Use "
            "--out-dir and --out-name, and --rows 5 for one row of a list.",
            rule="variants-and-vars",
        )
    values = _single_values(vars_, vars_file, variables)
    load_composition(composition)
    with _Workshop(composition, browser, system_fonts) as browser_options:
        common = _Common(
            composition,
            settings,
            RunLimits(frame_timeout_s=frame_timeout),
            browser_options,
            workers or _workers_default(),
            quiet,
            json_,
        )
        if variants is None:
            poster_s = seconds_option(poster, "--poster")
            _render_single(
                common,
                values,
                out,
                seconds_option(still, "--still"),
                poster_s,
                poster_button,
                force or no_cache,
            )
            return
        binding = BindingOptions(
            column_map=parse_pairs(map_ or (), "--map"),
            use_default=tuple(use_default or ()),
            id_column=id_column,
            out_name=out_name,
            skip_bad_rows=choice(bad_rows, ("stop", "skip"), "--bad-rows") == "skip",
            row_ranges=parse_row_ranges(rows) if rows else None,
            only=parse_only(only) if only else None,
            poster_s=seconds_option(poster, "--poster"),
            poster_button=poster_button,
        )
        request = BatchRequest(
            composition=composition,
            rows=variants,
            out_dir=out_dir or Path("out"),
            binding=binding,
            settings=settings,
            limits=common.limits,
            browser=browser_options,
            workers=common.workers,
            force=force or no_cache,
            retry_failed=retry_failed,
            results=results,
        )
        code = _render_list(request, common)
    raise typer.Exit(code)


def _render_list(request: BatchRequest, common: _Common) -> int:
    kept: list[RowResult] = []
    failed = 0
    with show.Reporter(quiet=common.quiet or common.json) as reporter:
        with Batch(request, on_progress=reporter.batch) as batch:
            batch.prepare()
            for result in batch.results():
                if common.json:
                    show.print_json(result.model_dump_json())
                failed += result.error is not None
                if len(kept) < show.ROWS_LISTED_MAX or (result.error and failed <= show.FAILED_LISTED_MAX):
                    kept.append(result)
        summary = batch.summary()
    if common.json:
        show.print_json(summary.model_dump_json())
    if not common.quiet and not common.json:
        show.tell_run(kept, summary)
    elif failed:
        for result in kept:
            if result.error is not None:
                show.tell_error(f"row {result.id}: {result.error.get('message', '')}")
    return summary.exit_code


def _render_single(
    common: _Common,
    values: dict[str, object],
    out: str | None,
    still_s: Any,
    poster_s: Any,
    poster_button: bool,
    force: bool,
) -> None:
    suffix = ".png" if still_s is not None else ".mp4"
    stem = common.composition.resolve()
    default = f"{stem.name if stem.is_dir() else stem.stem}{suffix}"
    request = SingleRequest(
        composition=common.composition,
        values=values,
        out=Path(default if out is None or out == "-" else out),
        settings=common.settings,
        limits=common.limits,
        browser=common.browser,
        workers=common.workers,
        force=force,
        poster_s=poster_s,
        poster_button=poster_button,
    )
    with show.Reporter(quiet=common.quiet or common.json) as reporter:
        if still_s is not None:
            _render_still(request, still_s, out)
            return
        if out == "-":
            if common.json:
                raise UsageError(
                    "--out - and --json would share standard output; give --out a file.", rule="out-json"
                )
            result = render_to_stream(request, sys.stdout.buffer, on_progress=reporter.single)
        else:
            result = SingleRender(request, on_progress=reporter.single).run()
    if common.json:
        show.print_json(result.model_dump_json())
    elif not common.quiet:
        show.tell_single(result)


def _render_still(request: SingleRequest, still_s: Any, out: str | None) -> None:
    single = SingleRender(request)
    if out == "-":
        sys.stdout.buffer.write(single.still(still_s))
        sys.stdout.buffer.flush()
    else:
        single.publish_still(still_s)


def _settings(*, crf: int | None, preset: str | None, quality: str | None, **rest: Any) -> RenderSettings:
    named = choice(quality, QUALITIES, "--quality") if quality is not None else "standard"
    crf_default, preset_default = QUALITIES[named]
    named_preset = choice(preset, get_args(PresetName), "--preset") if preset else preset_default
    try:
        return RenderSettings(crf=crf or crf_default, preset=cast(PresetName, named_preset), **rest)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise UsageError(
            f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}.", rule="option"
        ) from exc


def _single_values(
    vars_: list[str] | None, vars_file: Path | None, variables: str | None
) -> dict[str, object]:
    values: dict[str, object] = {}
    if vars_file is not None:
        values |= read_values(vars_file, "--vars-file")
    if variables is not None:
        values |= parse_values(variables, "--variables")
    return values | parse_pairs(vars_ or (), "--vars")


def _refuse_list_options(*options: object) -> None:
    if any(options):
        raise UsageError(
            "--out-dir, --out-name, --id, --use-default, --rows, --only, --retry-failed and --results belong "
            "to a list of rows; add --variants FILE.",
            rule="list-option",
        )


def _workers_default() -> int:
    machine = read_machine()
    return default_workers(machine.cpus, machine.available_bytes)


class _Workshop:
    """A temporary folder of this run, with the fonts that Chromium may see, and the browser found."""

    def __init__(self, composition: Path, browser: str | None, system_fonts: bool) -> None:
        facts = find_browser(browser, os.environ)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-run-"))
        fonts = (composition if composition.is_dir() else composition.parent) / "fonts"
        self._options = BrowserOptions(
            path=facts.path,
            begin_frame=facts.has_begin_frame is not False and facts.headless_shell,
            sandbox=default_sandbox(),
            fontconfig=write_fontconfig(self._folder, font_folders=[fonts], system_fonts=system_fonts),
        )

    def __enter__(self) -> BrowserOptions:
        return self._options

    def __exit__(self, *_: object) -> None:
        remove_folder(self._folder)
