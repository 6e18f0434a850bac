"""What `framepress doctor` does: gathers, shows, installs."""

from __future__ import annotations

import os
import tempfile
from fractions import Fraction
from pathlib import Path

from framepress import doctor as checks
from framepress.browser import Browser, BrowserOptions, default_sandbox
from framepress.browser_install import install_browser
from framepress.chromium import BrowserFacts
from framepress.cli import show
from framepress.doctor_facts import gather
from framepress.doctor_report import check_table, json_lines
from framepress.errors import FramepressError
from framepress.page import Page, PageContent
from framepress.site import Site
from framepress.temporary_folders import sweep_temporary_folders

#: Seconds for the browser to show one small page.
PROBE_S = 20.0


def install_wanted(*, download: bool, version: str | None, sha256: str | None) -> None:
    """Get the browser if it is missing, and say how that goes."""
    install_browser(
        os.environ,
        method="download" if download else "auto",
        version=version,
        sha256=sha256,
        say=lambda text: show.console().print(text, markup=False),
        on_progress=_Download(),
    )


def check(browser: str | None, *, as_json: bool) -> int:
    """Show what was found, and return the exit code."""
    sweep_temporary_folders()
    facts = gather(
        os.environ,
        browser=browser,
        folders={"output": Path("out"), "temporary files": Path(tempfile.gettempdir())},
        probe=probe,
    )
    found = checks.diagnose(facts)
    if as_json:
        for line in json_lines(found):
            show.print_json(line)
    else:
        show.console().print(check_table(found))
    return checks.exit_code(found)


def probe(facts: BrowserFacts) -> bool:
    """Start a browser and draw one frame; whether that worked by BeginFrame.

    Raises:
        FramepressError: it draws neither way.
    """
    if facts.has_begin_frame is not False and facts.headless_shell:
        try:
            _draw(facts, begin_frame=True)
        except FramepressError:
            pass
        else:
            return True
    _draw(facts, begin_frame=False)
    return False


def _draw(facts: BrowserFacts, *, begin_frame: bool) -> None:
    options = BrowserOptions(path=facts.path, begin_frame=begin_frame, sandbox=default_sandbox())
    with tempfile.TemporaryDirectory() as folder, Browser(options) as browser:
        page = Page(browser, frame_timeout_s=PROBE_S, ready_timeout_s=PROBE_S)
        page.open(
            PageContent(
                site=Site(Path(folder), "probe.html", "probe"),
                html="<!doctype html><div data-width=64 data-height=64>framepress</div>",
                width=64,
                height=64,
                output_size=(64, 64),
                epoch_ms=0,
                seed="",
                locale="en-US",
                timezone="UTC",
            )
        )
        page.seek(0, Fraction(30))
        page.draw(0)


class _Download:
    """Tells how far a download is, every ten per cent."""

    def __init__(self) -> None:
        self._told = -1

    def __call__(self, done: int, total: int | None) -> None:
        tenth = done * 10 // total if total else 0
        if tenth != self._told:
            self._told = tenth
            show.console().print(f"{done / 1e6:.0f} MB, {tenth * 10} %", markup=False)
