"""`framepress explain`: what rows share and what a list will cost, before it is rendered."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from framepress.cli import lists, render

#: After ``\\b`` lines stay as they are: a wrapped command cannot be pasted.
EXAMPLES = """Examples:

\b
  framepress explain card.html --variants people.csv
  framepress explain card.html --variants people.csv --out explain.png
  framepress explain card.html --variants people.csv --json
"""

Out = Annotated[
    Path | None,
    typer.Option("--out", "--output", "-o", metavar="PNG", help="Draw the layout of the largest group."),
]
GroupsMax = Annotated[
    int, typer.Option("--groups", metavar="N", help="Look at so many groups, the largest first.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Make every plan anew, and keep none for the next run.")
]


@dataclass(frozen=True)
class Options:
    """The command line of `explain`, not yet checked. Options of `render` mean what they mean there."""

    composition: render.Composition
    variants: lists.Variants
    encoding: lists.Encoding = None
    query: lists.Query = None
    out: Out = None
    groups: GroupsMax = 3
    formats: render.Formats = None
    id_column: lists.IdColumn = None
    map_: lists.Map = None
    use_default: lists.UseDefault = None
    bad_rows: lists.BadRows = "stop"
    rows: lists.Rows = None
    only: lists.Only = None
    workers: render.Workers = None
    crf: render.Crf = None
    preset: render.Preset = None
    quality: render.Quality = None
    fps: render.Fps = None
    scale: render.Scale = None
    json_: Json = False
    quiet: render.Quiet = False
    no_cache: NoCache = False
    cache_dir: render.CacheDir = None
    cache_limit: render.CacheLimit = None
    shared_cache: render.SharedCache = None
    locale: lists.Locale = "en-US"
    locale_column: lists.LocaleColumn = None
    timezone: render.Timezone = "UTC"
    now: render.Now = "2000-01-01T00:00:00Z"
    system_fonts: render.SystemFonts = False
    frame_timeout: render.FrameTimeout = 30.0
    allow_host: lists.AllowHost = None
    allow_private_host: lists.AllowPrivateHost = None
    browser: render.BrowserPath = None


def explain(**given: Any) -> None:
    """Say what the rows of a list share, what they will cost, and what would make them cheaper."""
    from framepress.cli.explaining import run  # noqa: PLC0415 - help is answered without it

    raise typer.Exit(run(Options(**given)))


# See `render`.
explain.__signature__ = inspect.signature(Options, eval_str=True)  # type: ignore[attr-defined]
