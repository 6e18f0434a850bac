"""One variant on its way from values to artifact. The only place that knows the order of the steps:

    instantiate -> open page -> capture -> encode -> sound -> mux -> check -> publish

What each of them does by itself is in `render_steps`. A `Renderer` belongs to one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from framepress.browser import BrowserOptions
from framepress.cache import Cache
from framepress.capture import CapturedFrame
from framepress.clip import Clip
from framepress.composition import Composition
from framepress.errors import PlanMisfit, PlanWrong
from framepress.frames_to_segments import EncodedFrames
from framepress.group_plans import GroupPlans
from framepress.layer_moments import Moments
from framepress.layer_pieces import CachedLayers, layer_facts
from framepress.loaded_plan import LoadedPlan
from framepress.planned import encode_planned
from framepress.provenance import Reuse
from framepress.render_steps import PLAIN, Progress, RenderSteps
from framepress.rest_check import check_rest
from framepress.results import RowResult, Seconds
from framepress.row_task import RowTask
from framepress.settings import RenderSettings, RunLimits
from framepress.shelf import Shelf
from framepress.store import Store, Stored
from framepress.wanted_poster import WantedPoster


@dataclass(frozen=True)
class _Made:
    """A row's segments and how they came about.

    Attributes:
        load_s, check_s: seconds until the page was ready, and for comparing it with its plan.
        poster: PNG of the wanted poster's frame.
        reason: why it was made plain where reuse was wanted.
    """

    clip: Clip
    encoded: EncodedFrames
    load_s: float
    check_s: float = 0.0
    path: Literal["plain", "reuse"] = "plain"
    level: Reuse = "off"
    plan: str | None = None
    poster: bytes | None = None
    reason: str | None = None
    stored_segments: int = 0

    @property
    def provenance(self) -> Mapping[str, object]:
        if self.path == "plain":
            return PLAIN
        return {"path": self.path, "plan": self.plan, "reuse": self.level}


class Renderer(RenderSteps):
    """Renders variants of one composition. Close it, or its browser stays.

    Arguments are those of `RenderSteps`; `pieces` is also where plans and what they need are kept.

    Attributes:
        plans: of the groups that its rows belong to.
    """

    def __init__(
        self,
        composition: Composition,
        settings: RenderSettings,
        limits: RunLimits,
        browser_options: BrowserOptions,
        pieces: Cache | None = None,
        remote: Path | None = None,
    ) -> None:
        super().__init__(composition, settings, limits, browser_options, pieces, remote)
        self._capture = browser_options.capture
        self._shelf = Shelf(pieces, composition.digest, settings) if pieces is not None else None
        self._moments = Moments()
        self.plans = GroupPlans(self, self._shelf)

    def render(
        self,
        task: RowTask,
        store: Store,
        progress: Progress = lambda _, __: None,
        *,
        keep: Callable[[Path, str], None] = lambda _, __: None,
    ) -> RowResult:
        """Render, check and publish one row.

        Args:
            keep: called with the finished file, which is published, and its row key; see `artifacts`.

        Raises:
            RowFailure, InputError, EnvironmentFault: nothing was published.
        """
        if task.stored is not None:
            return self._only_poster(task, store, task.stored)
        began = time.perf_counter()
        row = self._made(task, progress)
        clip = self.as_played(row.clip)
        captured = time.perf_counter()
        track = self.sound(clip, format_=task.format)
        sounded = time.perf_counter()
        artifact = self.assemble(clip, row.encoded, track, task.row_key, self.environment, row.provenance)
        stored = store.publish(artifact.path, task.out, stays=task.stays)
        keep(artifact.path, task.row_key)
        poster = self._publish_poster(task, store, row.poster)
        self.warm.after_row()
        finished = time.perf_counter()
        seconds = Seconds(
            load=_rounded(row.load_s),
            check=_rounded(row.check_s),
            capture=_rounded(captured - began - row.load_s - row.check_s),
            encode=_rounded(row.encoded.encode_s),
            audio=_rounded(sounded - captured),
            write=_rounded(finished - sounded),
            total=_rounded(finished - began),
        )
        if stored.was_there:
            return _found(task, stored, poster, seconds)
        return RowResult(
            row=task.row,
            format=task.format,
            id=task.id,
            status="done",
            out=str(stored.path),
            row_key=task.row_key,
            path=row.path,
            reuse=row.level,
            reason=row.reason,
            plan=row.plan,
            frames=clip.frame_count,
            captured_frames=row.encoded.captured_count,
            stored_segments=row.stored_segments,
            capture=self._capture,
            stateful=clip.stateful,
            seconds=seconds,
            bytes=artifact.size_bytes,
            poster=poster,
            attempt=task.attempt,
            environment=self.warm.environment,
        )

    def _made(self, task: RowTask, progress: Progress) -> _Made:
        """The row's segments, by its plan if it has one that fits."""
        if task.plan is None or task.reuse == "off" or self._shelf is None:
            return self._plain(task, task.plain_because, progress)
        loaded = self._shelf.load(task.plan, task.plan_digest)
        if loaded is None:
            return self._plain(task, "its plan is no longer in the cache", progress)
        try:
            return self._by_plan(task, loaded, self._shelf.cache, progress)
        except PlanMisfit as misfit:
            return self._plain(task, misfit.message, progress)

    def _plain(self, task: RowTask, reason: str | None, progress: Progress) -> _Made:
        began = time.perf_counter()
        clip = self.open(task.variant)
        opened = time.perf_counter()
        posters: list[CapturedFrame] = []
        encoded = self.encode(clip, clip.gops, progress, _poster_keeper(clip, task.poster, posters))
        poster = posters[-1].png if posters else None
        return _Made(clip, encoded, opened - began, poster=poster, reason=reason)

    def _by_plan(self, task: RowTask, loaded: LoadedPlan, cache: Cache, progress: Progress) -> _Made:
        """See `planned`.

        Raises:
            PlanMisfit: the row is to be rendered plain. PlanWrong: the plan is to be given up.
        """
        plan = loaded.plan
        began = time.perf_counter()
        clip = self.open(task.variant)
        opened = time.perf_counter()
        fits = (clip.encoder.width, clip.encoder.height, clip.fps, clip.frame_count)
        if (
            fits != (plan.width, plan.height, plan.fps, plan.frame_count)
            or self.environment != plan.environment
        ):
            raise PlanMisfit("It has another length, size or environment than its plan.", rule="other-clip")
        with self.warm.guard_but(PlanMisfit, PlanWrong) as page:
            check_rest(page, plan)
            checked = time.perf_counter()
            if plan.stateful:
                clip = self.open(task.variant)
            done = encode_planned(
                page,
                loaded,
                clip.encoder,
                clip.gops,
                cache,
                level=task.reuse,
                memory=CachedLayers(
                    cache,
                    plan.environment,
                    layer_facts(self.composition.digest, self.settings.model_dump(mode="json")),
                    task.variant.files,
                    seen=loaded.seen_layers,
                    only_keep=task.captured_anew,
                    moments=self._moments,
                ),
                on_frame=lambda frame: progress(frame.index + 1, clip.frame_count),
            )
        poster = self.still(self.open(task.variant), task.poster.time_s) if task.poster is not None else None
        return _Made(
            clip,
            done.encoded,
            opened - began,
            checked - opened,
            path="reuse",
            level=cast(Reuse, done.level),
            plan=plan.digest,
            poster=poster,
            stored_segments=done.stored_segments,
        )

    def _only_poster(self, task: RowTask, store: Store, stored: Stored) -> RowResult:
        """Make the poster of a clip that is stored."""
        assert task.poster is not None
        began = time.perf_counter()
        png = self.still(self.open(task.variant), task.poster.time_s)
        poster = task.poster.publish(store, task.out, png)
        self.warm.after_row()
        seconds = Seconds(total=_rounded(time.perf_counter() - began))
        return _found(task, stored, poster, seconds)

    def _publish_poster(self, task: RowTask, store: Store, png: bytes | None) -> str | None:
        if task.poster is None:
            return None
        assert png is not None
        return task.poster.publish(store, task.out, png)


def _found(task: RowTask, stored: Stored, poster: str | None, seconds: Seconds) -> RowResult:
    """The row's clip was there, or somebody has published it meanwhile: what is there is what counts."""
    return task.result_of(stored, poster).model_copy(update={"seconds": seconds, "attempt": task.attempt})


def _poster_keeper(
    clip: Clip, poster: WantedPoster | None, kept: list[CapturedFrame]
) -> Callable[[CapturedFrame], None]:
    if poster is None:
        return lambda _: None
    target = min(int(poster.time_s * clip.fps), clip.frame_count - 1)

    def keep(frame: CapturedFrame) -> None:
        if frame.png is not None and frame.index <= target:
            kept[:] = [frame]

    return keep


def _rounded(seconds: float) -> float:
    return round(seconds, 4)
