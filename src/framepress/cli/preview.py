"""`framepress preview`: a composition in the browser, with a scrubber, a form and the rows of a list."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from framepress.cli import lists, render

EXAMPLES = """Examples:

\b
  framepress preview card.html
  framepress preview card.html --variants people.csv
  framepress preview card.html --variants people.csv --port 8420 --no-open
"""

Port = Annotated[int, typer.Option(metavar="N", help="Port on 127.0.0.1; 0: any.")]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")]


@dataclass(frozen=True)
class Options:
    """The command line of `preview`, not yet checked. Options of `render` mean what they mean there."""

    composition: render.Composition
    variants: lists.VariantsMaybe = None
    encoding: lists.Encoding = None
    query: lists.Query = None
    id_column: lists.IdColumn = None
    map_: lists.Map = None
    use_default: lists.UseDefault = None
    rows: lists.Rows = None
    only: lists.Only = None
    port: Port = 0
    no_open: NoOpen = False
    fps: render.Fps = None
    locale: lists.Locale = "en-US"
    locale_column: lists.LocaleColumn = None
    now: render.Now = "2000-01-01T00:00:00Z"
    allow_host: lists.AllowHost = None
    allow_private_host: lists.AllowPrivateHost = None


def preview(**given: Any) -> None:
    """Show a composition at true size, moved by the renderer's own runtime; it reloads on save."""
    from framepress.cli.previewing import run  # noqa: PLC0415 - help is answered without it

    raise typer.Exit(run(Options(**given)))


# See `render`.
preview.__signature__ = inspect.signature(Options, eval_str=True)  # type: ignore[attr-defined]
