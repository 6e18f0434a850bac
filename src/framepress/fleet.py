"""A run in the fleet seen from outside: where it stands, waiting for it, its dead rows, forgetting people.

Everything is read from the run's records in the store and from the queue; the ledger of the machine that
sent the run is needed for ``results.csv`` alone, because only there are the columns of the list.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from framepress.blobs import Blobs, open_blobs
from framepress.cache import Cache
from framepress.errors import UsageError
from framepress.ledger import Ledger
from framepress.ledger_rows import BOUND, LedgerRow
from framepress.messages import MessageError, decode_message
from framepress.orders import remove_orders, voided_plans
from framepress.poster import poster_name
from framepress.queue.base import Counts, JobQueue
from framepress.results_csv import check_results_path, write_results_csv
from framepress.run_records import RecordWriter, RunFacts, RunRecords, read_facts

#: Seconds between two looks while waiting; doubled up to the second while nothing changes.
LOOK_S, LOOK_S_MAX = 0.5, 5.0


@dataclass(frozen=True)
class Note:
    """Where a run is, as the machine that sent it remembers."""

    queue: str
    store: str
    ledger_dir: str


@dataclass(frozen=True)
class Status:
    """Where a run stands.

    Attributes:
        rows: that it is about. done, dead: of them, by the records. open: the rest.
        waiting, delayed, leased: jobs in the queue, of all runs; approximate on SQS.
        paused: no row of the run is taken.
        twice: rows that were rendered and published more than once.
        again: rows whose clip was made by a plan that has been given up since. Nobody is at work on them:
            `framepress enqueue` sends them once more.
    """

    run: str
    rows: int
    done: int
    dead: int
    twice: int
    waiting: int
    delayed: int
    leased: int
    paused: bool
    again: int = 0

    @property
    def open(self) -> int:
        return max(0, self.rows - self.done - self.dead - self.again)

    def as_json(self) -> str:
        """One object for programs."""
        return json.dumps({"type": "status", **asdict(self), "open": self.open})


def write_note(folder: Path, run: str, note: Note) -> None:
    """Remember where a run is. `folder`: of the user's state."""
    notes = folder / "runs"
    notes.mkdir(exist_ok=True, mode=0o700)
    (notes / f"{run}.json").write_text(json.dumps(asdict(note)), "utf-8")


def read_note(folder: Path, run: str) -> Note | None:
    """What is remembered of a run; None: nothing."""
    with suppress(OSError, ValueError, TypeError):
        return Note(**json.loads((folder / "runs" / f"{run}.json").read_text("utf-8")))
    return None


