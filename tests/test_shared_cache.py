"""The second level: pieces travel between machines, and a store that fails, lies or hangs costs only seconds.

Method: an S3 emulator on loopback, a folder, and a server that never answers; cache folders as machines.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from framepress.cache import Cache
from framepress.cache_options import cache_options
from framepress.errors import UsageError
from framepress.keys import digest_bytes
from framepress.shared_cache import SharedCache, SharedOptions, check_url
from program import Program, until

KEY = digest_bytes(b"one")
BUCKET = "pieces"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """Address of an S3 emulator that ends with the tests of this file."""
    port = free_port()
    program = "from moto.server import main; main()"
    command = [sys.executable, "-c", program, "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: server.poll() is None and _answers(url), "the emulator", 60)
        yield url
    finally:
        server.kill()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/", timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> SharedOptions:
    """An empty bucket, with the environment that leads there."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{s3_url}/moto-api/reset", method="POST")).close()
    urllib.request.urlopen(urllib.request.Request(f"{s3_url}/{BUCKET}", method="PUT")).close()
    return SharedOptions(f"s3://{BUCKET}/team", allow_http=True)


@pytest.fixture(params=["s3", "file"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> SharedOptions:
    if request.param == "s3":
        found: SharedOptions = request.getfixturevalue("s3")
        return found
    return SharedOptions(f"file://{tmp_path}/store")


class Machine:
    """A cache folder with its second level; notes are what a person is told."""

    def __init__(self, folder: Path, options: SharedOptions) -> None:
        self.notes: list[str] = []
        self.shared = SharedCache(options, self.notes.append)
        self.cache = Cache(folder, shared=self.shared)


@pytest.mark.parametrize(
    ("kind", "size"),
    [("artifact", 100_000), ("plan", 0), ("segment", 1), ("segment", (8 << 20) + 12_345)],
)
def test_a_piece_of_one_machine_is_found_on_another(
    tmp_path: Path, options: SharedOptions, kind: str, size: int
) -> None:
    one, two = Machine(tmp_path / "1", options), Machine(tmp_path / "2", options)
    data = os.urandom(size)
    assert two.cache.get(kind, KEY) is None
    one.cache.put_bytes(kind, KEY, data)
    one.cache.close()
    assert two.cache.get_bytes(kind, KEY) == data
    assert two.cache.counters.hits == 1
    assert (one.shared.counters.sent, two.shared.counters.fetched) == (1, 1)
    assert two.cache.get_bytes(kind, KEY) == data
    assert two.shared.counters.fetched == 1, "it is local now"
    two.cache.close()
    assert two.shared.counters.sent == 0, "and does not go back"
    assert one.notes == two.notes == []


def test_plates_stay_at_home(tmp_path: Path, options: SharedOptions) -> None:
    one, two = Machine(tmp_path / "1", options), Machine(tmp_path / "2", options)
    one.cache.put_bytes("plate", KEY, b"raw")
    one.cache.close()
    assert two.cache.get("plate", KEY) is None
    assert one.shared.counters == two.shared.counters == SharedCache(options).counters


@pytest.mark.parametrize("damage", ["cut", "changed", "no piece at all", "empty"])
def test_a_damaged_object_counts_as_missing_and_is_replaced(tmp_path: Path, damage: str) -> None:
    options = SharedOptions(f"file://{tmp_path}/store")
    one, two = Machine(tmp_path / "1", options), Machine(tmp_path / "2", options)
    one.cache.put_bytes("segment", KEY, b"a segment")
    one.cache.close()
    (path,) = (path for path in (tmp_path / "store").rglob("*") if path.is_file())
    data = path.read_bytes()
    path.write_bytes(
        {"cut": data[:-1], "changed": data[:-1] + b"T", "no piece at all": b"<html>" * 50, "empty": b""}[
            damage
        ]
    )
    assert two.cache.get("segment", KEY) is None
    assert two.shared.counters.damaged == 1
    assert list((tmp_path / "2/tmp").iterdir()) == []
    two.cache.put_bytes("segment", KEY, b"a segment")
    two.cache.close()
    assert path.read_bytes() == data
    assert two.notes == []


def test_a_piece_that_is_pruned_before_it_was_sent_is_sent_all_the_same(
    tmp_path: Path, s3: SharedOptions
) -> None:
    one, two = Machine(tmp_path / "1", s3), Machine(tmp_path / "2", s3)
    for number in range(20):
        one.cache.put_bytes("segment", digest_bytes(b"%d" % number), bytes([number]) * 1000)
        one.cache.clear()
    one.cache.close()
    for number in range(20):
        assert two.cache.get_bytes("segment", digest_bytes(b"%d" % number)) == bytes([number]) * 1000


@pytest.fixture(params=["refused", "silent", "no such bucket"])
def bad_store(
    request: pytest.FixtureRequest, s3: SharedOptions, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SharedOptions]:
    if request.param == "no such bucket":
        yield SharedOptions("s3://nowhere/team", allow_http=True)
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "silent":
            # Connections are taken by the kernel; nobody ever answers.
            listener.listen(64)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        yield s3


def test_a_store_that_does_not_work_costs_seconds_in_all_and_is_told_once(
    tmp_path: Path, bad_store: SharedOptions
) -> None:
    one = Machine(tmp_path / "1", bad_store)
    began = time.monotonic()
    for number in range(100):
        key = digest_bytes(b"%d" % number)
        assert one.cache.get("segment", key) is None
        one.cache.put_bytes("segment", key, b"x")
        assert one.cache.get_bytes("segment", key) == b"x"
    one.cache.close()
    assert time.monotonic() - began < 12
    assert len(one.notes) == 1
    assert "127.0.0.1" not in one.notes[0]
    assert one.shared.counters.faults == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bucket",
        "ftp://x/y",
        "https://bucket.example",
        "s3:/x",
        "s3://key:secret@bucket/x",
        "s3://b/x?sig=1",
    ],
)
def test_what_is_no_address_of_a_store_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--shared-cache") as caught:
        check_url(url)
    assert "secret" not in caught.value.message


def test_a_shared_cache_is_named_by_option_or_variable() -> None:
    environ = {"HOME": "/h", "FRAMEPRESS_SHARED_CACHE": "s3://b"}
    found = cache_options(environ)
    assert found is not None
    assert found.shared == SharedOptions("s3://b")
    plain = cache_options(environ | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, shared="gs://b/x")
    assert plain is not None
    assert plain.shared == SharedOptions("gs://b/x", allow_http=True)
    with pytest.raises(UsageError):
        cache_options(environ, shared="nowhere")


def test_two_machines_share_what_they_render(program: Program, s3: SharedOptions) -> None:
    program.write("people.json", [{"out": "a.mp4", "name": "Asha", "points": 1}])
    words = ("render", "page.html", "--variants", "people.json", "--workers", "1", "--json")
    one = program.run(*words, "--cache-dir", "c1", "--out-dir", "o1", "--shared-cache", s3.url)
    assert one.code == 0, one.stderr
    two = program.run(*words, "--cache-dir", "c2", "--out-dir", "o2", "--shared-cache", s3.url)
    assert [one.rows()[1]["path"], two.rows()[1]["path"]] == ["plain", "stored"]
    assert program.clips("o1") == program.clips("o2")
    program.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    three = program.run(*words, "--cache-dir", "c3", "--out-dir", "o3", "--shared-cache", s3.url)
    assert (three.code, three.rows()[1]["path"]) == (0, "plain")
    assert three.stderr.count("shared cache") == 1
    program.assert_nothing_left()
