"""Whether cost grows with rows: speed and memory of a run's early rows against its last ones."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from peerbench.press import MemoryLook, PressRun


@dataclass(frozen=True)
class Stretch:
    """Some rows of a run, in the order in which they ended. Memory in megabytes, medians over the stretch.

    Attributes:
        first, last: places of rows, from 1.
    """

    first: int
    last: int
    clips_per_minute: float
    worker_mb: float
    parent_mb: float


@dataclass(frozen=True)
class Flatness:
    """The two stretches that are compared."""

    early: Stretch
    late: Stretch


def flatness_of(run: PressRun) -> Flatness:
    """Rows 100 to 200 and 1,900 to 2,000 of 2,000 rows; the same shares of a shorter run."""
    times = [arrival.at_s for arrival in run.arrivals]
    count = len(times)
    if count < 40:
        raise ValueError(f"{count} rows; expected at least 40 to compare early ones with late ones")
    twentieth = count // 20
    early = stretch_of(times, run.looks, twentieth, 2 * twentieth)
    return Flatness(early, stretch_of(times, run.looks, count - twentieth, count))


def stretch_of(times: Sequence[float], looks: Sequence[MemoryLook], first: int, last: int) -> Stretch:
    """From the end of row `first` to the end of row `last`, counted from 1; `times` in seconds, ascending."""
    began, ended = times[first - 1], times[last - 1]
    inside = [look for look in looks if began <= look.at_s <= ended]
    return Stretch(
        first,
        last,
        60 * (last - first) / (ended - began) if ended > began else float("inf"),
        statistics.median(look.worker_mb for look in inside) if inside else 0.0,
        statistics.median(look.parent_mb for look in inside) if inside else 0.0,
    )
