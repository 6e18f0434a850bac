"""Lets a run go on only under an approval that holds for it.

Scope ``rows``: these very rows were approved. Scope ``template``: any rows whose own pre-flight is clean, so
it is made here, without pictures: what a nightly run with new rows needs.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from framepress.batch import Batch
from framepress.bound_list import Beat, binder_of, worker_config_of
from framepress.browser import BrowserOptions
from framepress.errors import InputError, RowValueError
from framepress.ledger_rows import BOUND
from framepress.pool import WorkerPool
from framepress.preflight.choose import Chooser
from framepress.preflight.rules import RULES, Finding
from framepress.proof.approval import Approval, check_approval
from framepress.proof.gather import Gatherer, row_digest
from framepress.proof.identity import identity_of
from framepress.proof.work import Crew
from framepress.temporary_folders import TEMP_PREFIX, remove_folder
from framepress.variants import Variant

#: Rows with errors that are named in the message.
TOLD_MAX = 20


def check_batch(
    batch: Batch,
    path: Path,
    *,
    key: bytes | None,
    browser: Callable[[], AbstractContextManager[BrowserOptions]],
    workers: int,
    on_progress: Beat,
) -> Approval:
    """Check a prepared batch against a proof; rows with errors are left out where bad rows are skipped.

    Args:
        path: of `proof.json`.
        browser: called if rows have to be laid out.

    Raises:
        InputError: no approval holds, or rows have errors. EnvironmentFault: see `WorkerPool`.
    """
    digests = sorted(row_digest(row) for row in batch.ledger.iter_rows(BOUND))
    rows = hashlib.sha256(b"".join(digests)).hexdigest()
    identity = identity_of(batch.composition, batch.request.settings, rows)
    approval = check_approval(path, identity, key=key)
    if approval.scope == "template" and digests:
        with browser() as options:
            errors = _errors(batch, options, workers, on_progress)
        _leave_out(batch, errors)
    return approval


def _errors(batch: Batch, browser: BrowserOptions, workers: int, on_progress: Beat) -> dict[int, Finding]:
    """Row -> the first of its errors."""
    composition = batch.composition
    gatherer = Gatherer(batch.ledger, composition, binder_of(batch), lambda: None)
    gathered = gatherer.gather(Chooser(composition.declarations))
    refused = {row.number for row in batch.ledger.iter_rows({"rejected"})}
    found = [one for one in gathered.findings if one.row is not None and one.row not in refused]
    out = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-gate-"))
    try:
        with WorkerPool(worker_config_of(batch, browser, out), workers) as pool:
            crew = Crew(pool)
            on_progress("looking at the template", 0, 0)
            # What a variable changes is needed for the messages only; columns without effect are not.
            basis = crew.basis(gatherer.request(gatherer.default()), gatherer.first())
            inspection = crew.inspect(
                basis,
                lambda: (
                    (row.number, Variant(row.values, row.files)) for row in batch.ledger.iter_rows(BOUND)
                ),
                lambda done: on_progress("laying out", done, gathered.rows),
            )
            for report in inspection.reports:
                found += report.findings
    finally:
        remove_folder(out)
    errors: dict[int, Finding] = {}
    for one in found:
        if one.severity == "error" and one.row is not None:
            errors.setdefault(one.row, one)
    return errors


def _leave_out(batch: Batch, errors: dict[int, Finding]) -> None:
    if not errors:
        return
    name = batch.request.list_name
    told = {row: _message(name, one) for row, one in sorted(errors.items())}
    if not batch.request.binding.skip_bad_rows:
        more = f"\n  and {len(told) - TOLD_MAX} more" if len(told) > TOLD_MAX else ""
        raise InputError(
            f"{name}: {len(told)} row{'s' if len(told) != 1 else ''} would not look as approved; nothing was "
            "rendered.\n"
            + "\n".join(f"  {message}" for message in list(told.values())[:TOLD_MAX])
            + more
            + "\nMend them, or go on without them: --bad-rows skip. framepress proof shows them.",
            rule="rows-not-clean",
        )
    with batch.ledger.batch():
        for row, message in told.items():
            error = RowValueError(message, rule=errors[row].rule, row=row, field=errors[row].field)
            batch.ledger.reject(row, error.record(), id=batch.ledger.row(row).id)


def _message(name: str, one: Finding) -> str:
    where = f' column "{one.field}":' if one.field else ""
    return f"{name}, row {one.row}:{where} {RULES[one.rule].title} ({one.detail})."
