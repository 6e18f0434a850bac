"""Runs of framepress over lists of rows, each with its own folders for clips and cache."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerbench.card import HEIGHT, WIDTH
from peerbench.press import PressRun, render_options, run_press
from peerbench.workshop import BenchmarkError

from reusebench.compositions import frame_count
from reusebench.peer import check_clip

#: Seconds of wall time that a row may take before a run is given up: several times the plain path's.
ROW_TIMEOUT_S = 60.0
START_TIMEOUT_S = 300.0

#: Clips of a run that are decoded to the end afterwards.
CHECKED_CLIPS = 8


@dataclass(frozen=True)
class Press:
    """framepress as it is installed.

    Attributes:
        work: folder for compositions, clips and caches of this benchmark.
        knows_reuse: whether it has `--reuse`; if not, all runs are its plain path.
        extra: options for every run.
    """

    work: Path
    knows_reuse: bool
    workers: int
    extra: tuple[str, ...] = ()

    def run(
        self,
        composition: Path,
        rows: Sequence[dict[str, Any]],
        *,
        out: str,
        cache: str,
        options: Sequence[str] = (),
        size: tuple[int, int] = (WIDTH, HEIGHT),
        keep: bool = False,
    ) -> PressRun:
        """Render `rows` into the folder called `out` with the cache called `cache`.

        Args:
            keep: leave what earlier runs put into both; otherwise both begin empty.
            size: of the clips, in pixels.
        """
        out_dir, cache_dir = self.work / "clips" / out, self.work / "caches" / cache
        if not keep:
            shutil.rmtree(out_dir, ignore_errors=True)
            shutil.rmtree(cache_dir, ignore_errors=True)
        table = self.work / "lists" / f"{out}.json"
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text(json.dumps(list(rows), ensure_ascii=False), encoding="utf-8")
        arguments = ("render", str(composition), "--variants", str(table), "--out-dir", str(out_dir))
        run = run_press(
            (*arguments, "--workers", str(self.workers), "--json", *self.extra, *options),
            log=self.work / "logs" / f"{out}.log",
            timeout_s=START_TIMEOUT_S + ROW_TIMEOUT_S * len(rows),
            environment={"FRAMEPRESS_CACHE_DIR": str(cache_dir)},
        )
        if len(run.arrivals) != len(rows):
            raise BenchmarkError(f"{out}: {len(run.arrivals)} rows ended of {len(rows)}")
        frames = frame_count(composition)
        for row in itertools.islice(rows, 0, None, max(1, len(rows) // CHECKED_CLIPS)):
            check_clip(out_dir / row["out"], frames, *size)
        return run

    def forget(self, out: str, cache: str) -> None:
        """Free the disk of a run that nothing is compared with any more."""
        shutil.rmtree(self.work / "clips" / out, ignore_errors=True)
        shutil.rmtree(self.work / "caches" / cache, ignore_errors=True)


def open_press(work: Path, workers: int, extra: Sequence[str]) -> Press:
    """Ask framepress what it can do."""
    return Press(work, "--reuse" in render_options(), workers, tuple(extra))
