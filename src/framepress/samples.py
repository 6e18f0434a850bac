"""Rows of a group that are likely to differ most: those that a survey compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from framepress import keys
from framepress.variants import Variant

#: Rows that a survey looks at, of each group; more only if some variable has one value in all of these.
SAMPLES_MAX = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """A row, and its row key."""

    row_key: str
    variant: Variant


class SampleChooser:
    """Chooses from rows that it is shown. The choice does not depend on their order, and from chosen rows the
    same are chosen again.

    Args:
        variables: that may differ between the rows.
    """

    def __init__(self, variables: Iterable[str]) -> None:
        self._variables = tuple(variables)
        #: Per role (what it is best at, in which variable) the least rank there was, and whose it is.
        self._best: dict[_Role, tuple[_Rank, Sample]] = {}
        #: Per variable the greatest value, and whose it is. Text has no negative to be least by.
        self._last: dict[str, tuple[_Rank, Sample]] = {}

    def look_at(self, row: Sample) -> None:
        """Consider a row."""
        tie, opposite, chance = _ties(row.row_key)
        values = row.variant.values
        best, last = self._best, self._last
        total = 0
        ranks: list[tuple[_Role, _Rank]] = []
        for name in self._variables:
            value = values.get(name, "")
            length = len(value)
            total += length
            ranks.append((("longest", name), (-length, tie, "")))
            ranks.append((("shortest", name), (length, opposite, "")))
            ranks.append((("first", name), (0, value, tie)))
            greatest = last.get(name)
            if greatest is None or greatest[0] < (0, value, tie):
                last[name] = ((0, value, tie), row)
        ranks.append((("longest", ""), (-total, tie, "")))
        ranks.append((("shortest", ""), (total, opposite, "")))
        ranks.append((("random", ""), (0, chance, "")))
        for role, rank in ranks:
            known = best.get(role)
            if known is None or rank < known[0]:
                best[role] = (rank, row)

    def absorb(self, other: SampleChooser) -> None:
        """Consider all rows that another chooser of the same variables has seen."""
        for _, row in (*other._best.values(), *other._last.values()):
            self.look_at(row)

    def samples(self) -> list[Sample]:
        """The chosen rows, none twice, the longest and the shortest of all first. Every variable that has two
        values has two of them among the samples.
        """
        varying = [name for name in self._variables if self._varies(name)]
        roles = [("longest", ""), ("shortest", ""), ("random", "")]
        roles += [(end, name) for name in varying for end in ("longest", "shortest")]
        chosen: dict[str, Sample] = {}
        for role in roles:
            if role in self._best:
                sample = self._best[role][1]
                chosen.setdefault(_identity(sample.variant.values), sample)
        found = list(chosen.values())[:SAMPLES_MAX]
        for name in varying:
            # A variable that never differs between the samples would be taken for one that has no effect.
            values = {sample.variant.values.get(name, "") for sample in found}
            if len(values) < 2:
                ends = (self._best["first", name][1], self._last[name][1])
                found.append(next(end for end in ends if end.variant.values.get(name, "") not in values))
        return found

    def _varies(self, name: str) -> bool:
        """Whether a variable has two values among the rows seen."""
        if name not in self._last:
            return False
        (_, first, _), (_, last, _) = self._best["first", name][0], self._last[name][0]
        return first != last


_Role = tuple[str, str]
_Rank = tuple[int, str, str]


def _ties(row_key: str) -> tuple[str, str, str]:
    """What decides between rows of equal length, for each end, and at random. The first two are in opposite
    orders, so that rows whose values all have one length (colours, file names) give two samples, not one. A
    row key is a digest, so its own order is as good as any.
    """
    return row_key, row_key.translate(_OPPOSITE), row_key[::-1]


_OPPOSITE = str.maketrans("0123456789abcdef", "fedcba9876543210")


def _identity(values: Mapping[str, str]) -> str:
    return keys.digest_bytes(keys.canonical_json(dict(values)))
