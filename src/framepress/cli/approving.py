"""What `framepress approve` and `--require-approval` do."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

from framepress.batch import Batch
from framepress.bound_list import Beat
from framepress.browser import BrowserOptions
from framepress.cli import show
from framepress.cli.proof import ApproveOptions
from framepress.errors import UsageError
from framepress.proof.approval import SCOPES, Scope, approve
from framepress.proof.gate import check_batch
from framepress.workshop import Workshop, choice

KEY = "FRAMEPRESS_APPROVAL_KEY"


def run(options: ApproveOptions) -> int:
    """Approve and return the exit code.

    Raises:
        FramepressError: nothing was approved.
    """
    scope = cast(Scope, choice(options.scope, SCOPES, "--scope"))
    given = approve(
        options.proof,
        by=options.by,
        scope=scope,
        note=options.note,
        key=_key(),
        accept_errors=options.accept_errors,
    )
    what = "this template" if scope == "template" else "these very rows"
    how = (
        f"It is signed: HMAC-SHA256 under {KEY}."
        if given.signed
        else "This is a record of a name, not a signature: whoever can write the file can write a name. "
        f"{KEY} makes it an HMAC."
    )
    show.console().print(
        f"{given.by} approved {what} at {given.at}. {how}\n"
        f"Next: framepress render ... --require-approval {options.proof}",
        markup=False,
    )
    return 0


def require_approval(
    path: Path,
    batch: Batch,
    browser: BrowserOptions | None,
    workers: int,
    on_progress: Beat,
    note: Callable[[str], None],
) -> None:
    """Raise if a prepared batch may not be rendered under a proof.

    Args:
        browser: None: one is sought if rows have to be laid out.
    """

    def found() -> AbstractContextManager[BrowserOptions]:
        if browser is not None:
            return nullcontext(browser)
        fonts = batch.request.settings.system_fonts
        return Workshop(batch.composition.path, browser=None, environ=os.environ, system_fonts=fonts)

    formats = batch.request.binding.formats
    if len(formats) > 1:
        raise UsageError(
            f"--require-approval goes with one format, and --formats names {len(formats)}: each has a proof "
            "of its own. Render one after the other.",
            rule="approval-formats",
        )
    key = _key()
    given = check_batch(batch, path, key=key, browser=found, workers=workers, on_progress=on_progress)
    how = f"signed with {KEY}" if given.signed else "a record, not a signature"
    note(f"Approved by {given.by} at {given.at}, scope {given.scope}: {how}.")


def _key() -> bytes | None:
    return os.environ.get(KEY, "").encode() or None
