"""Looks at the machine for `doctor`: finds faults instead of raising them, and changes nothing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from framepress.chromium import BrowserFacts, find_browser
from framepress.doctor import ENCODERS, Disk, Facts
from framepress.errors import FramepressError
from framepress.fontconfig import FALLBACK_ORDER, FONT_FOLDER
from framepress.machine import read_machine

#: Starts the browser and draws one frame; returns whether BeginFrame control works. Raises a
#: FramepressError if the browser does not start.
Probe = Callable[[BrowserFacts], bool]


def gather(
    environ: Mapping[str, str],
    *,
    browser: str | None = None,
    folders: Mapping[str, Path] = {},
    probe: Probe | None = None,
    root: Path = Path("/"),
) -> Facts:
    """Look at this machine. Finds faults instead of raising them.

    Args:
        browser: what the option `--browser` said.
        folders: purpose -> folder that will be written, such as ``{"output": Path("out")}``; it need not
            exist yet.
        probe: see `Probe`; None: the browser is only asked for its version.
        root: where ``proc`` and ``dev`` are; for tests.
    """
    av_version, encoders = _look_at_av()
    facts = Facts(
        python=tuple(sys.version_info[:3]),
        platform=sys.platform,
        is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
        browser=None,
        browser_error="",
        begin_frame=None,
        namespaces=forbidden_namespaces(root),
        fonts_missing=missing_fonts(FONT_FOLDER),
        av_version=av_version,
        encoders=encoders,
        disks=tuple(Disk(purpose, path, free_bytes(path)) for purpose, path in folders.items()),
        machine=read_machine(root=root),
        shm_bytes=_total_bytes(root / "dev/shm"),
        strangers=tuple(strangers(environ, Path(sys.executable).parent)),
    )
    return _with_browser(facts, environ, browser, probe)


def _with_browser(
    facts: Facts, environ: Mapping[str, str], explicit: str | None, probe: Probe | None
) -> Facts:
    try:
        facts = replace(facts, browser=find_browser(explicit, environ))
        if probe is not None and facts.browser is not None:
            facts = replace(facts, begin_frame=probe(facts.browser))
    except FramepressError as exc:
        facts = replace(facts, browser_error=exc.message)
    return facts


def _look_at_av() -> tuple[str | None, frozenset[str]]:
    try:
        import av  # noqa: PLC0415  a broken wheel is one of the faults to be found
    except (ImportError, OSError):
        return None, frozenset()
    found = set()
    for name in ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except (ValueError, av.FFmpegError):
            continue
        found.add(name)
    return av.__version__, frozenset(found)


def forbidden_namespaces(root: Path) -> str:
    """What keeps user namespaces from those who are not root; empty if nothing is known to.

    Sources: Debian's patch for the first, user_namespaces(7) for the second, Ubuntu 23.10's release
    notes for the third.
    """
    switches = (
        ("kernel/unprivileged_userns_clone", "0"),
        ("user/max_user_namespaces", "0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    )
    for name, bad in switches:
        try:
            value = (root / "proc/sys" / name).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if value == bad:
            return f"{name.replace('/', '.')} is {value}"
    return ""


def missing_fonts(folder: Path) -> tuple[str, ...]:
    """Fallback families that have no file in `folder`."""
    try:
        names = [path.name.casefold() for path in folder.iterdir() if path.suffix in (".ttf", ".otf")]
    except OSError:
        names = []
    return tuple(
        family
        for family in FALLBACK_ORDER
        if not any(name.startswith(family.replace(" ", "").casefold()) for name in names)
    )


def free_bytes(path: Path) -> int | None:
    """Free bytes where `path` is or will be; None if it cannot be written or made."""
    existing = path.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return None
    try:
        return shutil.disk_usage(existing).free
    except OSError:
        return None


def _total_bytes(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).total
    except OSError:
        return None


def strangers(environ: Mapping[str, str], own_folder: Path) -> Iterator[Path]:
    """Programs called `hyperframes` that would be started by that name before ours."""
    for folder in environ.get("PATH", "").split(os.pathsep):
        program = Path(folder) / "hyperframes"
        if not folder or not program.is_file():
            continue
        if Path(folder).absolute() == own_folder.absolute() or _is_ours(program):
            return
        yield program


def _is_ours(program: Path) -> bool:
    """The start script that pip writes imports framepress; so do those of pipx and uv."""
    try:
        with program.open("rb") as file:
            return b"framepress" in file.read(4096)
    except OSError:
        return False
