"""`framepress doctor`: what this machine has and lacks."""

from __future__ import annotations

from typing import Annotated

import typer

#: After ``\\b`` lines stay as they are: a wrapped command cannot be pasted.
EXAMPLES = """Examples:

\b
  framepress doctor
  framepress doctor --install
  framepress doctor --install --download
"""


def doctor(
    install: Annotated[bool, typer.Option("--install", help="Get the browser if it is missing.")] = False,
    download: Annotated[
        bool, typer.Option("--download", help="With --install: Chrome for Testing, not the system's package.")
    ] = False,
    browser_version: Annotated[
        str | None,
        typer.Option(help="With --install: this version of Chrome for Testing; needs its SHA-256."),
    ] = None,
    browser_sha256: Annotated[str | None, typer.Option(help="SHA-256 of that version's zip file.")] = None,
    browser: Annotated[
        str | None, typer.Option("--browser", help="Chromium to look at.", envvar="FRAMEPRESS_BROWSER")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object per check.")] = False,
) -> None:
    """Say what this machine has and lacks, and with --install mend it. Exit 3 if something is missing."""
    # The checks are heavy to import; help is answered without them.
    from framepress.cli.checkup import check, install_wanted  # noqa: PLC0415

    if install or download or browser_version or browser_sha256:
        install_wanted(download=download, version=browser_version, sha256=browser_sha256)
    raise typer.Exit(check(browser, as_json=json_))
