"""The program as a user runs it: a process of its own, in a folder of its own, with its traces looked for."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

#: Ten frames of 160x90: something moves, and a name and a number stand in it.
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{{$NAME}}</title>
<script type="application/hyperframes-vars">
{"NAME": {"default": "Ada", "maxLength": 60}, "POINTS": {"type": "number", "default": "7", "min": 0}}
</script>
<style>
  body { margin: 0; background: #fff; font: 20px sans-serif }
  i { position: absolute; top: 60px; width: 20px; height: 20px; background: #06c; animation: go 1s linear }
  @keyframes go { to { transform: translateX(140px) } }
</style>
<div data-width="160" data-height="90" data-fps="10" data-duration="1">
  <p>{{$NAME}} {{$POINTS}}</p><i></i>
</div>
"""

#: Seconds after which a run that does not end has failed its test.
RUN_S = 120.0


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    stdout: bytes
    stderr: str

    def objects(self) -> list[dict[str, Any]]:
        """Standard output as JSON, line by line; anything else in it fails the test."""
        return [json.loads(line) for line in self.stdout.decode().splitlines()]

    def rows(self) -> dict[int, dict[str, Any]]:
        """Row number -> its object."""
        return {one["row"]: one for one in self.objects() if one["type"] == "row"}

    def summary(self) -> dict[str, Any]:
        last = self.objects()[-1]
        assert last["type"] == "summary"
        return last


@dataclass
class Program:
    """Runs commands in `folder`, with temporary files in `temporary` so that they can be counted.

    Attributes:
        environ: added to the environment of every command; None removes a variable.
    """

    folder: Path
    temporary: Path
    environ: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def at(cls, base: Path) -> Program:
        folder, temporary = base / "work", base / "temporary"
        folder.mkdir(parents=True)
        temporary.mkdir()
        return cls(folder, temporary)

    def write(self, name: str, content: str | bytes | Iterable[Mapping[str, object]]) -> Path:
        """A file in the folder; mappings become JSON."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        elif not isinstance(content, bytes):
            content = json.dumps(list(content)).encode()
        path.write_bytes(content)
        return path

    def start(self, *words: str, stdin: Any = subprocess.DEVNULL, **more: Any) -> subprocess.Popen[bytes]:
        """Begin ``framepress WORDS``."""
        return subprocess.Popen(
            [sys.executable, "-m", "framepress", *words],
            cwd=self.folder,
            env=self._environ(),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **more,
        )

    def run(self, *words: str, stdin: bytes | None = None, **more: Any) -> Ended:
        """``framepress WORDS``, to its end."""
        process = self.start(
            *words, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, **more
        )
        return self.wait(process, stdin)

    def shell(self, line: str) -> Ended:
        """A line as it would be pasted into a shell; the console scripts are on the PATH."""
        scripts = str(Path(sys.executable).parent)
        environ = self._environ()
        environ["PATH"] = f"{scripts}{os.pathsep}{environ.get('PATH', os.defpath)}"
        process = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return self.wait(process)

    @staticmethod
    def wait(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> Ended:
        try:
            stdout, stderr = process.communicate(stdin, timeout=RUN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return Ended(process.returncode, stdout, stderr.decode())

    def _environ(self) -> dict[str, str]:
        merged: dict[str, str | None] = {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "COLUMNS": "200",
            **self.environ,
        }
        return {name: value for name, value in merged.items() if value is not None}

    # ---- what is left -----------------------------------------------------------------------------

    def processes(self, kind: str = "") -> dict[int, str]:
        """Living processes of this folder's commands, pid -> command line; those with `kind` in it."""
        mark = os.fsencode(self.temporary)
        found: dict[int, str] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
                if not command or mark not in command + (entry / "environ").read_bytes():
                    continue
            except OSError:
                continue
            text = command.replace(b"\0", b" ").decode("utf-8", "replace")
            if kind in text and int(entry.name) != os.getpid():
                found[int(entry.name)] = text
        return found

    def workers(self) -> list[int]:
        return sorted(self.processes("framepress.pool_child"))

    def browsers(self) -> list[int]:
        """Pids of the browsers themselves, without their helpers."""
        found = self.processes("--remote-debugging-pipe")
        return sorted(pid for pid, text in found.items() if "--type=" not in text)

    def leftovers(self) -> list[str]:
        """Unfinished files and temporary folders."""
        partial = [str(path) for path in self.folder.rglob("*.partial")]
        return partial + [path.name for path in self.temporary.iterdir() if not _is_pythons_trial(path)]

    def assert_nothing_left(self) -> None:
        """No process lives on, and no temporary or half-written file is there."""
        until(lambda: not self.processes(), "processes to end")
        left = self.leftovers()
        assert left == [], left

    def kill_all(self) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def clips(self, folder: str = "out") -> dict[str, bytes]:
        """Name -> bytes of the clips in a folder."""
        return {path.name: path.read_bytes() for path in (self.folder / folder).glob("*.mp4")}


def _is_pythons_trial(path: Path) -> bool:
    """Whether Python's `tempfile` wrote it to try the folder: one that is killed just then leaves it."""
    with contextlib.suppress(OSError):
        return re.fullmatch("[a-z0-9_]{8}", path.name) is not None and path.read_bytes() in (b"", b"blat")
    return False


def until(condition: Callable[[], object], what: str, timeout_s: float = 40.0) -> None:
    """Wait for something that other processes bring about."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        time.sleep(0.01)


def frames_of(path: Path) -> int:
    """Frames that a decoder finds in a file."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
