"""How much of the machine is ours: processors and memory, as containers limit them.

`os.cpu_count` tells a container with half a processor that it has 64, and a default of 64 workers
is killed for its memory before the first frame. What counts is the least of: the affinity mask, the
quotas of our control group and of every group above it, and what is there.

Sources: cgroups(7); kernel documentation, admin-guide/cgroup-v2 (cpu.max, memory.max) and
cgroup-v1 (cpu.cfs_quota_us, memory.limit_in_bytes).
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Bytes a worker takes at its peak: a browser with one 1080p page, its frames, the encoder.
WORKER_BYTES = 900_000_000

#: Limits above this mean "none": version 1 writes a number near 2**63 for it.
_NO_LIMIT_BYTES = 1 << 60

#: Files of the limit and of what is used, and the field of memory.stat for cache that can be dropped.
_V2_NAMES = ("memory.max", "memory.current", "inactive_file")
_V1_NAMES = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@dataclass(frozen=True)
class Machine:
    """What we may use.

    Attributes:
        cpus: processors' worth of time; 0.5 under a quota of half a processor.
        memory_bytes: what may be used in all: the group's limit or the machine's memory; None: unknown.
        available_bytes: what may still be used now, page cache counted as free; None: unknown.
    """

    cpus: float
    memory_bytes: int | None
    available_bytes: int | None


def read_machine(*, root: Path = Path("/"), affinity: int | None = None) -> Machine:
    """The facts of this process.

    Args:
        root: where ``proc`` and ``sys`` are; for tests.
        affinity: processors this process may run on; None: ask the system.
    """
    groups = _Groups.read(root)
    cpus = float(affinity or _affinity())
    cpus = min([cpus, *groups.cpu_quotas()])
    total, free = _meminfo(root / "proc/meminfo")
    limits = list(groups.memory())
    return Machine(
        cpus=cpus,
        memory_bytes=_least([total, *(limit for limit, _ in limits)]),
        available_bytes=_least([free, *(max(limit - used, 0) for limit, used in limits)]),
    )


def default_workers(cpus: float, memory_bytes: int | None) -> int:
    """One worker per whole processor, fewer if memory is short, at least one.

    Args:
        memory_bytes: what may still be used; None: unknown, no bound.
    """
    by_cpu = math.floor(cpus)
    by_memory = by_cpu if memory_bytes is None else memory_bytes // WORKER_BYTES
    return max(1, min(by_cpu, by_memory))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _least(values: list[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _meminfo(path: Path) -> tuple[int | None, int | None]:
    """MemTotal and MemAvailable in bytes; Linux only."""
    fields: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in path.read_text("ascii").splitlines():
            name, _, rest = line.partition(":")
            fields[name] = int(rest.split()[0]) * 1024
    return fields.get("MemTotal"), fields.get("MemAvailable")


@dataclass(frozen=True)
class _Groups:
    """The folders of our control group and its parents, innermost first, per kind of hierarchy."""

    unified: tuple[Path, ...]
    cpu_v1: tuple[Path, ...]
    memory_v1: tuple[Path, ...]

    @classmethod
    def read(cls, root: Path) -> _Groups:
        paths: dict[str, str] = {}
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in (root / "proc/self/cgroup").read_text("utf-8").splitlines():
                fields = line.split(":", 2)
                if len(fields) == 3:
                    paths |= dict.fromkeys(fields[1].split(","), fields[2])
        base = root / "sys/fs/cgroup"
        # In a hybrid set-up version 2 is mounted one level deeper and has no controllers.
        cpu = next((base / name for name in ("cpu", "cpu,cpuacct") if (base / name).is_dir()), base / "cpu")
        return cls(
            unified=tuple(_upwards(base, paths.get(""))),
            cpu_v1=tuple(_upwards(cpu, paths.get("cpu"))),
            memory_v1=tuple(_upwards(base / "memory", paths.get("memory"))),
        )

    def cpu_quotas(self) -> Iterator[float]:
        for folder in self.unified:
            words = _text(folder / "cpu.max").split()
            if len(words) == 2 and words[0] != "max":
                yield from _ratio(words[0], words[1])
        for folder in self.cpu_v1:
            yield from _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))

    def memory(self) -> Iterator[tuple[int, int]]:
        """(limit, bytes in use that cannot be dropped) of every group with a limit."""
        for folder in self.unified:
            yield from _memory(folder, *_V2_NAMES)
        for folder in self.memory_v1:
            yield from _memory(
                folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            )


def _upwards(base: Path, path: str | None) -> Iterator[Path]:
    """The group's folder and those above it, up to `base`.

    In a container the path may be the host's and its folder not be there; the container's own
    limits then lie at the base.
    """
    if path is None:
        return
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for count in range(len(parts), -1, -1):
        folder = base.joinpath(*parts[:count])
        if folder.is_dir():
            yield folder


def _text(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text("ascii").strip()
    return ""


def _ratio(quota: str, period: str) -> Iterator[float]:
    # -1 is version 1's word for no quota.
    if quota.isdecimal() and period.isdecimal() and int(quota) > 0 and int(period) > 0:
        yield int(quota) / int(period)


def _memory(folder: Path, limit_name: str, used_name: str, cache_name: str) -> Iterator[tuple[int, int]]:
    limit = _text(folder / limit_name)
    if not limit.isdecimal() or int(limit) >= _NO_LIMIT_BYTES:
        return
    used = _text(folder / used_name)
    cache = 0
    for line in _text(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == cache_name and value.isdecimal():
            cache = int(value)
    yield int(limit), max(int(used) - cache, 0) if used.isdecimal() else 0
