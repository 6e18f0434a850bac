"""A list proofed, from the table to the pictures:

list -> ledger in a temporary folder -> columns and values -> every row laid out by workers
     -> the few rows that show everything -> their pictures, the first of them as clips
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from framepress import variants
from framepress.batch import Batch, BatchRequest, Progress
from framepress.browser import TEMP_PREFIX, BrowserOptions
from framepress.errors import InputError
from framepress.ledger_rows import BOUND, LedgerRow
from framepress.pool import WorkerPool
from framepress.preflight.basis import Basis
from framepress.preflight.choose import Chooser, ProofSet
from framepress.preflight.rules import SEVERITIES, Finding
from framepress.preflight.tasks import Shot, ShotTask
from framepress.proof.gather import Gathered, Gatherer
from framepress.proof.work import Beat, Crew
from framepress.rects import Rect
from framepress.renderer import RowTask
from framepress.row_binding import BindingOptions
from framepress.settings import RenderSettings, RunLimits
from framepress.tasks import WorkerConfig
from framepress.variants import Variant

#: Findings of one kind that have a crop, and crops in all: the page stays one that a browser opens at once.
CROPS_OF_KIND, CROPS_MAX = 6, 120

#: Pixels of the longer side of a still.
STILL_SIZE = 1120

#: CSS pixels around a finding in its crop.
CROP_MARGIN = 24


@dataclass(frozen=True)
class ProofRequest:
    """What is to be proofed.

    Attributes:
        count: rows of the proof set. clips: of them that are rendered. random_count, seed: rows by lot.
        at: further moments to look at, seconds.
    """

    composition: Path
    rows: str
    binding: BindingOptions
    settings: RenderSettings
    limits: RunLimits
    browser: BrowserOptions
    workers: int
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


class Proofer:
    """Proofs one list. Use as a context manager: leaving it ends the workers and removes what is temporary.

    Raises:
        CompositionError, RowsError, UsageError, StorageFault: the list cannot be read at all.
    """

    def __init__(
        self,
        request: ProofRequest,
        *,
        stdin: BinaryIO | None = None,
        on_progress: Beat = lambda _, __, ___: None,
    ) -> None:
        self.request = request
        self._beat = on_progress
        self._folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-proof-"))
        try:
            self._batch = self._open_batch(stdin)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def __enter__(self) -> Proofer:
        return self

    def __exit__(self, *_: object) -> None:
        self._batch.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self) -> Proof:
        """Look at everything.

        Raises:
            InputError: no row of the list can be rendered. EnvironmentFault: no browser, a full disk.
        """
        self._batch.prepare()
        chooser = Chooser(
            self._batch.composition.declarations,
            seed=self.request.seed,
            random_count=self.request.random_count,
        )
        gatherer = self._gatherer()
        gathered = gatherer.gather(chooser)
        if gathered.rows == 0:
            raise InputError(
                f"{self.request.rows}: none of its {gathered.refused} rows can be rendered; the first: "
                f"{gathered.findings[0].detail}",
                rule="no-rows",
            )
        with WorkerPool(self._config(), self.request.workers) as pool:
            crew = Crew(pool)
            self._beat("looking at the template", 0, 0)
            wanted = replace(gatherer.request(gatherer.default()), at=self.request.at)
            basis = crew.basis(wanted, gatherer.first())
            findings = [*gathered.findings, *basis.findings, *self._inspect(crew, basis, chooser, gathered)]
            proof = self._proof(gathered, basis, chooser.choose(self.request.count), findings)
            self._draw(crew, proof)
            self._render(crew, proof)
        return proof

    # ---- steps ----------------------------------------------------------------------------------

    def _inspect(self, crew: Crew, basis: Basis, chooser: Chooser, gathered: Gathered) -> Iterator[Finding]:
        rows = ((row.number, Variant(row.values, row.files)) for row in self._rows())
        self._beat("laying out", 0, gathered.rows)
        for done, report in enumerate(crew.inspect(basis, rows), start=1):
            if not report.failed:
                chooser.add_widths(report.row, report.widths)
            chooser.add_findings(report.row, report.findings)
            self._beat("laying out", done, gathered.rows)
            yield from report.findings

    def _proof(self, gathered: Gathered, basis: Basis, proof_set: ProofSet, findings: list[Finding]) -> Proof:
        findings.sort(key=lambda one: (SEVERITIES.index(one.severity), one.rule, one.row or 0))
        ledger = self._batch.ledger
        columns = self._binder().column_of
        texts = {}
        for one in findings:
            if one.row is not None and one.field is not None:
                raw = ledger.raw(one.row)
                text = raw.get(columns.get(one.field, one.field))
                texts[one.row, one.field] = "" if text is None else str(text)
        shown = [
            ShownRow(chosen.row, chosen.reasons, dict(ledger.row(chosen.row).values))
            for chosen in proof_set.rows
        ]
        return Proof(
            request=self.request,
            composition_name=self._batch.composition.name,
            composition_digest=self._batch.composition.digest,
            gathered=gathered,
            basis=basis,
            proof_set=proof_set,
            findings=findings,
            shown=shown,
            crops={},
            texts=texts,
        )

    def _draw(self, crew: Crew, proof: Proof) -> None:
        """Stills of the proof set at every moment where something is found, and crops of findings."""
        wanted = _crops_wanted(proof)
        rows = {one.row for one in proof.shown} | {proof.findings[index].row or 0 for index in wanted}
        tasks = [self._shot_task(row, proof, wanted) for row in sorted(rows) if self._can_be_drawn(row)]
        by_row = {one.row: one for one in proof.shown}
        for done, shots in enumerate(crew.shoot(tasks), start=1):
            self._beat("drawing", done, len(tasks))
            task = next(task for task in tasks if task.row == shots.row)
            indices = _indices_by_frame(shots.row, proof, wanted)
            for shot, (still, crops) in zip(task.shots, shots.pictures, strict=True):
                if still is not None and shots.row in by_row:
                    by_row[shots.row].stills[shot.frame] = still
                proof.crops |= dict(zip(indices.get(shot.frame, ()), crops, strict=True))
        proof.shown = [one for one in proof.shown if one.stills]

    def _can_be_drawn(self, row: int) -> bool:
        return self._batch.ledger.row(row).state in BOUND

    def _shot_task(self, number: int, proof: Proof, wanted: list[int]) -> ShotTask:
        row = self._batch.ledger.row(number)
        basis = proof.basis
        by_frame = _indices_by_frame(number, proof, wanted)
        stills: set[int] = set()
        if any(one.row == number for one in proof.shown):
            stills = {basis.frames[-1], *_frames_of(number, proof)}
        shots = tuple(
            Shot(
                frame,
                frame in stills,
                tuple(_around(proof.findings[index].box, basis.size) for index in by_frame.get(frame, ())),
            )
            for frame in sorted(stills | by_frame.keys())
        )
        scale = min(1.0, STILL_SIZE / max(basis.size))
        return ShotTask(number, Variant(row.values, row.files), basis.size, shots, scale)

    def _render(self, crew: Crew, proof: Proof) -> None:
        """The first rows of the proof set as finished clips."""
        chosen = [self._batch.ledger.row(one.row) for one in proof.shown[: self.request.clips]]
        tasks = [
            RowTask(Variant(row.values, row.files), row.key or "", f"{row.number}.mp4", row=row.number)
            for row in chosen
        ]
        self._beat("rendering clips", 0, len(tasks))
        by_row = {one.row: one for one in proof.shown}
        for done, result in enumerate(crew.render(tasks), start=1):
            self._beat("rendering clips", done, len(tasks))
            assert result.row is not None
            by_row[result.row].clip = (self._folder / "clips" / f"{result.row}.mp4").read_bytes()

    # ---- inside ---------------------------------------------------------------------------------

    def _rows(self) -> Iterator[LedgerRow]:
        return self._batch.ledger.iter_rows(BOUND)

    def _binder(self) -> variants.Binder:
        binding = self.request.binding
        return variants.Binder(
            self._batch.composition,
            columns=self._batch.ledger.columns(),
            column_map=binding.column_map,
            use_default=binding.use_default,
            batch=True,
        )

    def _gatherer(self) -> Gatherer:
        count = 0

        def on_row() -> None:
            nonlocal count
            count += 1
            if count % 200 == 0:
                self._beat("checking values", count, 0)

        return Gatherer(self._batch.ledger, self._batch.composition, self._binder(), on_row)

    def _open_batch(self, stdin: BinaryIO | None) -> Batch:
        request = self.request

        def told(progress: Progress) -> None:
            self._beat(f"{progress.phase} rows", progress.read, 0)

        return Batch(
            BatchRequest(
                composition=request.composition,
                rows=request.rows,
                out_dir=self._folder / "list",
                # A row that breaks a rule is a finding like others.
                binding=replace(request.binding, skip_bad_rows=True, out_name=None),
                settings=request.settings,
                limits=request.limits,
                browser=request.browser,
                workers=1,
            ),
            stdin=stdin,
            on_progress=told,
        )

    def _config(self) -> WorkerConfig:
        composition = self._batch.composition
        return WorkerConfig(
            number=1,
            composition=composition.path,
            composition_digest=composition.digest,
            settings=self.request.settings,
            limits=self.request.limits,
            browser=self.request.browser,
            out=self._folder / "clips",
        )


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


def _frames_of(row: int, proof: Proof) -> set[int]:
    return {
        _frame_of(one, proof.basis) for one in proof.findings if one.row == row and one.time_s is not None
    }


def _indices_by_frame(row: int, proof: Proof, wanted: list[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for index in wanted:
        one = proof.findings[index]
        if one.row == row:
            found.setdefault(_frame_of(one, proof.basis), []).append(index)
    return found


def _around(box: Rect | None, size: tuple[int, int]) -> Rect:
    assert box is not None
    margin = CROP_MARGIN
    grown = Rect(box.x - margin, box.y - margin, box.width + 2 * margin, box.height + 2 * margin)
    return grown.clipped(*size) or Rect(0, 0, *size)
