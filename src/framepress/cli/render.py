"""`framepress render`: one clip, or one per row of a list."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from framepress.cli import lists

#: After ``\\b`` lines stay as they are: a wrapped command cannot be pasted.
EXAMPLES = """Examples:

\b
  framepress render card.html --out asha.mp4 --vars name=Asha points=1284
  framepress render card.html --variants people.csv --out-dir out/ --workers 4
  framepress render card.html --variants people.csv --out-name "{user_id}.mp4" --results results.csv
  framepress render my-project/ --variables '{"name": "Asha"}' --output asha.mp4
  framepress render my-project/ --batch rows.json --output "renders/{name}.mp4"
  framepress render card.html --variants people.csv --formats 16:9,9:16,1:1
  framepress render card.html --still 2.5 --out look.png --vars name=Asha
  framepress render card.html --variants 'part-*.csv.gz' --encoding windows-1252
  framepress render card.html --variants "select * from 'people.parquet' where points > 9"
  framepress render card.html --variants sqlite:///crm.db --query "SELECT * FROM people ORDER BY id"
  cat people.jsonl | framepress render card.html --variants - --json | tee -a render.log
"""

Composition = Annotated[
    Path,
    typer.Argument(
        # As it is written: a path would lose a slash of a URL.
        parser=lambda text: text if "://" in text else Path(text),
        metavar="composition",
        help="HTML file, a folder with index.html, or a bundle in a store.",
        show_default=False,
    ),
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
OutDir = Annotated[
    str | None,
    typer.Option("--out-dir", help="Folder of the clips of a list, or s3://, gs://, az://.  [default: out]"),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--formats",
        metavar="16:9,9:16",
        help="Render in these formats, ratios or 1080x1920: a file for each, such as NAME-9x16.mp4.",
    ),
]
OutName = Annotated[
    str | None,
    typer.Option(
        help='File names of rows without "out": {column}, {@row}, {@index}, {@key}, {@format}.  '
        "[default: {@key}.mp4]"
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Only rows that failed in the last run.")]
Force = Annotated[
    bool, typer.Option("--force", help="Render what is there already; overwrite foreign files.")
]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Processes at once.  [default: by processors and memory]")
]
Crf = Annotated[
    int | None, typer.Option(metavar="1-51", help="x264's rate factor, lower is finer.  [default: 18]")
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
ReuseOption = Annotated[
    str | None,
    typer.Option(
        "--reuse",
        metavar="off|frames|segments|bands",
        help="How far rows share what is common to them; FRAMEPRESS_MAX_REUSE caps it.  [default: bands]",
    ),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Render every row, whatever is stored; the cache is not used.")
]
CacheDir = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        envvar="FRAMEPRESS_CACHE_DIR",
        show_envvar=False,
        help="Cache of finished clips and pieces; none: no cache.  [default: ~/.cache/framepress]",
    ),
]
CacheLimit = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        envvar="FRAMEPRESS_CACHE_LIMIT",
        show_envvar=False,
        help="Size the cache is pruned to.  [default: 10GB, or a tenth of the disk]",
    ),
]
SharedCache = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="FRAMEPRESS_SHARED_CACHE",
        show_envvar=False,
        help="Object store behind the cache: s3://bucket/folder, gs://, az://, file:///.",
    ),
]
RefreshEnvironment = Annotated[
    bool,
    typer.Option(
        "--refresh-environment", help="Render rows whose clip another browser, encoder or font made."
    ),
]
Timezone = Annotated[str, typer.Option(help="Time zone of dates in the page.")]
Now = Annotated[str, typer.Option(help="What the page's clock reads at frame 0, ISO 8601.")]
SystemFonts = Annotated[bool, typer.Option("--system-fonts", help="Allow this machine's fonts as fallbacks.")]
FrameTimeout = Annotated[float, typer.Option(metavar="S", help="Seconds a frame may take.")]
BrowserPath = Annotated[
    str | None, typer.Option("--browser", help="Chromium to use.", envvar="FRAMEPRESS_BROWSER")
]
RequireApproval = Annotated[
    Path | None,
    typer.Option(
        "--require-approval",
        metavar="PROOF.JSON",
        help="Only if this proof is approved and fits template and rows; see framepress approve.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict-variables", hidden=True)]


@dataclass(frozen=True)
class Options:
    """The command line of `render`, not yet checked."""

    composition: Composition
    out: Out = None
    vars_: Vars = None
    vars_file: VarsFile = None
    variables: Variables = None
    variants: lists.VariantsMaybe = None
    encoding: lists.Encoding = None
    query: lists.Query = None
    out_dir: OutDir = None
    out_name: OutName = None
    formats: Formats = None
    id_column: lists.IdColumn = None
    map_: lists.Map = None
    use_default: lists.UseDefault = None
    bad_rows: lists.BadRows = "stop"
    rows: lists.Rows = None
    only: lists.Only = None
    retry_failed: RetryFailed = False
    force: Force = False
    workers: Workers = None
    crf: Crf = None
    preset: Preset = None
    quality: Quality = None
    fps: Fps = None
    scale: Scale = None
    still: Still = None
    poster: Poster = None
    poster_button: PosterButton = False
    results: Results = None
    json_: Json = False
    quiet: Quiet = False
    no_cache: NoCache = False
    reuse: ReuseOption = None
    cache_dir: CacheDir = None
    cache_limit: CacheLimit = None
    shared_cache: SharedCache = None
    refresh_environment: RefreshEnvironment = False
    locale: lists.Locale = "en-US"
    locale_column: lists.LocaleColumn = None
    timezone: Timezone = "UTC"
    now: Now = "2000-01-01T00:00:00Z"
    system_fonts: SystemFonts = False
    frame_timeout: FrameTimeout = 30.0
    allow_host: lists.AllowHost = None
    allow_private_host: lists.AllowPrivateHost = None
    browser: BrowserPath = None
    require_approval: RequireApproval = None
    strict_variables: Strict = False


def render(**given: Any) -> None:
    """Render a composition to MP4: one clip with --vars, or one per row with --variants."""
    # What renders is heavy to import; help and wrong usage are answered without it.
    from framepress.cli.rendering import run  # noqa: PLC0415

    raise typer.Exit(run(Options(**given)))


# The option parser reads a function's signature; this one is the dataclass's, so no option is listed twice.
render.__signature__ = inspect.signature(Options, eval_str=True)  # type: ignore[attr-defined]
