"""What a lint says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing.

    Attributes:
        place: ``file:line:column``, or what the author calls the element.
        rule: stable name.
        problem, cure: a sentence each, without a full stop.
    """

    severity: Severity
    place: str
    rule: str
    problem: str
    cure: str


def by_severity(found: list[Advice]) -> list[Advice]:
    """Worst first, each once."""
    return sorted(dict.fromkeys(found), key=lambda one: SEVERITIES.index(one.severity))
