"""Our own copy of a headless shell: which build, where it lies, and how it gets there whole.

Builds are Chrome for Testing's, pinned with size and SHA-256 in ``chrome_for_testing.json``. A copy lies
in ``<data folder>/framepress/chrome/<version>-<platform>/`` with a ``receipt.json`` (version, sha256,
url); the folder appears in one rename when it is complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform as platform_module
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from framepress.chromium import installed_folder
from framepress.download import Progress, Wanted, fetch
from framepress.errors import EnvironmentFault, StorageFault, UsageError
from framepress.unzip import unzip

BASE_URL = "https://storage.googleapis.com/chrome-for-testing-public"

#: Free bytes wanted per byte of the zip: the zip, and what it unpacks to (2.3 times as much).
SPACE_FACTOR = 4


@dataclass(frozen=True)
class Host:
    """What the choice depends on.

    Attributes:
        platform: as `sys.platform`.
        machine: as `platform.machine()`.
        distribution: ID of os-release, then its ID_LIKE words; empty where there is none.
    """

    platform: str
    machine: str
    distribution: tuple[str, ...]
    is_root: bool
    has_apt: bool
    has_sudo: bool

    @classmethod
    def read(cls, environ: Mapping[str, str], os_release: Path = Path("/etc/os-release")) -> Host:
        """The facts of this machine."""
        path = environ.get("PATH") or os.defpath
        fields: dict[str, str] = {}
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in os_release.read_text("utf-8").splitlines():
                name, _, value = line.partition("=")
                fields[name] = value.strip().strip("\"'")
        return cls(
            platform=sys.platform,
            machine=platform_module.machine(),
            distribution=tuple(f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".split()),
            is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
            has_apt=shutil.which("apt-get", path=path) is not None,
            has_sudo=shutil.which("sudo", path=path) is not None,
        )

    @property
    def has_debian_package(self) -> bool:
        """Debian and what follows it has the package; Ubuntu and its kin have a stub for a snap."""
        return self.has_apt and "debian" in self.distribution and "ubuntu" not in self.distribution


@dataclass(frozen=True)
class Release:
    """One downloadable build: Chrome for Testing's version and platform, and how to know its zip."""

    version: str
    platform: str
    sha256: str
    size_bytes: int | None = None

    @property
    def folder_name(self) -> str:
        return f"{self.version}-{self.platform}"

    @property
    def binary(self) -> str:
        """The program's path in the zip."""
        suffix = ".exe" if self.platform.startswith("win") else ""
        return f"chrome-headless-shell-{self.platform}/chrome-headless-shell{suffix}"

    def url(self, base_url: str = BASE_URL) -> str:
        return f"{base_url}/{self.version}/{self.platform}/chrome-headless-shell-{self.platform}.zip"


