"""What `framepress capacity` does: reads the machine, and renders a sample if asked."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

from framepress.api import render_many
from framepress.api_options import Options
from framepress.cache import Cache
from framepress.capacity import ARTICLE, Measured, advise, best_of, hours_for
from framepress.cli import show
from framepress.errors import RowFailure, UsageError
from framepress.machine import WORKER_BYTES, read_machine
from framepress.results import RowResult
from framepress.rows import open_rows
from framepress.temporary_folders import TEMP_PREFIX, remove_folder

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
    with _Bench(measure, variants, sample, max(1, round(machine.cpus)) * 2, browser) as bench:
        say(bench.warm_up())
        measured = []
        for last in bench.measure():
            measured.append(last)
            say(
                f"{last.processes} at once: {last.clips} clips in {last.seconds:.1f} s, "
                f"{last.clips_per_hour:,.0f} per hour, {last.memory_bytes / 1e6:,.0f} MB at the peak."
            )
    best = best_of(measured)
    if best is not measured[-1]:
        say(f"More than {best.processes} at once no longer helps: {best.clips_per_hour:,.0f} clips per hour.")
    else:
        say(f"Best: {best.processes} at once, {best.clips_per_hour:,.0f} clips per hour.")
    hours = hours_for(rows, best.clips_per_hour) + bench.survey_s / 3600
    money = f", {hours * price:,.2f} at {price:g} per hour" if price is not None else ""
    say(f"{rows:,} rows like these: {hours:,.1f} hours on one such machine{money}.")


class _Bench:
    """A sample of a list, rendered with more and more processes. A context manager: its folder is removed.

    A long run compares rows once and has warm browsers; a short sample would mostly measure these. So what
    rows share is made beforehand, and of every measurement only the time counts that came after as many rows
    as there are processes.
    """

    def __init__(self, composition: str, variants: str, sample: int, most: int, browser: str | None) -> None:
        self._composition, self._variants = composition, variants
        self._sample, self._most = sample, most
        self._folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-capacity-"))
        self._options: Options = {"cache_dir": self._folder / "cache"}
        if browser is not None:
            self._options["browser"] = browser
        with open_rows(variants) as source:
            self._rows = sum(1 for _ in islice(source, max(sample, 2 * most)))
        self.survey_s = 0.0

    def __enter__(self) -> _Bench:
        return self

    def __exit__(self, *_: object) -> None:
        remove_folder(self._folder)

    def warm_up(self) -> str:
        """Make what the rows share, and say what that took."""
        [(took_s, result)] = self._results(1, 1)
        reason = f" ({result.reason})" if result.reason else ""
        if result.path == "plain":
            return f"Each row is rendered by itself{reason}; the first took {took_s:.0f} s."
        self.survey_s = max(0.0, took_s - result.seconds.total)
        return (
            f"Comparing {self._rows} rows and making what they share took {self.survey_s:.0f} s, once per "
            "machine and template."
        )

    def measure(self) -> Iterator[Measured]:
        """More and more processes, as long as that helps."""
        measured: list[Measured] = []
        processes = 1
        while processes <= self._most:
            peak = _Peak()
            # As many rows for each process, so that they end at about the same time.
            each = max(2, -(-self._sample // processes))
            with peak:
                results = self._results(processes, processes * each)
            ready_s = results[min(processes, len(results)) - 1][0]
            counted, seconds = len(results) - processes, results[-1][0] - ready_s
            if counted < 1:
                counted, seconds = len(results), results[-1][0]
            measured.append(Measured(processes, counted, seconds, peak.memory_bytes))
            yield measured[-1]
            if best_of(measured) is not measured[-1] or len(results) < processes * each:
                return
            processes *= 2

    def _results(self, processes: int, count: int) -> list[tuple[float, RowResult]]:
        """The first results of a run, each with the seconds until it came.

        Raises:
            RowFailure: a row cannot be rendered.
        """
        self._forget_own_pieces()
        out = Path(tempfile.mkdtemp(dir=self._folder))
        began, found = time.monotonic(), []
        options: Options = {**self._options, "workers": processes}
        results = render_many(
            self._composition,
            self._variants,
            out_dir=out,
            only_rows=f"1-{self._rows}",
            **options,
        )
        with closing(results):
            for result in islice(results, count):
                if result.status != "done":
                    message = (result.error or {}).get("message", "")
                    raise RowFailure(f"Row {result.row} of the sample: {message}", rule="sample")
                found.append((time.monotonic() - began, result))
        return found

    def _forget_own_pieces(self) -> None:
        """Remove what an earlier measurement has made of these rows alone; a real run has other rows."""
        with closing(Cache(self._folder / "cache")) as cache:
            for kind in ("artifact", "layer", "segment", "band"):
                for key in cache.keys(kind):
                    cache.remove(kind, key)


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
