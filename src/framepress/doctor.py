"""What this machine has and lacks, each with the way out.

`doctor_facts` looks; `diagnose` judges what was found and touches nothing, so every judgement can be tested
without a machine that has the fault. Words are fixed English whatever the locale: people search for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from framepress.chromium import BrowserFacts
from framepress.fontconfig import FALLBACK_ORDER
from framepress.machine import WORKER_BYTES, Machine, default_workers

Status = Literal["ok", "warn", "fail"]

PYTHON_MIN = (3, 11)

#: The encoders of the one stream profile.
ENCODERS = ("libx264", "aac")

#: Free bytes below which a folder is failed or warned of: one long clip, and an hour of short ones.
DISK_FAIL_BYTES = 200_000_000
DISK_WARN_BYTES = 2_000_000_000

#: Chromium passes pictures through /dev/shm; where it is small we have it use files, which is slower.
SHM_WARN_BYTES = 256_000_000


@dataclass(frozen=True)
class Check:
    """One judgement. `found` is what is there; `way_out` is empty where nothing has to be done."""

    name: str
    status: Status
    found: str
    way_out: str = ""


@dataclass(frozen=True)
class Disk:
    """A folder that will be written: what for, where, and its free bytes; None if it cannot be written."""

    purpose: str
    path: Path
    free_bytes: int | None


@dataclass(frozen=True)
class Facts:
    """All that `diagnose` judges.

    Attributes:
        browser: None: not found, `browser_error` says why.
        begin_frame: None: not tried; `browser_error` says why if it was tried in vain.
        namespaces: what forbids user namespaces to those who are not root; empty: nothing does.
        fonts_missing: families without a file.
        av_version: PyAV's; None: cannot be imported.
        encoders: those of `ENCODERS` that PyAV has.
        shm_bytes: size of /dev/shm; None: there is none.
        strangers: programs called `hyperframes` on the PATH that are not ours, in its order.
    """

    python: tuple[int, ...]
    platform: str
    is_root: bool
    browser: BrowserFacts | None
    browser_error: str
    begin_frame: bool | None
    namespaces: str
    fonts_missing: tuple[str, ...]
    av_version: str | None
    encoders: frozenset[str]
    disks: tuple[Disk, ...]
    machine: Machine
    shm_bytes: int | None
    strangers: tuple[Path, ...]


def diagnose(facts: Facts) -> list[Check]:
    """Every check, always all of them and in this order."""
    return [
        _python(facts),
        _browser(facts),
        _frames(facts),
        _sandbox(facts),
        _fonts(facts),
        _encoders(facts),
        *(_disk(disk) for disk in facts.disks),
        _processors(facts),
        _memory(facts),
        _shared_memory(facts),
        _other_program(facts),
    ]


def exit_code(checks: Sequence[Check]) -> int:
    """3 if anything failed, else 0; warnings do not count."""
    return 3 if any(check.status == "fail" for check in checks) else 0


# --- Judging ---


def _python(facts: Facts) -> Check:
    found = ".".join(map(str, facts.python[:3]))
    if facts.python[:2] >= PYTHON_MIN:
        return Check("python", "ok", found)
    return Check("python", "fail", found, "Install Python 3.11 or newer.")


def _browser(facts: Facts) -> Check:
    browser = facts.browser
    if browser is None:
        return Check("browser", "fail", facts.browser_error, "framepress doctor --install")
    found = f"{browser.version}, {browser.path} ({browser.source})"
    if facts.browser_error:
        return Check("browser", "fail", f"{found}: {facts.browser_error}", "framepress doctor --install")
    return Check("browser", "ok", found)


def _frames(facts: Facts) -> Check:
    browser = facts.browser
    if browser is None or facts.browser_error:
        return Check("frames", "fail", "no browser to try", "framepress doctor --install")
    works = facts.begin_frame if facts.begin_frame is not None else browser.has_begin_frame
    if works:
        return Check("frames", "ok", "drawn on request (BeginFrame)")
    if works is None:
        return Check("frames", "ok", "BeginFrame is expected and was not tried")
    why = f"{browser.path.name} does not draw frames on request"
    if facts.platform != "linux":
        way_out = "Rendering is correct and slow here; use Linux for large batches."
    else:
        way_out = "Rendering is correct and slow; `framepress doctor --install` gets a headless shell."
    return Check("frames", "warn", why, way_out)


def _sandbox(facts: Facts) -> Check:
    if facts.is_root:
        return Check(
            "sandbox",
            "warn",
            "off, because Chromium has none for root",
            "Run as another user before you render pages that you did not write.",
        )
    if facts.namespaces:
        return Check(
            "sandbox",
            "warn",
            f"Chromium may refuse to start: {facts.namespaces}",
            "Allow user namespaces for it, or render in a container that does.",
        )
    return Check("sandbox", "ok", "on")


def _fonts(facts: Facts) -> Check:
    if facts.fonts_missing:
        return Check("fonts", "fail", f"missing: {', '.join(facts.fonts_missing)}", "Reinstall framepress.")
    return Check("fonts", "ok", f"{len(FALLBACK_ORDER)} bundled families")


def _encoders(facts: Facts) -> Check:
    if facts.av_version is None:
        return Check("encoders", "fail", "PyAV cannot be imported", "pip install --force-reinstall av")
    missing = [name for name in ENCODERS if name not in facts.encoders]
    if missing:
        return Check(
            "encoders",
            "fail",
            f"PyAV {facts.av_version} is without {' and '.join(missing)}",
            "Install PyAV's own wheel: pip install --force-reinstall --only-binary av av",
        )
    return Check("encoders", "ok", f"{' and '.join(ENCODERS)} of PyAV {facts.av_version}")


def _disk(disk: Disk) -> Check:
    name = f"disk: {disk.purpose}"
    if disk.free_bytes is None:
        return Check(name, "fail", f"{disk.path} cannot be written", "Choose another folder.")
    found = f"{_size(disk.free_bytes)} free in {disk.path}"
    if disk.free_bytes < DISK_FAIL_BYTES:
        return Check(name, "fail", found, "Make room, or choose another folder.")
    if disk.free_bytes < DISK_WARN_BYTES:
        return Check(name, "warn", found, "Make room before a large batch.")
    return Check(name, "ok", found)


def _processors(facts: Facts) -> Check:
    machine = facts.machine
    workers = default_workers(machine.cpus, machine.available_bytes)
    return Check("processors", "ok", f"{machine.cpus:g}, so {workers} worker(s) by default")


def _memory(facts: Facts) -> Check:
    available = facts.machine.available_bytes
    if available is None:
        return Check("memory", "ok", "unknown")
    total = facts.machine.memory_bytes
    found = f"{_size(available)} available" + (f" of {_size(total)}" if total is not None else "")
    if available < WORKER_BYTES:
        return Check(
            "memory", "warn", found, f"A worker may need {_size(WORKER_BYTES)}; stop something else."
        )
    return Check("memory", "ok", found)


def _shared_memory(facts: Facts) -> Check:
    if facts.shm_bytes is None:
        status: Status = "warn" if facts.platform == "linux" else "ok"
        way_out = "Mount a tmpfs there." if status == "warn" else ""
        return Check("/dev/shm", status, "there is none", way_out)
    found = _size(facts.shm_bytes)
    if facts.shm_bytes < SHM_WARN_BYTES:
        return Check(
            "/dev/shm",
            "warn",
            found,
            "Slower than need be. Give the container more: docker run --shm-size=1g",
        )
    return Check("/dev/shm", "ok", found)


def _other_program(facts: Facts) -> Check:
    if facts.strangers:
        return Check(
            "hyperframes",
            "warn",
            f"{facts.strangers[0]} is another program of this name",
            "Call framepress by its own name, or put its folder before the other on the PATH.",
        )
    return Check("hyperframes", "ok", "no other program of this name on the PATH")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
