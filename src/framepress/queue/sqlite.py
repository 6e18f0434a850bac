"""The queue as a file: several processes of one machine, no server.

One table, ``jobs``: a row per job, ``state`` being ``waiting`` (from ``due`` on), ``leased`` (until ``due``),
``done`` or ``dead``. A job that is done stays, without its body, so that sending it again adds nothing;
`expire` removes it. ``owner`` is a random text, new for every lease: whoever lost a lease has the wrong one.

Times are seconds since the epoch by this machine's clock; the file is not for network file systems.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from framepress.ledger_file import connect, faults
from framepress.queue.base import LEASE_S, Counts, DeadJob, Job, JobQueue, Lease
from framepress.queue.policy import RetryPolicy

#: Seconds between two looks while nothing is there. A look costs 0.1 ms.
POLL_S = 0.1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    run TEXT NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL,
    state TEXT NOT NULL,
    due REAL NOT NULL,
    owner TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    sent_at REAL NOT NULL,
    number INTEGER PRIMARY KEY,
    UNIQUE (run, id)
);
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (due, number) WHERE state IN ('waiting', 'leased');
CREATE TABLE IF NOT EXISTS paused (run TEXT PRIMARY KEY);
"""

_MINE = "run = ? AND id = ? AND owner = ? AND state = 'leased'"


class SqliteQueue(JobQueue):
    """A queue in a file, made on first use, readable by its user alone.

    Args:
        clock: seconds since the epoch. sleep: how to wait; both for tests.

    Raises:
        StorageFault: from every method, if the file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        lease_s: float = LEASE_S,
        policy: RetryPolicy | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(lease_s, policy)
        self.path = path
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        # SQLite gives a connection to one thread; ours is passed on under the lock.
        self._db = connect(path, _SCHEMA, fresh=False, any_thread=True)

    def send(self, jobs: Sequence[Job]) -> int:
        now = self._clock()
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT INTO jobs (run, id, body, state, due, sent_at) VALUES (?, ?, ?, 'waiting', ?, ?) "
                "ON CONFLICT (run, id) DO NOTHING",
                [(job.run, job.id, job.body, now, now) for job in jobs],
            )
            return db.total_changes - before

    def receive(self, wait_s: float) -> Lease | None:
        give_up = self._clock() + wait_s
        while True:
            lease = self._take()
            if lease is not None or self._clock() >= give_up:
                return lease
            self._sleep(POLL_S)

    def _take(self) -> Lease | None:
        now, owner = self._clock(), secrets.token_hex(8)
        # In the order in which they could first have been taken, leases that ran out among the rest.
        with self._transaction() as db:
            found = db.execute(
                "UPDATE jobs SET state = 'leased', owner = ?, due = ?, deliveries = deliveries + 1 "
                "WHERE number = (SELECT number FROM jobs WHERE state IN ('waiting', 'leased') AND due <= ? "
                "AND run NOT IN (SELECT run FROM paused) ORDER BY due, number LIMIT 1) "
                "RETURNING run, id, body, deliveries, failures",
                (owner, now + self.lease_s, now),
            ).fetchone()
        if found is None:
            return None
        run, id_, body, deliveries, failures = found
        return Lease(Job(run, id_, bytes(body)), owner, deliveries, failures)

    def extend(self, lease: Lease) -> bool:
        return self._change("due = ?", lease, self._clock() + self.lease_s)

    def ack(self, lease: Lease) -> bool:
        return self._change("state = 'done', body = x'', owner = NULL", lease)

    def give_back(self, lease: Lease, delay_s: float = 0.0) -> bool:
        return self._change("state = 'waiting', owner = NULL, due = ?", lease, self._clock() + delay_s)

    def _retry(self, lease: Lease, delay_s: float) -> bool:
        return self._change(
            "state = 'waiting', owner = NULL, due = ?, failures = failures + 1",
            lease,
            self._clock() + delay_s,
        )

    def bury(self, lease: Lease, error: Mapping[str, Any]) -> bool:
        return self._change(
            "state = 'dead', owner = NULL, failures = failures + 1, error = ?", lease, json.dumps(error)
        )

    def counts(self) -> Counts:
        now = self._clock()
        with self._transaction() as db:
            found = dict(
                db.execute(
                    "SELECT CASE WHEN state = 'dead' THEN 'dead' "
                    "WHEN (state = 'waiting' OR due <= ?1) AND run IN (SELECT run FROM paused) "
                    "THEN 'delayed' WHEN due <= ?1 THEN 'waiting' "
                    "WHEN state = 'waiting' THEN 'delayed' ELSE state END AS kind, "
                    "COUNT(*) FROM jobs WHERE state != 'done' GROUP BY kind",
                    (now,),
                ).fetchall()
            )
        return Counts(**{kind: found.get(kind, 0) for kind in ("waiting", "delayed", "leased", "dead")})

    def dead_jobs(self, run: str) -> Iterator[DeadJob]:
        with self._transaction() as db:
            found = db.execute(
                "SELECT id, body, error, failures FROM jobs WHERE run = ? AND state = 'dead' ORDER BY number",
                (run,),
            ).fetchall()
        for id_, body, error, failures in found:
            yield DeadJob(Job(run, id_, bytes(body)), json.loads(error), failures)

    def dead_retry(self, run: str, ids: Sequence[str] | None = None) -> int:
        return self._each(
            "UPDATE jobs SET state = 'waiting', due = ?, failures = 0, deliveries = 0, error = NULL "
            "WHERE run = ? AND state = 'dead'",
            (self._clock(), run),
            ids,
        )

    def dead_drop(self, run: str, ids: Sequence[str] | None = None) -> int:
        return self._each("DELETE FROM jobs WHERE run = ? AND state = 'dead'", (run,), ids)

    def pause(self, run: str) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO paused VALUES (?)", (run,))

    def resume(self, run: str) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM paused WHERE run = ?", (run,))

    def paused(self) -> frozenset[str]:
        with self._transaction() as db:
            return frozenset(run for (run,) in db.execute("SELECT run FROM paused"))

    def cancel(self, run: str) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM jobs WHERE run = ? AND state IN ('waiting', 'leased')", (run,))

    def forget(self, run: str, ids: Sequence[str]) -> int:
        return self._each("DELETE FROM jobs WHERE run = ?", (run,), ids)

    def expire(self, older_than_s: float) -> int:
        with self._transaction() as db:
            return db.execute(
                "DELETE FROM jobs WHERE run IN (SELECT run FROM jobs GROUP BY run HAVING MAX(sent_at) < ?)",
                (self._clock() - older_than_s,),
            ).rowcount

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # ---- inside ---------------------------------------------------------------------------------

    def _change(self, what: str, lease: Lease, *values: object) -> bool:
        with self._transaction() as db:
            changed = db.execute(
                f"UPDATE jobs SET {what} WHERE {_MINE}", (*values, lease.job.run, lease.job.id, lease.receipt)
            )
            return changed.rowcount == 1

    def _each(self, statement: str, values: tuple[object, ...], ids: Sequence[str] | None) -> int:
        with self._transaction() as db:
            if ids is None:
                return db.execute(statement, values).rowcount
            return sum(db.execute(f"{statement} AND id = ?", (*values, id_)).rowcount for id_ in ids)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, faults(self.path):
            # IMMEDIATE: a reader that becomes a writer half-way would be refused when another has written.
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
