"""What is known of a composition before its rows are looked at: how it looks with its defaults, when, and
which variable changes what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from framepress.preflight.facts import Layout
from framepress.preflight.judge import Causes
from framepress.preflight.rules import Finding
from framepress.variants import Variant


@dataclass(frozen=True)
class BasisRequest:
    """What a basis is made from.

    Attributes:
        default: the defaults, and the first row's values where there is none.
        others: variable -> further values of it, very different from the default.
        at: moments that are looked at in any case, seconds.
        framed: other values may be looked at in frames.
    """

    default: Variant
    others: Mapping[str, tuple[str, ...]]
    at: tuple[Fraction, ...] = ()
    framed: bool = True


@dataclass(frozen=True)
class Basis:
    """What rows are compared with. Pickled: it goes to every worker.

    Attributes:
        frames: that are looked at. fps: of the clip. frame_count: of the clip with the defaults.
        size: CSS pixels.
        layouts: with the defaults, one per frame.
        stateful: the page must be stepped there.
        findings: of the template itself.
        unframed: why each row gets a page of its own; None: rows are laid out in frames.
    """

    default: Variant
    frames: tuple[int, ...]
    fps: Fraction
    frame_count: int
    size: tuple[int, int]
    layouts: tuple[Layout, ...]
    causes: Causes
    stateful: bool
    findings: tuple[Finding, ...] = ()
    unframed: str | None = None

    def time_s(self, frame: int) -> float:
        """Seconds of a frame."""
        return float(frame / self.fps)
