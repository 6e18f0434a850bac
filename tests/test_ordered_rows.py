"""What processes of one machine decide about the plans of rows that a queue gives them, and what they tell
each other through the cache. Who makes plans is a stand-in that answers surveys as told: real ones are in
`test_fleet_reuse`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from framepress import keys
from framepress.cache import Cache
from framepress.errors import FramepressError, PageError, PlanWrong
from framepress.group_plans import GroupPlans
from framepress.ordered_rows import OrderedRows
from framepress.orders import OrderedCell, SurveyOrder
from framepress.plan import Plan, group_digest
from framepress.results import RowResult
from framepress.row_task import RowTask
from framepress.samples import Sample
from framepress.survey_bench import NoPlan
from framepress.tasks import PlanGivenUp
from framepress.variants import Variant


class Flaky(PageError):
    """A failure that trying again may mend."""

    retryable = True


@dataclass(frozen=True)
class MadePlan(Plan):
    """A plan that is only a name."""

    @property
    def digest(self) -> str:
        return self.composition


def plan(name: str) -> Plan:
    facts: dict[str, Any] = dict.fromkeys(Plan.__dataclass_fields__)
    return MadePlan(**facts | {"composition": keys.digest_bytes(name.encode())})


@dataclass
class Machine:
    """The cache of a machine, and how surveys on it end. `made`: samples of those that did not only look."""

    cache: Cache
    answers: Callable[[Sequence[Variant]], Plan | NoPlan | FramepressError]
    known: dict[str, Plan | NoPlan] = field(default_factory=dict)
    made: list[Sequence[Variant]] = field(default_factory=list)

    def survey(
        self,
        samples: Sequence[Variant],
        personal: Sequence[str],
        beat: object,
        *,
        find: bool = False,
        **_: object,
    ) -> tuple[str, Plan | NoPlan | None, bool]:
        key = keys.digest_bytes(f"{sorted(personal)}{group_digest(samples[0].values, personal)}".encode())
        known = self.known.get(key)
        if isinstance(known, Plan) and self.cache.get("void", known.digest) is not None:
            known = None
        if known is not None or find:
            return key, known, True
        self.made.append(samples)
        answer = self.answers(samples)
        if isinstance(answer, FramepressError):
            raise answer
        self.known[key] = answer
        return key, answer, False

    def process(self, attempts_max: int = 2) -> OrderedRows:
        return OrderedRows(cast(GroupPlans, self), self.cache, lambda *_: None, attempts_max)


def row(name: str, colour: str = "red") -> Variant:
    return Variant({"NAME": name, "COLOUR": colour}, {})


def cell(colour: str, *names: str) -> OrderedCell:
    samples = [Sample(keys.digest_bytes(name.encode()), row(name, colour)) for name in names]
    return OrderedCell(6, {"COLOUR": colour}, tuple(samples))


ORDER = SurveyOrder(("COLOUR", "NAME"), ("COLOUR",), (cell("red", "a", "bbb"), cell("blue", "cc", "dddd")))


def rendered(process: OrderedRows, variant: Variant, wrong: str | None = None) -> RowTask:
    """How a row was rendered in the end. `wrong`: the plan that it shows to be wrong."""
    done: list[RowTask] = []

    def render(task: RowTask) -> RowResult:
        done.append(task)
        if wrong is not None and task.plan is not None:
            raise PlanWrong("it did not fit", plan=keys.digest_bytes(wrong.encode()))
        return RowResult(id="", status="done")

    task = RowTask(variant, "0" * 64, "1.mp4", reuse="segments", order=ORDER.near(variant.values))
    reply = process.render(task, render)
    assert isinstance(reply, PlanGivenUp) == (wrong is not None)
    return done[-1]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_rows_are_divided_by_what_changes_most_of_the_picture(cache: Cache) -> None:
    def answers(samples: Sequence[Variant]) -> Plan | NoPlan:
        colours = {sample.values["COLOUR"] for sample in samples}
        return plan(*colours) if len(colours) == 1 else NoPlan("everything-personal", "all", ("COLOUR",))

    machine = Machine(cache, answers)
    first, second = machine.process(), machine.process()
    tasks = [
        rendered(first, row("x", "red")),
        rendered(second, row("y", "blue")),
        rendered(first, row("z", "blue")),
    ]
    red, blue = (keys.digest_bytes(colour.encode()) for colour in ("red", "blue"))
    assert [task.plan_digest for task in tasks] == [red, blue, blue]
    # All rows together once, then each colour once.
    assert [{sample.values["NAME"] for sample in made} for made in machine.made] == [
        {"a", "bbb", "cc", "dddd"},
        {"a", "bbb"},
        {"cc", "dddd"},
    ]


def test_rows_are_plain_where_the_list_is_not_divided_by_what_matters(cache: Cache) -> None:
    machine = Machine(cache, lambda _: NoPlan("everything-personal", "all", ("NAME",)))
    task = rendered(machine.process(), row("x"))
    assert task.plan is None
    assert "NAME changes most of the picture" in str(task.plain_because)


@pytest.mark.parametrize(("retryable", "surveys"), [(False, 1), (True, 2)])
def test_a_survey_that_fails_in_one_process_is_not_made_by_all(
    cache: Cache, retryable: bool, surveys: int
) -> None:
    error = (Flaky if retryable else PageError)("the sample is broken")
    machine = Machine(cache, lambda _: error)
    for _ in range(4):
        task = rendered(machine.process(), row("x"))
        assert task.plain_because == "its survey failed: the sample is broken"
    assert len(machine.made) == surveys
    # What failed long ago does not count.
    [key] = cache.keys("failures")
    noted: Mapping[str, Any] = json.loads(cache.get_bytes("failures", key) or b"")
    cache.remove("failures", key)
    cache.put_bytes("failures", key, json.dumps({**noted, "at": 1}).encode())
    rendered(machine.process(), row("x"))
    assert len(machine.made) > surveys


def test_a_row_that_did_not_fit_is_compared_by_whoever_makes_the_next_plan(cache: Cache) -> None:
    names = iter(("first", "second"))
    machine = Machine(cache, lambda _: plan(next(names)))
    first, second = machine.process(), machine.process()
    rendered(second, row("x"))
    task = rendered(first, row("odd"), wrong="first")
    assert task.plan is None
    assert "did not fit" in str(task.plain_because)
    task = rendered(second, row("y"))
    assert task.plan_digest == keys.digest_bytes(b"second")
    assert [sample.values["NAME"] for sample in machine.made[1]][1] == "odd"
    assert cache.keys("misfit") == []
    # The first one takes the new plan as well.
    assert rendered(first, row("z")).plan_digest == keys.digest_bytes(b"second")
    assert len(machine.made) == 2


def test_a_plan_that_comes_out_wrong_once_more_is_not_used(cache: Cache) -> None:
    machine = Machine(cache, lambda _: plan("same"))
    process = machine.process()
    rendered(process, row("odd"), wrong="same")
    for _ in range(3):
        task = rendered(process, row("x"))
        assert task.plain_because == "its plan was wrong, and a new survey led to the same one"
    assert len(machine.made) == 2