def pinned() -> dict[str, Any]:
    """The pins, as in ``chrome_for_testing.json``: version, and per platform bytes and sha256."""
    text = resources.files("framepress").joinpath("chrome_for_testing.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def platform_name(host: Host) -> str | None:
    """Chrome for Testing's name for this kind of machine; None where it has no build."""
    machine = {"amd64": "x86_64", "aarch64": "arm64"}.get(host.machine.lower(), host.machine.lower())
    names = {
        ("linux", "x86_64"): "linux64",
        ("linux", "arm64"): "linux-arm64",
        ("darwin", "arm64"): "mac-arm64",
        ("darwin", "x86_64"): "mac-x64",
        ("win32", "x86_64"): "win64",
        ("win32", "arm64"): "win64",  # Windows runs it in emulation; there is no build for it.
    }
    return names.get((host.platform, machine))


def find_release(host: Host, version: str | None = None, sha256: str | None = None) -> Release:
    """The build for this machine: the pinned one, or the one that was asked for.

    Raises:
        EnvironmentFault: there is no build for this machine, or none whose digest is known.
    """
    name = platform_name(host)
    if name is None:
        raise EnvironmentFault(
            f"Chrome for Testing has no build for {host.platform} on {host.machine}. Install a "
            "chromium-headless-shell by other means and name it with --browser.",
            rule="install-platform",
        )
    if version and sha256:
        if not all(part.isdecimal() for part in version.split(".")) or version.count(".") != 3:
            raise UsageError(f'The browser version "{version}" is not four numbers with dots.')
        if len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef"):
            raise UsageError("The browser's SHA-256 is not 64 hexadecimal digits.")
        return Release(version, name, sha256.lower())
    pins = pinned()
    pin = pins["platforms"].get(name)
    if pin is None:
        raise EnvironmentFault(
            f"No digest is known for Chrome for Testing {pins['version']} on {name}, and nothing is unpacked "
            "unchecked. Give one with --browser-version and --browser-sha256.",
            rule="install-unpinned",
        )
    return Release(pins["version"], name, pin["sha256"], pin["bytes"])


def install_release(
    release: Release,
    environ: Mapping[str, str],
    host: Host,
    *,
    say: Callable[[str], None] = lambda _: None,
    on_progress: Progress | None = None,
    base_url: str = BASE_URL,
) -> Path:
    """Download, check and unpack one build, once; returns its program.

    Safe to run twice at the same time, and after being killed at any moment.

    Raises:
        EnvironmentFault, StorageFault: nothing has changed except for ``.part`` files.
    """
    folder = installed_folder(environ, host.platform)
    if folder is None:
        raise EnvironmentFault(
            "There is no data folder to install into: set HOME or XDG_DATA_HOME.", rule="no-home"
        )
    final = folder / release.folder_name
    binary = final / release.binary
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / ".lock"):
            if _is_installed(final, release):
                say(f"{binary} is there already.")
                return binary
            _check_space(folder, release)
            say(f"Downloading {release.url(base_url)}")
            archive = folder / f".{release.folder_name}-{release.sha256[:12]}.zip"
            wanted = Wanted(release.url(base_url), release.sha256, release.size_bytes)
            fetch(wanted, archive, environ=environ, on_progress=on_progress)
            say(f"Unpacking into {final}")
            _put_in_place(archive, final, release, base_url)
    except OSError as exc:
        raise StorageFault(
            f"{folder} cannot be written: {exc.strerror or exc}. Set XDG_DATA_HOME to another folder.",
            rule="disk",
        ) from exc
    return binary


def _is_installed(final: Path, release: Release) -> bool:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        receipt = json.loads((final / "receipt.json").read_text("utf-8"))
        return bool(receipt["sha256"] == release.sha256) and (final / release.binary).is_file()
    return False


def _check_space(folder: Path, release: Release) -> None:
    needed = (release.size_bytes or 130_000_000) * SPACE_FACTOR
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageFault(
            f"{folder} has {free // 1_000_000} MB free, {needed // 1_000_000} MB are needed for the browser.",
            rule="disk-space",
        )


def _put_in_place(archive: Path, final: Path, release: Release, base_url: str) -> None:
    """Unpack beside `final` and rename. The archive goes in any case: a sound one is not needed again."""
    staging = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=final.parent))
    try:
        unzip(archive, staging / "new")
        program = staging / "new" / release.binary
        if not program.is_file():
            raise EnvironmentFault(f"{archive} holds no {release.binary}.", rule="zip-content")
        program.chmod(0o755)
        receipt = {"version": release.version, "sha256": release.sha256, "url": release.url(base_url)}
        (staging / "new" / "receipt.json").write_text(json.dumps(receipt), "utf-8")
        if final.exists():
            final.rename(staging / "old")
        (staging / "new").rename(final)
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One installation at a time; the lock goes with the process. Also removes what killed ones left."""
    with path.open("ab") as file:
        if sys.platform != "win32":
            import fcntl  # noqa: PLC0415  there is none on Windows

            fcntl.flock(file, fcntl.LOCK_EX)
        for left in path.parent.glob(".unpacking-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
