"""Which rows of a list share a plan; what is known of each group of them: `group`.

Variables that have one value in all rows are shared by nature. The others are taken to be personal (their
effect is confined to some elements) until a survey says otherwise; then rows are grouped by the values of
those that are not. By a row's own locale, and by the elements that it lacks, rows are always grouped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from framepress.declarations import is_own_name
from framepress.group import Group
from framepress.ledger_rows import LedgerRow
from framepress.plan import group_digest
from framepress.samples import Sample, SampleChooser
from framepress.variants import Variant

#: Groups that are told apart. Rows of further ones are rendered plain; so many groups are small ones.
GROUPS_MAX = 10_000


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
            choosers.setdefault(digest, SampleChooser(self.personal)).look_at(
                Sample(row.key or "", Variant(row.values, row.files))
            )
        for digest, group in self._groups.items():
            group.samples = [sample.variant for sample in choosers[digest].samples()]

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
