"""Rows of a queue in a worker process: the plan of a row's group is found, or made by whoever comes first.

Nobody here knows the whole list, so nobody can wait for anybody: while one process makes a plan, which takes
as long as some five rows, the others render theirs plain and say so.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from framepress.cache import Cache
from framepress.errors import CacheFault, EnvironmentFault, FramepressError, PlanWrong
from framepress.orders import SurveyOrder
from framepress.plan import Plan
from framepress.renderer import Renderer, RowTask
from framepress.results import RowResult
from framepress.shelf import void
from framepress.survey_bench import NoPlan
from framepress.tasks import PlanGivenUp
from framepress.variants import Variant

#: Surveys of one group that may fail, and plans of it that may turn out wrong, before a process lets it be.
TRIES_MAX = 2

SurveyBeat = Callable[[str, int, int], None]


class OrderedRows:
    """Gives rows their plans. One per process.

    Args:
        pieces: where plans are kept.
    """

    def __init__(self, renderer: Renderer, pieces: Cache, beat: SurveyBeat) -> None:
        self._renderer = renderer
        self._pieces = pieces
        self._beat = beat
        self._failures: dict[str, list[str]] = {}
        self._misfits: dict[str, list[Variant]] = {}

    def render(self, task: RowTask, render: Callable[[RowTask], RowResult]) -> RowResult | PlanGivenUp:
        """Render a row by the plan of its group; plain if it has none.

        A row that shows its plan to be wrong is rendered plain at once; the answer says so.
        """
        assert task.order is not None
        key, planned = self._planned(task, task.order)
        try:
            return render(planned)
        except PlanWrong as error:
            void(self._pieces, error.plan, error.message)
            self._misfits.setdefault(key, []).append(task.variant)
            plain = replace(task, plan=None, plain_because=f"its plan was wrong: {error.message}")
            return PlanGivenUp(render(plain), error.plan, error.message)

    def _planned(self, task: RowTask, order: SurveyOrder) -> tuple[str, RowTask]:
        """The plan key of the row's group, and the task with its plan or the reason why it has none."""
        bands = task.reuse == "bands"
        key, found, _ = self._renderer.survey(
            order.samples, order.personal, self._beat, fresh=False, find=True, bands=bands
        )
        reason = ""
        if found is None:
            found, reason = self._survey(key, order, bands=bands)
        if isinstance(found, Plan):
            return key, replace(task, plan=key, plan_digest=found.digest)
        return key, replace(task, plain_because=found.reason if found is not None else reason)

    def _survey(self, key: str, order: SurveyOrder, *, bands: bool) -> tuple[Plan | NoPlan | None, str]:
        """Make the plan; or why not."""
        failures, misfits = self._failures.get(key, []), self._misfits.get(key, [])
        if len(failures) >= TRIES_MAX:
            return None, f"its survey failed: {failures[-1]}"
        if len(misfits) > TRIES_MAX:
            return None, f"{len(misfits)} plans of its group were wrong"
        with self._turn(key) as mine:
            if not mine:
                return None, "its plan is being made by another process"
            samples = (order.samples[0], *misfits, *order.samples[1:])
            try:
                # Another process may have made it a moment ago.
                _, found, _ = self._renderer.survey(
                    samples, order.personal, self._beat, fresh=False, bands=bands
                )
            except EnvironmentFault:
                raise
            except FramepressError as error:
                # A row that cannot be rendered says so itself; a survey is no reason to fail another.
                self._failures.setdefault(key, []).append(error.message)
                return None, f"its survey failed: {error.message}"
            return found, ""

    @contextlib.contextmanager
    def _turn(self, key: str) -> Iterator[bool]:
        """Whether this process is the only one on this machine that makes the plan now."""
        folder = self._pieces.folder
        try:
            descriptor = os.open(folder / "making", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise CacheFault(f"{folder}: {exc.strerror}. Check FRAMEPRESS_CACHE_DIR.") from exc
        try:
            mine = True
            try:
                # A byte per plan; the lock goes with the process, however that ends.
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(key[:12], 16))
            except OSError:
                mine = False
            yield mine
        finally:
            os.close(descriptor)
