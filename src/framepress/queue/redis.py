"""The queue on Redis 7 or Valkey: a stream with a consumer group. Layout and scripts: `redis_scripts`."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from framepress.errors import QueueUnavailable
from framepress.queue import redis_scripts as scripts
from framepress.queue.base import LEASE_S, Counts, DeadJob, Job, JobQueue, Lease
from framepress.queue.policy import RetryPolicy

GROUP = "framepress"

#: Jobs per call of the script that sends: a few hundred kB.
SEND_JOBS = 500

#: Seconds between two looks for leases that ran out. One look costs a call, whether or not jobs arrive.
RECLAIM_S = 1.0

#: Seconds between two looks while nothing is there; doubled up to the second. A blocking read would be
#: quicker by that much and could not see delayed, reclaimed and resumed jobs.
POLL_S, POLL_S_MAX = 0.02, 0.25

#: Entries that the stream of finished rows keeps.
DONE_MAX = 100_000

#: Seconds that the server gets for an answer, and to be reached at all.
ANSWER_S, REACH_S = 15.0, 5.0


class RedisQueue(JobQueue):
    """A queue on a Redis or Valkey server, under one name; several may share a database.

    Args:
        url: ``redis://HOST:PORT/DB`` or ``rediss://``, without user and password.
        username, password: None: the server wants none.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "framepress",
        username: str | None = None,
        password: str | None = None,
        lease_s: float = LEASE_S,
        policy: RetryPolicy | None = None,
    ) -> None:
        super().__init__(lease_s, policy)
        import redis.backoff  # noqa: PLC0415 - optional, and only for this queue
        import redis.retry  # noqa: PLC0415

        self._errors: type[Exception] = redis.exceptions.RedisError
        self._prefix = f"{{{name}}}:"
        self._consumer = secrets.token_hex(8)
        self._cursor = "0-0"
        self._reclaimed_at = 0.0
        self._lock = threading.Lock()
        # The client's annotations are those of its asynchronous twin too: of little use.
        self._redis: Any = redis.Redis.from_url(
            url,
            username=username,
            password=password,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=REACH_S,
            health_check_interval=30,
            # Once, for a connection that was closed while idle; whoever waits longer decides that by itself.
            retry=redis.retry.Retry(redis.backoff.NoBackoff(), 1),
            decode_responses=False,
        )
        register = self._redis.register_script
        self._send, self._receive = register(scripts.SEND), register(scripts.RECEIVE)
        self._extend, self._ack = register(scripts.EXTEND), register(scripts.ACK)
        self._give_back, self._bury = register(scripts.GIVE_BACK), register(scripts.BURY)
        self._dead, self._resume = register(scripts.DEAD), register(scripts.RESUME)
        self._forget = register(scripts.FORGET)
        try:
            self._make_group()
        except BaseException:
            self._redis.close()
            raise

    def send(self, jobs: Sequence[Job]) -> int:
        count = 0
        for start in range(0, len(jobs), SEND_JOBS):
            words: list[str | bytes] = []
            for job in jobs[start : start + SEND_JOBS]:
                words += (job.run, job.id, job.body)
            count += int(self._call(self._send, *words))
        return count

    def receive(self, wait_s: float) -> Lease | None:
        give_up = time.monotonic() + wait_s
        pause_s = POLL_S
        while True:
            lease = self._take()
            left = give_up - time.monotonic()
            if lease is not None or left <= 0:
                return lease
            time.sleep(min(pause_s, left))
            pause_s = min(pause_s * 2, POLL_S_MAX)

    def _take(self) -> Lease | None:
        with self._lock:
            now = time.monotonic()
            # The cursor is carried on: the next look begins where this one ended, else the front of a long
            # list of live leases would hide the dead ones behind it.
            reclaim = self._cursor != "0-0" or now - self._reclaimed_at >= RECLAIM_S
            cursor = self._cursor if reclaim else ""
            found = self._call(self._receive, self._consumer, int(self.lease_s * 1000), cursor)
            if reclaim:
                self._cursor = found[0].decode() or "0-0"
                self._reclaimed_at = now if self._cursor == "0-0" else self._reclaimed_at
        if len(found) == 1:
            return None
        _, entry, run, id_, body, deliveries, failures = found
        return Lease(Job(run.decode(), id_.decode(), body), entry.decode(), int(deliveries), int(failures))

    def extend(self, lease: Lease) -> bool:
        return bool(self._call(self._extend, lease.receipt, self._consumer))

    def ack(self, lease: Lease) -> bool:
        return bool(self._call(self._ack, lease.receipt, self._consumer))

    def give_back(self, lease: Lease, delay_s: float = 0.0) -> bool:
        return bool(self._call(self._give_back, lease.receipt, self._consumer, int(delay_s * 1000), 0))

    def _retry(self, lease: Lease, delay_s: float) -> bool:
        return bool(self._call(self._give_back, lease.receipt, self._consumer, int(delay_s * 1000), 1))

    def bury(self, lease: Lease, error: Mapping[str, Any]) -> bool:
        return bool(self._call(self._bury, lease.receipt, self._consumer, json.dumps(error)))

    def counts(self) -> Counts:
        with self._translated():
            self._make_group()
            leased = int(self._redis.xpending(self._key("jobs"), GROUP)["pending"])
            length = int(self._redis.xlen(self._key("jobs")))
            delayed = int(self._redis.zcard(self._key("delayed")))
            parked = sum(int(self._redis.llen(self._key(f"parked:{run}"))) // 2 for run in self.paused())
            dead = sum(int(count) for count in self._redis.hvals(self._key("runs_dead")))
        return Counts(waiting=max(length - leased, 0), delayed=delayed + parked, leased=leased, dead=dead)

    def dead_jobs(self, run: str) -> Iterator[DeadJob]:
        with self._translated():
            for id_, text in self._redis.hscan_iter(self._key(f"dead:{run}")):
                dead = json.loads(text)
                job = Job(run, id_.decode(), dead["body"].encode())
                yield DeadJob(job, json.loads(dead["error"]), int(dead["failures"]))

    def dead_retry(self, run: str, ids: Sequence[str] | None = None) -> int:
        return self._settle_dead(run, "retry", ids)

    def dead_drop(self, run: str, ids: Sequence[str] | None = None) -> int:
        return self._settle_dead(run, "drop", ids)

    def _settle_dead(self, run: str, how: str, ids: Sequence[str] | None) -> int:
        if ids is None:
            ids = [dead.job.id for dead in self.dead_jobs(run)]
        parts = [ids[start : start + SEND_JOBS] for start in range(0, len(ids), SEND_JOBS)]
        return sum(int(self._call(self._dead, run, how, *part)) for part in parts)

    def pause(self, run: str) -> None:
        with self._translated():
            self._redis.sadd(self._key("paused"), run)

    def resume(self, run: str) -> None:
        while self._call(self._resume, run):
            pass

    def paused(self) -> frozenset[str]:
        with self._translated():
            members = self._redis.smembers(self._key("paused"))
            return frozenset(run.decode() for run in members)

    def cancel(self, run: str) -> None:
        with self._translated():
            self._redis.sadd(self._key("cancelled"), run)
            mark = f"{run}\n".encode()
            for uid in self._redis.zrange(self._key("delayed"), 0, -1):
                if uid.startswith(mark):
                    self._redis.zrem(self._key("delayed"), uid)
                    self._redis.hdel(self._key("held"), uid)
            self._redis.delete(self._key(f"parked:{run}"), self._key(f"known:{run}"))

    def forget(self, run: str, ids: Sequence[str]) -> int:
        return int(self._call(self._forget, run, *ids)) if ids else 0

    def expire(self, older_than_s: float) -> int:
        count = 0
        with self._translated():
            seconds, microseconds = self._redis.time()
            limit_ms = (seconds + microseconds / 1e6 - older_than_s) * 1000
            for name, sent_ms in self._redis.hgetall(self._key("runs")).items():
                if float(sent_ms) >= limit_ms:
                    continue
                run = name.decode()
                count += int(self._redis.hlen(self._key(f"dead:{run}")))
                self._redis.delete(self._key(f"dead:{run}"), self._key(f"known:{run}"))
                self._redis.hdel(self._key("runs"), run)
                self._redis.hdel(self._key("runs_dead"), run)
                self.cancel(run)
        return count

    def announce(self, facts: Mapping[str, Any]) -> None:
        with self._translated():
            self._redis.xadd(self._key("done"), {"row": json.dumps(facts)}, maxlen=DONE_MAX, approximate=True)

    def check(self) -> None:
        """Streams with what we use of them came with Redis 7."""
        with self._translated():
            version = str(self._redis.info("server").get("redis_version", "0"))
        if int(version.partition(".")[0]) < 7:
            raise QueueUnavailable(
                f"The Redis server has version {version}; expected 7 or newer, or Valkey.",
                rule="redis-version",
            )

    def close(self) -> None:
        self._redis.close()

    # ---- inside ---------------------------------------------------------------------------------

    def _key(self, part: str) -> str:
        return self._prefix + part

    def _call(self, script: Any, *words: object) -> Any:
        with self._translated():
            try:
                return script(keys=[self._prefix], args=words)
            except self._errors as exc:
                # A server that was restarted without its data has lost the group with the stream.
                if "NOGROUP" not in str(exc):
                    raise
                self._make_group()
                return script(keys=[self._prefix], args=words)

    def _make_group(self) -> None:
        with self._translated():
            try:
                self._redis.xgroup_create(self._key("jobs"), GROUP, id="0", mkstream=True)
            except self._errors as exc:
                if "BUSYGROUP" not in str(exc):
                    raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (self._errors, OSError) as exc:
            # The text of a Redis error may quote arguments, and those hold a row's values.
            raise QueueUnavailable(
                f"The Redis server did not do what it was asked ({type(exc).__name__}). Is it there, and is "
                "its memory or disk full? Workers go on by themselves once it answers.",
                rule="queue",
            ) from exc
