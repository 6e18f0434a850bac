"""A list into a queue: rows through the ledger, bundle and files into the store, messages in batches.

    list -> ledger -> bound, checked      as for a render (`batch`)
         -> bundle and row files          content-addressed, into the store
         -> messages                      in the order of the list, those of finished rows left out
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
from framepress.errors import InputError
from framepress.groups import Group, Groups
from framepress.ledger_file import connect, faults, run_path
from framepress.ledger_rows import BOUND, LedgerRow
from framepress.messages import Message, Poster, encode_message, settings_fields
from framepress.orders import SurveyOrder, put_order, voided_plans
from framepress.queue.base import BODY_BYTES_MAX, Job, JobQueue
from framepress.run_records import RunFacts, RunRecords, write_facts
from framepress.variants import row_key_of

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


class _Orders:
    """Which rows are to be compared for the plans of the list, by group; few rows make no group.

    No page is opened here: the first worker of each machine makes a plan, whatever machine sends the list.
    """

    def __init__(self, batch: Batch) -> None:
        ledger, settings = batch.ledger, batch.request.settings
        self._groups = Groups(ledger.iter_rows(BOUND, unique=True))
        self._groups.divide(ledger.iter_rows(BOUND, unique=True))
        self._digests: dict[int, str] = {}
        self.made: list[tuple[Group, SurveyOrder]] = []
        # Undivided but by locale, format and the like: what rows share by nature is known, and nothing else.
        for group in islice((one for one in self._groups if one.state != "plain"), ORDERS_MAX):
            samples = tuple(group.samples)
            row_keys = tuple(row_key_of(batch.composition, sample, settings) for sample in samples)
            order = SurveyOrder(self._groups.personal, samples, row_keys, group.count)
            self.made.append((group, order))

    def put(self, blobs: Blobs, batch: Batch) -> None:
        """Store them, each after the files of its rows: whoever gets a message compares these rows."""
        for group, order in self.made:
            for sample in order.samples:
                put_row_files(blobs, batch.composition.folder, sample.files, set(), _remote_folder(batch))
            self._digests[id(group)] = put_order(blobs, batch.request.run_id, order)

    def of(self, row: LedgerRow) -> str | None:
        """The digest of a row's order; None: it has none."""
        return self._digests.get(id(self._groups.of(row)))


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
    orders = _Orders(batch)
    orders.put(blobs, batch)
    records = RunRecords(blobs, run)
    records.refresh()
    voided = voided_plans(blobs)
    done = {key: record for key, record in records.rows().items() if record["status"] == "done"}
    again = {key: str(record["plan"]) for key, record in done.items() if record.get("plan") in voided}
    finished = set(done) - set(again)
    facts = RunFacts(
        run=run,
        rows=sum(1 for _ in batch.ledger.iter_rows(BOUND, unique=True)),
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
        poster=_poster(batch),
    )
    waiting = (
        row for row in batch.ledger.iter_rows(BOUND, unique=True) if (row.out, row.key) not in finished
    )
    made = (_job(row, common, again, orders.of(row)) for row in _with_files(waiting, blobs, batch))
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


def _job(row: LedgerRow, common: Message, again: Mapping[tuple[str, str], str], order: str | None) -> Job:
    assert row.out is not None and row.key is not None
    message = common.model_copy(
        update={
            "vars": dict(row.values),
            "out": row.out,
            "id": row.id or str(row.row),
            "row": row.row,
            "order": order,
            "row_key": row.key,
            "files": dict(row.files),
        }
    )
    body = encode_message(message)
    if len(body) > BODY_BYTES_MAX:
        raise InputError(
            f"Row {row.row} makes a message of {len(body):,} bytes; expected at most {BODY_BYTES_MAX:,}. "
            "Put long values into files beside the composition.",
            rule="message-size",
        )
    assert common.run is not None
    return Job(common.run, job_id(row.out, row.key, again.get((row.out, row.key), "")), body)


def _with_files(rows: Iterable[LedgerRow], blobs: Blobs, batch: Batch) -> Iterator[LedgerRow]:
    """The rows, each once the files it refers to are in the store."""
    known: set[str] = set()
    for row in rows:
        put_row_files(blobs, batch.composition.folder, row.files, known, _remote_folder(batch))
        if len(known) > KNOWN_FILES_MAX:
            known.clear()
        yield row


def _remote_folder(batch: Batch) -> Path | None:
    """Where fetched files of rows are; None: none are."""
    return batch.request.remote.folder if batch.request.remote is not None else None


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
