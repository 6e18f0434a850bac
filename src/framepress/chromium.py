"""Finds the Chromium that renders, and says what is known of it before it runs.

`chromium-headless-shell` comes first wherever it is found: only that build draws a frame when it is
asked to (BeginFrame control). Any other Chromium takes pictures of a running page, which is correct and
slow, so it is used only when there is no headless shell, and its facts say so.

Where a browser is looked for, in order (`BrowserFacts.source` names the place):

1. the option `--browser`, 2. the variable ``FRAMEPRESS_BROWSER``: if given, nothing else is tried;
3. the copy that ``framepress doctor --install`` put into the data folder;
4. a headless shell on the ``PATH``; 5. Debian's folder; 6. any other Chromium or Chrome: the slow path.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framepress.chromium_version import VERSION_TIMEOUT_S, read_version
from framepress.errors import BrowserMissing

#: Environment variable that names the browser, below the option and above everything found by looking.
BROWSER_VARIABLE = "FRAMEPRESS_BROWSER"

#: Names of builds with BeginFrame control: Debian's, Chrome for Testing's, Chromium's own build tree.
SHELL_NAMES = ("chromium-headless-shell", "chrome-headless-shell", "headless_shell")

#: Names of full browsers. Their `--headless` mode has had no BeginFrame control since version 132.
FULL_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")

#: Where Debian, Alpine and Fedora keep the binary that their wrapper in /usr/bin starts.
SYSTEM_FOLDERS = (
    Path("/usr/lib/chromium"),
    Path("/usr/lib64/chromium-browser"),
    Path("/usr/lib/chromium-browser"),
)

#: Full browsers outside the PATH.
MAC_APPLICATIONS = (
    Path("/Applications/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)

WAY_OUT = (
    "Run `framepress doctor --install`, or on Debian "
    "`apt-get install --no-install-recommends chromium-headless-shell`, "
    f"or name one with --browser or {BROWSER_VARIABLE}."
)


@dataclass(frozen=True)
class BrowserFacts:
    """What is known of a browser without having rendered anything.

    Attributes:
        path: the file to start; absolute.
        version: four numbers, such as ``"156.0.8078.79"``.
        headless_shell: it is a headless shell, judged by its name.
        has_begin_frame: False where it is known to be missing (full browsers; macOS; Windows);
            None: to be tried, see `doctor`'s probe. Never True from looking alone.
        source: where it was found: ``"option"``, ``"environment"``, ``"installed"``, ``"path"``,
            ``"system"`` or ``"fallback"`` (a full browser: the slow path).
    """

    path: Path
    version: str
    headless_shell: bool
    has_begin_frame: bool | None
    source: str


@dataclass(frozen=True)
class _Candidate:
    path: Path
    source: str


def find_browser(
    explicit: str | None,
    environ: Mapping[str, str],
    *,
    platform: str = sys.platform,
    system_folders: Sequence[Path] = SYSTEM_FOLDERS,
    timeout_s: float = VERSION_TIMEOUT_S,
) -> BrowserFacts:
    """The first browser of the order above that answers ``--version``.

    Args:
        explicit: a file or a name on the PATH; what the option `--browser` said.
        environ: the environment of the process; only the command line reads the real one.
        platform: as `sys.platform`.

    Raises:
        BrowserMissing: none was found, or none starts; or the one that was asked for does not.
            The message lists what was tried.
    """
    failures: list[str] = []
    wanted = explicit or environ.get(BROWSER_VARIABLE) or ""
    if wanted:
        source = "option" if explicit else "environment"
        label = "--browser" if explicit else BROWSER_VARIABLE
        facts = _facts(_Candidate(_named(wanted, environ), source), environ, platform, timeout_s, failures)
        if facts is None:
            # Someone who names a browser wants that one: another would change pixels without a word.
            raise BrowserMissing(f"{label}: {failures[0]} {WAY_OUT}", rule="browser-named")
        return facts
    for candidate in _candidates(environ, platform, system_folders):
        facts = _facts(candidate, environ, platform, timeout_s, failures)
        if facts is not None:
            return facts
    tried = " ".join(failures)
    found = f"No Chromium that starts was found. {tried}" if tried else "No Chromium was found."
    raise BrowserMissing(f"{found} {WAY_OUT}", rule="browser-missing")


def data_home(environ: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """The user's data folder; None where the environment names neither it nor a home folder.

    Source: XDG Base Directory Specification (a relative XDG_DATA_HOME is to be ignored).
    """
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return Path(local) if local else None
    named = environ.get("XDG_DATA_HOME", "")
    if named and Path(named).is_absolute():
        return Path(named)
    home = environ.get("HOME")
    return Path(home) / ".local" / "share" if home else None


def installed_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Where `browser_install` puts its copies: ``<data folder>/framepress/chrome``."""
    base = data_home(environ, platform)
    return base / "framepress" / "chrome" if base else None


