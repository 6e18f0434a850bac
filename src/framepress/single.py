"""One clip by itself: split over its GOPs when there are workers to spare and the page is seekable.

What is asked for, and bound to the composition: `single_request`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from framepress import variants
from framepress.artifacts import Artifacts
from framepress.cache_options import open_if_usable
from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.environment import machine_environment
from framepress.errors import FramepressError, InternalError
from framepress.frames_to_segments import EncodedFrames
from framepress.names import safe_name
from framepress.pool import WorkerPool
from framepress.provenance import Demands
from framepress.renderer import Renderer
from framepress.results import RowResult, Seconds
from framepress.row_task import RowTask
from framepress.single_request import SingleRequest, bind_values, worker_config
from framepress.store import ANY_WILL_DO, FolderStore
from framepress.tasks import (
    Failed,
    Opened,
    OpenTask,
    Reply,
    SegmentsDone,
    SegmentTask,
    StillTask,
    Task,
)
from framepress.temporary_folders import TEMP_PREFIX, sweep_temporary_folders

#: Seconds between two looks at what the workers do.
TICK_S = 0.2

#: What to do about a file of somebody else's.
WAY_OUT_FOREIGN = "Choose another --out, or overwrite it with --force."


class SingleRender:
    """Renders one clip. `frames_total` (0: unknown yet) and `frames_shown` tell how far it is."""

    def __init__(
        self,
        request: SingleRequest,
        *,
        on_progress: Callable[[SingleRender], None] = lambda _: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.request = request
        self.composition: Composition = load_composition(request.composition)
        self.frames_total = 0
        self.frames_done = 0
        self.frames_shown = 0
        self._on_progress = on_progress
        self._on_note = on_note
        self.variant = bind_values(request, self.composition, on_note)
        self.row_key = variants.row_key_of(self.composition, self.variant, request.settings)
        self._attempt = 1
        self._artifacts = Artifacts(None, ANY_WILL_DO)

    def run(self) -> RowResult:
        """Render and publish.

        Raises:
            FramepressError: nothing was published.
        """
        request = self.request
        store = FolderStore(request.out.parent)
        store.check_writable()
        sweep_temporary_folders()
        name = safe_name(request.out.name)
        demands = request.demands
        if request.refresh_environment:
            demands = replace(demands, environment=machine_environment(request.browser))
        self._artifacts = Artifacts(open_if_usable(request.cache, self._on_note), demands)
        try:
            return self._run(store, name, demands)
        finally:
            self._artifacts.close()

    def _run(self, store: FolderStore, name: str, demands: Demands) -> RowResult:
        request = self.request
        poster = self._stored_poster(store, name)
        stored = self._stored(store, name, demands)
        if stored is not None and (request.poster_s is None or poster is not None):
            return stored.model_copy(update={"poster": poster})
        with WorkerPool(worker_config(self.request, self.composition), max(1, request.workers)) as pool:
            if stored is not None:
                return stored.model_copy(update={"poster": self._poster(pool, store, name)})
            if request.workers > 1:
                opened = self._ask(pool, OpenTask(self.variant))
                if not isinstance(opened, Opened):
                    raise InternalError(f"A worker opened a page and answered {type(opened).__name__}.")
                if len(opened.clip.gops) > 1 and not opened.clip.stateful:
                    result = self._split(pool, opened, store, name)
                    if result is not None:
                        return result
                    # The page turned out to be stateful in mid-play: what was entered in the middle of it
                    # is not used.
            return self._whole(pool, name)

    def still(self, time_s: Fraction) -> tuple[RowResult, bytes]:
        """The frame at `time_s` seconds as PNG, with what is to be said about it."""
        sweep_temporary_folders()
        with WorkerPool(worker_config(self.request, self.composition), 1) as pool:
            png = self._still(pool, time_s)
        result = RowResult(
            status="done",
            out="-",
            row_key=self.row_key,
            path="plain",
            frames=1,
            captured_frames=1,
            capture=self.request.browser.capture,
            bytes=len(png),
            attempt=self._attempt,
        )
        return result, png

    def publish_still(self, time_s: Fraction) -> RowResult:
        """The frame at `time_s` seconds into the file that was asked for; what stands there is replaced."""
        store = FolderStore(self.request.out.parent)
        store.check_writable()
        name = safe_name(self.request.out.name, suffix=".png")
        result, png = self.still(time_s)
        return result.model_copy(update={"out": str(store.publish_bytes(png, name))})

    # ---- inside ---------------------------------------------------------------------------------

    def _stored(self, store: FolderStore, name: str, demands: Demands) -> RowResult | None:
        if self.request.force:
            return None
        stored = store.find(name, self.row_key, way_out=WAY_OUT_FOREIGN, demands=demands)
        if self.request.again:
            return None
        stored = stored or self._artifacts.fetch(store, name, self.row_key)
        if stored is None:
            return None
        return RowResult(
            status="done",
            out=str(stored.path),
            row_key=self.row_key,
            path="stored",
            bytes=stored.size,
            environment=stored.environment,
        )

    def _stored_poster(self, store: FolderStore, name: str) -> str | None:
        """The poster that is there already, if it is the one that was asked for."""
        wanted = self.request.wanted_poster(self.row_key)
        if wanted is None or self.request.force:
            return None
        return wanted.stored(store, name, way_out=WAY_OUT_FOREIGN)

    def _whole(self, pool: WorkerPool, name: str) -> RowResult:
        reply = self._ask(
            pool,
            RowTask(
                variant=self.variant,
                row_key=self.row_key,
                out=name,
                poster=self.request.wanted_poster(self.row_key),
                stays=None,
            ),
        )
        if not isinstance(reply, RowResult):
            raise InternalError(f"A worker answered a row with {type(reply).__name__}.")
        self._artifacts.share(self.row_key)
        return reply.model_copy(update={"attempt": self._attempt})

    def _split(self, pool: WorkerPool, opened: Opened, store: FolderStore, name: str) -> RowResult | None:
        began = time.perf_counter()
        clip = opened.clip
        self.frames_total = clip.frame_count
        tasks: deque[Task] = deque(SegmentTask(self.variant, ((gop.start, gop.stop),)) for gop in clip.gops)
        encoded = EncodedFrames()
        capture_s = 0.0
        for reply in self._all(pool, tasks):
            if not isinstance(reply, SegmentsDone):
                raise InternalError(f"A worker answered a segment with {type(reply).__name__}.")
            if reply.stateful:
                return None
            encoded.add(reply.encoded)
            capture_s += reply.capture_s
        poster = self._poster(pool, store, name)
        captured = time.perf_counter()
        renderer = Renderer(
            self.composition, self.request.settings, self.request.limits, self.request.browser
        )
        try:
            track = renderer.sound(clip)
            sounded = time.perf_counter()
            artifact = renderer.assemble(clip, encoded, track, self.row_key, opened.environment)
            stored = store.publish(artifact.path, name, stays=None)
            self._artifacts.keep(artifact.path, self.row_key)
        finally:
            renderer.close()
        finished = time.perf_counter()
        return RowResult(
            status="done",
            out=str(stored.path),
            row_key=self.row_key,
            path="plain",
            frames=clip.frame_count,
            captured_frames=encoded.captured_count,
            capture=self.request.browser.capture,
            seconds=Seconds(
                capture=round(capture_s, 4),
                encode=round(encoded.encode_s, 4),
                audio=round(sounded - captured, 4),
                write=round(finished - sounded, 4),
                total=round(finished - began, 4),
            ),
            bytes=artifact.size_bytes,
            poster=poster,
            attempt=self._attempt,
            environment=opened.environment,
        )

    def _poster(self, pool: WorkerPool, store: FolderStore, name: str) -> str | None:
        wanted = self.request.wanted_poster(self.row_key)
        if wanted is None:
            return None
        return wanted.publish(store, name, self._still(pool, wanted.time_s))

    def _still(self, pool: WorkerPool, time_s: Fraction) -> bytes:
        png = self._ask(pool, StillTask(self.variant, time_s))
        if not isinstance(png, bytes):
            raise InternalError(f"A worker answered a still with {type(png).__name__}.")
        return png

    def _ask(self, pool: WorkerPool, task: Task) -> Reply:
        return self._all(pool, deque([task]))[0]

    def _all(self, pool: WorkerPool, tasks: deque[Task]) -> list[Reply]:
        """Have all tasks done, each tried again while that can help; replies in the order they came."""
        replies: list[Reply] = []
        attempts: dict[int, int] = {}
        while tasks or pool.busy_count:
            while tasks and pool.idle_count:
                pool.start(tasks.popleft())
            for answer in pool.answers(TICK_S):
                if isinstance(answer.reply, Failed):
                    self._retry_or_raise(answer.task, answer.reply.error, tasks, attempts)
                else:
                    replies.append(answer.reply)
                    if isinstance(answer.task, SegmentTask):
                        self.frames_done += sum(stop - start for start, stop in answer.task.gops)
            self._tell(pool)
        return replies

    def _retry_or_raise(
        self, task: Task, error: FramepressError, tasks: deque[Task], attempts: dict[int, int]
    ) -> None:
        tried = attempts[id(task)] = attempts.get(id(task), 1) + 1
        if not error.retryable or tried > self.request.limits.attempts_max:
            raise error
        self._attempt = max(self._attempt, tried)
        tasks.append(task)

    def _tell(self, pool: WorkerPool) -> None:
        frames, total = pool.frames_in_progress()
        self.frames_total = max(self.frames_total, total)
        self.frames_shown = self.frames_done + frames
        self._on_progress(self)


def render_to_stream(
    request: SingleRequest,
    stream: BinaryIO,
    *,
    on_progress: Callable[[SingleRender], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> RowResult:
    """Render one clip and write it to a stream, once it is finished and checked."""
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-"))
    try:
        out = folder / "clip.mp4"
        result = SingleRender(replace(request, out=out), on_progress=on_progress, on_note=on_note).run()
        with out.open("rb") as file:
            shutil.copyfileobj(file, stream)
        stream.flush()
        return result.model_copy(update={"out": "-"})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
