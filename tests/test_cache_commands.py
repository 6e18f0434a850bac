"""`framepress cache`: what it says, what it takes out, and what its exit code means."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from framepress.cache import Cache
from framepress.cli import run
from framepress.cli.cache_work import parse_age, size_text
from framepress.errors import UsageError
from framepress.keys import digest_bytes

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """A cache of three entries, found by its variable."""
    monkeypatch.setenv("FRAMEPRESS_CACHE_DIR", str(tmp_path / "cache"))
    cache = Cache(tmp_path / "cache")
    for kind, name, age_s in (("plan", b"1", 0), ("artifact", b"2", 7200), ("plate", b"3", 90_000)):
        path = cache.put_bytes(kind, digest_bytes(name), bytes(1000))
        os.utime(path, (time.time() - age_s,) * 2)
    return cache


def told(capsys: Captured, *words: str, code: int = 0) -> str:
    """What a command says to a person."""
    assert run(["cache", *words]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def printed(capsys: Captured, *words: str, code: int = 0) -> dict[str, Any]:
    """What a command says to a program."""
    assert run(["cache", *words, "--json"]) == code
    captured = capsys.readouterr()
    found: dict[str, Any] = json.loads(captured.out)
    return found


def test_info_says_what_there_is(cache: Cache, capsys: Captured) -> None:
    found = printed(capsys, "info")
    assert (found["count"], found["size_bytes"], found["folder"]) == (3, 3000, str(cache.folder))
    assert found["kinds"]["plate"] == {"count": 1, "size_bytes": 1000}
    assert abs(found["oldest_use"] - time.time() + 90_000) < 60
    text = told(capsys, "info")
    assert "3 entries, 3.0 kB of " in text
    assert "artifact" in text


def test_prune_takes_out_the_old_and_what_is_too_much_and_says_how_much(
    cache: Cache, capsys: Captured
) -> None:
    assert printed(capsys, "prune") == {"count": 0, "size_bytes": 0, "held_count": 0}
    assert "Freed 1.0 kB in 1 entries." in told(capsys, "prune", "--older-than", "1d")
    with cache.hold("artifact", digest_bytes(b"2")):
        assert "1 are in use and stay" in told(capsys, "prune", "--limit", "1")
    assert printed(capsys, "prune", "--limit", "1")["count"] == 1


def test_clear_empties_it_also_one_of_another_version(cache: Cache, capsys: Captured) -> None:
    assert "Freed 3.0 kB in 3 entries." in told(capsys, "clear")
    assert cache.info().count == 0
    (cache.folder / "version").write_text("framepress cache 77\n")
    assert "framepress cache clear" in told(capsys, "info", code=3)
    assert "another version" in told(capsys, "clear")
    assert "0 entries" in told(capsys, "info")


def test_verify_takes_out_what_is_damaged(cache: Cache, capsys: Captured) -> None:
    assert "3 entries, 3.0 kB: all whole." in told(capsys, "verify")
    path = cache.get("plan", digest_bytes(b"1"))
    assert path is not None
    path.write_bytes(bytes(999) + b"x")
    assert printed(capsys, "verify", code=1) == {"count": 3, "size_bytes": 3000, "damaged_count": 1}
    assert "all whole" in told(capsys, "verify")
    assert cache.info().count == 2


@pytest.mark.parametrize("command", ["info", "prune", "clear", "verify"])
def test_a_cache_that_is_not_there_is_an_error_and_not_made(
    tmp_path: Path, capsys: Captured, command: str
) -> None:
    assert "there is no cache yet" in told(capsys, command, "--cache-dir", str(tmp_path / "x"), code=2)
    assert not (tmp_path / "x").exists()
    assert "Name one with --cache-dir" in told(capsys, command, code=2)


def test_the_folder_of_somebody_else_is_not_touched(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "holiday.jpg").touch()
    for command in ("info", "prune", "clear", "verify"):
        assert "left alone" in told(capsys, command, "--cache-dir", str(tmp_path), code=3)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_ages_and_sizes_are_read_and_written() -> None:
    assert [parse_age(text) for text in ("90s", "1.5h", "2 d", "1w")] == [90, 5400, 172_800, 604_800]
    for text in ("", "30", "d", "-1d", "1y"):
        with pytest.raises(UsageError, match="--older-than"):
            parse_age(text)
    assert [size_text(n) for n in (7, 1500, 2_000_000, 12_300_000_000)] == [
        "7 bytes",
        "1.5 kB",
        "2.0 MB",
        "12.3 GB",
    ]
