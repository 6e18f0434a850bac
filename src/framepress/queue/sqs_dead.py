"""The dead letter queue of an SQS queue: whether there is a fit one, and the dead jobs in it.

SQS has no way to read without receiving, and a message is found only by going through all of them. So each is
hidden for a while by being looked at, and is then settled: deleted, or shown again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from framepress.errors import EnvironmentFault
from framepress.queue.base import DeadJob, Job, Lease
from framepress.queue.sqs_messages import BATCH_MAX, attributes_of, error_of, lease_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: Receptions after which the redrive policy may take a message at the earliest: kills and give-backs count.
RECEPTIONS_MIN = 10

#: Seconds for which a dead message is hidden while the dead letters are gone through, and seconds that a look
#: waits: a long poll asks all servers of SQS, a short one only some.
DEAD_LOOK_S, DEAD_POLL_S = 120, 1


class DeadLetters:
    """The dead letter queue that the redrive policy of a queue names.

    Args:
        attributes: of the queue.
        translated: turns errors of the client into `QueueUnavailable`.
    """

    def __init__(
        self,
        client: SQSClient,
        attributes: Mapping[Any, str],
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._client = client
        self._attributes = attributes
        self._translated = translated
        self._url: str | None = None

    @property
    def named(self) -> bool:
        """Whether the queue has a redrive policy at all."""
        return "RedrivePolicy" in self._attributes

    def check(self) -> None:
        """The redrive policy is what keeps a message that nobody can take from going round for ever."""
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

    def url(self) -> str:
        """Where dead jobs go.

        Raises:
            EnvironmentFault: the queue has no redrive policy.
        """
        if self._url is None:
            policy = json.loads(self._attributes.get("RedrivePolicy") or "{}")
            if not policy:
                raise EnvironmentFault(
                    "The SQS queue has no redrive policy, so there is no place for dead jobs. Set one.",
                    rule="redrive-policy",
                )
            name = str(policy["deadLetterTargetArn"]).rsplit(":", 1)[-1]
            with self._translated():
                self._url = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        return self._url

    def add(self, lease: Lease, error: Mapping[str, Any]) -> None:
        """Send a job there, with its error. The lease is still to be ended."""
        attributes = attributes_of(lease.job, failures=lease.failures + 1)
        attributes["error"] = {"DataType": "String", "StringValue": json.dumps(error)[:10_000]}
        with self._translated():
            self._client.send_message(
                QueueUrl=self.url(),
                MessageBody=lease.job.body.decode(),
                MessageAttributes=attributes,
            )

    def jobs(self, run: str) -> Iterator[DeadJob]:
        """The dead jobs of a run; they stay."""
        found = self._of(run)
        for _, receipt in found:
            self._settle(receipt, delete=False)
        yield from (dead for dead, _ in found)

    def remove(self, run: str, ids: Sequence[str] | None, first: Callable[[Job], object]) -> int:
        """Delete dead jobs of a run, these or all, each after `first` has had it; returns how many."""
        count = 0
        for dead, receipt in self._of(run):
            wanted = ids is None or dead.job.id in ids
            if wanted:
                first(dead.job)
                count += 1
            self._settle(receipt, delete=wanted)
        return count

    def _of(self, run: str) -> list[tuple[DeadJob, str]]:
        """Dead jobs of a run, each hidden until it is settled. Those of other runs are shown again."""
        found: list[tuple[DeadJob, str]] = []
        others: list[str] = []
        while messages := self._look():
            for message in messages:
                lease = lease_of(message)
                if lease.job.run == run:
                    found.append((DeadJob(lease.job, error_of(message), lease.failures), lease.receipt))
                else:
                    others.append(lease.receipt)
        for receipt in others:
            self._settle(receipt, delete=False)
        return found

    def _look(self) -> Sequence[Any]:
        with self._translated():
            return self._client.receive_message(
                QueueUrl=self.url(),
                MaxNumberOfMessages=BATCH_MAX,
                VisibilityTimeout=DEAD_LOOK_S,
                WaitTimeSeconds=DEAD_POLL_S,
                MessageAttributeNames=["All"],
            ).get("Messages", ())

    def _settle(self, receipt: str, *, delete: bool) -> None:
        with self._translated():
            if delete:
                self._client.delete_message(QueueUrl=self.url(), ReceiptHandle=receipt)
            else:
                self._client.change_message_visibility(
                    QueueUrl=self.url(), ReceiptHandle=receipt, VisibilityTimeout=0
                )
