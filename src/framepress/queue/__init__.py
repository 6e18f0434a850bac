"""Queues: the lease protocol (`base`), its policy, and one module per kind of server.

A queue is named by a URL:

    sqlite:///path/queue.db                       a file, made on first use; four slashes: from the root
    redis://HOST:6379/0[?name=NAME]               Redis 7 or Valkey; rediss:// with TLS
    sqs://NAME, sqs://sqs.REGION.amazonaws.com/ACCOUNT/NAME      [?region=R&endpoint=URL&done=NAME]

Credentials are never part of it: a URL stands in process lists, logs and notes. Redis' come from
FRAMEPRESS_REDIS_USERNAME and FRAMEPRESS_REDIS_PASSWORD, those of SQS from where boto3 looks for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from framepress.errors import UsageError
from framepress.queue.base import LEASE_S, JobQueue
from framepress.queue.policy import RetryPolicy

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}")
_FORMS = "sqlite:///PATH, redis://HOST:6379/0, sqs://NAME"


def open_queue(
    url: str,
    environ: Mapping[str, str],
    *,
    lease_s: float = LEASE_S,
    policy: RetryPolicy | None = None,
    redrive_check: bool = True,
) -> JobQueue:
    """The queue of that name, found fit for use.

    Args:
        environ: where credentials for Redis are.

    Raises:
        UsageError: not a queue's URL, or there are credentials in it, or its client is not installed.
        EnvironmentFault: the queue is not there, or not fit.
    """
    parts = check_queue_url(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    queue: JobQueue
    if parts.scheme == "sqlite":
        from framepress.queue.sqlite import SqliteQueue  # noqa: PLC0415 - only what is asked for

        queue = SqliteQueue(_file(Path(unquote(parts.path)[1:])), lease_s=lease_s, policy=policy)
    elif parts.scheme == "sqs":
        queue = _sqs(parts, options, lease_s, policy, redrive_check)
    else:
        queue = _redis(parts, options, environ, lease_s, policy)
    try:
        queue.check()
    except BaseException:
        queue.close()
        raise
    return queue


def _file(path: Path) -> Path:
    if not path.parent.is_dir():
        raise UsageError(
            f"--queue: there is no folder {path.parent.absolute()}. A path from here has three slashes "
            "(sqlite:///queue.db), one from the root of the disk four (sqlite:////srv/queue.db).",
            rule="queue-folder",
        )
    return path


def check_queue_url(url: str) -> SplitResult:
    """The parts of a queue's URL, after a look at its form; nothing is connected.

    Raises:
        UsageError: see `open_queue`.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("sqlite", "redis", "rediss", "sqs")
        # sqlite:///a is the file a here, sqlite:////a is /a, as SQLAlchemy has it.
        whole = bool(len(parts.path) > 1) if parts.scheme == "sqlite" else bool(parts.hostname)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        known = whole = has_port = False
    if not (known and whole and has_port):
        raise UsageError(f"--queue: not a queue's URL; expected one of {_FORMS}.", rule="queue-url")
    if parts.username or parts.password:
        raise UsageError(
            "--queue: there are credentials in the URL, which everybody on this machine can read. Put them "
            "into FRAMEPRESS_REDIS_USERNAME and FRAMEPRESS_REDIS_PASSWORD.",
            rule="queue-credentials",
        )
    return parts


def _redis(
    parts: SplitResult,
    options: Mapping[str, str],
    environ: Mapping[str, str],
    lease_s: float,
    policy: RetryPolicy | None,
) -> JobQueue:
    from framepress.queue.redis import RedisQueue  # noqa: PLC0415 - only what is asked for

    name = options.get("name", "framepress")
    if not _NAME.fullmatch(name):
        raise UsageError(
            "--queue: name has up to 80 letters, digits, dots, dashes, underscores.", rule="queue-name"
        )
    try:
        return RedisQueue(
            f"{parts.scheme}://{parts.netloc}{parts.path}",
            name=name,
            username=environ.get("FRAMEPRESS_REDIS_USERNAME"),
            password=environ.get("FRAMEPRESS_REDIS_PASSWORD"),
            lease_s=lease_s,
            policy=policy,
        )
    except ModuleNotFoundError as exc:
        raise _missing("Redis", "redis") from exc
    except ValueError as exc:
        raise UsageError(f"--queue: not a queue's URL; expected one of {_FORMS}.", rule="queue-url") from exc


def _sqs(
    parts: SplitResult,
    options: Mapping[str, str],
    lease_s: float,
    policy: RetryPolicy | None,
    redrive_check: bool,
) -> JobQueue:
    from framepress.queue.sqs import SqsQueue  # noqa: PLC0415 - only what is asked for

    words = [parts.netloc, *parts.path.strip("/").split("/")] if parts.path.strip("/") else [parts.netloc]
    region = re.fullmatch(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?", words[0]) if len(words) > 1 else None
    try:
        return SqsQueue(
            words[-1],
            account=words[-2] if len(words) > 2 and re.fullmatch(r"[0-9]{12}", words[-2]) else None,
            region=options.get("region") or (region[1] if region else None),
            endpoint=options.get("endpoint"),
            done=options.get("done"),
            redrive_check=redrive_check,
            lease_s=lease_s,
            policy=policy,
        )
    except ModuleNotFoundError as exc:
        raise _missing("SQS", "sqs") from exc


def _missing(what: str, extra: str) -> UsageError:
    return UsageError(
        f"The client for {what} is not installed: pip install 'framepress[{extra}]'.", rule="extra-missing"
    )
