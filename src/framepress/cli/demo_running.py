"""What `framepress demo` does."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from framepress.chromium import find_browser
from framepress.cli import show
from framepress.demo import Chaos
from framepress.errors import UsageError
from framepress.temporary_folders import TEMP_PREFIX, remove_folder

#: Seconds between two lines on how it goes.
LINE_S = 5.0


def run_chaos(
    *, chaos: bool, rows: int, workers: int, every_s: float, folder: Path | None, browser: str | None
) -> int:
    """Run it, say how it goes, and end with the count; 0 if all rows are right."""
    if not chaos:
        raise UsageError("Which demonstration? framepress demo --chaos", rule="demo")
    find_browser(browser, os.environ)
    made = folder is None
    place = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-demo-")) if folder is None else folder
    place.mkdir(parents=True, exist_ok=True)
    told_at = time.monotonic()

    def tell(done: int, kills: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= LINE_S:
            told_at = time.monotonic()
            show.console().print(f"{done}/{rows} rows, {kills} workers killed", markup=False)

    show.console().print(
        f"{rows} rows, {workers} workers, one killed every {every_s:g} s. Queue: a file; clips: {place}/out",
        markup=False,
    )
    try:
        outcome = Chaos(
            folder=place,
            queue="sqlite:///queue.db",
            store="out",
            environ=os.environ,
            rows=rows,
            workers=workers,
            every_s=every_s,
            browser=browser,
            on_look=tell,
        ).go()
    finally:
        if made:
            remove_folder(place)
    show.console().print(f"{outcome.kills} workers killed, {outcome.seconds:.0f} s.", markup=False)
    show.print_json(outcome.line())
    return 0 if outcome.right == rows and not outcome.twice else 1
