"""`framepress lint`: what is wrong with a composition, by itself."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from framepress.cli import render, show
from framepress.lint.advice import SEVERITIES, Advice, by_severity

EXAMPLES = """Examples:

\b
  framepress lint card.html
  framepress lint card.html --no-page --json

Exit codes: 0 no errors, 1 errors were found, 2 wrong usage or input, 3 environment.
"""

NoPage = Annotated[bool, typer.Option("--no-page", help="Only read the files; no browser.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per finding on standard output.")]


def lint(
    composition: render.Composition,
    no_page: NoPage = False,
    json_: Json = False,
    browser: render.BrowserPath = None,
) -> None:
    """Say what in a composition will go wrong or cost time, where, and what to do about it."""
    # Heavy to import; help is answered without it.
    from framepress.composition_loading import load_composition  # noqa: PLC0415
    from framepress.lint.static import Linter  # noqa: PLC0415

    loaded = load_composition(composition)
    found = Linter(loaded).run()
    if not no_page:
        found += _page(composition, browser)
    found = by_severity(found)
    if json_:
        for one in found:
            show.print_json(json.dumps(asdict(one), ensure_ascii=False))
    else:
        console = show.console()
        for one in found:
            console.print(f"{one.place}: {one.severity}: {one.problem} [{one.rule}]", markup=False)
            console.print(f"    {one.cure}", markup=False)
        counts = {name: sum(one.severity == name for one in found) for name in SEVERITIES}
        told = ", ".join(f"{count} {name}{'s' if count != 1 else ''}" for name, count in counts.items())
        console.print(f"{loaded.name}: {told}.", style="bold")
    raise typer.Exit(1 if any(one.severity == "error" for one in found) else 0)


def _page(composition: Path, browser: str | None) -> list[Advice]:
    from framepress.composition_loading import load_composition  # noqa: PLC0415
    from framepress.lint.in_page import look_at_page  # noqa: PLC0415
    from framepress.renderer import Renderer  # noqa: PLC0415
    from framepress.settings import RenderSettings, RunLimits  # noqa: PLC0415
    from framepress.temporary_folders import remove_folders_of  # noqa: PLC0415
    from framepress.workshop import Workshop  # noqa: PLC0415

    try:
        with Workshop(composition, browser=browser, environ=os.environ, system_fonts=False) as options:
            loaded = load_composition(composition)
            renderer = Renderer(loaded, RenderSettings(), RunLimits(), options)
            try:
                return look_at_page(loaded, renderer)
            finally:
                renderer.close()
    finally:
        remove_folders_of(os.getpid())
