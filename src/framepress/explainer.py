"""What a list would cost before it is rendered: plans made or found, pages looked at, a few rows timed.

    list -> ledger in a temporary folder -> groups
    each of the largest -> survey, some rows by the plan, a probe, some frames without -> numbers, advice

Everything runs in this process with one browser, by the same survey as a run's; plans go where a run finds
them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from framepress.bound_list import Beat, BoundList, ListRequest
from framepress.cache import Cache
from framepress.cache_options import CacheOptions, open_if_usable
from framepress.errors import RowFailure
from framepress.explain_picture import draw_picture
from framepress.explain_probe import Probe, Prober
from framepress.explain_report import (
    Looked,
    bare_report,
    count_values,
    explanation,
    group_report,
    picture_facts,
)
from framepress.explain_timing import RowTimer, retried
from framepress.explanation import Explanation
from framepress.group import Group
from framepress.groups import Groups
from framepress.plan import Plan
from framepress.provenance import Reuse
from framepress.renderer import Renderer
from framepress.survey_bench import NoPlan

T = TypeVar("T")


@dataclass(frozen=True)
class ExplainRequest:
    """What is to be explained.

    Attributes:
        listed: composition and list; the forecast is for its `workers`.
        groups_max: how many groups are looked at, the largest first.
        cache: where plans are kept, so that a run finds them; None: nowhere.
        reuse: level that rows are timed at.
    """

    listed: ListRequest
    groups_max: int = 3
    cache: CacheOptions | None = None
    reuse: Reuse = "bands"


class Explainer:
    """Explains one list. Use as a context manager: leaving it ends the browser and removes what is temporary.

    Raises:
        CompositionError, RowsError, UsageError, StorageFault: the list cannot be rendered at all.
    """

    def __init__(
        self,
        request: ExplainRequest,
        *,
        on_progress: Beat = lambda _, __, ___: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.request = request
        self._beat = on_progress
        self._note = on_note
        self._list = BoundList(request.listed, "explain", on_progress=on_progress, on_note=on_note)
        try:
            self._cache = self._open_cache()
            self._renderer = Renderer(
                self._list.composition,
                request.listed.settings,
                request.listed.limits,
                request.listed.browser,
                self._cache,
                self._list.remote_folder,
            )
        except BaseException:
            self._list.close()
            raise
        self._looked: list[Looked] = []
        self._timer = RowTimer(
            self._renderer,
            self._cache,
            self._list.folder,
            request.reuse,
            request.listed.limits.attempts_max,
            beat=on_progress,
            note=on_note,
        )

    def __enter__(self) -> Explainer:
        return self

    def __exit__(self, *_: object) -> None:
        self._renderer.close()
        self._list.close()

    def run(self) -> Explanation:
        """Look at the list.

        Raises:
            EnvironmentFault: no browser, a full disk.
            RowFailure: not even the first row of the largest group can be rendered.
        """
        self._list.prepare()
        groups = self._survey_groups()
        if not any(one.probe for one in self._looked):
            raise self._failure(groups)
        return explanation(
            self._list.composition.path.name,
            self._looked,
            groups,
            count_values(self._list.rows(unique=True)),
            workers=self.request.listed.workers,
            plans_are_kept=self.request.cache is not None,
        )

    def picture(self) -> bytes | None:
        """PNG of the largest group's layout, after `run`; None: there is nothing to be shown."""
        looked = next((one for one in self._looked if one.probe is not None), None)
        if looked is None or looked.probe is None:
            return None
        facts = picture_facts(self._list.composition.path.name, looked, looked.probe, self._cache)
        with self._renderer.warm.guard() as page:
            return draw_picture(page, facts, self._list.folder)

    def _open_cache(self) -> Cache:
        found = open_if_usable(self.request.cache, self._note)
        return found if found is not None else CacheOptions(self._list.folder / "cache").open()

    # ---- groups ---------------------------------------------------------------------------------

    def _survey_groups(self) -> Groups:
        """The groups of the list, the largest ones surveyed and looked at (`_looked`)."""
        groups = Groups(self._list.rows(unique=True))
        groups.divide(self._list.rows(unique=True))
        while True:
            self._looked = []
            shared: tuple[str, ...] = ()
            for group in groups:
                # What a longer list may have left in the cache is not asked for.
                group.give_up_if_small()
            for number, group in enumerate(sorted(groups, key=lambda one: -one.count), 1):
                if number > self.request.groups_max:
                    break
                looked, shared = self._look_at(number, group, groups)
                if shared and not groups.shared:
                    break
                self._looked.append(looked)
            if not shared or groups.shared:
                return groups
            groups.divide(self._list.rows(unique=True), shared)

    def _look_at(self, number: int, group: Group, groups: Groups) -> tuple[Looked, tuple[str, ...]]:
        began = time.perf_counter()
        key, found, known = self._survey(number, group, groups)
        survey_s = 0.0 if known else time.perf_counter() - began
        if isinstance(found, NoPlan) and found.shared and not groups.shared:
            return Looked(bare_report(number, group, found), None, None), found.shared
        plan = found if isinstance(found, Plan) else None
        rows = self._timer.by_plan(group.samples, key) if plan is not None else []
        if isinstance(rows, NoPlan):
            plan, found, rows = None, rows, []
        probe = self._probe(group, plan, groups)
        report = group_report(number, group, found, probe, rows)
        report = report.model_copy(
            update={
                "found": known,
                "survey_seconds": round(survey_s, 2),
                **self._timer.plain(group.samples[0], plan),
            }
        )
        return Looked(report, probe, plan), ()

    def _survey(self, number: int, group: Group, groups: Groups) -> tuple[str, Plan | NoPlan, bool]:
        if len(group.samples) < 2:
            return "", NoPlan("one-row", "All of its rows are the same: there is nothing to compare."), False

        def beat(step: str, done: int, total: int) -> None:
            self._beat(f"group {number}, {step}", done, total)

        try:
            key, found, known = self._retried(
                lambda: self._renderer.plans.survey(
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
        return retried(work, self.request.listed.limits.attempts_max)

    def _failure(self, groups: Groups) -> RowFailure:
        """Why the first row cannot be rendered."""
        try:
            self._renderer.open(max(groups, key=lambda group: group.count).samples[0])
        except RowFailure as failure:
            return failure
        return RowFailure("No row could be looked at.", rule="explain")
