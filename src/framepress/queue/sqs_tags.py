"""Runs that are paused or cancelled, as tags of an SQS queue.

What a paused run means there: see `sqs`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from framepress.errors import QueueUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: Seconds that what the tags say is believed.
TAGS_S = 5.0

PAUSED, CANCELLED = "framepress-paused", "framepress-cancelled"

#: Runs that a tag's value has room for: 256 characters.
_TAG_CHARACTERS = 256


class RunTags:
    """Runs that are named in tags of a queue.

    Args:
        url: of the queue.
        translated: turns errors of the client into `QueueUnavailable`.
    """

    def __init__(
        self, client: SQSClient, url: str, translated: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._client = client
        self._url = url
        self._translated = translated
        self._lock = threading.Lock()
        self._tags: dict[str, str] = {}
        self._tags_at: float | None = None

    def add(self, tag: str, run: str) -> None:
        """Name a run in a tag.

        Raises:
            QueueUnavailable: the tag has no room.
        """
        self._tag(tag, self.runs(tag, fresh=True) | {run})

    def remove(self, tag: str, run: str) -> None:
        """Name a run no longer; harmless if it is not named."""
        self._tag(tag, self.runs(tag, fresh=True) - {run})

    def runs(self, tag: str, *, fresh: bool = False) -> frozenset[str]:
        """The runs in a tag, as of the last `TAGS_S`; `fresh`: as of now."""
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
