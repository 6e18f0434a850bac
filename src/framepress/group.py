"""What is known of the rows that may share a plan, and what follows when a survey fails or a plan turns out
wrong. Runs on one machine (`planner`) and rows of a queue (`ordered_rows`) decide by this module alone.

    unknown    ->  surveying  ->  planned | plain | unplanned (nothing is known; a survey is to be made)
    surveying  ->  unknown        the survey failed, and trying again can help
    planned    ->  unknown        a row has shown the plan to be wrong
    any        ->  plain          given up, with the reason
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from framepress.errors import PlanWrong
from framepress.plan import GROUP_ROWS_MIN, WIDER_ROWS_MAX
from framepress.survey_bench import NoPlan
from framepress.tasks import Surveyed, SurveyTask
from framepress.variants import Variant

#: Plans of one group that may turn out wrong before its rows are rendered plain.
VOIDS_MAX = 2


@dataclass
class Group:
    """Rows that may share a plan.

    Attributes:
        count: rows of the list in it.
        samples: to be surveyed, the two most different first.
        state: see the head of the module.
        key: plan key, once surveyed. plan: digest of the plan. reason: why there is none.
        shared: variables that change most of the picture, if that is why there is none: by these its rows may
            be divided into groups that have one.
        voids: plans that were wrong. failures: surveys that ended without an answer.
    """

    count: int = 0
    samples: list[Variant] = field(default_factory=list)
    state: str = "unknown"
    key: str | None = None
    plan: str | None = None
    reason: str | None = None
    shared: tuple[str, ...] = ()
    voids: int = 0
    failures: int = 0

    @property
    def is_open(self) -> bool:
        """Whether its rows wait for a survey that nobody has begun."""
        return self.state in ("unknown", "unplanned")

    @property
    def is_small(self) -> bool:
        """Whether a plan for these rows alone would cost more than it saves."""
        return self.count < GROUP_ROWS_MIN

    def survey(self, personal: Sequence[str], *, bands: bool, helped: bool) -> SurveyTask:
        """The survey to make next, which is under way from now on: first one that only looks.

        Args:
            personal: variables that differ between its rows.
            helped: another process can make the plain frames of its samples.
        """
        # After a plan that was wrong, what is known is what was wrong.
        find = self.state == "unknown" and not self.voids
        self.state = "surveying"
        return SurveyTask(
            tuple(self.samples),
            tuple(personal),
            fresh=not find,
            find=find,
            wider=find and self.count <= WIDER_ROWS_MAX,
            helped=helped and not find,
            bands=bands,
        )

    def learn(self, answer: Surveyed, voided: frozenset[str] = frozenset()) -> None:
        """Take in what a survey found.

        Args:
            voided: plans that were given up.
        """
        self.key = answer.key
        if answer.found is None:
            self.state = "unplanned"
            self.give_up_if_small()
        elif isinstance(answer.found, NoPlan):
            self.give_up(answer.found.reason)
            self.shared = answer.found.shared
        elif answer.found in voided:
            self.give_up("its plan was wrong, and a new survey led to the same one")
        else:
            self.state, self.plan = "planned", answer.found

    def survey_failed(self, message: str, *, retryable: bool, attempts_max: int) -> None:
        """A survey ended without an answer: again, or no more."""
        self.failures += 1
        if retryable and self.failures < attempts_max:
            self.state = "unknown"
        else:
            # A row that cannot be rendered says so itself; a survey is no reason to fail any.
            self.give_up(f"its survey failed: {message}")

    def plan_was_wrong(self, row: Variant, error: PlanWrong) -> None:
        """A row has shown the plan to be wrong: a new one, with that row among the samples, or no more."""
        self.voids += 1
        if self.is_small:
            self.give_up(f"the plan of a longer list was wrong for it: {error.message}")
            return
        if self.voids > VOIDS_MAX:
            self.give_up(f"{self.voids} plans of its group were wrong, the last because: {error.message}")
            return
        # The row that did not fit is compared on every frame this time.
        self.samples.insert(1, row)
        self.state, self.plan = "unknown", None

    def give_up(self, reason: str) -> None:
        """From now on its rows are rendered plain."""
        self.state, self.plan, self.reason = "plain", None, reason

    def give_up_if_small(self) -> None:
        """Its rows are plain if a plan of their own costs more than it saves."""
        if self.is_small:
            self.give_up(
                f"its group has {self.count} rows, fewer than the {GROUP_ROWS_MIN} that reuse pays for"
            )
