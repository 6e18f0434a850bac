"""The queue on Amazon SQS, or a server that speaks it.

A message's body is the job's, so that other consumers can read it; run, id and counts are its attributes
(`sqs_messages`). What SQS lacks is made from what it has:

- *Failures*: SQS counts receptions only, and a killed worker is one too. So a failed job is sent anew, with
  its count in an attribute, and then the old message is deleted. Dying in between makes two of one.
- *Dead jobs* lie in the dead letter queue of the redrive policy, with their error in an attribute
  (`sqs_dead`).
- *Paused and cancelled runs* are tags of the queue (`sqs_tags`). A paused run stops the whole queue:
  receiving its messages only to put them back would raise their reception counts until the redrive policy
  takes them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from framepress.errors import QueueUnavailable
from framepress.queue.base import LEASE_S, Counts, DeadJob, Job, JobQueue, Lease
from framepress.queue.policy import RetryPolicy
from framepress.queue.sqs_dead import DeadLetters
from framepress.queue.sqs_messages import attributes_of, batches_of, lease_of
from framepress.queue.sqs_tags import CANCELLED, PAUSED, TAGS_S, RunTags

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: Calls at once while many are sent; one takes some 20 ms, most of it waiting.
SENDERS = 8

#: Seconds of a long poll, and of the longest delay of a message.
POLL_S_MAX, DELAY_S_MAX = 20, 900


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
            attributes = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["QueueArn", "RedrivePolicy"]
            ).get("Attributes", {})
            self._done_url: str | None = None
            if done is not None:
                self._done_url = self._client.get_queue_url(QueueName=done, **owner)["QueueUrl"]
        self._dead = DeadLetters(self._client, attributes, self._translated)
        self._tags = RunTags(self._client, self._url, self._translated)

    # ---- senders --------------------------------------------------------------------------------

    def send(self, jobs: Sequence[Job]) -> int:
        """All count as new: SQS cannot know."""
        batches = list(batches_of(jobs))
        if len(batches) == 1:
            return self._send_batch(batches[0])
        with ThreadPoolExecutor(SENDERS) as pool:
            return sum(pool.map(self._send_batch, batches))

    def _send_batch(self, jobs: Sequence[Job]) -> int:
        entries = [
            {"Id": str(n), "MessageBody": job.body.decode(), "MessageAttributes": attributes_of(job)}
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
                lease = lease_of(message)
                if lease.job.run not in self._tags.runs(CANCELLED):
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
        attributes = attributes_of(lease.job, failures=lease.failures + 1, deliveries=lease.deliveries)
        with self._translated():
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=lease.job.body.decode(),
                DelaySeconds=min(DELAY_S_MAX, round(delay_s)),
                MessageAttributes=attributes,
            )
        return self.ack(lease)

    def bury(self, lease: Lease, error: Mapping[str, Any]) -> bool:
        self._dead.add(lease, error)
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
        dead = sum(self._numbers(self._dead.url())) if self._dead.named else 0
        if self.paused():
            waiting, delayed = 0, delayed + waiting
        return Counts(waiting, delayed, leased, dead)

    def dead_jobs(self, run: str) -> Iterator[DeadJob]:
        return self._dead.jobs(run)

    def dead_retry(self, run: str, ids: Sequence[str] | None = None) -> int:
        return self._dead.remove(run, ids, lambda job: self.send([job]))

    def dead_drop(self, run: str, ids: Sequence[str] | None = None) -> int:
        return self._dead.remove(run, ids, lambda _: None)

    def pause(self, run: str) -> None:
        self._tags.add(PAUSED, run)

    def resume(self, run: str) -> None:
        self._tags.remove(PAUSED, run)

    def paused(self) -> frozenset[str]:
        return self._tags.runs(PAUSED)

    def cancel(self, run: str) -> None:
        self._tags.add(CANCELLED, run)

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
        if self._redrive_check:
            self._dead.check()

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
