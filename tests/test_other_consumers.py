"""A worker that somebody else wrote takes our messages; ours take plain ones (`test_fleet`)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fleet_bench import Fleet, numbered
from framepress.demo import read_number
from servers import Server
from test_queue import make_sqs_queue

CONSUMER = Path(__file__).with_name("consumers") / "worker.mjs"


@pytest.mark.slow
def test_a_consumer_in_another_language_renders_our_messages(
    tmp_path: Path, browser_path: Path, server_of: Callable[[str], Server], aws: None
) -> None:
    server = server_of("ministack")
    url = make_sqs_queue(server, f"t{uuid4().hex[:10]}")
    fleet = Fleet(tmp_path, url, str(tmp_path / "store"), str(browser_path))
    fleet.send(numbered(2))
    out = tmp_path / "theirs"
    with fleet.open_queue() as queue:
        opened: Any = queue
        words = [server.url, opened._url, str(out), str(Path(sys.executable).with_name("hyperframes"))]
        ended = subprocess.run(
            ["node", str(CONSUMER), *words], capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert queue.counts().open == 0
    assert sorted(ended.stdout.split()) == ["1.mp4", "2.mp4"]
    for number in (1, 2):
        theirs = (out / f"{number}.mp4").read_bytes()
        assert read_number(theirs) == number
    # The same row through a worker of ours, on a queue of its own: the same bytes.
    ours = replace(
        fleet, queue_url=f"sqlite:///{tmp_path / 'queue.db'}", store=str(tmp_path / "ours"), events=[]
    )
    ours.send(numbered(2))
    ours.work()
    for number in (1, 2):
        assert (tmp_path / "ours" / f"{number}.mp4").read_bytes() == (out / f"{number}.mp4").read_bytes()
