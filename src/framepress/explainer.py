"""What a list would cost before it is rendered: plans made or found, pages looked at, a few rows timed.

    list -> ledger in a temporary folder -> groups
    each of the largest -> survey, some rows by the plan, a probe, some frames without -> numbers, advice

Everything runs in this process with one browser, by the same survey as a run's; plans go where a run finds
them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from framepress import explain, variants
from framepress.batch import Batch, BatchRequest, Progress
from framepress.browser import TEMP_PREFIX, BrowserOptions
from framepress.cache import Cache
from framepress.cache_options import CacheOptions, open_if_usable
from framepress.clip import Clip
from framepress.declarations import FORMAT_NAME, is_own_name
from framepress.errors import PlanWrong, RowFailure
from framepress.explain import Measured
from framepress.explain_advice import Layout, advise
from framepress.explain_picture import PictureFacts, draw_picture, plate_png
from framepress.explain_probe import Probe, Prober
from framepress.explanation import ExplainedGroup, Explanation
from framepress.groups import Group, Groups
from framepress.ledger_rows import LedgerRow
from framepress.machine import read_machine
from framepress.plan import Plan
from framepress.planned import LoadedPlan
from framepress.provenance import Reuse
from framepress.remote_files import RemoteOptions
from framepress.renderer import Renderer, RowTask
from framepress.row_binding import BindingOptions
from framepress.settings import RenderSettings, RunLimits
from framepress.shelf import void
from framepress.store import FolderStore
from framepress.survey_bench import NoPlan
from framepress.variants import Variant

#: Rows of a group that are rendered by its plan to see what a row costs; the first does not count.
ROWS_TIMED = 3

#: Distinct values of a variable that are counted.
VALUES_COUNTED = 1_000

T = TypeVar("T")

#: Called with what is being done, how much of it is done, and how much there is (0: unknown).
Beat = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ExplainRequest:
    """What is to be explained.

    Attributes:
        groups_max: how many groups are looked at, the largest first.
        workers: that the forecast is for.
        cache: where plans are kept, so that a run finds them; None: nowhere.
        reuse: level that rows are timed at.
    """

    composition: Path
    rows: str
    binding: BindingOptions
    settings: RenderSettings
    limits: RunLimits
    browser: BrowserOptions
    workers: int
    groups_max: int = 3
    cache: CacheOptions | None = None
    reuse: Reuse = "bands"
    encoding: str | None = None
    query: str | None = None
    remote: RemoteOptions | None = None


@dataclass
class _Looked:
    """A group that was looked at."""

    report: ExplainedGroup
    probe: Probe | None
    plan: Plan | None


class Explainer:
    """Explains one list. Use as a context manager: leaving it ends the browser and removes what is temporary.

    Raises:
        CompositionError, RowsError, UsageError, StorageFault: the list cannot be rendered at all.
    """

    def __init__(
        self,
        request: ExplainRequest,
        *,
        stdin: BinaryIO | None = None,
        on_progress: Beat = lambda _, __, ___: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.request = request
        self._beat = on_progress
        self._note = on_note
        self._folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-explain-"))
        try:
            self._batch = self._open_batch(stdin)
            self._cache = self._open_cache()
            self._renderer = Renderer(
                self._batch.composition,
                request.settings,
                request.limits,
                request.browser,
                self._cache,
                request.remote.folder if request.remote is not None else None,
            )
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._looked: list[_Looked] = []

    def __enter__(self) -> Explainer:
        return self

    def __exit__(self, *_: object) -> None:
        self._renderer.close()
        self._batch.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self) -> Explanation:
        """Look at the list.

        Raises:
            EnvironmentFault: no browser, a full disk.
            RowFailure: not even the first row of the largest group can be rendered.
        """
        self._batch.prepare()
        groups = self._survey_groups()
        ordered = sorted(groups, key=lambda group: -group.count)
        return self._explanation(groups, ordered)

    def picture(self) -> bytes | None:
        """PNG of the largest group's layout, after `run`; None: there is nothing to be shown."""
        looked = next((one for one in self._looked if one.probe is not None), None)
        if looked is None or looked.probe is None:
            return None
        facts = self._picture_facts(looked, looked.probe)
        with self._renderer.warm.guard() as page:
            return draw_picture(page, facts, self._folder)

    # ---- the list -------------------------------------------------------------------------------

    def _open_batch(self, stdin: BinaryIO | None) -> Batch:
        request = self.request

        def told(progress: Progress) -> None:
            self._beat(f"{progress.phase} rows", progress.read, 0)

        return Batch(
            BatchRequest(
                composition=request.composition,
                rows=request.rows,
                encoding=request.encoding,
                query=request.query,
                remote=request.remote,
                out_dir=self._folder / "out",
                binding=request.binding,
                settings=request.settings,
                limits=request.limits,
                browser=request.browser,
                workers=1,
            ),
            stdin=stdin,
            on_progress=told,
        )

    def _open_cache(self) -> Cache:
        found = open_if_usable(self.request.cache, self._note)
        return found if found is not None else CacheOptions(self._folder / "cache").open()

    def _rows(self) -> Iterator[LedgerRow]:
        return self._batch.ledger.iter_rows({"bound"}, unique=True)

    # ---- groups ---------------------------------------------------------------------------------

    def _survey_groups(self) -> Groups:
        """The groups of the list, the largest ones surveyed and looked at (`_looked`)."""
        groups = Groups(self._rows())
        groups.divide(self._rows())
        while True:
            self._looked = []
            shared: tuple[str, ...] = ()
            for number, group in enumerate(sorted(groups, key=lambda one: -one.count), 1):
                if number > self.request.groups_max:
                    break
                looked, shared = self._look_at(number, group, groups)
                if shared and not groups.shared:
                    break
                self._looked.append(looked)
            if not shared or groups.shared:
                return groups
            groups.divide(self._rows(), shared)

    def _look_at(self, number: int, group: Group, groups: Groups) -> tuple[_Looked, tuple[str, ...]]:
        began = time.perf_counter()
        key, found, known = self._survey(number, group, groups)
        survey_s = 0.0 if known else time.perf_counter() - began
        if isinstance(found, NoPlan) and found.shared and not groups.shared:
            return _Looked(_bare_report(number, group, found), None, None), found.shared
        plan = found if isinstance(found, Plan) else None
        rows = self._time_rows(group, key, plan)
        if isinstance(rows, NoPlan):
            plan, found, rows = None, rows, []
        probe = self._probe(group, plan, groups)
        report = self._report(number, group, found, probe, rows)
        report = report.model_copy(
            update={"found": known, "survey_seconds": round(survey_s, 2), **self._plain(group, plan)}
        )
        return _Looked(report, probe, plan), ()

    def _survey(self, number: int, group: Group, groups: Groups) -> tuple[str, Plan | NoPlan, bool]:
        if len(group.samples) < 2:
            return "", NoPlan("one-row", "All of its rows are the same: there is nothing to compare."), False

        def beat(step: str, done: int, total: int) -> None:
            self._beat(f"group {number}, {step}", done, total)

        try:
            key, found, known = self._retried(
                lambda: self._renderer.survey(
                    group.samples, groups.personal, beat, fresh=False, bands=self.request.reuse == "bands"
                )
            )
        except RowFailure as failure:
            rule = "stateful" if failure.rule == "stateful" else "survey-failed"
            return "", NoPlan(rule, f"its survey failed: {failure.message}"), False
        assert found is not None, "only a survey that is to find and not to make may find nothing"
        return key, found, known

    def _probe(self, group: Group, plan: Plan | None, groups: Groups) -> Probe | None:
        try:
            return self._retried(
                lambda: Prober(self._renderer, group.samples, self._beat).probe(plan, groups.personal)
            )
        except RowFailure as failure:
            self._note(f"A row of the largest groups cannot be rendered: {failure.message}")
            return None

    def _retried(self, work: Callable[[], T]) -> T:
        """What `work` gives, tried again while that can help, as a run does."""
        for _ in range(self.request.limits.attempts_max - 1):
            try:
                return work()
            except RowFailure as failure:
                if not failure.retryable:
                    raise
        return work()

    # ---- time -----------------------------------------------------------------------------------

    def _time_rows(self, group: Group, key: str, plan: Plan | None) -> list[Measured] | NoPlan:
        """Render a few rows as a run would; `NoPlan` if one shows that the plan is wrong."""
        if plan is None:
            return []
        rows = []
        for number, sample in enumerate(group.samples[:ROWS_TIMED]):
            self._beat("timing rows", number, min(ROWS_TIMED, len(group.samples)))
            try:
                rows.append(self._retried(partial(self._time_row, sample, key)))
            except PlanWrong as wrong:
                void(self._cache, wrong.plan, wrong.message)
                return NoPlan("plan-wrong", f"its plan was given up: {wrong.message}")
            except RowFailure as failure:
                self._note(f"A row could not be timed: {failure.message}")
        return rows

    def _time_row(self, sample: Variant, key: str | None) -> Measured:
        composition, settings = self._batch.composition, self.request.settings
        task = RowTask(
            variant=sample,
            row_key=variants.row_key_of(composition, sample, settings),
            out="timed.mp4",
            plan=key,
            reuse=self.request.reuse,
        )
        began, cpu = time.perf_counter(), self._cpu_seconds()
        result = self._renderer.render(task, FolderStore(self._folder / "timed"))
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

    def _cpu_seconds(self) -> float:
        return time.process_time() + self._renderer.warm.cpu_seconds()

    def _plain(self, group: Group, plan: Plan | None) -> dict[str, object]:
        """What a row costs without reuse: some of its frames where there is a plan, else a whole row."""
        self._beat("timing frames without reuse", 0, 0)
        try:
            if plan is None:
                row = self._retried(lambda: self._time_row(group.samples[0], None))
                return {
                    "plain_seconds": round(row.seconds, 4),
                    "plain_cpu_seconds": round(row.cpu_seconds, 4),
                    "plain_frames": row.captured_frames,
                    "clip_bytes": row.size_bytes,
                }
            return self._retried(lambda: self._plain_part(group.samples[0]))
        except RowFailure as failure:
            self._note(f"A row could not be timed without reuse: {failure.message}")
            return {}

    def _plain_part(self, sample: Variant) -> dict[str, object]:
        began, cpu = time.perf_counter(), self._cpu_seconds()
        clip = self._renderer.open(sample)
        self._renderer.seek_first(clip)
        opened, opened_cpu = time.perf_counter() - began, self._cpu_seconds() - cpu
        gop = clip.gops[0] if self._renderer.stateful() else clip.gops[len(clip.gops) // 2]
        began, cpu = time.perf_counter(), self._cpu_seconds()
        self._renderer.encode(clip, [gop])
        factor = clip.frame_count / len(gop)
        return {
            "plain_seconds": round(opened + factor * (time.perf_counter() - began), 4),
            "plain_cpu_seconds": round(opened_cpu + factor * (self._cpu_seconds() - cpu), 4),
            "plain_frames": len(gop),
        }

    # ---- reports --------------------------------------------------------------------------------

    def _report(
        self, number: int, group: Group, found: Plan | NoPlan, probe: Probe | None, rows: list[Measured]
    ) -> ExplainedGroup:
        report = _bare_report(number, group, found)
        if probe is None:
            return report
        names = [probe.names.get(place, place) for place in probe.personal]
        because = [
            sorted(name for name, places in probe.changes.items() if place in places)
            for place in probe.personal
        ]
        size = (probe.clip.encoder.width, probe.clip.encoder.height)
        update: dict[str, object] = {
            "personal": explain.elements(names, probe.seen, because, probe.clip.fps, size),
            "above": tuple(probe.names.get(place, place) for place in probe.above),
            "stateful": probe.stateful,
        }
        if isinstance(found, Plan):
            update |= {
                "intervals": explain.intervals(
                    probe.clip.gops, probe.seen, found.bands, probe.clip.encoder.height
                ),
                "whole_because": found.whole_because or None,
                "plate_bytes": (max(found.slots) + 1) * found.width * found.height * 3 // 2,
                "cost": explain.row_cost(rows),
                "clip_bytes": round(sum(row.size_bytes for row in rows) / len(rows)) if rows else 0,
            }
        return report.model_copy(update=update)

    def _explanation(self, groups: Groups, ordered: list[Group]) -> Explanation:
        request, looked = self.request, self._looked
        probes = [one.probe for one in looked if one.probe is not None]
        if not probes:
            raise self._failure(ordered)
        clip, probe = probes[0].clip, probes[0]
        reports = [one.report for one in looked]
        rows = sum(group.count for group in ordered)
        variables = explain.variables(
            self._values(), groups.varying, groups.shared, probe.changes, probe.names
        )
        usable = [(group.count, group.reason is None) for group in ordered]
        return Explanation(
            composition=self._batch.composition.path.name,
            rows=rows,
            width=clip.encoder.width,
            height=clip.encoder.height,
            fps=str(clip.fps),
            frames=clip.frame_count,
            variables=variables,
            groups=tuple(reports),
            groups_in_all=len(ordered),
            forecast=explain.forecast(
                reports,
                usable,
                workers=request.workers,
                cpus=read_machine().cpus,
                plans_are_kept=request.cache is not None,
            ),
            advice=advise(
                reports,
                [_layout(one.probe) for one in looked],
                variables,
                rows=rows,
                groups_in_all=len(ordered),
                frame_count=clip.frame_count,
            ),
        )

    def _failure(self, ordered: list[Group]) -> RowFailure:
        """Why the first row cannot be rendered."""
        try:
            self._renderer.open(ordered[0].samples[0])
        except RowFailure as failure:
            return failure
        return RowFailure("No row could be looked at.", rule="explain")

    def _values(self) -> dict[str, int]:
        values: dict[str, set[str]] = {}
        for row in self._rows():
            for name, value in row.values.items():
                if is_own_name(name):
                    continue
                known = values.setdefault(name, set())
                if len(known) < VALUES_COUNTED:
                    known.add(value)
        return {name: len(known) for name, known in sorted(values.items())}

    def _picture_facts(self, looked: _Looked, probe: Probe) -> PictureFacts:
        frame = explain.typical_frame(probe.seen)
        report, clip = looked.report, probe.clip
        grey = None
        if looked.plan is not None:
            loaded = LoadedPlan.load(looked.plan, self._cache)
            if loaded is not None:
                grey = plate_png(loaded.plate.frame(frame), clip.encoder.width, clip.encoder.height)
        rows = f"{report.rows_in_group:,} row{'s' if report.rows_in_group != 1 else ''}"
        return PictureFacts(
            title=self._batch.composition.path.name,
            subtitle=f"{rows} · {clip.encoder.width}×{clip.encoder.height} · {_length(clip)}",
            reason=report.reason,
            width=clip.encoder.width,
            height=clip.encoder.height,
            fps=clip.fps,
            frame=frame,
            grey=grey,
            elements=report.personal,
            seen=probe.seen,
            above=tuple(zip(report.above, probe.above_seen[frame], strict=True)),
            intervals=report.intervals,
        )


def _length(clip: Clip) -> str:
    return f"{float(clip.frame_count / clip.fps):g} s at {float(clip.fps):.5g} fps"


def _bare_report(number: int, group: Group, found: Plan | NoPlan) -> ExplainedGroup:
    refused = found if isinstance(found, NoPlan) else None
    small = group.reason if refused is None else None
    return ExplainedGroup(
        group=number,
        format=next((sample.values.get(FORMAT_NAME) for sample in group.samples), None),
        rows_in_group=group.count,
        plan=None if isinstance(found, NoPlan) else found.digest,
        found=False,
        rule=refused.rule if refused else "group-small" if small else None,
        reason=refused.reason if refused else small,
        stateful=(),
        surveyed_rows=len(group.samples),
        survey_seconds=0.0,
        personal=(),
        above=(),
        intervals=(),
        plate_bytes=0,
        cost=None,
        clip_bytes=0,
        plain_seconds=None,
        plain_cpu_seconds=None,
        plain_frames=0,
    )


def _layout(probe: Probe | None) -> Layout | None:
    if probe is None:
        return None
    return Layout(
        personal=probe.personal,
        causes={place: probe.causes(place) for place in probe.personal},
        names=probe.names,
        differences=probe.differences,
        effects=probe.effects,
        size=(probe.clip.document.width, probe.clip.document.height),
    )
