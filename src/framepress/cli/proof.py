"""`framepress proof` and `framepress approve`: a list looked through before the run, and a name put to it."""

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
  framepress proof card.html --variants people.csv
  framepress proof card.html --variants people.csv --out-dir proof/ --at 2.5 --at 4
  framepress proof card.html --variants people.csv --clips 0 --json
  framepress proof card.html --variants 'part-*.csv.gz' --encoding windows-1252 --locale-column lang

Exit codes: 0 no errors, 1 errors were found, 2 wrong usage or input, 3 environment.
"""

APPROVE_EXAMPLES = """Examples:

\b
  framepress approve proof/proof.json --by "Asha Rao"
  framepress approve proof/proof.json --by "Asha Rao" --scope rows --note "after call with legal"
  framepress render card.html --variants people.csv --require-approval proof/proof.json

A typed name is a record of who said yes, not a signature: whoever can write the file can write a name. With
FRAMEPRESS_APPROVAL_KEY set, an approval carries an HMAC-SHA256 under that key, and where the key is set,
--require-approval takes no other.
"""

OutDir = Annotated[Path, typer.Option("--out-dir", help="Folder for proof.html and proof.json.")]
At = Annotated[
    list[str] | None,
    typer.Option("--at", metavar="T", help="Look at this moment too; seconds. May be repeated."),
]
Count = Annotated[int, typer.Option("--count", metavar="N", help="Rows of the proof set, at most.")]
Clips = Annotated[int, typer.Option("--clips", metavar="N", help="Rows of the proof set rendered as clips.")]
Random = Annotated[int, typer.Option("--random", metavar="N", help="Rows of the proof set chosen by lot.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Another lot.")]
Formats = Annotated[
    list[str] | None,
    typer.Option("--formats", metavar="9:16", help="Look at this format; each has a proof of its own."),
]
ShowValues = Annotated[bool, typer.Option("--show-values", help="Write values of rows into proof.json too.")]
Json = Annotated[bool, typer.Option("--json", help="Print proof.json on standard output.")]


@dataclass(frozen=True)
class Options:
    """The command line of `proof`, not yet checked. Options of `render` mean what they mean there."""

    composition: render.Composition
    variants: lists.Variants
    encoding: lists.Encoding = None
    query: lists.Query = None
    out_dir: OutDir = Path("proof")
    at: At = None
    count: Count = 24
    clips: Clips = 3
    random: Random = 3
    seed: Seed = 0
    formats: Formats = None
    show_values: ShowValues = False
    id_column: lists.IdColumn = None
    map_: lists.Map = None
    use_default: lists.UseDefault = None
    rows: lists.Rows = None
    only: lists.Only = None
    workers: render.Workers = None
    fps: render.Fps = None
    scale: render.Scale = None
    json_: Json = False
    quiet: render.Quiet = False
    locale: lists.Locale = "en-US"
    locale_column: lists.LocaleColumn = None
    timezone: render.Timezone = "UTC"
    now: render.Now = "2000-01-01T00:00:00Z"
    system_fonts: render.SystemFonts = False
    frame_timeout: render.FrameTimeout = 30.0
    allow_host: lists.AllowHost = None
    allow_private_host: lists.AllowPrivateHost = None
    browser: render.BrowserPath = None


def proof(**given: Any) -> None:
    """Look at every row of a list before it is rendered, and show the few most likely to go wrong."""
    from framepress.cli.proofing import run  # noqa: PLC0415 - help is answered without it

    raise typer.Exit(run(Options(**given)))


# See `render`.
proof.__signature__ = inspect.signature(Options, eval_str=True)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class ApproveOptions:
    """The command line of `approve`, not yet checked."""

    proof: Annotated[
        Path, typer.Argument(metavar="proof.json", help="What was looked at.", show_default=False)
    ]
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.", show_default=False)]
    scope: Annotated[
        str,
        typer.Option(
            metavar="template|rows",
            help="What is approved: the template, with any rows whose own pre-flight has no errors; or these "
            "very rows.",
        ),
    ] = "template"
    note: Annotated[str, typer.Option(metavar="TEXT", help="Kept with the approval.")] = ""
    accept_errors: Annotated[
        bool, typer.Option("--accept-errors", help="Approve although errors were found.")
    ] = False


def approve(**given: Any) -> None:
    """Put a name to a proof, so that render and enqueue with --require-approval go on.

    A typed name is a record, not a signature; FRAMEPRESS_APPROVAL_KEY makes it an HMAC.
    """
    from framepress.cli.approving import run  # noqa: PLC0415 - help is answered without it

    raise typer.Exit(run(ApproveOptions(**given)))


approve.__signature__ = inspect.signature(ApproveOptions, eval_str=True)  # type: ignore[attr-defined]
