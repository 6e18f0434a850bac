"""One variant on its way from values to artifact. The only place that knows the order of the steps:

    instantiate -> open page -> capture -> encode -> sound -> mux -> check -> publish

A `Renderer` belongs to one process; it keeps its browser warm from row to row and replaces it when a row
went wrong, after many rows, or when it has grown.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

from framepress import variants
from framepress.browser import BrowserOptions
from framepress.cache import Cache
from framepress.capture import CapturedFrame, capture_frames
from framepress.clip import Artifact, Clip, assemble
from framepress.composition import Composition
from framepress.errors import BrowserCrash, FrameTimeout, PlanMisfit, PlanWrong
from framepress.frames_to_segments import EncodedFrames, encode_frames
from framepress.layer_moments import Moments
from framepress.layer_pieces import CachedLayers, layer_facts
from framepress.loaded_plan import LoadedPlan
from framepress.plan import Plan
from framepress.planned import encode_planned
from framepress.provenance import Reuse
from framepress.rest_check import check_rest
from framepress.results import RowResult, Seconds
from framepress.row_page import RowPages
from framepress.row_sound import SoundTracks
from framepress.row_task import RowTask
from framepress.settings import RenderSettings, RunLimits
from framepress.shelf import Shelf
from framepress.store import Store, Stored
from framepress.streams import AudioTrack
from framepress.survey import Survey
from framepress.survey_bench import NoPlan, Unwanted, Workbench, keep_plain_frames
from framepress.temporary_folders import TEMP_PREFIX, remove_folder
from framepress.wanted_poster import WantedPoster
from framepress.warm_page import WarmPage

#: How often a survey is begun anew after its browser failed.
SURVEY_TRIES = 3

#: How the plain path's files are described in their provenance.
PLAIN: Mapping[str, object] = {"path": "plain"}

#: Called with the frames that are done and the frames in all.
Progress = Callable[[int, int], None]


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


class Renderer:
    """Renders variants of one composition. Close it, or its browser stays.

    Args:
        browser_options: how to start Chromium; it starts with the first row.
        remote: folder of files of other hosts.
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
        self.composition = composition
        self.settings = settings
        self.limits = limits
        self._capture = browser_options.capture
        self.warm = WarmPage(browser_options, limits)
        self._shelf = Shelf(pieces, composition.digest, settings) if pieces is not None else None
        self._moments = Moments()
        self._sounds = SoundTracks(pieces)
        self.contents = RowPages(composition, settings, remote)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-work-"))

    def close(self) -> None:
        """End the browser and remove temporary files."""
        self.warm.drop()
        self.contents.close()
        remove_folder(self.folder)

    # ---- a whole row ----------------------------------------------------------------------------

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

    # ---- plans ----------------------------------------------------------------------------------

    def survey(
        self,
        samples: Sequence[variants.Variant],
        personal: Sequence[str],
        beat: Callable[[str, int, int], None],
        *,
        fresh: bool,
        find: bool = False,
        wider: bool = False,
        helped: bool = False,
        bands: bool = False,
    ) -> tuple[str, Plan | NoPlan | None, bool]:
        """Find or make the plan of a group.

        Args:
            beat: called with what is being done, frames that are done, and frames in all.
            fresh: make it anew, whatever is known. find: make nothing. wider: then the plan of a larger group
                will do. helped, bands: see `Survey`.

        Returns:
            Its plan key, or that of the larger group, what is known of it, and whether it was known before.

        Raises:
            RowFailure: a sample cannot be rendered at all. CacheFault: the plate cannot be kept.
        """
        shelf = self._shelf
        assert shelf is not None
        self.warm.page()
        key = shelf.key(self.environment, samples[0].values, personal, bands=bands)
        known = None if fresh else shelf.find(key)
        if isinstance(known, Plan):
            # It may come from the shared cache, and what was remembered may have been dropped.
            shelf.remember(known)
        elif known is None and find and wider:
            larger = shelf.find_wider(self.environment, samples[0].values, personal, bands=bands)
            key, known = larger or (key, None)
        if known is not None or find:
            return key, known, True
        for attempt in range(1, SURVEY_TRIES + 1):
            try:
                with self.warm.guard():
                    survey = Survey(
                        self._bench(beat), samples, shelf.cache, personal, helped=helped, bands=bands
                    )
                    found = survey.run()
                break
            except (BrowserCrash, FrameTimeout):
                if attempt == SURVEY_TRIES:
                    raise
        shelf.forget()
        shelf.put(key, found)
        return key, found, False

    def keep_plain_frames(
        self,
        samples: Sequence[variants.Variant],
        beat: Callable[[str, int, int], None],
        *,
        group: str | None,
    ) -> None:
        """Make the plain frames that a survey in another worker compares with.

        Args:
            group: its plan key; once it is known that there is no plan, nothing more is made.
        """
        assert self._shelf is not None
        cache = self._shelf.cache

        def wanted() -> bool:
            return group is None or cache.get("noplan", group) is None

        self.warm.page()
        with suppress(Unwanted):
            for sample in samples:
                with self.warm.guard_but(Unwanted):
                    keep_plain_frames(self._bench(beat), sample, cache, wanted=wanted)

    def _bench(self, beat: Callable[[str, int, int], None]) -> Workbench:
        return Workbench(
            open=self.open,
            page=self.warm.page,
            environment=lambda: self.environment,
            composition=self.composition.digest,
            settings=self.settings.model_dump(mode="json"),
            beat=beat,
        )

    # ---- the steps ------------------------------------------------------------------------------

    def open(self, variant: variants.Variant, *, picture: tuple[int, int] | None = None) -> Clip:
        """Load the variant's page and decide size, rate and length. A page that fails costs its browser.

        Args:
            picture: pixels that the page is drawn with, where its layout is all that is wanted; None: the
                clip's.
        """
        document, content = self.contents.of(variant, picture=picture)
        with self.warm.guard() as page:
            info = page.open(content)
            if self.composition.of(variant.values).fills:
                self.contents.check_filled(page, document)
        return self.contents.clip_of(document, info)

    def encode(
        self,
        clip: Clip,
        gops: Sequence[range],
        progress: Progress = lambda _, __: None,
        on_frame: Callable[[CapturedFrame], None] = lambda _: None,
    ) -> EncodedFrames:
        """Capture and encode consecutive GOPs of the open page."""
        frames = range(gops[0].start, gops[-1].stop)

        def each(frame: CapturedFrame) -> None:
            on_frame(frame)
            progress(frame.index - frames.start + 1, len(frames))

        with self.warm.guard() as page:
            return encode_frames(capture_frames(page, frames, clip.fps), gops, clip.encoder, on_frame=each)

    def still(self, clip: Clip, time_s: Fraction) -> bytes:
        """The frame at or before `time_s` as PNG; a stateful page is stepped there."""
        target = min(int(time_s * clip.fps), clip.frame_count - 1)
        with self.warm.guard() as page:
            page.seek(0, clip.fps)
            first = 1 if page.stateful else target
            for index in range(first, target + 1):
                page.seek(index, clip.fps)
                if index < target:
                    page.draw(index)
            png = page.draw(target, force=True)
        assert png is not None
        return png

    def sound(self, clip: Clip, *, format_: str | None = None) -> AudioTrack | None:
        """The sound track of a clip, made once per distinct input; see `SoundTracks.track`."""
        return self._sounds.track(clip, self.environment, format_=format_)

    def assemble(
        self,
        clip: Clip,
        encoded: EncodedFrames,
        track: AudioTrack | None,
        row_key: str,
        environment: str,
        made: Mapping[str, object] = PLAIN,
    ) -> Artifact:
        """Put segments and sound into a file and check it.

        Args:
            made: how, for its provenance.
        """
        provenance = {"framepress": 1, "row_key": row_key, **made, "environment": environment}
        path = self.folder / "clip.mp4"
        return assemble(path, clip, encoded.segments, encoded.summaries, track, provenance)

    def seek_first(self, clip: Clip) -> None:
        """Move the open page to frame 0, after which it is known whether it is seekable."""
        with self.warm.guard() as page:
            page.seek(0, clip.fps)

    def as_played(self, clip: Clip) -> Clip:
        """The clip with what has shown of its page's state meanwhile."""
        return replace(clip, stateful=self.stateful())

    def stateful(self) -> tuple[str, ...]:
        """Why the open page cannot be entered in the middle, as far as it has shown."""
        return self.warm.page().stateful

    @property
    def environment(self) -> str:
        """Digest of the environment; "" before the first page."""
        return self.warm.environment

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
