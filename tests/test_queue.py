"""One suite for every queue: what `framepress.queue.base` promises, on real servers.

Time passes for real where a server keeps it, and by a clock of ours in the file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from framepress.errors import EnvironmentFault, QueueUnavailable, UsageError
from framepress.queue import check_queue_url, open_queue
from framepress.queue.base import Job, JobQueue, Lease
from framepress.queue.policy import Dead, Retry, RetryPolicy
from framepress.queue.sqlite import SqliteQueue
from servers import Server

#: Failures that can be retried come back at once, so that no test waits for them.
POLICY = RetryPolicy(failures_max=3, deliveries_max=5, backoff_s=0.0)

ERROR = {"type": "PageError", "rule": "page", "message": "It threw.", "retryable": True}

#: Of tests that let a lease run out.
LEASE_S = 1.0

#: What others add is another server's opinion, and waiting: they belong to the full suite.
BACKENDS = (
    "sqlite",
    "valkey",
    pytest.param("ministack", marks=pytest.mark.slow),
    pytest.param("redis", marks=pytest.mark.slow),
    pytest.param("moto", marks=pytest.mark.slow),
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Bench:
    """Opens queues of one name, as several processes would."""

    def __init__(self, kind: str, make: Callable[[float], JobQueue], sleep: Callable[[float], None]) -> None:
        self.kind = kind
        self.make = make
        self.sleep = sleep
        self._open: list[JobQueue] = []

    @property
    def sqs(self) -> bool:
        return self.kind in ("ministack", "moto")

    def queue(self, lease_s: float = 10.0) -> JobQueue:
        made = self.make(lease_s)
        self._open.append(made)
        return made

    def close(self) -> None:
        for queue in self._open:
            queue.close()


def make_sqs_queue(server: Server, name: str, *, redrive: int | None = 20) -> str:
    """A queue with its dead letter queue; returns its URL in our words."""
    import boto3  # noqa: PLC0415

    client = boto3.client("sqs", endpoint_url=server.url)
    attributes: dict[str, str] = {}
    if redrive is not None:
        dead = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        facts = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
        policy = {"deadLetterTargetArn": facts["QueueArn"], "maxReceiveCount": redrive}
        attributes["RedrivePolicy"] = json.dumps(policy)
    client.create_queue(QueueName=name, Attributes=attributes)  # type: ignore[arg-type]
    client.close()
    return f"sqs://{name}?region=us-east-1&endpoint={server.url}"


@pytest.mark.parametrize("kind", ["ministack", pytest.param("moto", marks=pytest.mark.slow)])
def test_sqs_tells_of_finished_rows_in_the_queue_that_is_named(
    kind: str, server_of: Callable[[str], Server], aws: None
) -> None:
    import boto3  # noqa: PLC0415

    server, name = server_of(kind), f"t{uuid4().hex[:10]}"
    url = make_sqs_queue(server, name)
    client = boto3.client("sqs", endpoint_url=server.url)
    done = client.create_queue(QueueName=f"{name}-done")["QueueUrl"]
    with open_queue(f"{url}&done={name}-done", {}) as queue, open_queue(url, {}) as quiet:
        queue.announce({"id": "7", "out": "sieben-é.mp4"})
        quiet.announce({"id": "8"})
        told = client.receive_message(QueueUrl=done, MaxNumberOfMessages=10, WaitTimeSeconds=1)["Messages"]
    assert [json.loads(message["Body"]) for message in told] == [{"id": "7", "out": "sieben-é.mp4"}]
    with pytest.raises(QueueUnavailable):
        open_queue(f"{url}&done={name}-nowhere", {})
    client.close()


@pytest.fixture(params=BACKENDS)
def bench(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    server_of: Callable[[str], Server],
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    # Emulators have one server.
    monkeypatch.setattr("framepress.queue.sqs_dead.DEAD_POLL_S", 0)
    kind: str = request.param
    name = f"t{uuid4().hex[:10]}"
    if kind == "sqlite":
        clock = Clock()

        def make(lease_s: float) -> JobQueue:
            return SqliteQueue(
                tmp_path / "queue.db", lease_s=lease_s, policy=POLICY, clock=clock, sleep=clock.sleep
            )

        made = Bench(kind, make, clock.sleep)
    else:
        server = server_of(kind)
        if kind in ("ministack", "moto"):
            url = make_sqs_queue(server, name)
        else:
            url = f"redis://127.0.0.1:{server.port}/0?name={name}"
        made = Bench(kind, lambda lease_s: open_queue(url, {}, lease_s=lease_s, policy=POLICY), time.sleep)
    yield made
    made.close()


def jobs(count: int, run: str = "run") -> list[Job]:
    return [Job(run, f"row-{n}", f'{{"n": {n}}}'.encode()) for n in range(1, count + 1)]


def take(queue: JobQueue) -> Lease:
    lease = queue.receive(5)
    assert lease is not None
    return lease


def drain(queue: JobQueue) -> list[str]:
    """Receive and end everything that is there."""
    found = []
    while (lease := queue.receive(0.3)) is not None:
        assert queue.ack(lease)
        found.append(lease.job.id)
    return found


def test_jobs_come_as_they_were_sent_and_are_gone_once_acked(bench: Bench) -> None:
    queue = bench.queue()
    sent = jobs(25)
    assert queue.send(sent) == 25
    found = []
    for _ in range(25):
        lease = take(queue)
        assert (lease.deliveries, lease.failures) == (1, 0)
        found.append(lease.job)
        assert queue.ack(lease)
    # Only SQS may change the order.
    if bench.sqs:
        found.sort(key=sent.index)
    assert found == sent
    assert queue.receive(0) is None
    assert queue.counts().open == 0


def test_a_job_that_was_sent_is_not_added_again(bench: Bench) -> None:
    if bench.sqs:
        pytest.skip("SQS cannot know; the sender keeps a list")
    queue = bench.queue()
    assert queue.send(jobs(3)) == 3
    assert queue.ack(take(queue))
    assert queue.send(jobs(4)) == 1
    assert sorted(drain(queue)) == ["row-2", "row-3", "row-4"]


def test_two_workers_never_get_the_same_job(bench: Bench) -> None:
    one, two = bench.queue(), bench.queue()
    one.send(jobs(2))
    assert {take(one).job.id, take(two).job.id} == {"row-1", "row-2"}
    assert one.receive(0) is None


def test_one_job_is_received_at_a_time(bench: Bench) -> None:
    one, two = bench.queue(), bench.queue()
    one.send(jobs(3))
    take(one)
    assert two.counts().leased == 1
    assert two.counts().waiting == 2


def test_a_job_whose_worker_is_gone_is_delivered_again_though_nothing_else_arrives(bench: Bench) -> None:
    gone, other = bench.queue(LEASE_S), bench.queue(LEASE_S)
    gone.send(jobs(1))
    first = take(gone)
    assert other.receive(0) is None
    bench.sleep(LEASE_S)
    began = time.monotonic()
    again = other.receive(8)
    assert again is not None
    assert again.job == first.job
    assert time.monotonic() - began < 5
    assert (again.deliveries, again.failures) == (2, 0)


def test_a_lease_that_is_extended_is_kept(bench: Bench) -> None:
    ours, other = bench.queue(LEASE_S), bench.queue(LEASE_S)
    ours.send(jobs(1))
    lease = take(ours)
    for _ in range(3):
        bench.sleep(LEASE_S / 2)
        assert ours.extend(lease)
        assert other.receive(0) is None
    assert ours.ack(lease)


def test_whoever_lost_a_lease_cannot_touch_the_job(bench: Bench) -> None:
    late, other = bench.queue(LEASE_S), bench.queue(LEASE_S)
    late.send(jobs(1))
    lost = take(late)
    bench.sleep(LEASE_S + 0.5)
    held = other.receive(8)
    assert held is not None
    if bench.sqs:
        # An old receipt of SQS is good for deleting, as its documentation says, and so for nothing here.
        assert other.ack(held)
        return
    assert not late.extend(lost)
    assert not late.ack(lost)
    assert not late.give_back(lost)
    assert late.fail(lost, ERROR, retryable=True) == "lost"
    assert late.fail(lost, ERROR, retryable=False) == "lost"
    assert other.extend(held)
    assert other.ack(held)
    assert drain(other) == []


def test_a_job_given_back_comes_at_once_and_is_no_failure(bench: Bench) -> None:
    ours, other = bench.queue(), bench.queue()
    ours.send(jobs(1))
    assert ours.give_back(take(ours))
    again = take(other)
    assert (again.job.id, again.deliveries, again.failures) == ("row-1", 2, 0)


def test_a_job_given_back_for_later_comes_later(bench: Bench) -> None:
    queue = bench.queue()
    queue.send(jobs(1))
    assert queue.give_back(take(queue), 1)
    assert queue.receive(0) is None
    assert queue.counts().open == 1
    bench.sleep(1)
    assert take(queue).failures == 0


def test_failures_are_counted_apart_from_deliveries_until_the_job_is_dead(bench: Bench) -> None:
    queue = bench.queue()
    queue.send(jobs(1))
    queue.give_back(take(queue))
    for failures in range(2):
        lease = take(queue)
        assert (lease.deliveries, lease.failures) == (2 + failures, failures)
        assert queue.fail(lease, ERROR, retryable=True) == "retry"
    lease = take(queue)
    assert lease.failures == 2
    assert queue.fail(lease, ERROR, retryable=True) == "dead"
    assert queue.receive(0) is None
    (dead,) = queue.dead_jobs("run")
    assert dead.job == jobs(1)[0]
    assert (dead.error, dead.failures) == (ERROR, 3)
    assert queue.counts().dead == 1


def test_what_cannot_improve_is_dead_at_once(bench: Bench) -> None:
    queue = bench.queue()
    queue.send(jobs(1))
    assert queue.fail(take(queue), ERROR, retryable=False) == "dead"
    assert [dead.failures for dead in queue.dead_jobs("run")] == [1]


def test_dead_jobs_are_retried_with_a_clean_record_or_dropped(bench: Bench) -> None:
    queue = bench.queue()
    queue.send([*jobs(3), *jobs(1, "other")])
    for _ in range(4):
        queue.bury(take(queue), ERROR)
    assert queue.dead_retry("run", ["row-1", "no such row"]) == 1
    lease = take(queue)
    assert (lease.job.id, lease.failures) == ("row-1", 0)
    queue.ack(lease)
    assert queue.dead_drop("run", ["row-2"]) == 1
    assert [dead.job.id for dead in queue.dead_jobs("run")] == ["row-3"]
    assert queue.dead_retry("run") == 1
    assert drain(queue) == ["row-3"]
    assert [dead.job.run for dead in queue.dead_jobs("other")] == ["other"]


def test_a_paused_run_gives_no_jobs_until_it_is_resumed(bench: Bench) -> None:
    queue = bench.queue()
    queue.send(jobs(2))
    lease = take(queue)
    queue.pause("run")
    assert queue.paused() == {"run"}
    other = bench.queue()
    if not bench.sqs:
        queue.send(jobs(1, "other"))
        assert take(other).job.run == "other"
    assert other.receive(0) is None
    assert queue.extend(lease)
    assert queue.ack(lease)
    assert queue.counts().delayed == 1
    queue.resume("run")
    queue.resume("run")
    assert queue.paused() == frozenset()
    assert take(queue).job.id == "row-2"


def test_a_cancelled_run_gives_no_jobs_and_others_go_on(bench: Bench) -> None:
    queue = bench.queue()
    queue.send(jobs(3))
    queue.give_back(take(queue), 1)
    queue.send(jobs(1, "other"))
    queue.cancel("run")
    assert take(bench.queue()).job.run == "other"
    bench.sleep(1)
    assert queue.receive(0.5) is None


def test_single_jobs_can_be_forgotten(bench: Bench) -> None:
    if bench.sqs:
        pytest.skip("SQS finds dead jobs only")
    queue = bench.queue()
    queue.send(jobs(4))
    first = take(queue)
    queue.bury(first, ERROR)
    queue.give_back(take(queue), 60)
    assert queue.forget("run", ["row-1", "row-2", "row-3", "no such row"]) == 3
    assert drain(queue) == ["row-4"]
    assert list(queue.dead_jobs("run")) == []


def test_old_runs_expire(bench: Bench) -> None:
    if bench.sqs:
        pytest.skip("SQS has a retention period of its own")
    queue = bench.queue()
    queue.send(jobs(2))
    queue.bury(take(queue), ERROR)
    bench.sleep(1)
    queue.expire(3600)
    assert len(list(queue.dead_jobs("run"))) == 1
    queue.expire(0.5)
    assert list(queue.dead_jobs("run")) == []
    assert queue.receive(0) is None


def test_a_body_of_any_text_survives_every_turn(bench: Bench) -> None:
    body = json.dumps({"vars": {"name": '王小明 "\\/\u2028 آشا 👋'}}, ensure_ascii=False).encode()
    queue = bench.queue()
    queue.send([Job("run", "row", body)])
    queue.give_back(take(queue), 1)
    bench.sleep(1)
    lease = take(queue)
    queue.fail(lease, ERROR, retryable=True)
    queue.bury(take(queue), ERROR)
    assert [dead.job.body for dead in queue.dead_jobs("run")] == [body]
    queue.dead_retry("run")
    assert take(queue).job.body == body


def test_a_plain_message_of_somebody_else_is_received(bench: Bench) -> None:
    queue = bench.queue()
    body = b'{"template": "card.html", "vars": {}, "out": "1.mp4"}'
    put_plain(bench, queue, body)
    lease = take(queue)
    assert (lease.job.run, lease.job.body) == ("", body)
    assert lease.job.id
    assert queue.fail(lease, ERROR, retryable=True) == "retry"
    again = take(queue)
    assert (again.failures, again.job.run) == (1, "")
    assert queue.ack(again)
    assert queue.counts().open == 0


def put_plain(bench: Bench, queue: Any, body: bytes) -> None:
    if bench.sqs:
        queue._client.send_message(QueueUrl=queue._url, MessageBody=body.decode())
    elif bench.kind == "sqlite":
        queue.send([Job("", "plain", body)])
    else:
        queue._redis.xadd(queue._key("jobs"), {"body": body})


# What is not the same for all.


def test_a_dead_server_is_told_as_unavailable_without_the_jobs_text() -> None:
    with pytest.raises(QueueUnavailable) as caught:
        open_queue("redis://127.0.0.1:1/0", {})
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("redis://u:secret@h/0", "queue-credentials"),
        ("sqlite://", "queue-url"),
        ("queue.db", "queue-url"),
        ("http://h/q", "queue-url"),
        ("redis://h:port/0", "queue-url"),
        ("sqs://", "queue-url"),
        ("redis://h/0?name=a b", "queue-name"),
    ],
)
def test_what_is_no_queue_is_refused_without_showing_it(url: str, rule: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_queue(url, {})
    assert caught.value.rule == rule
    assert "secret" not in caught.value.message


def test_a_path_of_the_file_system_is_relative_or_absolute() -> None:
    assert check_queue_url("sqlite:///a/b.db").path == "/a/b.db"
    assert check_queue_url("sqlite:////a/b.db").path == "//a/b.db"


def test_a_file_in_no_folder_is_refused_with_the_number_of_slashes() -> None:
    with pytest.raises(
        UsageError, match=r"no folder .*/srv/nowhere\..*four \(sqlite:////srv/queue.db\)"
    ) as caught:
        open_queue("sqlite:///srv/nowhere/queue.db", {})
    assert caught.value.rule == "queue-folder"


@pytest.mark.parametrize("redrive", [None, 3])
def test_sqs_without_a_fit_redrive_policy_is_refused(
    redrive: int | None, server_of: Callable[[str], Server], aws: None
) -> None:
    url = make_sqs_queue(server_of("moto"), f"t{uuid4().hex[:10]}", redrive=redrive)
    with pytest.raises(EnvironmentFault, match="--no-redrive-check"):
        open_queue(url, {})
    open_queue(url, {}, redrive_check=False).close()


def test_the_policy_doubles_its_delays_up_to_a_limit_and_draws_from_the_upper_half() -> None:
    low = RetryPolicy(backoff_s=2, backoff_max_s=20, draw=lambda: 0.0)
    high = RetryPolicy(backoff_s=2, backoff_max_s=20, draw=lambda: 0.999999)
    assert [low.delay_s(n) for n in range(1, 6)] == [1, 2, 4, 8, 10]
    assert [round(high.delay_s(n)) for n in range(1, 6)] == [2, 4, 8, 16, 20]
    assert low.delay_s(10_000) == 10


def test_the_policy_buries_at_its_limits_and_at_once_what_cannot_improve() -> None:
    policy = RetryPolicy(failures_max=5, draw=lambda: 0.0)
    assert isinstance(policy.after_failure(4, retryable=True), Retry)
    assert policy.after_failure(5, retryable=True) == Dead()
    assert policy.after_failure(1, retryable=False) == Dead()
    assert not policy.delivered_too_often(50)
    assert policy.delivered_too_often(51)
