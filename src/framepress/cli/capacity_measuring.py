"""What `framepress capacity` does: reads the machine, and renders a sample if asked."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from framepress.api import render_many
from framepress.browser import TEMP_PREFIX, remove_folder
from framepress.capacity import ARTICLE, Measured, advise, best_of, hours_for
from framepress.cli import show
from framepress.errors import UsageError
from framepress.machine import WORKER_BYTES, read_machine

#: Seconds between two looks at the memory of all processes.
LOOK_S = 0.2


def show_capacity(
    *,
    measure: str | None,
    variants: str | None,
    sample: int,
    rows: int,
    price: float | None,
    browser: str | None,
) -> None:
    """Print the table, and what was measured."""
    if (measure is None) != (variants is None):
        raise UsageError("--measure takes a composition and --variants a list; give both.", rule="measure")
    machine = read_machine()
    advice = advise(machine.cpus, machine.memory_bytes, WORKER_BYTES)
    say = show.print_json
    memory = f"{machine.memory_bytes / 1e9:.0f} GB" if machine.memory_bytes else "memory unknown"
    say(f"This machine: {machine.cpus:g} processors, {memory}.")
    say("processors  workers, each --workers 2   (the article's)")
    for cpus, workers in ARTICLE:
        say(f"{cpus:>10}  {workers}")
    say(f"Here: {advice.workers} x framepress worker --workers {advice.rows_each}, by {advice.because}.")
    if measure is None or variants is None:
        return
    measured = _measure(measure, variants, sample, max(1, round(machine.cpus)) * 2, browser)
    best = best_of(measured)
    say(f"More than {best.processes} at once no longer helps: {best.clips_per_hour:,.0f} clips per hour.")
    hours = hours_for(rows, best.clips_per_hour)
    money = f", {hours * price:,.2f} at {price:g} per hour" if price is not None else ""
    say(f"{rows:,} rows: {hours:,.1f} hours on one such machine{money}.")


def _measure(composition: str, variants: str, sample: int, most: int, browser: str | None) -> list[Measured]:
    measured: list[Measured] = []
    processes = 1
    while processes <= most:
        folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-capacity-"))
        peak = _Peak()
        try:
            with peak:
                began = time.monotonic()
                options = {"browser": browser} if browser is not None else {}
                results = list(
                    render_many(
                        composition,
                        variants,
                        out_dir=folder,
                        workers=processes,
                        only_rows=f"1-{sample}",
                        **options,  # type: ignore[arg-type]
                    )
                )
                seconds = time.monotonic() - began
        finally:
            remove_folder(folder)
        done = sum(result.status == "done" for result in results)
        measured.append(Measured(processes, done, seconds, peak.memory_bytes))
        last = measured[-1]
        show.print_json(
            f"{processes} at once: {done} clips in {seconds:.1f} s, {last.clips_per_hour:,.0f} per hour, "
            f"{last.memory_bytes / 1e6:,.0f} MB at the peak."
        )
        if best_of(measured) is not last:
            break
        processes *= 2
    return measured


class _Peak:
    """The most memory that this process and all below it had at one time."""

    def __init__(self) -> None:
        self.memory_bytes = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(LOOK_S):
            self.memory_bytes = max(self.memory_bytes, _memory_below(os.getpid()))


def _memory_below(pid: int) -> int:
    """Proportional memory of a process and its descendants: shared pages are counted once."""
    total = 0
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                total += _memory_below(int(child))
    return total
