"""Where the time of one row goes: seconds by step as framepress tells them, CPU seconds by process.

    python benchmarks/steps.py [--rows 6] [--composition card.html] [--variants rows.json]
    python benchmarks/steps.py --options "--reuse off"

One worker renders the rows with a cold cache. Processor time is read from /proc whenever a row ends. Per
further row stands the growth between the end of the first row and that of the last; start, survey and plate
are in the column of the first row. Linux only; times under 10 ms are lost in the kernel's ticks.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "peers"), str(HERE / "reuse")]

from peerbench.markdown import table  # noqa: E402
from peerbench.meter import command_line, descendants, thread_cpu_s  # noqa: E402
from peerbench.press import Arrival, PressRun, run_press  # noqa: E402
from rows import make_rows  # noqa: E402

Spent = dict[str, float]


class CpuByProcess:
    """Processor seconds by kind of process, as they stand when rows end. Those of ended processes stay."""

    def __init__(self) -> None:
        self.at_rows: list[Spent] = []
        self._kinds: dict[int, str] = {}
        self._spent: dict[tuple[int, str], float] = {}

    def look(self, parent: int, _: Arrival) -> None:
        """Called at each row; `parent` is the process of the command line."""
        self._add(parent, "parent")
        for process in descendants(parent):
            kind = self._kinds.setdefault(process.pid, kind_of(command_line(process.pid)))
            self._add(process.pid, kind)
        sums: Spent = {}
        for (_pid, kind), seconds in self._spent.items():
            sums[kind] = sums.get(kind, 0.0) + seconds
        self.at_rows.append(sums)

    def _add(self, pid: int, kind: str) -> None:
        main_s, others_s = thread_cpu_s(pid)
        if kind == "worker":
            self._keep(pid, "worker, main thread", main_s)
            self._keep(pid, "worker, other threads", others_s)
        else:
            self._keep(pid, kind, main_s + others_s)

    def _keep(self, pid: int, kind: str, seconds: float) -> None:
        self._spent[pid, kind] = max(seconds, self._spent.get((pid, kind), 0.0))


def kind_of(command: str) -> str:
    """What a process below framepress is, by its command line."""
    if "framepress.pool_child" in command:
        return "worker"
    _, found, rest = command.partition("--type=")
    if found:
        return f"Chromium, {rest.split()[0]}"
    return "Chromium, browser" if "--remote-debugging-pipe" in command else "other"


def cpu_table(at_rows: Sequence[Spent]) -> str:
    """CPU seconds of the first row with all that comes before it, and per row after it."""
    first, last, more = at_rows[0], at_rows[-1], len(at_rows) - 1
    rows, totals = [], (sum(first.values()), (sum(last.values()) - sum(first.values())) / more)
    for kind in sorted(last, key=lambda name: last[name], reverse=True):
        before = first.get(kind, 0.0)
        rows.append((kind, f"{before:.2f}", f"{(last[kind] - before) / more:.3f}"))
    rows.append(("all", f"{totals[0]:.2f}", f"{totals[1]:.3f}"))
    return table(("process", "until the first row ended, CPU s", "per further row, CPU s"), rows)


def steps_table(run: PressRun) -> str:
    """Wall seconds by step, first row and median of the others."""
    first, *others = [arrival.line["seconds"] for arrival in run.arrivals]
    rows = [
        (name, f"{first.get(name, 0.0):.3f}", f"{statistics.median(s.get(name, 0.0) for s in others):.3f}")
        for name in first
    ]
    gaps = [later.at_s - earlier.at_s for earlier, later in zip(run.arrivals, run.arrivals[1:], strict=False)]
    rows.append(("from row to row", f"{run.arrivals[0].at_s:.3f}", f"{statistics.median(gaps):.3f}"))
    return table(("step", "first row, s", "further rows, median, s"), rows)


def main() -> int:
    """Measure and print; returns the exit status."""
    options = _parse()
    cpu = CpuByProcess()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        variants = options.variants
        if variants is None:
            variants = folder / "rows.json"
            variants.write_text(json.dumps(make_rows(options.rows)), encoding="utf-8")
        arguments = ["render", str(options.composition), "--variants", str(variants), "--workers", "1"]
        arguments += ["--rows", f"1-{options.rows}", "--out-dir", str(folder / "out"), "--json"]
        run = run_press(
            [*arguments, *shlex.split(options.options)],
            log=folder / "framepress.log",
            timeout_s=300 + 120 * options.rows,
            environment={"FRAMEPRESS_CACHE_DIR": str(folder / "cache")},
            on_row=cpu.look,
        )
    print(f"{len(run.arrivals)} rows of {options.composition.name}, one worker.\n")
    print(f"{steps_table(run)}\n\nSteps overlap.\n\n{cpu_table(cpu.at_rows)}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    card = HERE.parent / "examples" / "card" / "card.html"
    parser.add_argument("--rows", type=_two_or_more, default=6, metavar="N")
    parser.add_argument("--composition", type=Path, default=card)
    parser.add_argument("--variants", type=Path, help="a list; default: benchmarks/reuse/rows.py")
    parser.add_argument("--options", default="", metavar="TEXT", help='such as "--reuse off"')
    return parser.parse_args()


def _two_or_more(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError("must be at least 2: the first row is shown apart")
    return number


if __name__ == "__main__":
    sys.exit(main())
