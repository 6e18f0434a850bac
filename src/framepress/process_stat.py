"""What Linux says of a process in ``/proc/<pid>/stat``; source: proc(5)."""

from __future__ import annotations

from pathlib import Path


def stat_fields(pid: int) -> list[bytes]:
    """The fields behind the command: state, ppid, pgrp, session, ... The first is field 3 of all.

    Raises:
        OSError: there is no such process, it may not be looked at, or there is no /proc.
    """
    # The command stands in brackets and may itself hold blanks and brackets.
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()


def is_dead(fields: list[bytes]) -> bool:
    """Whether it has died. A zombie has; where nobody fetches orphans, as in many containers, it stays."""
    return fields[0] in (b"Z", b"X")
