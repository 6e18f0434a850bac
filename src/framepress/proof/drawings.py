"""Which pictures a proof has: stills of its rows where something is found, and crops of findings. Pure."""

from __future__ import annotations

from framepress.ledger_rows import LedgerRow
from framepress.preflight.basis import Basis
from framepress.preflight.rules import Finding
from framepress.preflight.tasks import Shot, Shots, ShotTask
from framepress.proof.found import Proof
from framepress.rects import Rect
from framepress.variants import Variant

#: Findings of one kind that have a crop, and crops in all: the page stays one that a browser opens at once.
CROPS_OF_KIND, CROPS_MAX = 6, 120

#: Pixels of the longer side of a still.
STILL_SIZE = 1120

#: CSS pixels around a finding in its crop.
CROP_MARGIN = 24


class Drawings:
    """What is to be drawn for a proof, and where it goes."""

    def __init__(self, proof: Proof) -> None:
        self._proof = proof
        self._shown = {one.row: one for one in proof.shown}
        self._wanted = _crops_wanted(proof)

    def rows(self) -> list[int]:
        """Numbers of the rows of which there are pictures, ascending."""
        return sorted(self._shown.keys() | {self._proof.findings[index].row or 0 for index in self._wanted})

    def task(self, row: LedgerRow) -> ShotTask:
        """What is drawn of a row: at every moment where something is found, and at the last."""
        basis = self._proof.basis
        by_frame = self._indices_by_frame(row.number)
        stills: set[int] = set()
        if row.number in self._shown:
            stills = {basis.frames[-1], *self._frames_of(row.number)}
        shots = tuple(
            Shot(
                frame,
                frame in stills,
                tuple(
                    _around(self._proof.findings[index].box, basis.size) for index in by_frame.get(frame, ())
                ),
            )
            for frame in sorted(stills | by_frame.keys())
        )
        scale = min(1.0, STILL_SIZE / max(basis.size))
        return ShotTask(row.number, Variant(row.values, row.files), basis.size, shots, scale)

    def add(self, task: ShotTask, shots: Shots) -> None:
        """Put what was drawn where it belongs."""
        indices = self._indices_by_frame(shots.row)
        shown = self._shown.get(shots.row)
        for shot, (still, crops) in zip(task.shots, shots.pictures, strict=True):
            if still is not None and shown is not None:
                shown.stills[shot.frame] = still
            self._proof.crops |= dict(zip(indices.get(shot.frame, ()), crops, strict=True))

    def _frames_of(self, row: int) -> set[int]:
        return {
            _frame_of(one, self._proof.basis)
            for one in self._proof.findings
            if one.row == row and one.time_s is not None
        }

    def _indices_by_frame(self, row: int) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for index in self._wanted:
            one = self._proof.findings[index]
            if one.row == row:
                found.setdefault(_frame_of(one, self._proof.basis), []).append(index)
        return found


def _crops_wanted(proof: Proof) -> list[int]:
    """Findings that get a crop, by index: some of every kind, those of the proof set first."""
    shown = {one.row for one in proof.shown}
    seen: dict[str, int] = {}
    wanted: list[int] = []
    order = sorted(range(len(proof.findings)), key=lambda index: proof.findings[index].row not in shown)
    for index in order:
        one = proof.findings[index]
        if one.box is None or one.row is None or one.time_s is None:
            continue
        seen[one.kind] = seen.get(one.kind, 0) + 1
        if seen[one.kind] <= CROPS_OF_KIND and len(wanted) < CROPS_MAX:
            wanted.append(index)
    return wanted


def _frame_of(one: Finding, basis: Basis) -> int:
    assert one.time_s is not None
    return min(basis.frames, key=lambda frame: abs(basis.time_s(frame) - (one.time_s or 0)))


def _around(box: Rect | None, size: tuple[int, int]) -> Rect:
    assert box is not None
    margin = CROP_MARGIN
    grown = Rect(box.x - margin, box.y - margin, box.width + 2 * margin, box.height + 2 * margin)
    return grown.clipped(*size) or Rect(0, 0, *size)
