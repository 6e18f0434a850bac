"""A list proofed, from the table to the pictures:

list -> ledger in a temporary folder -> columns and values -> every row laid out by workers
     -> the few rows that show everything -> their pictures, the first of them as clips
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from framepress.bound_list import Beat, BoundList
from framepress.errors import InputError
from framepress.ledger_rows import BOUND
from framepress.pool import WorkerPool
from framepress.preflight.basis import Basis
from framepress.preflight.choose import Chooser, ProofSet
from framepress.preflight.rules import SEVERITIES, Finding
from framepress.proof.drawings import Drawings
from framepress.proof.found import Proof, ProofRequest, ShownRow
from framepress.proof.gather import Gathered, Gatherer
from framepress.proof.work import Crew, Inspection
from framepress.row_task import RowTask
from framepress.rows import list_name
from framepress.variants import Variant


class Proofer:
    """Proofs one list. Use as a context manager: leaving it ends the workers and removes what is temporary.

    Raises:
        CompositionError, RowsError, UsageError, StorageFault: the list cannot be read at all.
    """

    def __init__(
        self,
        request: ProofRequest,
        *,
        on_progress: Beat = lambda _, __, ___: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.request = request
        self._beat = on_progress
        self._list = BoundList(request.listed, "proof", on_progress=on_progress, on_note=on_note)

    def __enter__(self) -> Proofer:
        return self

    def __exit__(self, *_: object) -> None:
        self._list.close()

    def run(self) -> Proof:
        """Look at everything.

        Raises:
            InputError: no row of the list can be rendered. EnvironmentFault: no browser, a full disk.
        """
        listed = self.request.listed
        self._list.prepare()
        chooser = Chooser(
            self._list.composition.declarations,
            seed=self.request.seed,
            random_count=self.request.random_count,
        )
        gatherer = self._gatherer()
        gathered = gatherer.gather(chooser)
        if gathered.rows == 0:
            raise InputError(
                f"{list_name(listed.rows)}: none of its {gathered.refused} rows can be rendered; the first: "
                f"{gathered.findings[0].detail}",
                rule="no-rows",
            )
        with WorkerPool(self._list.worker_config(self._clips), listed.workers) as pool:
            crew = Crew(pool)
            self._beat("looking at the template", 0, 0)
            wanted = replace(gatherer.request(gatherer.default()), at=self.request.at)
            basis = crew.basis(wanted, gatherer.first())
            inspection = self._inspect(crew, basis, gathered)
            findings = [*gathered.findings, *inspection.basis.findings]
            for report in inspection.reports:
                if not report.failed:
                    chooser.add_widths(report.row, report.widths)
                chooser.add_findings(report.row, report.findings)
                findings += report.findings
            proof = self._proof(gathered, inspection.basis, chooser.choose(self.request.count), findings)
            self._draw(crew, proof)
            self._render(crew, proof)
        return proof

    # ---- steps ----------------------------------------------------------------------------------

    def _inspect(self, crew: Crew, basis: Basis, gathered: Gathered) -> Inspection:
        self._beat("laying out", 0, gathered.rows)
        return crew.inspect(
            basis,
            lambda: ((row.number, Variant(row.values, row.files)) for row in self._list.rows()),
            lambda done: self._beat("laying out", done, gathered.rows),
        )

    def _proof(self, gathered: Gathered, basis: Basis, proof_set: ProofSet, findings: list[Finding]) -> Proof:
        findings.sort(key=lambda one: (SEVERITIES.index(one.severity), one.rule, one.row or 0))
        ledger = self._list.ledger
        columns = self._list.binder().column_of
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
            composition_name=self._list.composition.name,
            composition_digest=self._list.composition.digest,
            gathered=gathered,
            basis=basis,
            proof_set=proof_set,
            findings=findings,
            shown=shown,
            crops={},
            texts=texts,
        )

    def _draw(self, crew: Crew, proof: Proof) -> None:
        """Stills of the proof set and crops of findings; rows that cannot be drawn leave the set."""
        drawings, ledger = Drawings(proof), self._list.ledger
        rows = [row for row in map(ledger.row, drawings.rows()) if row.state in BOUND]
        tasks = {row.number: drawings.task(row) for row in rows}
        for done, shots in enumerate(crew.shoot(tasks.values()), start=1):
            self._beat("drawing", done, len(tasks))
            drawings.add(tasks[shots.row], shots)
        proof.shown = [one for one in proof.shown if one.stills]

    def _render(self, crew: Crew, proof: Proof) -> None:
        """The first rows of the proof set as finished clips."""
        chosen = [self._list.ledger.row(one.row) for one in proof.shown[: self.request.clips]]
        tasks = [
            RowTask(Variant(row.values, row.files), row.key or "", f"{row.number}.mp4", row=row.number)
            for row in chosen
        ]
        self._beat("rendering clips", 0, len(tasks))
        by_row = {one.row: one for one in proof.shown}
        for done, result in enumerate(crew.render(tasks), start=1):
            self._beat("rendering clips", done, len(tasks))
            assert result.row is not None
            by_row[result.row].clip = (self._clips / f"{result.row}.mp4").read_bytes()

    # ---- inside ---------------------------------------------------------------------------------

    @property
    def _clips(self) -> Path:
        return self._list.folder / "clips"

    def _gatherer(self) -> Gatherer:
        count = 0

        def on_row() -> None:
            nonlocal count
            count += 1
            if count % 200 == 0:
                self._beat("checking values", count, 0)

        return Gatherer(self._list.ledger, self._list.composition, self._list.binder(), on_row)
