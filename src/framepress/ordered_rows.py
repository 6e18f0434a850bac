"""Rows of a queue in a worker process: the plan of a row's group is found, or made by whoever comes first.

Nobody here knows the whole list; the order that a row brings along says which rows to compare (`orders`).
First those of the whole list; if some variables turn out to change most of the picture, those that agree with
the row in these. While one process of a machine makes a plan, the others that need it wait, as rows of a run
without a queue do: their leases are extended meanwhile, and if the process dies, one of them makes the plan.

In the cache, under the plan key, besides what `shelf` keeps there:

    kind "failures"    surveys that ended without an answer: ``{"at", "count", "message", "retryable"}``
    kind "misfit"      the row that has shown the last plan to be wrong, until there is a new one: its values
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from framepress import keys
from framepress.cache import Cache
from framepress.errors import CacheFault, EnvironmentFault, FramepressError, PlanWrong
from framepress.freed_memory import give_back_memory
from framepress.group import Group
from framepress.group_plans import GroupPlans
from framepress.orders import SurveyOrder
from framepress.plan import Plan, group_digest
from framepress.results import RowResult
from framepress.row_task import RowTask
from framepress.shelf import void
from framepress.tasks import PlanGivenUp, Surveyed, SurveyTask
from framepress.variants import Variant

#: Seconds for which failed surveys of other processes count. A cause that has gone is found out after them.
FAILURES_S = 900.0

#: Seconds between two looks whether another process has ended its survey.
TURN_S = 0.2

#: Groups that a process remembers; a queue rarely has rows of more at one time.
GROUPS_MAX = 1_000

SurveyBeat = Callable[[str, int, int], None]


class OrderedRows:
    """Gives rows their plans. One per process.

    Args:
        pieces: where plans are kept.
        beat: called while a plan is made or waited for.
        attempts_max: surveys of one group that may fail.
    """

    def __init__(self, plans: GroupPlans, pieces: Cache, beat: SurveyBeat, attempts_max: int) -> None:
        self._plans = plans
        self._pieces = pieces
        self._beat = beat
        self._attempts_max = attempts_max
        self._groups: dict[tuple[object, ...], Group] = {}

    def render(self, task: RowTask, render: Callable[[RowTask], RowResult]) -> RowResult | PlanGivenUp:
        """Render a row by the plan of its group; plain if it has none.

        A row that shows its plan to be wrong is rendered plain at once; the answer says so.
        """
        assert task.order is not None
        group = self._settled(task, task.order)
        if group.state != "planned":
            return render(replace(task, plain_because=group.reason))
        try:
            return render(replace(task, plan=group.key, plan_digest=group.plan))
        except PlanWrong as error:
            assert group.key is not None
            self._note_misfit(group.key, task.variant)
            void(self._pieces, error.plan, error.message)
            group.plan_was_wrong(task.variant, error)
            plain = replace(task, plan=None, plain_because=f"its plan was wrong: {error.message}")
            return PlanGivenUp(render(plain), error.plan, error.message)

    # ---- groups ---------------------------------------------------------------------------------

    def _settled(self, task: RowTask, order: SurveyOrder) -> Group:
        """The row's group, planned or plain."""
        whole = self._group(task, order, ())
        self._settle(whole, order.personal, bands=task.reuse == "bands")
        if not whole.shared:
            return whole
        part = self._group(task, order, whole.shared)
        personal = tuple(name for name in order.personal if name not in whole.shared)
        self._settle(part, personal, bands=task.reuse == "bands")
        return part

    def _group(self, task: RowTask, order: SurveyOrder, shared: tuple[str, ...]) -> Group:
        """The rows that agree with a row in some variables."""
        values = task.variant.values
        personal = tuple(name for name in order.personal if name not in shared)
        key = (personal, group_digest(values, personal), task.reuse)
        if key not in self._groups:
            while len(self._groups) >= GROUPS_MAX:
                self._groups.pop(next(iter(self._groups)))
            self._groups[key] = _new_group(order, values, shared)
        return self._groups[key]

    def _settle(self, group: Group, personal: Sequence[str], *, bands: bool) -> None:
        """See that a group has a plan that can be used now, or is given up."""
        if group.state == "planned":
            # Another process may have given the plan up, and the cache may have dropped it.
            group.state = "unknown"
        while group.is_open:
            task = replace(group.survey(personal, bands=bands, helped=False), fresh=False)
            group.learn(self._ask(replace(task, find=True)))
            if group.state == "unplanned":
                assert group.key is not None
                with self._turn(group.key):
                    self._make(group, replace(task, find=False), group.key)

    def _make(self, group: Group, task: SurveyTask, key: str) -> None:
        """Make the plan of a group, unless somebody else did so while this process waited for its turn."""
        known = self._ask(replace(task, find=True))
        self._learn_failures(group, key)
        if known.found is not None or not group.is_open:
            if group.is_open:
                group.learn(known)
            return
        misfit = self._misfit(key)
        if misfit is not None and misfit not in task.samples:
            task = replace(task, samples=(task.samples[0], misfit, *task.samples[1:]))
        try:
            answer = self._ask(task)
        except EnvironmentFault:
            raise
        except FramepressError as error:
            group.survey_failed(error.message, retryable=error.retryable, attempts_max=self._attempts_max)
            self._note(
                "failures",
                key,
                {
                    "at": int(time.time()),
                    "count": group.failures,
                    "message": error.message,
                    "retryable": error.retryable,
                },
            )
            return
        for kind in ("failures", "misfit"):
            self._pieces.remove(kind, key)
        wrong = isinstance(answer.found, str) and self._pieces.get("void", answer.found) is not None
        group.learn(answer, frozenset((str(answer.found),)) if wrong else frozenset())

    def _ask(self, task: SurveyTask) -> Surveyed:
        return do_survey(self._plans, task, self._beat)

    @contextlib.contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        """Be the only process of this machine that makes the plan; waits for its turn."""
        folder = self._pieces.folder
        try:
            descriptor = os.open(folder / "making", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise CacheFault(f"{folder}: {exc.strerror}. Check FRAMEPRESS_CACHE_DIR.") from exc
        try:
            # A byte per plan; the lock goes with the process, however that ends.
            while not _locked(descriptor, int(key[:12], 16)):
                self._beat("waiting for a plan", 0, 0)
                time.sleep(TURN_S)
            yield
        finally:
            os.close(descriptor)

    # ---- what processes of a machine tell each other --------------------------------------------

    def _learn_failures(self, group: Group, key: str) -> None:
        """Count surveys that failed in other processes: each of them would fail in this one as well."""
        found = self._read("failures", key)
        with contextlib.suppress(KeyError, TypeError, ValueError):
            if time.time() - int(found["at"]) < FAILURES_S and int(found["count"]) > group.failures:
                group.failures = int(found["count"]) - 1
                group.survey_failed(
                    str(found["message"]),
                    retryable=bool(found["retryable"]),
                    attempts_max=self._attempts_max,
                )

    def _note_misfit(self, key: str, row: Variant) -> None:
        """Have the row compared by whoever makes the next plan. One with files of its own only here: other
        workers do not have them.
        """
        if not row.files:
            self._note("misfit", key, dict(row.values))

    def _misfit(self, key: str) -> Variant | None:
        values = self._read("misfit", key)
        return Variant({str(name): str(value) for name, value in values.items()}, {}) if values else None

    def _note(self, kind: str, key: str, facts: Mapping[str, object]) -> None:
        # Without it others find out by themselves.
        with contextlib.suppress(CacheFault):
            self._pieces.remove(kind, key)
            self._pieces.put_bytes(kind, key, keys.canonical_json(facts))

    def _read(self, kind: str, key: str) -> dict[str, Any]:
        data = self._pieces.get_bytes(kind, key)
        with contextlib.suppress(ValueError):
            found = json.loads(data) if data is not None else {}
            return found if isinstance(found, dict) else {}
        return {}


def do_survey(plans: GroupPlans, task: SurveyTask, beat: SurveyBeat) -> Surveyed:
    """Do a survey in this process; arguments and errors: `GroupPlans.survey`."""
    began = time.perf_counter()
    key, found, stored = plans.survey(
        task.samples,
        task.personal,
        beat,
        fresh=task.fresh,
        find=task.find,
        wider=task.wider,
        helped=task.helped,
        bands=task.bands,
    )
    if not stored:
        # Rows are alike and take again what they freed; a survey takes twice as much as they do.
        give_back_memory()
    known = found.digest if isinstance(found, Plan) else found
    return Surveyed(key, known, stored, time.perf_counter() - began)


def _new_group(order: SurveyOrder, values: Mapping[str, str], shared: Sequence[str]) -> Group:
    """The rows of a list that agree with a row in `shared`, about which nothing is known yet."""
    part = order.part(values, shared)
    if part is not None:
        return Group(count=part.rows, samples=list(part.samples))
    group = Group()
    undivided = sorted(set(shared) - set(order.by))
    if undivided:
        group.give_up(
            f"{', '.join(undivided)} changes most of the picture, and its values are too many, or recur too "
            "rarely, to divide the rows of a queue by it"
        )
    else:
        group.give_up("the list has too many groups")
    return group


def _locked(descriptor: int, byte: int) -> bool:
    """Lock a byte of a file; False: another process has it."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except OSError:
        return False
    return True
