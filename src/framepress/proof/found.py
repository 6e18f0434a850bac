"""What is to be proofed, and what was found. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from framepress.bound_list import ListRequest
from framepress.preflight.basis import Basis
from framepress.preflight.choose import ProofSet
from framepress.preflight.rules import Finding
from framepress.proof.gather import Gathered


@dataclass(frozen=True)
class ProofRequest:
    """What is to be proofed.

    Attributes:
        listed: composition and list; rows that break a rule are skipped, for they are findings.
        count: rows of the proof set. clips: of them that are rendered. random_count, seed: rows by lot.
        at: further moments to look at, seconds.
    """

    listed: ListRequest
    count: int = 24
    clips: int = 3
    random_count: int = 3
    seed: int = 0
    at: tuple[Fraction, ...] = ()


@dataclass
class ShownRow:
    """A row of the proof set.

    Attributes:
        reasons: what it was chosen for. values: of its variables. stills: frame -> JPEG.
        clip: MP4; None: it was not rendered.
    """

    row: int
    reasons: tuple[str, ...]
    values: dict[str, str]
    stills: dict[int, bytes] = field(default_factory=dict)
    clip: bytes | None = None


@dataclass
class Proof:
    """What was found.

    Attributes:
        findings: worst first. crops: index of a finding -> JPEG.
        texts: (row, field) -> what stands in the list, of rows with findings; for the local page only.
    """

    request: ProofRequest
    composition_name: str
    composition_digest: str
    gathered: Gathered
    basis: Basis
    proof_set: ProofSet
    findings: list[Finding]
    shown: list[ShownRow]
    crops: dict[int, bytes]
    texts: dict[tuple[int, str], str]
    clip_name: str = ""

    def count(self, severity: str) -> int:
        """How many findings there are of a severity."""
        return sum(one.severity == severity for one in self.findings)
