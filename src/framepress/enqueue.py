"""A list into a queue: rows through the ledger, bundle and files into the store, messages in batches.

    list -> ledger -> bound, checked      as for a render (`batch`)
         -> bundle and row files          content-addressed, into the store
         -> order                         which rows to compare (`division`, `orders`)
         -> messages                      group by group, those of finished rows left out
         -> run.json                      how many there are, for `status` and `wait`

Run again it goes on: objects are there already, a queue that knows its jobs adds none twice, and for SQS,
which cannot know, the ids that were sent are kept in ``<run>.sent.sqlite3`` beside the ledger.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from framepress import keys
from framepress.batch import Batch
from framepress.blobs import Blobs, open_blobs
from framepress.bundle import address, put_bundle, put_row_files
from framepress.division import Division, order_of
from framepress.errors import InputError
from framepress.ledger_file import connect, faults, run_path
from framepress.ledger_rows import BoundRow
from framepress.messages import Message, Poster, RowBodies, settings_fields
from framepress.orders import put_order, voided_plans
from framepress.queue.base import BODY_BYTES_MAX, Job, JobQueue
from framepress.run_records import RunFacts, RunRecords, write_facts

#: Jobs that are handed to the queue at a time; it makes its own batches of them.
PAGE_JOBS = 2_000

#: Files of rows known to be stored; a digest takes some 120 bytes.
KNOWN_FILES_MAX = 1_000_000

#: Groups that have an order, such as one per format and locale; rows of further ones are rendered plain.
ORDERS_MAX = 100


@dataclass(frozen=True)
class Sent:
    """What `enqueue` did.

    Attributes:
        rows: that the run is about. finished: that had their clip by its records. sent: messages.
        rejected: rows that break a rule and were left out. again: of the sent, those whose clip was made by a
            plan that has been given up.
    """

    rows: int
    finished: int
    sent: int
    rejected: int
    seconds: float
    again: int = 0


def enqueue(batch: Batch, queue: JobQueue, *, queue_url: str, retain_s: float | None = None) -> Sent:
    """Send all rows of a prepared batch that have no clip yet by the run's records.

    Args:
        batch: prepared; its `out_dir` is where workers publish.
        queue_url: for the run's records; without credentials.

    Raises:
        QueueUnavailable, StoreUnavailable: part may have been sent; the same command goes on.
        InputError: a row is too large for a message.
    """
    began = time.perf_counter()
    request = batch.request
    place = request.out_dir if isinstance(request.out_dir, str) else str(request.out_dir.absolute())
    blobs = open_blobs(place)
    run = request.run_id
    template = address(put_bundle(blobs, batch.composition))
    division = Division(batch.ledger.iter_bound())
    order = order_of(division)
    stored: set[str] = set()
    digest = None
    if order is not None:
        # Its files first: whoever gets the first message compares these rows.
        for cell in order.cells:
            for sample in cell.samples:
                put_row_files(
                    blobs, batch.composition.folder, sample.variant.files, stored, request.remote_folder
                )
        digest = put_order(blobs, run, order)
    records = RunRecords(blobs, run)
    records.refresh()
    voided = voided_plans(blobs)
    done = {key: record for key, record in records.rows().items() if record["status"] == "done"}
    again = {key: str(record["plan"]) for key, record in done.items() if record.get("plan") in voided}
    finished = set(done) - set(again)
    facts = RunFacts(
        run=run,
        rows=division.rows,
        template=template,
        store=place,
        queue=queue_url,
        sent_at=time.time(),
        retain_s=retain_s,
    )
    # First, so that whoever sees a job of the run finds what the run is.
    write_facts(blobs, facts)
    common = Message(
        template=template,
        out="-",
        run=run,
        store=place,
        settings=settings_fields(request.settings),
        order=digest,
        poster=_poster(batch),
    )
    bodies = RowBodies(common)
    waiting = (
        row for row in batch.ledger.bound_rows(division.numbers()) if (row.out, row.key) not in finished
    )
    made = (_job(row, run, bodies, again) for row in _with_files(waiting, blobs, batch, stored))
    sent = 0
    with _SentLog.beside(batch, queue) as log:
        for page in _pages(made, PAGE_JOBS):
            fresh = log.unsent(page)
            sent += queue.send(fresh)
            log.sent(fresh)
    return Sent(
        rows=facts.rows,
        finished=len(finished),
        sent=sent,
        rejected=batch.ledger.counts()["rejected"],
        seconds=round(time.perf_counter() - began, 3),
        again=len(again),
    )


def job_id(out: str, row_key: str, voided: str = "") -> str:
    """Names the job of a row within its run: what is asked for and where it goes.

    Args:
        voided: the plan that its clip was made by, if the plan was given up since: another job, then.
    """
    return keys.digest_bytes("\n".join([out, row_key, *([voided] if voided else [])]).encode())[:32]


def _job(row: BoundRow, run: str, bodies: RowBodies, again: Mapping[tuple[str, str], str]) -> Job:
    body = bodies.encode(row)
    if len(body) > BODY_BYTES_MAX:
        raise InputError(
            f"Row {row.row} makes a message of {len(body):,} bytes; expected at most {BODY_BYTES_MAX:,}. "
            "Put long values into files beside the composition.",
            rule="message-size",
        )
    return Job(run, job_id(row.out, row.key, again.get((row.out, row.key), "")), body)


def _with_files(rows: Iterable[BoundRow], blobs: Blobs, batch: Batch, known: set[str]) -> Iterator[BoundRow]:
    """The rows, each once the files it refers to are in the store.

    Args:
        known: digests of files that are there; more are added.
    """
    folder, remote = batch.composition.folder, batch.request.remote_folder
    for row in rows:
        if row.files:
            put_row_files(blobs, folder, row.files, known, remote)
            if len(known) > KNOWN_FILES_MAX:
                known.clear()
        yield row


def _poster(batch: Batch) -> Poster | None:
    binding = batch.request.binding
    if binding.poster_s is None:
        return None
    return Poster(time=str(binding.poster_s), button=binding.poster_button)


def _pages(jobs: Iterable[Job], size: int) -> Iterator[list[Job]]:
    source = iter(jobs)
    while page := list(islice(source, size)):
        yield page


class _SentLog:
    """Which jobs were sent, for queues that cannot know; for others it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        if path is not None:
            schema = "CREATE TABLE IF NOT EXISTS sent (id TEXT PRIMARY KEY) WITHOUT ROWID;"
            self._db = connect(path, schema, fresh=False)

    @classmethod
    def beside(cls, batch: Batch, queue: JobQueue) -> _SentLog:
        """The log of a run, beside its ledger."""
        if queue.knows_ids:
            return cls(None)
        request = batch.request
        folder = request.ledger_dir or Path(request.out_dir)
        path = run_path(folder, request.run_id)
        return cls(path.with_name(f"{request.run_id}.sent.sqlite3"))

    def __enter__(self) -> _SentLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()

    def unsent(self, jobs: list[Job]) -> list[Job]:
        if self._db is None or self._path is None:
            return jobs
        with faults(self._path):
            return [job for job in jobs if not self._knows(self._db, job)]

    def sent(self, jobs: list[Job]) -> None:
        if self._db is None or self._path is None:
            return
        with faults(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR IGNORE INTO sent VALUES (?)", [(job.id,) for job in jobs])
            self._db.execute("COMMIT")

    @staticmethod
    def _knows(db: sqlite3.Connection, job: Job) -> bool:
        return db.execute("SELECT 1 FROM sent WHERE id = ?", (job.id,)).fetchone() is not None
