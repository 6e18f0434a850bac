"""Plans during a run: which row waits for one, who makes it, and what is done when one turns out wrong."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framepress.errors import EnvironmentFault, InternalError, PlanWrong
from framepress.group import Group
from framepress.groups import Groups
from framepress.ledger_rows import BOUND, LedgerRow
from framepress.shelf import void, voided
from framepress.store import Stored
from framepress.survey_looks import VERIFIED
from framepress.tasks import Failed, PlainFramesTask, Reply, Surveyed, SurveyTask
from framepress.variants import Variant

if TYPE_CHECKING:
    from framepress.batch import Batch

#: Rows that may wait for plans. While so many do, no more are taken from the list.
WAITING_MAX = 200


@dataclass(frozen=True)
class Todo:
    """A row for a worker; `stored`: its clip, which lacks its poster."""

    row: LedgerRow
    attempt: int
    stored: Stored | None = None


class Planner:
    """The plans of one run. `redo` gives rows that were made by a plan that has been given up since."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._groups: Groups | None = None
        self._waiting: list[Todo] = []
        self._surveying: dict[int, Group] = {}
        self._help: deque[PlainFramesTask] = deque()
        self._again: list[str] = []
        self._void: set[str] = set()
        self.redo: Iterator[Todo] = _Endless(self._made_wrong)
        if batch.pieces is not None:
            self._void |= voided(batch.open_pieces())

    @property
    def is_full(self) -> bool:
        """Whether so many rows wait that no more are to be taken."""
        return len(self._waiting) >= WAITING_MAX

    # ---- rows on their way ----------------------------------------------------------------------

    def survey_for(self, row: LedgerRow) -> SurveyTask | None:
        """The survey that must be made before the row can be rendered; None: none, or it is under way."""
        if self._batch.request.reuse == "off" or self._batch.pieces is None:
            return None
        group = self._group(row)
        if not group.is_open:
            return None
        assert self._groups is not None
        request = self._batch.request
        task = group.survey(self._groups.personal, bands=request.reuse == "bands", helped=request.workers > 1)
        self._surveying[id(task)] = group
        if task.helped:
            self._help.append(PlainFramesTask(task.samples[:VERIFIED], group.key))
        self._batch.told_phase("planning")
        return task

    def take_help(self) -> PlainFramesTask | None:
        """What another worker can do for a survey that is under way; None: nothing."""
        return self._help.popleft() if self._help else None

    def must_wait(self, row: LedgerRow) -> bool:
        """Whether the survey of the row's group is under way."""
        if self._batch.request.reuse == "off" or self._batch.pieces is None:
            return False
        return self._group(row).state == "surveying"

    def wait(self, row: LedgerRow, todo: Todo) -> None:
        """Keep a row until its group's survey has ended."""
        self._waiting.append(todo)

    def instructions(self, row: LedgerRow) -> dict[str, Any]:
        """How the row is to be rendered, as arguments of `RowTask`."""
        request = self._batch.request
        if request.reuse == "off":
            return {}
        if self._batch.pieces is None:
            return {"plain_because": "there is no folder for what rows share (TMPDIR)"}
        group = self._group(row)
        if group.state == "planned":
            return {"plan": group.key, "plan_digest": group.plan, "reuse": request.reuse}
        return {"plain_because": group.reason}

    def surveyed(self, task: SurveyTask, reply: Reply) -> list[Todo]:
        """Take in how a survey ended; the rows that waited for it go on."""
        group = self._surveying.pop(id(task))
        if isinstance(reply, Surveyed):
            self._learn(group, reply)
        elif not isinstance(reply, Failed):
            raise InternalError(f"A worker answered a survey with {type(reply).__name__}.")
        elif isinstance(reply.error, EnvironmentFault):
            raise reply.error
        else:
            error, limits = reply.error, self._batch.request.limits
            group.survey_failed(error.message, retryable=error.retryable, attempts_max=limits.attempts_max)
        self._batch.told_phase("rendering")
        waiting, self._waiting = self._waiting, []
        return waiting

    def _learn(self, group: Group, answer: Surveyed) -> None:
        assert self._groups is not None
        shared = getattr(answer.found, "shared", ())
        if shared and not self._groups.shared:
            self._groups.divide(self._rows(), shared)
            if all(one.is_small for one in self._groups):
                # Nothing is won by it: what was found of all rows together is the reason to tell.
                self._groups.divide(self._rows())
                for one in self._groups:
                    one.learn(answer)
            return
        group.learn(answer, frozenset(self._void))

    # ---- plans that are wrong -------------------------------------------------------------------

    def is_void(self, plan: str | None) -> bool:
        """Whether a plan has been given up."""
        return plan in self._void

    def void(self, row: LedgerRow, error: PlanWrong) -> None:
        """A row has shown that its plan is wrong: give it up, and render again what was made by it."""
        group = self._group(row)
        if error.plan in self._void:
            return
        self._void.add(error.plan)
        void(self._batch.open_pieces(), error.plan, error.message)
        self._batch.refuse(error.plan)
        self._again.append(error.plan)
        self._batch.note(
            f"Row {row.row} shows that the plan of its group is wrong: {error.message} What was made "
            "by that plan is rendered again and replaced."
        )
        group.plan_was_wrong(Variant(values=row.values, files=row.files), error)

    def _made_wrong(self) -> Iterator[Todo]:
        """Rows of this run that were made by a plan that was given up since."""
        while self._again:
            digest = self._again.pop()
            for row in self._batch.ledger.iter_rows({"done"}, unique=True):
                if row.result.get("plan") == digest:
                    yield Todo(self._batch.undone(row), 1)

    def _group(self, row: LedgerRow) -> Group:
        if self._groups is None:
            self._groups = Groups(self._rows())
            self._groups.divide(self._rows())
        return self._groups.of(row)

    def _rows(self) -> Iterator[LedgerRow]:
        return self._batch.ledger.iter_rows(BOUND, unique=True)


class _Endless(Iterator[Todo]):
    """An iterator that may go on after it had nothing: it is begun anew then."""

    def __init__(self, begin: Callable[[], Iterator[Todo]]) -> None:
        self._begin = begin
        self._now = begin()

    def __next__(self) -> Todo:
        try:
            return next(self._now)
        except StopIteration:
            self._now = self._begin()
            return next(self._now)
