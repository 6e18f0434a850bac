"""`framepress demo`: what happens when workers are killed all the time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

#: After ``\\b`` lines stay as they are: a wrapped command cannot be pasted.
EXAMPLES = """Examples:

\b
  framepress demo --chaos
  framepress demo --chaos --rows 60 --workers 2
"""


def demo(
    chaos: Annotated[bool, typer.Option("--chaos", help="Kill a worker every 2 s, and count.")] = False,
    rows: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="Rows of the list.")] = 300,
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Worker processes.")] = 4,
    every: Annotated[float, typer.Option(metavar="S", help="Seconds between two kills.")] = 2.0,
    folder: Annotated[
        Path | None, typer.Option(help="Keep list, clips and queue here.  [default: a temporary folder]")
    ] = None,
    browser: Annotated[
        str | None, typer.Option("--browser", help="Chromium to use.", envvar="FRAMEPRESS_BROWSER")
    ] = None,
) -> None:
    """Render a list by a fleet on this machine while its workers are killed. Exit 1 if a row is not right."""
    # What renders is heavy to import; help and wrong usage are answered without it.
    from framepress.cli.demo_running import run_chaos  # noqa: PLC0415

    raise typer.Exit(
        run_chaos(chaos=chaos, rows=rows, workers=workers, every_s=every, folder=folder, browser=browser)
    )
