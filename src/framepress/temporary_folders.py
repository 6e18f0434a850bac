"""Temporary folders that bear the number of their process, removed also if it was killed.

The browser of a process that was killed may still be writing into one: `remove_folders_of` ends it first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from framepress.process_stat import is_dead, stat_fields

#: Prefix of our temporary folders; the process id follows, so the folders of dead processes can be swept.
TEMP_PREFIX = "framepress-"

#: Seconds that a process may be without a command line while it becomes another program.
STARTING_S_MAX = 0.2

#: Of a process's flags in proc(5): it is about to end; it is a thread of the kernel.
_PF_EXITING, _PF_KTHREAD = 0x4, 0x00200000


def remove_folder(folder: Path) -> None:
    """Remove a folder that dying processes may still be writing into."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.02)


def remove_folders_of(pid: int) -> None:
    """Remove the temporary folders of a process that has ended, or is about to and needs none of them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{TEMP_PREFIX}{pid}-*"):
        if folder.is_dir() and not folder.is_symlink() and _is_ours(folder):
            # That of a worker that was killed ends by itself, but only after a while.
            end_browsers_of(folder)
            remove_folder(folder)


def end_browsers_of(folder: Path, *, within_s: float = 2.0) -> None:
    """End browsers whose profile is in a folder: else they would write it anew after it was removed."""
    left = _named(os.fsencode(f"--user-data-dir={folder / 'profile'}"))
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # It leads a session of its own, see `Browser`; its helpers bear the same words.
            if os.getsid(pid) != os.getsid(0):
                os.killpg(os.getpgid(pid), signal.SIGKILL)
    deadline = time.monotonic() + within_s
    while any(map(_alive, left)) and time.monotonic() < deadline:
        time.sleep(0.005)


def _named(word: bytes) -> list[int]:
    """Processes whose command line has a word in it."""
    deadline = time.monotonic() + STARTING_S_MAX
    found: set[int] = set()
    while True:
        processes = [int(place.name) for place in Path("/proc").glob("[0-9]*")]
        lines = {pid: _command_line(pid) for pid in processes}
        found |= {pid for pid, line in lines.items() if line and word in line.split(b"\0")}
        # A shell that becomes Chromium has none for a moment.
        starts = any(line == b"" and _starts(pid) for pid, line in lines.items())
        if not starts or time.monotonic() > deadline:
            return sorted(found)
        time.sleep(0.002)


def _command_line(pid: int) -> bytes | None:
    """Words that end in zeros; None: it cannot be read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None


def _starts(pid: int) -> bool:
    """Whether a process without a command line is ours and becomes another program, rather than ends."""
    try:
        fields = stat_fields(pid)
        ends = is_dead(fields) or int(fields[6]) & (_PF_EXITING | _PF_KTHREAD)
        return not ends and _is_ours(Path(f"/proc/{pid}"))
    except (OSError, IndexError):
        return False


def sweep_temporary_folders() -> int:
    """Remove the temporary folders of processes that no longer live; returns how many."""
    count = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{TEMP_PREFIX}*-*"):
        pid_text = folder.name.removeprefix(TEMP_PREFIX).split("-")[0]
        left = pid_text.isdigit() and not _alive(int(pid_text))
        if left and folder.is_dir() and not folder.is_symlink() and _is_ours(folder):
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count


def _is_ours(place: Path) -> bool:
    try:
        return not hasattr(os, "geteuid") or place.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError, IndexError):
        if is_dead(stat_fields(pid)):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
