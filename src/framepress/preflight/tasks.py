"""What a worker is asked about rows before they are rendered, and its answers. Data only, pickled."""

from __future__ import annotations

from dataclasses import dataclass

from framepress.preflight.basis import Basis, BasisRequest
from framepress.preflight.rules import RowReport
from framepress.rects import Rect
from framepress.variants import Variant


@dataclass(frozen=True)
class BasisTask:
    """Make the basis of a list."""

    request: BasisRequest


@dataclass(frozen=True)
class InspectTask:
    """Lay rows out.

    Attributes:
        rows: number and values of each.
    """

    basis: Basis
    rows: tuple[tuple[int, Variant], ...]


@dataclass(frozen=True)
class Shot:
    """Pictures of one frame.

    Attributes:
        still: whether all of it is wanted.
        crops: parts that are wanted, CSS pixels.
    """

    frame: int
    still: bool
    crops: tuple[Rect, ...] = ()


@dataclass(frozen=True)
class ShotTask:
    """Pictures of one row, of frames in ascending order.

    Attributes:
        scale: pixels per CSS pixel.
    """

    row: int
    variant: Variant
    size: tuple[int, int]
    shots: tuple[Shot, ...]
    scale: float


@dataclass(frozen=True)
class Inspected:
    """What is wrong with rows.

    Attributes:
        disagreement: where a row looked otherwise in a frame than in a page of its own; then no row of the
            list that was laid out in a frame counts.
    """

    reports: tuple[RowReport, ...]
    disagreement: str | None = None


@dataclass(frozen=True)
class Shots:
    """Pictures as JPEG, in the order in which they were asked for.

    Attributes:
        pictures: for each shot the whole picture, or None, and the crops.
    """

    row: int
    pictures: tuple[tuple[bytes | None, tuple[bytes, ...]], ...]


PreflightTask = BasisTask | InspectTask | ShotTask
PreflightReply = Basis | Inspected | Shots
