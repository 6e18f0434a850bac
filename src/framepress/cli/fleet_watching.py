"""What the commands that look at a run do: status, wait, pause, resume, cancel, dead, forget."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from framepress.cache_options import cache_options, open_if_usable
from framepress.cli import show
from framepress.cli.fleet_sending import duration_option
from framepress.errors import UsageError
from framepress.fleet import FleetRun, Note, Status, read_note
from framepress.ledger import Ledger
from framepress.queue import open_queue
from framepress.state import state_folder
from framepress.stores import place_option


@contextmanager
def _opened(run: str, queue: str | None, out_dir: str | None) -> Iterator[tuple[FleetRun, Note | None]]:
    """The run, found by options, else by what this machine remembers, else by the run's own record."""
    note = read_note(state_folder(os.environ), run)
    store = out_dir or (note.store if note else None)
    if store is None:
        raise UsageError(
            f"Run {run} was not sent from this machine: say where its clips are, with --out-dir.",
            rule="store-missing",
        )
    place = place_option(store)
    with ExitStack() as stack:
        found = FleetRun(run, place if isinstance(place, str) else str(place.absolute()), None)
        url = queue or (note.queue if note else found.facts.queue)
        found.queue = stack.enter_context(open_queue(url, os.environ, redrive_check=False))
        yield found, note


def show_status(
    run: str, queue: str | None, out_dir: str | None, *, watch: bool, results: Path | None, as_json: bool
) -> int:
    """Tell where a run stands; 1 if rows of it are dead."""
    with _opened(run, queue, out_dir) as (found, note):
        if watch:
            status, _ = found.wait(timeout_s=None, dead_max=lambda rows: rows, on_look=_teller(as_json))
        else:
            status = found.status()
            _tell(status, as_json)
        if results is not None:
            _write_results(found, note, results)
    return 1 if status.dead or status.again else 0


def wait_for(
    run: str,
    queue: str | None,
    out_dir: str | None,
    *,
    timeout: str | None,
    max_failed: str,
    results: Path | None,
    as_json: bool,
) -> int:
    """Wait for a run; 0 if it ended well enough."""
    timeout_s = duration_option(timeout, "--timeout")
    dead_max = _dead_max(max_failed)
    with _opened(run, queue, out_dir) as (found, note):
        status, how = found.wait(timeout_s=timeout_s, dead_max=dead_max)
        _tell(status, as_json)
        if results is not None:
            _write_results(found, note, results)
    if how == "failed":
        show.tell_error(f"{status.dead:,} rows are dead, more than --max-failed. See `framepress dead list`.")
    elif how == "again":
        show.tell_error(
            f"{status.again:,} rows were made by a plan that was given up since. The same "
            "`framepress enqueue` sends them once more."
        )
    elif how == "timeout":
        show.tell_error(f"The time is over and {status.open:,} rows are open. Wait again, or add workers.")
    return 0 if how == "done" else 1


def command(what: str, run: str, queue: str | None, out_dir: str | None) -> None:
    """Pause, resume or cancel."""
    with _opened(run, queue, out_dir) as (found, _):
        {"pause": found.pause, "resume": found.resume, "cancel": found.cancel}[what]()
    done = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}[what]
    show.console().print(f"Run {run} is {done}.", markup=False)


def list_dead(
    run: str, queue: str | None, out_dir: str | None, ids: Sequence[str] | None, *, as_json: bool
) -> None:
    """The dead rows of a run."""
    with _opened(run, queue, out_dir) as (found, _):
        records = [one for one in found.dead() if ids is None or str(one.get("id")) in ids]
    for record in records:
        if as_json:
            show.print_json(json.dumps(record, ensure_ascii=False))
        else:
            error = record.get("error") or {}
            show.console().print(f"{record.get('id')}  {error.get('message', '')}", markup=False)
    if not as_json:
        show.console().print(f"{len(records):,} dead rows in run {run}.", markup=False)


def settle_dead(
    what: str, run: str, queue: str | None, out_dir: str | None, ids: Sequence[str] | None
) -> None:
    """Retry or drop dead rows."""
    with _opened(run, queue, out_dir) as (found, _):
        count = found.dead_retry(ids) if what == "retry" else found.dead_drop(ids)
    done = "sent again" if what == "retry" else "dropped"
    show.console().print(f"{count:,} rows {done}.", markup=False)


def forget_row(run: str, id_: str, queue: str | None, out_dir: str | None) -> int:
    """Remove one person's row; 1 if there was nothing."""
    with _opened(run, queue, out_dir) as (found, note), ExitStack() as stack:
        ledger = _ledger(run, note)
        if ledger is not None:
            stack.enter_context(ledger)
        cache = open_if_usable(cache_options(os.environ))
        removed = found.forget(id_, ledger, cache)
    show.console().print(f"Removed: {'; '.join(removed) or 'nothing, there was nothing'}.", markup=False)
    return 0 if removed else 1


def _write_results(found: FleetRun, note: Note | None, path: Path) -> None:
    ledger = _ledger(found.run, note)
    if ledger is None:
        raise UsageError(
            f"--results: the list of run {found.run} is on the machine that sent it. Run the command there.",
            rule="no-ledger",
        )
    with ledger:
        found.write_results(path, ledger)


def _ledger(run: str, note: Note | None) -> Ledger | None:
    if note is None:
        return None
    folder = Path(note.ledger_dir)
    if not (folder / ".framepress" / "runs" / f"{run}.sqlite3").is_file():
        return None
    return Ledger.open(folder, run)


def _tell(status: Status, as_json: bool) -> None:
    if as_json:
        show.print_json(status.as_json())
        return
    parts = [f"{status.done:,} of {status.rows:,} rows done"]
    if status.dead:
        parts.append(f"{status.dead:,} dead")
    if status.open:
        parts.append(f"{status.open:,} open")
        parts.append(f"in the queue {status.waiting:,} waiting, {status.delayed:,} delayed")
        parts.append(f"{status.leased:,} in work")
    if status.paused:
        parts.append("paused")
    show.console().print(f"Run {status.run}: {'; '.join(parts)}.", markup=False)


def _teller(as_json: bool) -> Callable[[Status], None]:
    last: list[Status] = []

    def tell(status: Status) -> None:
        if last != [status]:
            last[:] = [status]
            _tell(status, as_json)

    return tell


def _dead_max(text: str) -> Callable[[int], float]:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(%?)", text.strip())
    if match is None:
        raise UsageError(
            f'--max-failed is "{text}"; expected a number of rows or a share such as 0.5%.', rule="max-failed"
        )
    number = float(match[1])
    return (lambda rows: rows * number / 100) if match[2] else (lambda _: number)
