"""Lists rendered in this process, with every picture that went to the encoder kept for comparison.

A run is the real one (`Batch`: ledger, groups, planner, feeder, store), but for its workers: they do their
tasks in the test's own process, with one browser for all runs, and what their encoders are given is noted.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from framepress import feeder, frames_to_segments, planned
from framepress.batch import Batch
from framepress.batch_request import BatchRequest
from framepress.browser import BrowserOptions
from framepress.cache_options import CacheOptions
from framepress.clip import Artifact
from framepress.composite import packed
from framepress.encode import GopEncoder
from framepress.pictures import Picture
from framepress.pool import Answer
from framepress.pool_child import Worker
from framepress.provenance import Demands, Reuse
from framepress.renderer import Renderer
from framepress.results import RowResult
from framepress.row_binding import BindingOptions
from framepress.settings import RenderSettings, RunLimits
from framepress.streams import Segment
from framepress.tasks import Task, WorkerConfig
from framepress.warm_page import WarmPage

Packed = NDArray[np.uint8]


@dataclass
class Ran:
    """What came of a list.

    Attributes:
        results: by row number; the last word on each.
        told: all results in the order in which rows ended.
        frames: row number -> every picture as it went to the encoder, packed 4:2:0; not of stored rows.
        answers: what the workers were told, and said, in order.
    """

    out_dir: Path
    results: dict[int, RowResult] = field(default_factory=dict)
    told: list[RowResult] = field(default_factory=list)
    frames: dict[int, list[Packed]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def paths(self) -> dict[int, str]:
        return {number: str(result.path) for number, result in sorted(self.results.items())}

    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.out_dir.glob("*.mp4")}


class _Deaf:
    """The parent's end of a worker that lives in the same process: signs of life go nowhere."""

    def send(self, _: object) -> None:
        return


class Press:
    """Renders lists with one browser. Close it.

    Attributes:
        seen: packets of a GOP -> the pictures that they were made of.
    """

    def __init__(self, options: BrowserOptions) -> None:
        self.options = options
        self.limits = RunLimits(frame_timeout_s=60.0, ready_timeout_s=60.0)
        self.warm = WarmPage(options, self.limits)
        self.seen: dict[tuple[bytes, ...], list[Packed]] = {}
        self._ran: Ran | None = None

    def close(self) -> None:
        self.warm.drop()

    def run(
        self,
        composition: Path,
        rows: Sequence[Mapping[str, object]],
        out_dir: Path,
        *,
        reuse: Reuse = "segments",
        cache: Path | None = None,
        settings: RenderSettings | None = None,
        again: bool = False,
    ) -> Ran:
        """Render a list.

        Args:
            cache: folder; None: the run has one of its own. again: what is stored does not count.
        """
        request = BatchRequest(
            composition=composition,
            rows=None,
            out_dir=out_dir,
            binding=BindingOptions(out_name="{@row}.mp4"),
            settings=settings or RenderSettings(),
            limits=self.limits,
            browser=self.options,
            workers=1,
            again=again,
            cache=CacheOptions(cache) if cache is not None else None,
            demands=Demands(max_reuse=reuse),
            reuse=reuse,
        )
        ran = self._ran = Ran(out_dir)
        with self._at_home(), Batch(request, given=rows, on_note=ran.notes.append) as batch:
            batch.prepare()
            for result in batch.results():
                ran.told.append(result)
                assert result.row is not None
                ran.results[result.row] = result
        self._ran = None
        return ran

    @contextmanager
    def _at_home(self) -> Iterator[None]:
        """Workers in this process, and encoders that remember what they were given."""
        press = self

        class HomePool(_HomePool):
            def __init__(self, config: WorkerConfig, _: int) -> None:
                super().__init__(press, config)

        class Remembering(GopEncoder):
            _given: list[Packed]

            def add(self, picture: Picture) -> None:
                self.__dict__.setdefault("_given", []).append(packed(picture).copy())
                super().add(picture)

            def finish(self) -> Segment:
                segment = super().finish()
                press.seen[segment.packets] = self._given
                return segment

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(feeder, "WorkerPool", HomePool)
            patch.setattr(planned, "GopEncoder", Remembering)
            patch.setattr(frames_to_segments, "GopEncoder", Remembering)
            yield

    def note_frames(self, row: int, segments: Mapping[int, Segment]) -> None:
        assert self._ran is not None
        if any(segment.packets not in self.seen for segment in segments.values()):
            # Joined from bands: no encoder was given whole pictures.
            return
        self._ran.frames[row] = [
            picture for start in sorted(segments) for picture in self.seen[segments[start].packets]
        ]

    def note_answer(self, answer: Answer) -> None:
        assert self._ran is not None
        self._ran.answers.append(answer)


class _HomePool:
    """Stands in for `WorkerPool`: one worker, here, that has done its task before `start` returns."""

    def __init__(self, press: Press, config: WorkerConfig) -> None:
        self._press = press
        self._worker = Worker(_Deaf(), config)  # type: ignore[arg-type]
        self._worker.renderer.warm = press.warm
        self._answers: deque[Answer] = deque()

    def __enter__(self) -> _HomePool:
        return self

    def __exit__(self, *_: object) -> None:
        renderer = self._worker.renderer
        renderer.warm = WarmPage(self._press.options, self._press.limits)
        renderer.close()

    @property
    def idle_count(self) -> int:
        return 1 - len(self._answers)

    @property
    def busy_count(self) -> int:
        return len(self._answers)

    def frames_in_progress(self) -> tuple[int, int]:
        return 0, 0

    def survey_in_progress(self) -> None:
        return None

    def start(self, task: Task) -> None:
        renderer = self._worker.renderer
        assemble = Renderer.assemble

        def noting(clip: Any, encoded: Any, *more: Any) -> Artifact:
            self._press.note_frames(task.row, encoded.segments)  # type: ignore[union-attr,arg-type]
            return assemble(renderer, clip, encoded, *more)

        renderer.assemble = noting  # type: ignore[method-assign,assignment]
        answer = Answer(task, self._worker._answer(task))
        self._press.note_answer(answer)
        self._answers.append(answer)

    def answers(self, _: float) -> Iterator[Answer]:
        while self._answers:
            yield self._answers.popleft()


# ---- comparing ----------------------------------------------------------------------------------


def decoded(path: Path) -> list[Packed]:
    """Every picture of a file, packed 4:2:0."""
    with av.open(str(path)) as container:
        return [packed(frame).copy() for frame in container.decode(video=0)]


def psnr_db(some: Sequence[Packed], others: Sequence[Packed]) -> float:
    """Over all samples of all pictures; at most 100."""
    assert len(some) == len(others)
    squares = sum(
        float(np.square(one.astype(np.int32) - other).sum()) for one, other in zip(some, others, strict=True)
    )
    if squares == 0:
        return 100.0
    return min(100.0, 10 * math.log10(255**2 * sum(one.size for one in some) / squares))
