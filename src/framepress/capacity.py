"""How many workers a machine is good for, by rule and by measurement. Arithmetic only; `cli` measures.

The rule is the article's: one worker per 2 processors, each rendering 2 rows at once; above 16 processors
memory and disk are shared by too many, and it names 12 workers for 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Processors and workers as the article has them.
ARTICLE = ((4, 2), (8, 4), (16, 8), (32, 12))

#: Rows at once of one worker, in the article.
ROWS_PER_WORKER = 2

#: One more process has to add so much, else it is not worth its memory.
GAIN_MIN = 1.10


@dataclass(frozen=True)
class Advice:
    """Worker services of this machine, rows at once of each, and what decides."""

    workers: int
    rows_each: int
    because: str


@dataclass(frozen=True)
class Measured:
    """A sample rendered with `processes` at once; `memory_bytes` at its peak, browsers included."""

    processes: int
    clips: int
    seconds: float
    memory_bytes: int

    @property
    def clips_per_hour(self) -> float:
        return self.clips * 3600 / self.seconds if self.seconds > 0 else 0.0


def workers_by_article(cpus: float) -> int:
    """Worker services for so many processors: half as many up to 16, then along the article's line."""
    if cpus <= 16:
        return max(1, int(cpus // 2))
    return min(int(cpus // 2), 8 + int((cpus - 16) // 4))


def advise(cpus: float, memory_bytes: int | None, row_bytes: int) -> Advice:
    """What this machine should run.

    Args:
        memory_bytes: what may be used; None: unknown.
        row_bytes: what one row in work takes at its peak.
    """
    rows = max(1, round(cpus))
    if memory_bytes is not None:
        by_memory = max(1, memory_bytes // row_bytes)
        if by_memory < rows:
            return Advice(
                max(1, int(by_memory) // ROWS_PER_WORKER), min(ROWS_PER_WORKER, int(by_memory)), "memory"
            )
    return Advice(workers_by_article(cpus), min(ROWS_PER_WORKER, rows), "processors")


def best_of(measured: Sequence[Measured]) -> Measured:
    """The measurement after which more processes no longer help; they are in ascending order."""
    best = measured[0]
    for one in measured[1:]:
        if one.clips_per_hour < best.clips_per_hour * GAIN_MIN:
            break
        best = one
    return best


def hours_for(rows: int, clips_per_hour: float) -> float:
    """Hours for a list."""
    return rows / clips_per_hour if clips_per_hour > 0 else float("inf")
