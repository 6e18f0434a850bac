"""Wall and processor time of everything a command starts, browsers included.

A browser may outlive the process that started it, and then nobody adds its time to anybody's. So this process
becomes the reaper of orphans (prctl, Linux) and counts two parts: what is dead and was waited for
(`RUSAGE_CHILDREN`, with the children's children), and what still lives, from /proc.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36

#: Seconds that processes get to end by themselves once their command has ended.
_FAREWELL_S = 10.0


@dataclass(frozen=True)
class Usage:
    """Seconds: of the clock, and of processors (user and system together)."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Process:
    """A process of /proc: `cpu_s` is its processor time and that of its children that it waited for."""

    pid: int
    parent: int
    state: str
    cpu_s: float


def adopt_orphans() -> None:
    """Make orphaned descendants ours, so that they are counted and can be ended.

    Raises:
        OSError: the kernel refused, or this is not Linux.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "prctl"):
        raise OSError("processor time of browsers is counted through prctl and /proc: Linux only")
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def cpu_seconds() -> float:
    """Processor seconds of all descendants so far, dead and alive. Read it when nothing starts or ends."""
    dead = resource.getrusage(resource.RUSAGE_CHILDREN)
    living = sum(process.cpu_s for process in descendants(os.getpid()))
    return dead.ru_utime + dead.ru_stime + living


def end_leftovers() -> list[int]:
    """Wait for descendants to end, then kill what is left; returns the killed process ids."""
    deadline = time.monotonic() + _FAREWELL_S
    while living := [process.pid for process in descendants(os.getpid()) if process.state != "Z"]:
        if time.monotonic() > deadline:
            for pid in living:
                os.kill(pid, signal.SIGKILL)
            return living
        time.sleep(0.02)
    return []


class Stopwatch:
    """Measures from its making to `stop`.

    >>> watch = Stopwatch()
    >>> usage = watch.stop()
    """

    def __init__(self) -> None:
        self._cpu_s = cpu_seconds()
        self._started = time.monotonic()

    def stop(self) -> Usage:
        """The usage so far. Processes that are still ending belong to it: call `stop_after_leftovers`."""
        wall_s = time.monotonic() - self._started
        return Usage(wall_s, cpu_seconds() - self._cpu_s)

    def stop_after_leftovers(self) -> Usage:
        """As `stop`, the processor time taken only when all descendants have ended; the wall time at once."""
        wall_s = time.monotonic() - self._started
        end_leftovers()
        return Usage(wall_s, cpu_seconds() - self._cpu_s)


def descendants(root: int) -> list[Process]:
    """All living processes below `root`, parents before their children."""
    children: dict[int, list[Process]] = {}
    for process in _processes():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(), ())
        found += below
        queue += (process.pid for process in below)
    return found


def anonymous_mb(pid: int) -> float:
    """Anonymous memory (RssAnon) of a process in megabytes of 10^6 bytes; 0 if it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    _, found, rest = text.partition("RssAnon:")
    return int(rest.split()[0]) * 1024 / 1e6 if found else 0.0


def thread_cpu_s(pid: int) -> tuple[float, float]:
    """Processor seconds of a process's main thread and of its others, ended ones too; zeros if gone."""
    try:
        whole, main = _fields(Path(f"/proc/{pid}/stat")), _fields(Path(f"/proc/{pid}/task/{pid}/stat"))
    except OSError:
        return 0.0, 0.0
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    main_s = sum(map(int, main[11:13])) / ticks_per_s
    return main_s, max(0.0, sum(map(int, whole[11:13])) / ticks_per_s - main_s)


def command_line(pid: int) -> str:
    """Arguments of a process, joined by blanks; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def _processes() -> Iterator[Process]:
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = _fields(folder / "stat")
        except OSError:  # it ended meanwhile
            continue
        # proc(5): state is field 3, ppid 4, utime, stime, cutime, cstime 14 to 17.
        cpu_s = sum(map(int, fields[11:15])) / ticks_per_s
        yield Process(int(folder.name), int(fields[1]), fields[0], cpu_s)


def _fields(stat: Path) -> list[str]:
    """Fields of a `stat` file from the third, the state, on."""
    # The second field is the command's name in parentheses and may itself contain blanks and parentheses.
    return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
