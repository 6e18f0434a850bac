"""The proof set: few rows that show the extremes of every variable and every kind of finding. Pure.

Rows stream in and are forgotten but for those that are the best at something so far. Then the fewest rows
that have all of it are chosen: the row that adds most comes first.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from framepress.declarations import NUMBER, Declaration
from framepress.preflight.rules import SEVERITIES, Finding
from framepress.preflight.scripts import EMOJI, scripts_of

#: Rows that are kept for one reason: with more to choose from, one row serves several reasons more often.
CANDIDATES = 48

#: Options of a choice that are shown one by one.
OPTIONS_MAX = 24


@dataclass
class _Best:
    """The rows that are best at something: all with the best score, up to `CANDIDATES`."""

    score: float = float("-inf")
    rows: list[int] = field(default_factory=list)

    def offer(self, score: float, row: int) -> None:
        if score > self.score:
            self.score, self.rows = score, [row]
        elif score == self.score and len(self.rows) < CANDIDATES:
            self.rows.append(row)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A row of the proof set, and what it was chosen for."""

    row: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProofSet:
    """The rows, and the reasons for which there was no room."""

    rows: tuple[Chosen, ...]
    left_out: tuple[str, ...]


class Chooser:
    """Collects what every row is good for.

    Args:
        declarations: of the variables; decides what counts as a choice.
        seed: of the random rows.
        random_count: rows that are chosen by lot, to see what is usual.
    """

    def __init__(
        self, declarations: Mapping[str, Declaration], *, seed: int = 0, random_count: int = 3
    ) -> None:
        self._declarations = declarations
        self._best: dict[str, _Best] = {}
        self._weights: dict[str, int] = {}
        self._script_rows: dict[tuple[str, str], list[int]] = {}
        self._script_counts: dict[tuple[str, str], int] = {}
        self._random = random.Random(seed)
        self._random_count = random_count
        self._lot: list[int] = []
        self._seen = 0

    def add_row(self, row: int, values: Mapping[str, str], texts: Mapping[str, str]) -> None:
        """A row that can be rendered.

        Args:
            values: variable -> completed text.
            texts: variable -> text as it stands in the list; "" where the fallback came in.
        """
        self._draw(row)
        for name, value in values.items():
            self._add_value(row, name, value, texts.get(name, value))

    def add_branch(self, row: int, branch: str) -> None:
        """A row for which the template goes a way of its own (`data-if`)."""
        self._offer(f"branch: {branch}", 0, row, weight=3)

    def add_widths(self, row: int, widths: Mapping[str, float]) -> None:
        """How wide the text of each variable is drawn, in CSS pixels."""
        for name, width in widths.items():
            if width > 0:
                self._offer(f"widest {name}", round(width), row)
                self._offer(f"narrowest {name}", -round(width), row)

    def add_findings(self, row: int, findings: Iterable[Finding]) -> None:
        """What was found in a row: one row for every kind."""
        for found in findings:
            self._offer(f"finding {found.kind}", 0, row, weight=8 - 2 * SEVERITIES.index(found.severity))

    def choose(self, count: int) -> ProofSet:
        """At most `count` rows that together have every reason, as far as that many can."""
        self._rarest_scripts()
        open_reasons = {reason: set(best.rows) for reason, best in self._best.items() if best.rows}
        lot = self._lot[: min(self._random_count, count)]
        room = count - len(lot)
        chosen: dict[int, list[str]] = {}
        while open_reasons and len(chosen) < room:
            row = self._next(open_reasons)
            met = [reason for reason, rows in open_reasons.items() if row in rows]
            chosen[row] = met
            for reason in met:
                del open_reasons[reason]
        self._draw_more(chosen, lot)
        ordered = tuple(Chosen(row, tuple(reasons)) for row, reasons in chosen.items())
        return ProofSet(ordered, tuple(open_reasons))

    def _next(self, open_reasons: Mapping[str, set[int]]) -> int:
        """The row that meets most of what is open; of equals the first in the list."""
        gains: dict[int, int] = {}
        for reason, rows in open_reasons.items():
            for row in rows:
                gains[row] = gains.get(row, 0) + self._weights.get(reason, 1)
        return min(gains, key=lambda row: (-gains[row], row))

    def _draw_more(self, chosen: dict[int, list[str]], lot: list[int]) -> None:
        for row in lot:
            chosen.setdefault(row, []).append("by lot")

    def _draw(self, row: int) -> None:
        self._seen += 1
        if len(self._lot) < self._random_count:
            self._lot.append(row)
        elif self._random_count and (place := self._random.randrange(self._seen)) < self._random_count:
            self._lot[place] = row

    def _add_value(self, row: int, name: str, value: str, text: str) -> None:
        declaration = self._declarations.get(name)
        kind = declaration.type if declaration else "string"
        if not text.strip():
            self._offer(f"empty {name}" if not value else f"fallback of {name}", 0, row)
        if declaration and (
            kind == "boolean" or (kind == "enum" and len(declaration.options) <= OPTIONS_MAX)
        ):
            # The option itself is no personal value: the template declares it.
            self._offer(f"{name} is {value or 'empty'}", 0, row)
            return
        if kind in ("image", "font", "url", "color") or not value:
            return
        if NUMBER.fullmatch(value):
            self._offer(f"largest {name}", float(value), row)
            self._offer(f"smallest {name}", -float(value), row)
        self._offer(f"longest {name}", len(value), row)
        self._offer(f"shortest {name}", -len(value), row)
        for script in scripts_of(value):
            self._add_script(row, name, script)

    def _add_script(self, row: int, name: str, script: str) -> None:
        if script == EMOJI:
            self._offer(f"emoji in {name}", 0, row)
            return
        key = (name, script)
        self._script_counts[key] = self._script_counts.get(key, 0) + 1
        rows = self._script_rows.setdefault(key, [])
        if len(rows) < CANDIDATES:
            rows.append(row)

    def _rarest_scripts(self) -> None:
        for name in {name for name, _ in self._script_counts}:
            counts = {script: n for (other, script), n in self._script_counts.items() if other == name}
            if len(counts) > 1:
                rarest = min(counts, key=lambda script: (counts[script], script))
                for row in self._script_rows[name, rarest]:
                    self._offer(f"rarest script of {name}: {rarest}", 0, row)

    def _offer(self, reason: str, score: float, row: int, *, weight: int = 1) -> None:
        self._best.setdefault(reason, _Best()).offer(score, row)
        self._weights[reason] = max(weight, self._weights.get(reason, 0))
