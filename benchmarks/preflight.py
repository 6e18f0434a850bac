"""Rows per second of a proof, by phase.

    python benchmarks/preflight.py [--rows 400] [--workers 2] [--options "--at 2"]

Proofs rows of `reuse/rows.py` with `examples/card`, without clips. The phases are those that the progress
names; one lasts until the next begins. Rows per second are given of laying out, of the whole pre-flight (with
the time for looking at the template), and of the whole command, its start left out.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "peers"), str(HERE / "reuse")]

from peerbench.markdown import table  # noqa: E402
from rows import make_rows  # noqa: E402

from framepress.cli import run, show  # noqa: E402

CARD = HERE.parent / "examples" / "card" / "card.html"

#: What the progress calls the two phases of the pre-flight.
TEMPLATE, ROWS = "looking at the template", "laying out"


class Clock:
    """Notes when each phase begins."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        step = show.Reporter.step

        def noted(reporter: show.Reporter, what: str, done: int, total: int) -> None:
            self.begun.setdefault(what, time.perf_counter())
            step(reporter, what, done, total)

        setattr(show.Reporter, "step", noted)  # noqa: B010 - a method, for mypy

    def seconds(self, end: float) -> dict[str, float]:
        """Seconds of each phase."""
        ends = [*list(self.begun.values())[1:], end]
        return {what: until - since for (what, since), until in zip(self.begun.items(), ends, strict=True)}


def main() -> None:
    """Proof, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--options", default="", help="further options of the command")
    options = parser.parse_args()
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="framepress-benchmark-") as folder:
        variants = Path(folder) / "rows.json"
        variants.write_text(json.dumps(make_rows(options.rows)), encoding="utf-8")
        began = time.perf_counter()
        given = ["proof", str(CARD), "--variants", str(variants), "--out-dir", folder, "--clips", "0"]
        code = run([*given, "--workers", str(options.workers), *shlex.split(options.options)])
        end = time.perf_counter()
    if code > 1:
        sys.exit(code)
    seconds = clock.seconds(end)
    rows_s = {
        "laying out": options.rows / seconds[ROWS],
        "pre-flight": options.rows / (seconds[TEMPLATE] + seconds[ROWS]),
        "command": options.rows / (end - began),
    }
    print(
        table(["phase", "seconds"], [[what, f"{spent:.2f}"] for what, spent in seconds.items()]), end="\n\n"
    )
    print(table(["of", "rows per second"], [[what, f"{rate:.1f}"] for what, rate in rows_s.items()]))


if __name__ == "__main__":
    main()
