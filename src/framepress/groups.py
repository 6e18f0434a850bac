"""Which rows share a plan, and what is known of each group of them during a run.

Variables that have one value in all rows are shared by nature. The others are taken to be personal (their
effect is confined to some elements) until a survey says otherwise; then rows are grouped by the values of
those that are not. By a row's own locale, and by the elements that it lacks, rows are always grouped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from framepress import keys
from framepress.declarations import is_own_name
from framepress.ledger_rows import LedgerRow
from framepress.plan import GROUP_ROWS_MIN, group_digest
from framepress.survey_bench import NoPlan
from framepress.tasks import Surveyed
from framepress.variants import Variant

#: Rows that a survey looks at, of each group; more only if some variable has one value in all of these.
SAMPLES_MAX = 6

#: Plans of one group that may turn out wrong before its rows are rendered plain.
VOIDS_MAX = 2

#: Groups that are told apart. Rows of further ones are rendered plain; so many groups are small ones.
GROUPS_MAX = 10_000


@dataclass
class Group:
    """Rows that may share a plan.

    Attributes:
        count: rows of the list in it.
        samples: to be surveyed, the two most different first.
        state: "unknown", "surveying", "unplanned" (a survey is to be made), "planned" or "plain".
        key: plan key, once surveyed. plan: digest of the plan. reason: why there is none.
        voids: plans that were wrong. failures: surveys that ended without an answer.
    """

    count: int = 0
    samples: list[Variant] = field(default_factory=list)
    state: str = "unknown"
    key: str | None = None
    plan: str | None = None
    reason: str | None = None
    voids: int = 0
    failures: int = 0

    def learn(self, answer: Surveyed) -> None:
        """Take in what a survey found."""
        self.key = answer.key
        if answer.found is None:
            self.state = "unplanned"
        elif isinstance(answer.found, NoPlan):
            self.give_up(answer.found.reason)
        else:
            self.state, self.plan = "planned", answer.found

    def give_up(self, reason: str) -> None:
        """From now on its rows are rendered plain."""
        self.state, self.plan, self.reason = "plain", None, reason


class Groups:
    """The groups of a run.

    Args:
        rows: of the list, gone through afresh at each call.
    """

    def __init__(self, rows: Iterable[LedgerRow]) -> None:
        values: dict[str, str] = {}
        varying: set[str] = set()
        for row in rows:
            for name, value in row.values.items():
                if values.setdefault(name, value) != value and not is_own_name(name):
                    varying.add(name)
        self.varying = tuple(sorted(varying))
        #: Variables by which rows are grouped, beyond those that all share.
        self.shared: tuple[str, ...] = ()
        self._groups: dict[str, Group] = {}

    @property
    def personal(self) -> tuple[str, ...]:
        """Variables that may differ between rows of one group."""
        return tuple(name for name in self.varying if name not in self.shared)

    def divide(self, rows: Iterable[LedgerRow], shared: Iterable[str] = ()) -> None:
        """Form groups anew: rows that agree in all of `shared` are one."""
        self.shared = tuple(sorted(shared))
        self._groups = {}
        choosers: dict[str, SampleChooser] = {}
        for row in rows:
            digest = self._digest(row)
            if digest not in self._groups and len(self._groups) >= GROUPS_MAX:
                continue
            self._groups.setdefault(digest, Group()).count += 1
            choosers.setdefault(digest, SampleChooser(self.personal)).look_at(row)
        for digest, group in self._groups.items():
            group.samples = choosers[digest].samples()
            if group.count < GROUP_ROWS_MIN:
                group.give_up(
                    f"its group has {group.count} rows, fewer than the {GROUP_ROWS_MIN} that reuse pays for"
                )

    def of(self, row: LedgerRow) -> Group:
        """The group of a row."""
        found = self._groups.get(self._digest(row))
        if found is None:
            found = Group()
            found.give_up("the list has too many groups")
        return found

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def _digest(self, row: LedgerRow) -> str:
        return group_digest(row.values, self.personal)


class SampleChooser:
    """Chooses rows that are likely to differ most; the choice does not depend on the order of the rows."""

    def __init__(self, variables: Iterable[str]) -> None:
        self._best: dict[tuple[str, str], tuple[tuple[int, str], Variant]] = {}
        self._variables = tuple(variables)

    def look_at(self, row: LedgerRow) -> None:
        """Consider a row."""
        variant = Variant(values=row.values, files=row.files)
        tie, other_tie, chance = _ties(row.key or "")
        lengths = {name: len(row.values.get(name, "")) for name in self._variables}
        self._offer(("longest", ""), (-sum(lengths.values()), tie), variant)
        self._offer(("shortest", ""), (sum(lengths.values()), other_tie), variant)
        self._offer(("random", ""), (0, chance), variant)
        for name, length in lengths.items():
            self._offer(("longest", name), (-length, tie), variant)
            self._offer(("shortest", name), (length, other_tie), variant)
            value = keys.digest_bytes(row.values.get(name, "").encode("utf-8", "surrogatepass"))
            self._offer(("first", name), (int(value, 16), tie), variant)
            self._offer(("last", name), (-int(value, 16), tie), variant)

    def _offer(self, role: tuple[str, str], rank: tuple[int, str], variant: Variant) -> None:
        best = self._best.get(role)
        if best is None or rank < best[0]:
            self._best[role] = (rank, variant)

    def samples(self) -> list[Variant]:
        """The chosen rows, none twice, the longest and the shortest of all first. Every variable that has two
        values has two of them among the samples.
        """
        roles = [("longest", ""), ("shortest", ""), ("random", "")]
        roles += [(end, name) for name in self._variables for end in ("longest", "shortest")]
        chosen: dict[str, Variant] = {}
        for role in roles:
            if role in self._best:
                variant = self._best[role][1]
                chosen.setdefault(_identity(variant.values), variant)
        found = list(chosen.values())[:SAMPLES_MAX]
        for name in self._variables:
            # A variable that never differs between the samples would be taken for one that has no effect.
            if len({variant.values.get(name, "") for variant in found}) < 2:
                ends = (self._best[role, name][1] for role in ("first", "last"))
                found.extend(end for end in ends if end not in found)
        return found


def _ties(key: str) -> tuple[str, str, str]:
    """What decides between rows of equal length, for each end, and at random. The first two are in opposite
    orders, so that rows whose values all have one length (colours, file names) give two samples, not one.
    """
    tie = keys.digest_bytes(key.encode("ascii"))
    opposite = tie.translate(str.maketrans("0123456789abcdef", "fedcba9876543210"))
    return tie, opposite, keys.digest_bytes(tie.encode("ascii"))


def _identity(values: Mapping[str, str]) -> str:
    return keys.digest_bytes(keys.canonical_json(dict(values)))
