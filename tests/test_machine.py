"""Processors and memory read from made /proc and /sys folders, as containers of several kinds show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from framepress.machine import Machine, default_workers, read_machine

GB = 1_000_000_000
KIB = 1024


def tree(root: Path, files: dict[str, str]) -> Path:
    meminfo = "MemTotal:       64000000 kB\nMemFree: 1 kB\nMemAvailable:   32000000 kB\nHugePages_Total: 0\n"
    for name, text in ({"proc/meminfo": meminfo} | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def machine(root: Path, files: dict[str, str], affinity: int = 64) -> Machine:
    return read_machine(root=tree(root, files), affinity=affinity)


def test_without_control_groups_the_machine_is_ours(tmp_path: Path) -> None:
    assert machine(tmp_path, {}) == Machine(64.0, 64_000_000 * KIB, 32_000_000 * KIB)


def test_version_2_limits_of_a_container_that_sees_its_own_root(tmp_path: Path) -> None:
    found = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/memory.max": f"{4 * GB}\n",
            "sys/fs/cgroup/memory.current": f"{3 * GB}\n",
            "sys/fs/cgroup/memory.stat": f"anon {GB}\ninactive_file {2 * GB}\n",
        },
    )
    assert found == Machine(1.5, 4 * GB, 3 * GB)


def test_a_limit_of_a_group_above_ours_counts(tmp_path: Path) -> None:
    found = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user.slice/app.service\n",
            "sys/fs/cgroup/user.slice/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/user.slice/app.service/cpu.max": "max 100000\n",
            "sys/fs/cgroup/user.slice/memory.max": f"{5 * GB}\n",
            "sys/fs/cgroup/user.slice/app.service/memory.max": "max\n",
        },
    )
    assert (found.cpus, found.memory_bytes) == (2.0, 5 * GB)


def test_a_path_of_the_host_that_the_container_cannot_see_falls_back_to_the_base(tmp_path: Path) -> None:
    found = machine(
        tmp_path,
        {"proc/self/cgroup": "0::/../../kubepods/pod7/abc\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
    )
    assert found.cpus == 0.5


def test_version_1_quotas_and_limits(tmp_path: Path) -> None:
    found = machine(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": f"{2 * GB}\n",
            "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": f"{GB}\n",
            "sys/fs/cgroup/memory/docker/abc/memory.stat": f"total_inactive_file {GB // 2}\n",
        },
    )
    assert found == Machine(3.0, 2 * GB, 1_500_000_000)


def test_version_1_without_limits(tmp_path: Path) -> None:
    found = machine(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n2:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
        affinity=3,
    )
    assert found == Machine(3.0, 64_000_000 * KIB, 32_000_000 * KIB)


def test_the_affinity_mask_bounds_a_larger_quota(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "800000 100000\n"}
    assert machine(tmp_path, files, affinity=2).cpus == 2.0


@pytest.mark.parametrize("text", ["", "garbage", "max", "0 0", "-5 100000", "1 2 3", "1.5 x"])
def test_what_cannot_be_read_is_no_limit(tmp_path: Path, text: str) -> None:
    files = {
        "proc/self/cgroup": "0::/\nnonsense\n",
        "sys/fs/cgroup/cpu.max": text,
        "sys/fs/cgroup/memory.max": text,
    }
    found = machine(tmp_path, files, affinity=4)
    assert (found.cpus, found.memory_bytes) == (4.0, 64_000_000 * KIB)


def test_a_system_without_proc_has_processors_and_unknown_memory(tmp_path: Path) -> None:
    assert read_machine(root=tmp_path, affinity=8) == Machine(8.0, None, None)


def test_this_machine_can_be_read() -> None:
    found = read_machine()
    assert found.cpus > 0
    assert found.memory_bytes is None or found.memory_bytes > 100_000_000


@pytest.mark.parametrize(
    ("cpus", "memory_bytes", "workers"),
    [(2.0, 16 * GB, 2), (64.0, 8 * GB, 8), (8.0, 2 * GB, 2), (0.5, 16 * GB, 1), (1.9, None, 1), (4, 0, 1)],
)
def test_there_is_a_worker_per_processor_as_far_as_memory_goes(
    cpus: float, memory_bytes: int | None, workers: int
) -> None:
    assert default_workers(cpus, memory_bytes) == workers
