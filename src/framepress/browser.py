"""A Chromium process: started for frame-by-frame capture, measured, and ended with all its children.

Knows the command line and the operating system; nothing of compositions.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from framepress.cdp import Connection
from framepress.errors import BrowserCrash, BrowserMissing, FrameTimeout
from framepress.process_stat import stat_fields
from framepress.temporary_folders import TEMP_PREFIX, end_browsers_of, remove_folder

#: One frame per `HeadlessExperimental.beginFrame`, no clock of its own, all stages before each draw.
FRAME_FLAGS = (
    "--enable-begin-frame-control",
    "--run-all-compositor-stages-before-draw",
    "--deterministic-mode",
    "--disable-new-content-rendering-timeout",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--disable-checker-imaging",
    "--disable-image-animation-resync",
    "--enable-surface-synchronization",
)

#: The same pixels on every machine, and no work that is not ours.
PICTURE_FLAGS = (
    "--disable-gpu",
    "--hide-scrollbars",
    "--mute-audio",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
    # What a script moves by translate3d() has no layer of its own then. Where it also scales it, an edge of
    # such a layer came out in one of two ways, from run to run. The second: colours stay as fine on a machine
    # with 512 MB.
    "--enable-low-end-device-mode",
    "--disable-rgba-4444-textures",
    "--disable-lcd-text",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-popup-blocking",
    "--disable-breakpad",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--lang=en-US",
)

#: The page is untrusted. Request interception is no wall by itself: sockets and WebRTC go round it. So
#: every connection is sent to a proxy that does not exist, names do not resolve, and UDP is off.
WALL_FLAGS = (
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--block-new-web-contents",
    "--disable-features=WebTransport,MediaRouter,OptimizationHints,Translate,"
    "DialMediaRouteProvider,AcceptCHFrame,PaintHolding,LocalNetworkAccessChecks",
    "--disable-blink-features=WebTransport,DirectSockets",
)

#: Bytes of the pipe to and from Chromium; a whole screenshot passes with few switches between processes.
PIPE_BYTES = 1 << 20

#: Shared memory below which Chromium is told to use files instead. Docker's default is 64 MB, and a
#: 1080p page with a few layers overruns it and crashes.
SHM_BYTES_MIN = 256 << 20


@dataclass(frozen=True)
class BrowserOptions:
    """How a browser is started.

    Attributes:
        path: the executable, see `chromium.find_browser`.
        begin_frame: it is a headless shell that draws on command; else `Page.captureScreenshot` is used.
        sandbox: keep Chromium's sandbox. Off only when we run as root, where it cannot work.
        fontconfig: FONTCONFIG_FILE for it; None: the machine's own fonts.
        extra_flags: appended last.
    """

    path: Path
    begin_frame: bool = True
    sandbox: bool = True
    fontconfig: Path | None = None
    extra_flags: tuple[str, ...] = ()

    @property
    def capture(self) -> Literal["begin-frame", "screenshot"]:
        """How its pictures are taken, as results name it."""
        return "begin-frame" if self.begin_frame else "screenshot"


def default_sandbox() -> bool:
    """The sandbox stays on unless we are root (Chromium refuses to start sandboxed as root)."""
    return not (hasattr(os, "geteuid") and os.geteuid() == 0)


class Browser:
    """A running Chromium and the connection to it. Use as a context manager, or call `close`.

    Raises:
        BrowserMissing: it does not start; its last words are in the message.
    """

    def __init__(self, options: BrowserOptions, *, start_timeout_s: float = 30.0) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-"))
        self._stderr: IO[bytes] = (self.folder / "stderr.log").open("w+b")
        try:
            self._process, self.connection = self._start()
            facts = self.connection.call("Browser.getVersion", timeout_s=start_timeout_s)
        except (OSError, BrowserCrash, FrameTimeout) as exc:
            last_words = self._last_words()
            self.kill()
            raise BrowserMissing(
                f"{options.path} does not start{last_words}. Run `framepress doctor`.",
                rule="browser-does-not-start",
            ) from exc
        except BaseException:
            # Ctrl-C while it starts: nobody else knows of it yet.
            self.kill()
            raise
        self.version: str = facts["product"].rpartition("/")[2]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        _widen(to_write, from_write)
        shell = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
        command = [str(self.options.path), *self._flags()]
        # A shell moves the pipes to the numbers that Chromium expects: `preexec_fn` could overwrite the
        # descriptor on which `subprocess` reports a failed start. A shell redirects from one digit only,
        # hence the detour by /bin/bash, which takes any.
        shell_path = shutil.which("bash") or "/bin/bash"
        try:
            process = subprocess.Popen(
                [shell_path, "-c", shell, "framepress-chromium", str(to_read), str(from_write), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                env=self._environment(),
                pass_fds=(to_read, from_write),
                start_new_session=True,
            )
        except OSError:
            os.close(to_write)
            os.close(from_read)
            raise
        finally:
            os.close(to_read)
            os.close(from_write)
        return process, Connection(from_read, to_write)

    def _flags(self) -> list[str]:
        flags = ["--remote-debugging-pipe=cbor", f"--user-data-dir={self.folder / 'profile'}"]
        if self.options.begin_frame:
            flags += FRAME_FLAGS
        flags += ["--headless", *PICTURE_FLAGS, *WALL_FLAGS]
        if not self.options.sandbox:
            flags.append("--no-sandbox")
        if _shared_memory_bytes() < SHM_BYTES_MIN:
            flags.append("--disable-dev-shm-usage")
        return [*flags, *self.options.extra_flags, "about:blank"]

    def _environment(self) -> dict[str, str]:
        # Nothing of the caller's environment gets in: proxies, credentials and locales stay outside.
        environment = {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        if self.options.fontconfig is not None:
            environment["FONTCONFIG_FILE"] = str(self.options.fontconfig)
        return environment

    def _last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self._stderr.seek(0)
            lines = [line for line in self._stderr.read().decode("utf-8", "replace").splitlines() if line]
            if lines:
                return f": {lines[-1][:300]}"
        return ""

    def close(self, *, grace_s: float = 3.0) -> None:
        """End the browser, first kindly, after `grace_s` seconds with SIGKILL; its folder is removed."""
        if not self.connection.closed:
            with contextlib.suppress(BrowserCrash, FrameTimeout):
                self.connection.call("Browser.close", timeout_s=grace_s)
            self.connection.close()
        deadline = time.monotonic() + grace_s
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        self.kill()

    def kill(self) -> None:
        """End the whole process group now. May be called more than once."""
        process: subprocess.Popen[bytes] | None = getattr(self, "_process", None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.connection.close()
        else:
            # A signal may have come between its start and the note of its number.
            end_browsers_of(self.folder)
        self._stderr.close()
        remove_folder(self.folder)

    def memory_bytes(self) -> int:
        """Anonymous memory of the browser and all its children; 0 where /proc is missing."""
        return sum(_anonymous_bytes(pid) for pid in _session_members(self.pid))

    def cpu_seconds(self) -> float:
        """Processor seconds of all its living processes."""
        return sum(_cpu_seconds(pid) for pid in _session_members(self.pid))


def _widen(*fds: int) -> None:
    if sys.platform != "linux":
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    for fd in fds:
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _shared_memory_bytes() -> int:
    try:
        facts: Any = os.statvfs("/dev/shm")
    except OSError:
        return SHM_BYTES_MIN
    return int(facts.f_frsize * facts.f_blocks)


def _session_members(session: int) -> list[int]:
    members = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            pid = int(entry.name)
            if int(stat_fields(pid)[3]) == session:
                members.append(pid)
    return members


def _anonymous_bytes(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(OSError, IndexError, ValueError):
        # utime and stime are fields 14 and 15 of all.
        fields = stat_fields(pid)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
