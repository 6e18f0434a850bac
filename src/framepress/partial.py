"""Files under construction: how they are named, and whether whoever made one is still alive.

``.<name>.<machine>-<pid>-<start>-<random>.partial`` lies in the folder of the final name. `machine` tells
apart hosts and containers that share a folder (a digest, not a name), `start` tells apart two processes
that had one pid in turn.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from framepress.process_stat import is_dead, stat_fields

#: Seconds since the last byte after which a partial of another machine counts as left behind. A living
#: writer adds bytes all the time; nobody here can ask whether it lives.
FOREIGN_AGE_S = 3600

#: Bytes of the final name kept in a partial's, so that it stays below 255.
_NAME_BYTES = 120

_PARTIAL = re.compile(r"\..*\.([0-9a-f]{8})-([0-9]+)-([0-9]+)-[0-9a-f]{8}\.partial", re.DOTALL)


def partial_name(name: str) -> str:
    """A new name for the file `name` (without folder) while this process makes it."""
    kept = os.fsdecode(os.fsencode(name)[:_NAME_BYTES]).encode("utf-8", "ignore").decode()
    pid = os.getpid()
    return f".{kept}.{_machine()}-{pid}-{_start_time(pid)}-{secrets.token_hex(4)}.partial"


def is_left_behind(path: Path) -> bool:
    """Whether `path` is a partial whose maker is dead. What is not a partial of ours is not."""
    match = _PARTIAL.fullmatch(path.name)
    if not match:
        return False
    if match[1] != _machine():
        with suppress(OSError):
            return time.time() - path.stat().st_mtime > FOREIGN_AGE_S
        return False
    return _start_time(int(match[2])) != int(match[3])


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name whole, or, if the block raises, not at all.

    Raises:
        OSError: as the file system says; nothing is left.
    """
    partial = path.with_name(partial_name(path.name))
    try:
        with partial.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


@cache
def _machine() -> str:
    """Eight digits for this boot of this host and its process namespace: only there a pid means anything."""
    facts: list[str] = []
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        facts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(facts or [os.uname().nodename]).encode()).hexdigest()[:8]


def _start_time(pid: int) -> int:
    """When the process began, in clock ticks since boot; -1: there is none; 0: it lives, no more is known."""
    try:
        fields = stat_fields(pid)
        # Field 22 of all.
        return -1 if is_dead(fields) else int(fields[19])
    except (OSError, IndexError, ValueError):
        if Path("/proc/self/stat").exists():
            return -1
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return -1
    except OSError:
        pass
    return 0
