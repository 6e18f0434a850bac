"""A few rows of a group timed, as a run would render them, by its plan and without."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from framepress import variants
from framepress.bound_list import Beat
from framepress.cache import Cache
from framepress.errors import PlanWrong, RowFailure
from framepress.explain import Measured
from framepress.plan import Plan
from framepress.provenance import Reuse
from framepress.renderer import Renderer
from framepress.row_task import RowTask
from framepress.shelf import void
from framepress.store import FolderStore
from framepress.survey_bench import NoPlan
from framepress.variants import Variant

#: Rows of a group that are rendered by its plan to see what a row costs; the first does not count.
ROWS_TIMED = 3

T = TypeVar("T")


def retried(work: Callable[[], T], attempts_max: int) -> T:
    """What `work` gives, tried again while that can help, as a run does."""
    for _ in range(attempts_max - 1):
        try:
            return work()
        except RowFailure as failure:
            if not failure.retryable:
                raise
    return work()


class RowTimer:
    """Times rows in one renderer.

    Args:
        pieces: where the renderer's plans are.
        folder: temporary; clips are rendered there and removed.
        reuse: level that rows are timed at.
    """

    def __init__(
        self,
        renderer: Renderer,
        pieces: Cache,
        folder: Path,
        reuse: Reuse,
        attempts_max: int,
        *,
        beat: Beat,
        note: Callable[[str], None],
    ) -> None:
        self._renderer = renderer
        self._pieces = pieces
        self._folder = folder
        self._reuse: Reuse = reuse
        self._attempts_max = attempts_max
        self._beat = beat
        self._note = note

    def by_plan(self, samples: Sequence[Variant], key: str) -> list[Measured] | NoPlan:
        """Render a few rows as a run would; `NoPlan` if one shows that the plan is wrong."""
        rows = []
        for number, sample in enumerate(samples[:ROWS_TIMED]):
            self._beat("timing rows", number, min(ROWS_TIMED, len(samples)))
            try:
                rows.append(retried(partial(self._row, sample, key), self._attempts_max))
            except PlanWrong as wrong:
                void(self._pieces, wrong.plan, wrong.message)
                return NoPlan("plan-wrong", f"its plan was given up: {wrong.message}")
            except RowFailure as failure:
                self._note(f"A row could not be timed: {failure.message}")
        return rows

    def plain(self, sample: Variant, plan: Plan | None) -> dict[str, object]:
        """What a row costs without reuse: some of its frames where there is a plan, else a whole row."""
        self._beat("timing frames without reuse", 0, 0)
        try:
            if plan is None:
                row = retried(lambda: self._row(sample, None), self._attempts_max)
                return {
                    "plain_seconds": round(row.seconds, 4),
                    "plain_cpu_seconds": round(row.cpu_seconds, 4),
                    "plain_frames": row.captured_frames,
                    "clip_bytes": row.size_bytes,
                }
            return retried(lambda: self._plain_part(sample), self._attempts_max)
        except RowFailure as failure:
            self._note(f"A row could not be timed without reuse: {failure.message}")
            return {}

    def _row(self, sample: Variant, key: str | None) -> Measured:
        renderer = self._renderer
        task = RowTask(
            variant=sample,
            row_key=variants.row_key_of(renderer.composition, sample, renderer.settings),
            out="timed.mp4",
            plan=key,
            reuse=self._reuse,
            # A survey has captured some of these rows already; others of the list cost what is timed here.
            captured_anew=True,
        )
        began, cpu = time.perf_counter(), self._cpu_seconds()
        result = renderer.render(task, FolderStore(self._folder / "timed"))
        seconds = time.perf_counter() - began
        used = self._cpu_seconds() - cpu
        shutil.rmtree(self._folder / "timed", ignore_errors=True)
        return Measured(
            seconds,
            # A browser that was replaced took its count with it.
            used if used > 0 else seconds,
            result.bytes,
            result.captured_frames,
            result.stored_segments,
        )

    def _plain_part(self, sample: Variant) -> dict[str, object]:
        renderer = self._renderer
        began, cpu = time.perf_counter(), self._cpu_seconds()
        clip = renderer.open(sample)
        renderer.seek_first(clip)
        opened, opened_cpu = time.perf_counter() - began, self._cpu_seconds() - cpu
        gop = clip.gops[0] if renderer.stateful() else clip.gops[len(clip.gops) // 2]
        began, cpu = time.perf_counter(), self._cpu_seconds()
        renderer.encode(clip, [gop])
        factor = clip.frame_count / len(gop)
        return {
            "plain_seconds": round(opened + factor * (time.perf_counter() - began), 4),
            "plain_cpu_seconds": round(opened_cpu + factor * (self._cpu_seconds() - cpu), 4),
            "plain_frames": len(gop),
        }

    def _cpu_seconds(self) -> float:
        return time.process_time() + self._renderer.warm.cpu_seconds()
