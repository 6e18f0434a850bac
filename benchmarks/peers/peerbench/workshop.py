"""The work folder: the peers from npm, Node, Chromium, and what machine this is."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peerbench import meter
from peerbench.card import SOURCES

#: Looked for in this order. A headless shell, because only it gives frames on request (BeginFrame), which
#: HyperFrames uses when it can.
_BROWSERS = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "google-chrome")

#: No browser is fetched: all programs use the same Chromium, and the machine may have no network.
_WITHOUT_DOWNLOADS = {
    "PUPPETEER_SKIP_DOWNLOAD": "1",
    "PUPPETEER_SKIP_CHROMIUM_DOWNLOAD": "1",
    "HYPERFRAMES_NO_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "NO_UPDATE_NOTIFIER": "1",
}


class BenchmarkError(Exception):
    """Something the benchmark needs is missing, or a program failed. The message says what to do."""


@dataclass(frozen=True)
class Workshop:
    """Where everything is. `folder` is the root of the npm installation."""

    folder: Path
    node: Path
    browser: Path

    def environment(self) -> dict[str, str]:
        """The environment of the peers: Node 22 first on the PATH, a home folder of their own."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            **os.environ,
            **_WITHOUT_DOWNLOADS,
            "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(home),
            "HYPERFRAMES_BROWSER_PATH": str(self.browser),
            # Otherwise it gives up when any of its ancestors ends, such as the shell behind a `nohup`.
            "HYPERFRAMES_RENDER_DETACHED": "1",
        }


def open_workshop(folder: Path, browser: str | None) -> Workshop:
    """Install the pinned packages unless they are there, and find Chromium and ffmpeg.

    Raises:
        BenchmarkError: npm, Chromium or ffmpeg is missing, or npm failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = next(filter(None, map(shutil.which, (browser,) if browser else _BROWSERS)), None)
    if found is None:
        raise BenchmarkError(f"no browser: looked for {browser or ', '.join(_BROWSERS)}. Use --browser PATH.")
    for tool in ("npm", "ffmpeg"):
        if shutil.which(tool) is None:
            raise BenchmarkError(f"{tool} is not on the PATH; the peers need it.")
    _install(folder)
    node = folder / "node_modules" / "node" / "bin" / "node"
    if not node.exists():
        raise BenchmarkError(
            f"{node} is missing although npm install ended well: npm did not run the install script of the "
            "package `node`. Allow it (npm install-scripts approve node), or use an npm that runs it."
        )
    return Workshop(folder, node, Path(found))


def run_command(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    timeout_s: float,
    statuses: Collection[int] = (0,),
) -> str:
    """Run to the end and return standard output; both outputs are kept in `log`.

    Raises:
        BenchmarkError: exit status not in `statuses`, or longer than `timeout_s`, and then all that it
            started is ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as errors:
        try:
            done = subprocess.run(
                list(map(str, command)),
                env=dict(env),
                cwd=cwd,
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=timeout_s,
                check=False,
                text=True,
            )
        except subprocess.TimeoutExpired as exc:
            meter.end_leftovers()
            raise BenchmarkError(f"{command[0]} took longer than {timeout_s:.0f} s; see {log}") from exc
        errors.write(f"\n--- standard output ---\n{done.stdout}")
    if done.returncode not in statuses:
        raise BenchmarkError(f"{command[0]} ended with status {done.returncode}; see {log}")
    return done.stdout


def describe_machine(workshop: Workshop) -> list[tuple[str, str]]:
    """Facts that a speed depends on, as pairs of label and value."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = (
        platform.freedesktop_os_release().get("PRETTY_NAME", "") if Path("/etc/os-release").exists() else ""
    )
    return [
        ("Date", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("Machine", f"{_cpu_model()}, {len(os.sched_getaffinity(0))} CPUs, {memory_gb:.0f} GB"),
        ("System", f"{system}, Linux {platform.release()}, {platform.machine()}"),
        ("Load at the start", f"{os.getloadavg()[0]:.2f} (one-minute average; near 0 on a quiet machine)"),
        (
            "Browser",
            f"{_first_line([workshop.browser, '--version'])} ({workshop.browser.name}), for all programs",
        ),
        ("ffmpeg on the PATH", _first_line(["ffmpeg", "-version"]).split(" Copyright")[0]),
        ("Node", _first_line([workshop.node, "--version"])),
        ("Python", platform.python_version()),
        ("Commit", _first_line(["git", "-C", SOURCES, "describe", "--always", "--dirty", "--abbrev=12"])),
    ]


def _install(folder: Path) -> None:
    wanted = (SOURCES / "package.json").read_bytes()
    stamp = folder / "installed.json"
    if stamp.exists() and stamp.read_bytes() == wanted:
        return
    (folder / "package.json").write_bytes(wanted)
    env = {**os.environ, **_WITHOUT_DOWNLOADS}
    command = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
    run_command(command, env=env, cwd=folder, log=folder / "logs" / "npm.log", timeout_s=900)
    stamp.write_bytes(wanted)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _first_line(command: Sequence[str | Path]) -> str:
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip().partition("\n")[0]
