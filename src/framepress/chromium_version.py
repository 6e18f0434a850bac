"""Asks a browser for its version: the first thing that shows whether it starts at all."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from framepress.errors import BrowserMissing

#: Seconds for ``--version``. It takes 0.03 s; a cold network disk has needed several.
VERSION_TIMEOUT_S = 20.0

_VERSION = re.compile(r"\b(\d+\.\d+\.\d+\.\d+)\b")


def read_version(
    path: Path,
    environ: Mapping[str, str],
    *,
    platform: str = sys.platform,
    timeout_s: float = VERSION_TIMEOUT_S,
) -> str:
    """The four-number version of a browser, from ``--version``.

    On Windows the option opens a window instead, so the version is read from the name of the folder
    or manifest that lies beside the program.

    Raises:
        BrowserMissing: it cannot be started, says nothing useful, or took longer than `timeout_s`.
    """
    if not path.is_file():
        raise BrowserMissing(f"{path} is not a file.", rule="browser-not-a-file")
    if platform == "win32":
        return _version_beside(path)
    output = _run_version(path, environ, timeout_s)
    match = _VERSION.search(output)
    if match is None:
        said = output.strip().splitlines()
        shown = f'"{said[-1][:200]}"' if said else "nothing"
        raise BrowserMissing(
            f"{path} --version said {shown}, not a version of Chromium.", rule="browser-no-version"
        )
    return match[1]


def _run_version(path: Path, environ: Mapping[str, str], timeout_s: float) -> str:
    try:
        process = subprocess.Popen(
            [os.fspath(path), "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environ, "LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as exc:
        raise BrowserMissing(
            f"{path} cannot be started: {exc.strerror or exc}.", rule="browser-no-start"
        ) from exc
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as exc:
        raise BrowserMissing(
            f"{path} --version gave no answer in {timeout_s:g} s.", rule="browser-timeout"
        ) from exc
    finally:
        _end(process)
    return output.decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group: a wrapper script dies alone and leaves the browser holding the pipe."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _version_beside(path: Path) -> str:
    with contextlib.suppress(OSError):
        names = [entry.name.removesuffix(".manifest") for entry in path.parent.iterdir()]
        found = [name for name in names if _VERSION.fullmatch(name)]
        if found:
            return max(found, key=lambda name: [int(part) for part in name.split(".")])
    match = _VERSION.search(os.fspath(path.parent))
    if match is None:
        raise BrowserMissing(f"The version of {path} cannot be told.", rule="browser-no-version")
    return match[1]
