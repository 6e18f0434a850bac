"""Jobs as messages of SQS, and back: attributes, batches, the error of a dead job.

What the attributes are for: see `sqs`. Source for limits: Amazon SQS Developer Guide, "Message quotas".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from framepress.queue.base import Job, Lease

#: Messages per call, and bytes of all of them together.
BATCH_MAX, BATCH_BYTES_MAX = 10, 240_000


def batches_of(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Jobs in their order, as many at a time as one call may send."""
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


def attributes_of(job: Job, *, failures: int = 0, deliveries: int = 0) -> dict[str, Any]:
    """The attributes of the message that carries a job, with its counts so far."""
    numbers = {"failures": failures, "deliveries": deliveries}
    return {
        # An attribute may not be empty: a plain message has neither.
        **{name: _text(text) for name, text in (("run", job.run), ("id", job.id)) if text},
        **{name: {"DataType": "Number", "StringValue": str(n)} for name, n in numbers.items() if n},
    }


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def lease_of(message: Any) -> Lease:
    """The lease that a received message is, whoever sent it."""
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


def error_of(message: Any) -> Mapping[str, Any]:
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