def installed_copies(folder: Path) -> list[Path]:
    """Binaries of finished copies under `folder`, newest version first.

    A copy lies in ``<version>-<platform>/``; names that begin with a dot are unfinished.
    """
    copies: list[tuple[tuple[int, ...], Path]] = []
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            match = re.match(r"(\d+(?:\.\d+)+)-", entry.name)
            if match is None:
                continue
            version = tuple(int(part) for part in match[1].split("."))
            for name in ("chrome-headless-shell", "chrome-headless-shell.exe"):
                copies += [(version, path) for path in entry.glob(f"*/{name}")]
    return [path for _, path in sorted(copies, reverse=True)]


def _candidates(
    environ: Mapping[str, str], platform: str, system_folders: Sequence[Path]
) -> Iterator[_Candidate]:
    """Files that exist, in order, each once."""
    seen: set[Path] = set()
    for candidate in _all_candidates(environ, platform, system_folders):
        resolved = candidate.path.resolve()
        if resolved not in seen and candidate.path.is_file():
            seen.add(resolved)
            yield candidate


def _all_candidates(
    environ: Mapping[str, str], platform: str, system_folders: Sequence[Path]
) -> Iterator[_Candidate]:
    own = installed_folder(environ, platform)
    if own is not None:
        yield from (_Candidate(path, "installed") for path in installed_copies(own))
    yield from (_Candidate(path, "path") for path in _on_path(SHELL_NAMES, environ))
    for folder in system_folders:
        yield from (_Candidate(folder / name, "system") for name in SHELL_NAMES)
    yield from (_Candidate(path, "fallback") for path in _on_path(FULL_NAMES, environ))
    for folder in system_folders:
        yield from (_Candidate(folder / name, "fallback") for name in FULL_NAMES)
    if platform == "darwin":
        yield from (_Candidate(path, "fallback") for path in MAC_APPLICATIONS)


def _on_path(names: Sequence[str], environ: Mapping[str, str]) -> Iterator[Path]:
    for name in names:
        # An empty string would make shutil.which read the environment of the process.
        found = shutil.which(name, path=environ.get("PATH") or os.defpath)
        if found:
            yield Path(found).absolute()


def _named(wanted: str, environ: Mapping[str, str]) -> Path:
    """A browser that was asked for: a bare name is looked for on the PATH, as a shell would."""
    home = environ.get("HOME")
    if wanted.startswith("~/") and home:
        return Path(home) / wanted[2:]
    path = Path(wanted)
    if path.parent == Path():
        return next(_on_path([wanted], environ), path.absolute())
    return path.absolute()


def _facts(
    candidate: _Candidate,
    environ: Mapping[str, str],
    platform: str,
    timeout_s: float,
    failures: list[str],
) -> BrowserFacts | None:
    """What is known of a candidate; None, and a sentence in `failures`, if it does not start."""
    path = _behind_debian_wrapper(candidate.path)
    try:
        version = read_version(path, environ, platform=platform, timeout_s=timeout_s)
    except BrowserMissing as exc:
        failures.append(exc.message)
        return None
    shell = path.name.removesuffix(".exe") in SHELL_NAMES
    # Chromium refuses --enable-begin-frame-control on macOS; on Windows nobody has tried it here.
    maybe = shell and platform not in ("darwin", "win32")
    return BrowserFacts(
        path=path,
        version=version,
        headless_shell=shell,
        has_begin_frame=None if maybe else False,
        source=candidate.source,
    )


def _behind_debian_wrapper(path: Path) -> Path:
    """The binary that Debian's two-line wrapper starts.

    The wrapper does not `exec`, so a signal to it would leave the browser running.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.stat().st_size < 1000:
            match = re.fullmatch(r'#!/bin/sh[^\n]*\n+(/\S+/[\w-]+) "\$@"\s*', path.read_text("utf-8"))
            if match and Path(match[1]).is_file():
                return Path(match[1])
    return path
