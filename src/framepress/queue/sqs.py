"""The queue on Amazon SQS, or a server that speaks it.

A message's body is the job's, so that other consumers can read it; run, id and counts are its attributes.
What SQS lacks is made from what it has:

- *Failures*: SQS counts receptions only, and a killed worker is one too. So a failed job is sent anew, with
  its count in an attribute, and then the old message is deleted. Dying in between makes two of one.
- *Dead jobs* lie in the dead letter queue of the redrive policy, with their error in an attribute.
- *Paused and cancelled runs* are tags of the queue. A paused run stops the whole queue: receiving its
  messages only to put them back would raise their reception counts until the redrive policy takes them.

Source for limits: Amazon SQS Developer Guide, "Message quotas".
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from framepress.errors import EnvironmentFault, QueueUnavailable
from framepress.queue.base import LEASE_S, Counts, DeadJob, Job, JobQueue, Lease
from framepress.queue.policy import RetryPolicy

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: Messages per call, and bytes of all of them together.
BATCH_MAX, BATCH_BYTES_MAX = 10, 240_000

#: Calls at once while many are sent; one takes some 20 ms, most of it waiting.
SENDERS = 8

#: Seconds of a long poll, and of the longest delay of a message.
POLL_S_MAX, DELAY_S_MAX = 20, 900

#: Receptions after which the redrive policy may take a message at the earliest: kills and give-backs count.
RECEPTIONS_MIN = 10

#: Seconds that what the tags say is believed.
TAGS_S = 5.0

#: Seconds for which a dead message is hidden while the dead letters are gone through, and seconds that a look
#: waits: a long poll asks all servers of SQS, a short one only some.
DEAD_LOOK_S, DEAD_POLL_S = 120, 1

PAUSED, CANCELLED = "framepress-paused", "framepress-cancelled"

#: Runs that a tag's value has room for: 256 characters.
_TAG_CHARACTERS = 256


class SqsQueue(JobQueue):
    """A standard queue (not FIFO: those cannot delay single messages).

    Args:
        name: of the queue. account: its owner, if it is not ours.
        region, endpoint: None: as the environment or the profile says.
        done: name of a queue of the same owner that is told of rows that ended; None: nobody is told.
        redrive_check: refuse a queue without a fit redrive policy.
    """

    knows_ids = False

    # Every look costs money, long ones no more than short ones.
    wait_s = 5.0

    def __init__(
        self,
        name: str,
        *,
        account: str | None = None,
        region: str | None = None,
        endpoint: str | None = None,
        done: str | None = None,
        redrive_check: bool = True,
        lease_s: float = LEASE_S,
        policy: RetryPolicy | None = None,
    ) -> None:
        super().__init__(max(1, round(lease_s)), policy)
        import boto3  # noqa: PLC0415 - optional, and only for this queue
        import botocore.config  # noqa: PLC0415
        import botocore.exceptions as errors  # noqa: PLC0415

        self._errors: tuple[type[Exception], ...] = (errors.BotoCoreError, errors.ClientError)
        self._redrive_check = redrive_check
        self._lock = threading.Lock()
        self._tags: dict[str, str] = {}
        self._tags_at: float | None = None
        config = botocore.config.Config(
            retries={"mode": "standard", "max_attempts": 4},
            connect_timeout=5,
            read_timeout=POLL_S_MAX + 10,
            max_pool_connections=SENDERS + 8,
        )
        with self._translated():
            self._client: SQSClient = boto3.client(
                "sqs", region_name=region, endpoint_url=endpoint, config=config
            )
            owner = {"QueueOwnerAWSAccountId": account} if account else {}
            self._url = self._client.get_queue_url(QueueName=name, **owner)["QueueUrl"]
            self._attributes = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["QueueArn", "RedrivePolicy"]
            ).get("Attributes", {})
            self._done_url: str | None = None
            if done is not None:
                self._done_url = self._client.get_queue_url(QueueName=done, **owner)["QueueUrl"]
        self._dead_url: str | None = None

    # ---- senders --------------------------------------------------------------------------------

    def send(self, jobs: Sequence[Job]) -> int:
        """All count as new: SQS cannot know."""
        batches = list(_batches(jobs))
        if len(batches) == 1:
            return self._send_batch(batches[0])
        with ThreadPoolExecutor(SENDERS) as pool:
            return sum(pool.map(self._send_batch, batches))

    def _send_batch(self, jobs: Sequence[Job]) -> int:
        entries = [
            {"Id": str(n), "MessageBody": job.body.decode(), "MessageAttributes": _attributes(job)}
            for n, job in enumerate(jobs)
        ]
        for _ in range(3):
            with self._translated():
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
            failed = {entry["Id"] for entry in answer.get("Failed", ())}
            if not failed:
                return len(jobs)
            # Part of a batch may be refused while the rest is taken.
            entries = [entry for entry in entries if entry["Id"] in failed]
        raise QueueUnavailable("SQS refused messages three times. Run the command again.", rule="queue")

    # ---- workers --------------------------------------------------------------------------------

    def receive(self, wait_s: float) -> Lease | None:
        give_up = time.monotonic() + wait_s
        while True:
            if self.paused():
                time.sleep(min(TAGS_S, max(0.0, give_up - time.monotonic())))
                return None
            left = max(0.0, give_up - time.monotonic())
            with self._translated():
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=1,
                    # Rounded up: 0 would be a short poll, which asks only some of the servers.
                    WaitTimeSeconds=min(POLL_S_MAX, int(left + 0.999)),
                    VisibilityTimeout=int(self.lease_s),
                    MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["ApproximateReceiveCount"],
                )
            for message in answer.get("Messages", ()):
                lease = _lease(message)
                if lease.job.run not in self._runs(CANCELLED):
                    return lease
                self.ack(lease)
            if not answer.get("Messages") and time.monotonic() >= give_up:
                return None

    def extend(self, lease: Lease) -> bool:
        return self._change_visibility(lease, int(self.lease_s))

    def ack(self, lease: Lease) -> bool:
        with self._translated():
            try:
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=lease.receipt)
            except self._client.exceptions.ReceiptHandleIsInvalid:
                return False
        return True

    def give_back(self, lease: Lease, delay_s: float = 0.0) -> bool:
        return self._change_visibility(lease, round(delay_s))

    def _retry(self, lease: Lease, delay_s: float) -> bool:
        attributes = _attributes(lease.job, failures=lease.failures + 1, deliveries=lease.deliveries)
        with self._translated():
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=lease.job.body.decode(),
                DelaySeconds=min(DELAY_S_MAX, round(delay_s)),
                MessageAttributes=attributes,
            )
        return self.ack(lease)

    def bury(self, lease: Lease, error: Mapping[str, Any]) -> bool:
        attributes = _attributes(lease.job, failures=lease.failures + 1)
        attributes["error"] = {"DataType": "String", "StringValue": json.dumps(error)[:10_000]}
        with self._translated():
            self._client.send_message(
                QueueUrl=self._dead_letters(),
                MessageBody=lease.job.body.decode(),
                MessageAttributes=attributes,
            )
        return self.ack(lease)

    def _change_visibility(self, lease: Lease, seconds: int) -> bool:
        missing = (self._client.exceptions.MessageNotInflight, self._client.exceptions.ReceiptHandleIsInvalid)
        with self._translated():
            try:
                self._client.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=lease.receipt, VisibilityTimeout=seconds
                )
            except missing:
                return False
            except self._errors as exc:
                # "Value ... for parameter ReceiptHandle is invalid": it is gone, or anew with somebody.
                if _code(exc) in ("InvalidParameterValue", "MessageNotInflight"):
                    return False
                raise
        return True

    # ---- operators ------------------------------------------------------------------------------

    def counts(self) -> Counts:
        waiting, delayed, leased = self._numbers(self._url)
        dead = sum(self._numbers(self._dead_letters())) if "RedrivePolicy" in self._attributes else 0
        if self.paused():
            waiting, delayed = 0, delayed + waiting
        return Counts(waiting, delayed, leased, dead)

    def dead_jobs(self, run: str) -> Iterator[DeadJob]:
        found = self._dead_of(run)
        for _, receipt in found:
            self._settle(receipt, delete=False)
        yield from (dead for dead, _ in found)

    def dead_retry(self, run: str, ids: Sequence[str] | None = None) -> int:
        return self._each_dead(run, ids, lambda job: self.send([job]))

    def dead_drop(self, run: str, ids: Sequence[str] | None = None) -> int:
        return self._each_dead(run, ids, lambda _: None)

    def _each_dead(self, run: str, ids: Sequence[str] | None, first: Callable[[Job], object]) -> int:
        count = 0
        for dead, receipt in self._dead_of(run):
            wanted = ids is None or dead.job.id in ids
            if wanted:
                first(dead.job)
                count += 1
            self._settle(receipt, delete=wanted)
        return count

    def pause(self, run: str) -> None:
        self._tag(PAUSED, self._runs(PAUSED, fresh=True) | {run})

    def resume(self, run: str) -> None:
        self._tag(PAUSED, self._runs(PAUSED, fresh=True) - {run})

    def paused(self) -> frozenset[str]:
        return self._runs(PAUSED)

    def cancel(self, run: str) -> None:
        self._tag(CANCELLED, self._runs(CANCELLED, fresh=True) | {run})

    def announce(self, facts: Mapping[str, Any]) -> None:
        if self._done_url is None:
            return
        with self._translated():
            self._client.send_message(
                QueueUrl=self._done_url, MessageBody=json.dumps(facts, ensure_ascii=False)
            )

    def forget(self, run: str, ids: Sequence[str]) -> int:
        return self.dead_drop(run, ids)

    def expire(self, older_than_s: float) -> int:
        return 0

    def check(self) -> None:
        """The redrive policy is what keeps a message that nobody can take from going round for ever."""
        if not self._redrive_check:
            return
        policy = json.loads(self._attributes.get("RedrivePolicy") or "{}")
        most = int(policy.get("maxReceiveCount", 0))
        if not policy or most < RECEPTIONS_MIN:
            found = f"its redrive policy has maxReceiveCount {most}" if policy else "it has no redrive policy"
            raise EnvironmentFault(
                f"The SQS queue is not fit: {found}; expected a dead letter queue and maxReceiveCount of at "
                f"least {RECEPTIONS_MIN} (kills and give-backs are receptions too). Set it, or go on with "
                "--no-redrive-check.",
                rule="redrive-policy",
            )

    def close(self) -> None:
        self._client.close()

    # ---- inside ---------------------------------------------------------------------------------

    def _numbers(self, url: str) -> tuple[int, int, int]:
        names = ("", "Delayed", "NotVisible")
        with self._translated():
            found: Mapping[Any, str] = self._client.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[f"ApproximateNumberOfMessages{name}" for name in names],  # type: ignore[misc]
            ).get("Attributes", {})
        waiting, delayed, leased = (int(found.get(f"ApproximateNumberOfMessages{n}", 0)) for n in names)
        return waiting, delayed, leased

    def _dead_letters(self) -> str:
        if self._dead_url is None:
            policy = json.loads(self._attributes.get("RedrivePolicy") or "{}")
            if not policy:
                raise EnvironmentFault(
                    "The SQS queue has no redrive policy, so there is no place for dead jobs. Set one.",
                    rule="redrive-policy",
                )
            name = str(policy["deadLetterTargetArn"]).rsplit(":", 1)[-1]
            with self._translated():
                self._dead_url = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        return self._dead_url

    def _dead_of(self, run: str) -> list[tuple[DeadJob, str]]:
        """Dead jobs of a run, each hidden until it is settled. Those of other runs are shown again."""
        found: list[tuple[DeadJob, str]] = []
        others: list[str] = []
        while messages := self._look_at_dead():
            for message in messages:
                lease = _lease(message)
                if lease.job.run == run:
                    found.append((DeadJob(lease.job, _error(message), lease.failures), lease.receipt))
                else:
                    others.append(lease.receipt)
        for receipt in others:
            self._settle(receipt, delete=False)
        return found

    def _look_at_dead(self) -> Sequence[Any]:
        with self._translated():
            return self._client.receive_message(
                QueueUrl=self._dead_letters(),
                MaxNumberOfMessages=BATCH_MAX,
                VisibilityTimeout=DEAD_LOOK_S,
                WaitTimeSeconds=DEAD_POLL_S,
                MessageAttributeNames=["All"],
            ).get("Messages", ())

    def _settle(self, receipt: str, *, delete: bool) -> None:
        with self._translated():
            if delete:
                self._client.delete_message(QueueUrl=self._dead_letters(), ReceiptHandle=receipt)
            else:
                self._client.change_message_visibility(
                    QueueUrl=self._dead_letters(), ReceiptHandle=receipt, VisibilityTimeout=0
                )

    def _runs(self, tag: str, *, fresh: bool = False) -> frozenset[str]:
        with self._lock:
            now = time.monotonic()
            if fresh or self._tags_at is None or now - self._tags_at >= TAGS_S:
                with self._translated():
                    self._tags = dict(self._client.list_queue_tags(QueueUrl=self._url).get("Tags", {}))
                self._tags_at = now
            return frozenset(self._tags.get(tag, "").split())

    def _tag(self, tag: str, runs: frozenset[str]) -> None:
        value = " ".join(sorted(runs))
        if len(value) > _TAG_CHARACTERS:
            raise QueueUnavailable(
                f"The tag {tag} of the SQS queue has no room for more runs; give a run a queue of its own.",
                rule="sqs-tag",
            )
        with self._translated():
            if value:
                self._client.tag_queue(QueueUrl=self._url, Tags={tag: value})
            else:
                self._client.untag_queue(QueueUrl=self._url, TagKeys=[tag])
        self._tags_at = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors as exc:
            raise QueueUnavailable(
                f"SQS did not do what it was asked: {_code(exc)}. Check the queue's name, the region and the "
                "credentials of the environment; workers go on by themselves once it answers.",
                rule="queue",
            ) from exc


def _code(exc: Exception) -> str:
    """What is wrong, without the text, which may quote a message."""
    response = getattr(exc, "response", None)
    if isinstance(response, Mapping):
        # Some servers put their whole name space in front.
        return str(response.get("Error", {}).get("Code", "unknown")).rsplit(".", 1)[-1]
    return type(exc).__name__


def _batches(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    batch: list[Job] = []
    size = 0
    for job in jobs:
        if batch and (len(batch) == BATCH_MAX or size + len(job.body) > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(job)
        size += len(job.body)
    if batch:
        yield batch


def _attributes(job: Job, *, failures: int = 0, deliveries: int = 0) -> dict[str, Any]:
    numbers = {"failures": failures, "deliveries": deliveries}
    return {
        # An attribute may not be empty: a plain message has neither.
        **{name: _text(text) for name, text in (("run", job.run), ("id", job.id)) if text},
        **{name: {"DataType": "Number", "StringValue": str(n)} for name, n in numbers.items() if n},
    }


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def _lease(message: Any) -> Lease:
    attributes: Mapping[str, Any] = message.get("MessageAttributes", {})

    def read(name: str, default: str) -> str:
        return str(attributes.get(name, {}).get("StringValue", default))

    received = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
    job = Job(read("run", ""), read("id", message["MessageId"]), message["Body"].encode())
    return Lease(
        job,
        message["ReceiptHandle"],
        deliveries=received + int(read("deliveries", "0")),
        failures=int(read("failures", "0")),
    )


def _error(message: Any) -> Mapping[str, Any]:
    """The error of a dead job; the redrive policy adds none to what it moves."""
    text = message.get("MessageAttributes", {}).get("error", {}).get("StringValue")
    if text is not None:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
    return {
        "type": "WorkerLost",
        "rule": "redrive",
        "message": "SQS moved the message: it was received more often than the redrive policy allows.",
        "retryable": True,
    }