class FleetRun:
    """One run. `queue` None: only what the records say."""

    def __init__(self, run: str, store: str, queue: JobQueue | None) -> None:
        self.run = run
        self.store = store
        self.blobs: Blobs = open_blobs(store)
        self.queue = queue
        self.facts: RunFacts = read_facts(self.blobs, run)
        self.records = RunRecords(self.blobs, run)

    def status(self) -> Status:
        """Where it stands now."""
        self.records.refresh()
        tally = self.records.tally(voided_plans(self.blobs))
        unrecorded = self._unrecorded() if self.queue is not None and self.queue.knows_ids else []
        counts = self.queue.counts() if self.queue is not None else Counts(0, 0, 0, 0)
        return Status(
            run=self.run,
            rows=self.facts.rows,
            done=tally.done,
            dead=tally.dead + len(unrecorded),
            twice=tally.twice,
            waiting=counts.waiting,
            delayed=counts.delayed,
            leased=counts.leased,
            paused=self.queue is not None and self.run in self.queue.paused(),
            again=tally.again,
        )

    def wait(
        self,
        *,
        timeout_s: float | None,
        dead_max: Callable[[int], float],
        on_look: Callable[[Status], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> tuple[Status, str]:
        """Wait for the end; returns the last status and "done", "failed" (too many dead rows), "again"
        (all have ended, and some were made by a plan that was given up) or "timeout".

        Args:
            dead_max: rows in all -> how many may be dead.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        pause_s, last = LOOK_S, None
        while True:
            status = self.status()
            on_look(status)
            if status.dead > dead_max(status.rows):
                return status, "failed"
            if status.open == 0:
                return status, "again" if status.again else "done"
            if deadline is not None and time.monotonic() >= deadline:
                return status, "timeout"
            pause_s = LOOK_S if status.done != last else min(LOOK_S_MAX, pause_s * 1.5)
            last = status.done
            sleep(pause_s)

    # ---- dead rows ------------------------------------------------------------------------------

    def dead(self) -> list[dict[str, Any]]:
        """The records of rows that are dead, in the order of the list.

        Also of those that only the queue knows of, because their worker had no place for a record, or SQS
        moved them by itself.
        """
        self.records.refresh()
        found = [record for record in self.records.rows().values() if record["status"] == "dead"]
        found += self._unrecorded()
        return sorted(found, key=lambda record: (record.get("row") or 0, str(record.get("id"))))

    def dead_retry(self, ids: Sequence[str] | None) -> int:
        """Send dead rows again; returns how many. `ids` as results have them; None: all."""
        queue = self._needed()
        records = self._named(ids)
        count = queue.dead_retry(self.run, [str(record["job"]) for record in records])
        writer = RecordWriter(self.blobs, self.run)
        for record in records:
            kept = {name: record.get(name) for name in ("out", "row_key", "id", "row", "job")}
            writer.add({"status": "retried", **kept, "at": round(time.time(), 3)})
        writer.flush()
        return count

    def dead_drop(self, ids: Sequence[str] | None) -> int:
        """Remove dead rows from the queue; their records stay."""
        return self._needed().dead_drop(self.run, [str(record["job"]) for record in self._named(ids)])

    # ---- the queue ------------------------------------------------------------------------------

    def pause(self) -> None:
        self._needed().pause(self.run)

    def resume(self) -> None:
        self._needed().resume(self.run)

    def cancel(self) -> None:
        """Throw away what is not done; clips that are there stay."""
        self._needed().cancel(self.run)

    # ---- one person -----------------------------------------------------------------------------

    def forget(self, id_: str, ledger: Ledger | None, cache: Cache | None = None) -> list[str]:
        """Remove what there is of one row: clip, poster, records, jobs, ledger. Returns what was removed.

        Args:
            id_: as results have it.
            cache: of this machine; clips of the row that it keeps go too. Those of other machines' caches
                cannot be reached from here.
        """
        from framepress.enqueue import job_id  # noqa: PLC0415 - heavy, and only needed here

        self.records.refresh()
        outs = {str(one["out"]) for one in self.records.each() if one.get("id") == id_ and one.get("out")}
        jobs = {str(one["job"]) for one in self.records.each() if one.get("id") == id_ and one.get("job")}
        rows: list[LedgerRow] = []
        if ledger is not None:
            for row in ledger.iter_rows():
                if (row.id or str(row.row)) == id_:
                    rows.append(row)
                    if row.out is not None and row.key is not None:
                        outs.add(row.out)
                        jobs.add(job_id(row.out, row.key))
        removed: list[str] = []
        for name in sorted(outs):
            for one in (name, poster_name(name)):
                if self.blobs.exists(one):
                    self.blobs.delete(one)
                    removed.append(self.blobs.place_of(one))
        if self.queue is not None and jobs and self.queue.forget(self.run, sorted(jobs)):
            removed.append("its job in the queue")
        row_keys = [str(one["row_key"]) for one in self.records.each() if one.get("id") == id_]
        row_keys += [row.key for row in rows if row.key is not None]
        if remove_orders(self.blobs, self.run, row_keys):
            removed.append("its place among the rows that are compared")
        if cache is not None and _forget_cached(cache, row_keys):
            removed.append("its clip and captured pictures in the cache")
        if self.records.remove(outs):
            removed.append("its records")
        if ledger is not None and rows:
            ledger.remove([row.number for row in rows])
            removed.append("its row in the ledger")
        return removed

    # ---- results --------------------------------------------------------------------------------

    def write_results(self, path: Path, ledger: Ledger) -> None:
        """The list with what became of each row, from the ledger of the machine that sent it."""
        check_results_path(path)
        self.records.refresh()
        rows = self.records.rows()
        with ledger.batch():
            for row in ledger.iter_rows(BOUND, unique=True):
                record = rows.get((str(row.out), str(row.key)))
                if record is None or record["status"] == "retried":
                    continue
                if record["status"] == "done":
                    ledger.finish(row.number, _ledger_result(record))
                else:
                    ledger.fail(row.number, record.get("error") or {}, _ledger_result(record))
        write_results_csv(path, ledger)

    # ---- inside ---------------------------------------------------------------------------------

    def _unrecorded(self) -> list[dict[str, Any]]:
        """Dead jobs of the queue without a record, in the form of one."""
        if self.queue is None:
            return []
        known = {
            str(record.get("job")) for record in self.records.rows().values() if record["status"] == "dead"
        }
        found = []
        for dead in self.queue.dead_jobs(self.run):
            if dead.job.id in known:
                continue
            record: dict[str, Any] = {
                "status": "dead",
                "job": dead.job.id,
                "id": dead.job.id,
                "error": dict(dead.error),
            }
            with suppress(MessageError):
                message = decode_message(dead.job.body)
                record |= {
                    "out": message.out,
                    "row_key": message.row_key,
                    "id": message.id or dead.job.id,
                    "row": message.row,
                }
            found.append(record | {"attempts": dead.failures})
        return found

    def _needed(self) -> JobQueue:
        if self.queue is None:
            raise UsageError("Which queue? Give --queue.", rule="queue-missing")
        return self.queue

    def _named(self, ids: Sequence[str] | None) -> list[dict[str, Any]]:
        records = self.dead()
        if ids is None:
            return records
        named = [record for record in records if str(record.get("id")) in ids]
        missing = set(ids) - {str(record.get("id")) for record in named}
        if missing:
            raise UsageError(
                f"{len(missing)} of the rows are not dead in run {self.run}; `framepress dead list` has all.",
                rule="not-dead",
            )
        return named


def _forget_cached(cache: Cache, row_keys: Sequence[str]) -> bool:
    """Take finished clips out of a cache; whether there was one.

    Captured layers do not say whose they are, and are made again when they are needed: all of them go.
    """
    kept = [("artifact", key) for key in set(row_keys) if cache.get("artifact", key) is not None]
    kept += [("layer", key) for key in list(cache.keys("layer"))]
    for kind, key in kept:
        cache.remove(kind, key)
    return bool(kept)


def _ledger_result(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "file": record.get("url"),
        "poster": record.get("poster"),
        "seconds": record.get("seconds") or None,
        "bytes": record.get("bytes") or None,
    }
