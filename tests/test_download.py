"""Downloads from a server on loopback that breaks off, stalls, lies and refuses."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from framepress.download import Wanted, fetch
from framepress.errors import EnvironmentFault
from loopback import Handler, Server, serving, whole

BODY = random.Random(1).randbytes(300_000)
DIGEST = hashlib.sha256(BODY).hexdigest()


def no_wait(seconds: float) -> None:
    pass


def get(server: Server, target: Path, *, size: int | None = len(BODY), **options: Any) -> None:
    wanted = Wanted(f"{server.url}/x.zip", options.pop("sha256", DIGEST), size)
    fetch(wanted, target, environ={}, sleep=no_wait, stall_s=options.pop("stall_s", 10.0), **options)


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def breaking_off(after: int) -> Callable[[Handler], None]:
    """Sends `after` more bytes per connection and promises all of them."""

    def answer(handler: Handler) -> None:
        asked = handler.headers.get("Range")
        start = int(asked[6:-1]) if asked else 0
        left = len(BODY) - start
        span = {"Content_Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"} if asked else {}
        handler.send(BODY[start : start + after], status=206 if asked else 200, length=left, **span)

    return answer


def test_a_file_with_the_right_digest_arrives_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with serving(whole(BODY)) as server:
        get(server, tmp_path / "x", on_progress=lambda done, total: told.append((done, total)))
    assert (tmp_path / "x").read_bytes() == BODY
    assert told[-1] == (len(BODY), len(BODY))
    assert not part_of(tmp_path / "x").exists()


def test_a_file_with_another_digest_is_refused_and_not_kept(tmp_path: Path) -> None:
    with serving(whole(BODY)) as server, pytest.raises(EnvironmentFault, match="SHA-256") as caught:
        get(server, tmp_path / "x", sha256="0" * 64)
    assert caught.value.rule == "download-digest"
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1


def test_a_broken_connection_is_gone_on_with_where_it_stopped(tmp_path: Path) -> None:
    with serving(breaking_off(120_000)) as server:
        get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == BODY
    assert [asked for _, asked in server.requests] == [None, "bytes=120000-", "bytes=240000-"]


def test_a_server_that_never_gets_further_is_given_up_and_the_bytes_are_kept(tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        breaking_off(0 if handler.server.requests[1:] else 1000)(handler)

    with (
        serving(answer) as server,
        pytest.raises(EnvironmentFault, match="ended after 1000 of 300000 bytes"),
    ):
        get(server, tmp_path / "x", attempts_max=3)
    assert len(server.requests) == 3
    assert part_of(tmp_path / "x").read_bytes() == BODY[:1000]


def test_the_next_run_goes_on_from_the_bytes_of_the_last_one(tmp_path: Path) -> None:
    part_of(tmp_path / "x").write_bytes(BODY[:100_000])
    with serving(whole(BODY)) as server:
        get(server, tmp_path / "x")
    assert server.requests == [("/x.zip", "bytes=100000-")]
    assert (tmp_path / "x").read_bytes() == BODY


def test_bytes_of_another_file_are_thrown_away_and_all_is_fetched_again(tmp_path: Path) -> None:
    part_of(tmp_path / "x").write_bytes(b"another file")
    with serving(whole(BODY)) as server:
        get(server, tmp_path / "x")
    assert [asked for _, asked in server.requests] == ["bytes=12-", None]
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_complete_part_needs_no_connection(tmp_path: Path) -> None:
    part_of(tmp_path / "x").write_bytes(BODY)
    with serving(whole(BODY)) as server:
        get(server, tmp_path / "x")
    assert server.requests == []


def test_a_part_longer_than_the_file_is_fetched_again(tmp_path: Path) -> None:
    part_of(tmp_path / "x").write_bytes(BODY + b"more")
    with serving(whole(BODY)) as server:
        get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_server_without_ranges_is_read_from_the_start(tmp_path: Path) -> None:
    part_of(tmp_path / "x").write_bytes(BODY[:100_000])
    with serving(lambda handler: handler.send(BODY)) as server:
        get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_server_that_answers_with_another_range_is_not_believed(tmp_path: Path) -> None:
    part_of(tmp_path / "x").write_bytes(BODY[:100])

    def answer(handler: Handler) -> None:
        if handler.headers.get("Range"):
            handler.send(BODY[50:], status=206, Content_Range=f"bytes 50-{len(BODY) - 1}/{len(BODY)}")
        else:
            handler.send(BODY)

    with serving(answer) as server:
        get(server, tmp_path / "x", size=None)
    assert (tmp_path / "x").read_bytes() == BODY


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (500, 3), (503, 3), (429, 3)])
def test_only_answers_that_may_change_are_tried_again(tmp_path: Path, status: int, tries: int) -> None:
    with (
        serving(lambda handler: handler.send(b"no", status=status)) as server,
        pytest.raises(EnvironmentFault, match=f"answered {status}"),
    ):
        get(server, tmp_path / "x", attempts_max=3)
    assert len(server.requests) == tries


def test_a_server_that_stalls_is_left_and_asked_again(tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        if len(handler.server.requests) > 1:
            whole(BODY)(handler)
            return
        handler.send(BODY[:1000], length=len(BODY))
        handler.server.closing.wait(20)

    with serving(answer) as server:
        get(server, tmp_path / "x", stall_s=0.2)
    assert [asked for _, asked in server.requests] == [None, "bytes=1000-"]


def test_a_download_that_drips_past_its_deadline_ends(tmp_path: Path) -> None:
    seconds = iter(range(0, 1000, 40))
    with serving(whole(BODY)) as server, pytest.raises(EnvironmentFault, match="too slow"):
        get(server, tmp_path / "x", deadline_s=100, clock=lambda: next(seconds))
    assert part_of(tmp_path / "x").exists()


def test_a_wrong_length_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    with (
        serving(whole(BODY + b"!")) as server,
        pytest.raises(EnvironmentFault, match="300001 bytes, expected 300000"),
    ):
        get(server, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_an_endless_body_is_cut_off(tmp_path: Path) -> None:
    with (
        serving(lambda handler: handler.send(BODY + BODY, length=-1)) as server,
        pytest.raises(EnvironmentFault, match="longer than 300000 bytes"),
    ):
        get(server, tmp_path / "x")
    assert part_of(tmp_path / "x").read_bytes() == b""


def test_nobody_listening_is_said(tmp_path: Path) -> None:
    with serving(whole(BODY)) as server:
        pass
    with pytest.raises(EnvironmentFault, match=r"no connection .*refused"):
        get(server, tmp_path / "x", attempts_max=2)


def test_a_file_of_unknown_length_has_a_limit_too(tmp_path: Path) -> None:
    with serving(whole(BODY)) as server, pytest.raises(EnvironmentFault, match="expected at most 1000"):
        fetch(Wanted(server.url, DIGEST, size_bytes_max=1000), tmp_path / "x", environ={}, sleep=no_wait)
    assert list(tmp_path.iterdir()) == []
