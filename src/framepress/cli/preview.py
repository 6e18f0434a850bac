"""`framepress preview`: a composition in the browser, with a scrubber, a form and the rows of a list."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from framepress.cli import render, show
from framepress.cli.arguments import parse_pairs

EXAMPLES = """Examples:

\b
  framepress preview card.html
  framepress preview card.html --variants people.csv
  framepress preview card.html --variants people.csv --port 8420 --no-open
"""

Variants = Annotated[
    str | None,
    typer.Option("--variants", "--batch", metavar="FILE", help="List of rows: JSON, JSON Lines or CSV."),
]
Port = Annotated[int, typer.Option(metavar="N", help="Port on 127.0.0.1; 0: any.")]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")]


def preview(
    composition: render.Composition,
    variants: Variants = None,
    map_: render.Map = None,
    port: Port = 0,
    no_open: NoOpen = False,
    fps: render.Fps = None,
    now: render.Now = "2000-01-01T00:00:00Z",
) -> None:
    """Show a composition at true size, moved by the renderer's own runtime; it reloads on save."""
    from framepress.preview.model import PreviewModel  # noqa: PLC0415 - help is answered without it
    from framepress.preview.server import PreviewServer  # noqa: PLC0415
    from framepress.workshop import render_settings  # noqa: PLC0415

    settings = render_settings(fps=fps, now=now)
    model = PreviewModel(composition, variants, settings, parse_pairs(map_ or (), "--map"))
    # What cannot be read at all is told here, not in a browser.
    model.state()
    server = PreviewServer(model, port)
    show.console().print(f"{composition} at {server.url}; Ctrl-C ends it.", markup=False)
    if not no_open:
        webbrowser.open(server.url)
    server.serve()
