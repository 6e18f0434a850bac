"""What `framepress enqueue` does, once it is known what was asked for."""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from framepress.batch import Batch
from framepress.batch_request import BatchRequest
from framepress.bundle_folder import local_composition
from framepress.cache_options import cache_options
from framepress.cli import show
from framepress.cli.approving import require_approval
from framepress.cli.fleet import EnqueueOptions
from framepress.cli.listing import binding_of, note_of, remote_of, settings_of, skips_bad_rows
from framepress.enqueue import enqueue
from framepress.errors import UsageError
from framepress.fleet import Note, write_note
from framepress.queue import check_queue_url, open_queue
from framepress.settings import RunLimits
from framepress.state import state_folder
from framepress.stores import place_option
from framepress.workshop import seconds_option, worker_count

#: Seconds of the units of a duration.
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def send(options: EnqueueOptions) -> int:
    """Send a list and return the exit code."""
    check_queue_url(options.queue)
    place = place_option(options.out_dir)
    retain_s = duration_option(options.retain, "--retain")
    binding = replace(
        binding_of(options, options.formats),
        out_name=options.out_name,
        skip_bad_rows=skips_bad_rows(options.bad_rows),
        poster_s=seconds_option(options.poster, "--poster"),
        poster_button=options.poster_button,
    )
    state = state_folder(os.environ)
    with local_composition(str(options.composition)) as composition:
        ledger_dir = state if isinstance(place, str) else place
        request = BatchRequest(
            composition=composition,
            rows=options.variants,
            remote=remote_of(options, cache_options(os.environ)),
            encoding=options.encoding,
            query=options.query,
            out_dir=place,
            binding=binding,
            settings=settings_of(options),
            limits=RunLimits(),
            browser=None,
            workers=0,
            ledger_dir=ledger_dir,
            run=options.run,
        )
        quiet = options.quiet or options.json_
        with (
            open_queue(options.queue, os.environ, redrive_check=not options.no_redrive_check) as queue,
            show.Reporter(quiet=quiet) as reporter,
            Batch(request, on_progress=reporter.batch) as batch,
        ):
            if retain_s is not None:
                queue.expire(retain_s)
                _expire_ledgers(ledger_dir, retain_s)
            batch.prepare()
            if options.require_approval is not None:
                note = note_of(quiet=quiet)
                require_approval(
                    options.require_approval, batch, None, worker_count(None), reporter.step, note
                )
            sent = enqueue(batch, queue, queue_url=options.queue, retain_s=retain_s)
    store = place if isinstance(place, str) else str(place.absolute())
    write_note(state, options.run, Note(absolute_queue(options.queue), store, str(ledger_dir.absolute())))
    if options.json_:
        show.print_json(json.dumps({"type": "enqueued", "run": options.run, **asdict(sent)}))
    elif not options.quiet:
        skipped = f", {sent.finished:,} finished before" if sent.finished else ""
        bad = f", {sent.rejected:,} left out" if sent.rejected else ""
        again = f", {sent.again:,} of them once more, for their plan was wrong" if sent.again else ""
        show.console().print(
            f"Run {options.run}: {sent.sent:,} of {sent.rows:,} rows sent{again}{skipped}{bad}, "
            f"{sent.seconds:.1f} s. Next: framepress worker --queue {options.queue}",
            markup=False,
        )
    return 0


def absolute_queue(url: str) -> str:
    """A queue's URL that means the same in another folder."""
    if not url.startswith("sqlite:///"):
        return url
    path, mark, query = url.removeprefix("sqlite:///").partition("?")
    return f"sqlite:///{Path(path).absolute()}{mark}{query}"


def duration_option(text: str | None, option: str) -> float | None:
    """Seconds of a duration such as 90s, 15m, 6h or 7d; None stays None."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text.strip())
    if match is None:
        raise UsageError(f'{option} is "{text}"; expected a time such as 90s or 6h.', rule="duration")
    return float(match[1]) * UNITS_S[match[2] or "s"]


def _expire_ledgers(folder: Path, older_than_s: float) -> None:
    """Remove ledgers that nobody has written to for so long: they hold the rows of people."""
    for path in (folder / ".framepress" / "runs").glob("*.sqlite3"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - older_than_s:
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
