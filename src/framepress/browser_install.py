"""Gets a headless shell onto the machine: Debian's package, else a pinned copy in the data folder.

Debian's package comes first where there is one, because Debian keeps it patched. Everywhere else, and
where apt-get fails, the pinned build of Chrome for Testing is downloaded (see `browser_copy`).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from framepress.browser_copy import BASE_URL, Host, find_release, install_release
from framepress.chromium import BROWSER_VARIABLE, SYSTEM_FOLDERS, BrowserFacts, find_browser
from framepress.download import Progress
from framepress.errors import BrowserMissing, EnvironmentFault, UsageError

PACKAGE = "chromium-headless-shell"

#: What a person types who may become root.
APT_COMMAND = f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {PACKAGE}"

#: Shared libraries of the downloaded build on Ubuntu, newest name first (t64 since 24.04).
#: Source: the packages Playwright's installer names for headless Chromium on Ubuntu 22.04 and 24.04.
LIBRARIES: tuple[tuple[str, ...], ...] = (
    ("libasound2t64", "libasound2"),
    ("libatk-bridge2.0-0t64", "libatk-bridge2.0-0"),
    ("libatk1.0-0t64", "libatk1.0-0"),
    ("libatspi2.0-0t64", "libatspi2.0-0"),
    ("libcairo2",),
    ("libcups2t64", "libcups2"),
    ("libdbus-1-3",),
    ("libdrm2",),
    ("libgbm1",),
    ("libglib2.0-0t64", "libglib2.0-0"),
    ("libnspr4",),
    ("libnss3",),
    ("libpango-1.0-0",),
    ("libx11-6",),
    ("libxcb1",),
    ("libxcomposite1",),
    ("libxdamage1",),
    ("libxext6",),
    ("libxfixes3",),
    ("libxkbcommon0",),
    ("libxrandr2",),
)

Method = Literal["auto", "apt", "download"]

#: `find_browser` for one machine: takes what was asked for, or None.
Look = Callable[[str | None], BrowserFacts]


class Run(Protocol):
    """Runs a command, its output on standard error or nowhere; its exit code, 127 if it is missing."""

    def __call__(self, command: Sequence[str], *, quiet: bool = False) -> int: ...


def install_browser(
    environ: Mapping[str, str],
    *,
    host: Host | None = None,
    method: Method = "auto",
    version: str | None = None,
    sha256: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    on_progress: Progress | None = None,
    run: Run | None = None,
    base_url: str = BASE_URL,
    system_folders: Sequence[Path] = SYSTEM_FOLDERS,
) -> BrowserFacts:
    """Install a headless shell; does nothing if the wanted one is there already.

    Args:
        method: ``"auto"``: Debian's package where there is one, else, or if that fails, the download.
        version, sha256: another build than the pinned one; both or neither. They imply the download.
        say: gets a sentence before every step, for standard error.
        run: replaces `subprocess`; for tests.

    Raises:
        UsageError: only one of `version` and `sha256`.
        EnvironmentFault, StorageFault: what failed, and the command a person can give.
    """
    if bool(version) != bool(sha256):
        raise UsageError("A browser version needs its SHA-256 and the other way round: give both.")
    host = host or Host.read(environ)
    apt = Apt(host, run or _runner(environ), say)
    unnamed = {**environ, BROWSER_VARIABLE: ""}
    look = partial(find_browser, environ=environ, platform=host.platform, system_folders=system_folders)
    if method == "apt" or (method == "auto" and version is None and host.has_debian_package):
        # What someone named is no reason to leave the package out.
        found = _install_package(apt, partial(look, environ=unnamed), must=method == "apt")
        if found is not None:
            return found
    release = find_release(host, version, sha256)
    binary = install_release(release, environ, host, say=say, on_progress=on_progress, base_url=base_url)
    try:
        return look(str(binary))
    except BrowserMissing as exc:
        if not (host.has_apt and apt.is_allowed()):
            raise _missing_libraries(binary, exc) from exc
        say(f"{exc.message} Its shared libraries may be missing.")
        apt.update()
        apt.install([name for names in LIBRARIES for name in apt.first_known(names)])
    try:
        return look(str(binary))
    except BrowserMissing as exc:
        raise _missing_libraries(binary, exc) from exc


def _missing_libraries(binary: Path, cause: BrowserMissing) -> BrowserMissing:
    return BrowserMissing(
        f"{binary} was installed and does not start: {cause.message} If a shared library is named, install "
        f"the packages that {binary.parent / 'deb.deps'} lists (or your system's for them).",
        rule="browser-libraries",
    )


def _runner(environ: Mapping[str, str]) -> Run:
    def run(command: Sequence[str], *, quiet: bool = False) -> int:
        # Standard output belongs to --json.
        output = subprocess.DEVNULL if quiet else sys.stderr
        try:
            return subprocess.run(
                command,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            ).returncode
        except OSError:
            return 127

    return run


@dataclass(frozen=True)
class Apt:
    """apt-get, as root or through a sudo that asks for no password."""

    host: Host
    run: Run
    say: Callable[[str], None]

    def is_allowed(self) -> bool:
        return self.host.is_root or (self.host.has_sudo and self.run(["sudo", "-n", "true"], quiet=True) == 0)

    def update(self) -> None:
        """Fetch the package lists; without them what is here may still do."""
        if self.run(self._command("update", "-q")) != 0:
            self.say("apt-get update failed; going on with the package lists that are here.")

    def install(self, packages: Sequence[str]) -> bool:
        """Install without recommended packages; False if that failed (apt has said why)."""
        self.say(f"Installing {' '.join(packages)} with apt-get.")
        return self.run(self._command("install", "-q", "-y", "--no-install-recommends", *packages)) == 0

    def first_known(self, names: Sequence[str]) -> list[str]:
        """The first name that apt has a package for, or nothing."""
        for name in names:
            if self.run(["apt-cache", "show", name], quiet=True) == 0:
                return [name]
        return []

    def _command(self, *arguments: str) -> list[str]:
        # sudo empties the environment, so the variable is set behind it.
        root = [] if self.host.is_root else ["sudo", "-n"]
        options = ["-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120"]
        return [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, *arguments]


def _install_package(
    apt: Apt, look: Callable[[str | None], BrowserFacts], *, must: bool
) -> BrowserFacts | None:
    """Debian's package; None if it cannot be had and the download may be tried."""
    with contextlib.suppress(BrowserMissing):
        facts = look(None)
        if facts.source in ("path", "system") and facts.headless_shell:
            apt.say(f"{facts.path} ({facts.version}) is there already.")
            return facts
    if not apt.is_allowed():
        raise EnvironmentFault(
            f"Installing {PACKAGE} needs root, and sudo is missing or asks for a password. "
            f"Run `{APT_COMMAND}`, or `framepress doctor --install --download` for a copy of your own.",
            rule="install-root",
        )
    apt.update()
    if apt.install([PACKAGE]):
        return look(PACKAGE)
    if must:
        raise EnvironmentFault(f"apt-get could not install {PACKAGE}; see above.", rule="install-apt")
    apt.say(f"apt-get could not install {PACKAGE}; downloading Chrome for Testing's build instead.")
    return None
