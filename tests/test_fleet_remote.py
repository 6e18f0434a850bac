"""Rows of a queue whose pictures lie on another host. The sender fetches them, if its command line allows the
host; workers get them from the store by their digests and ask no host for anything, whatever a message says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fleet_bench import Fleet
from framepress.queue.base import Job
from framepress.remote_addresses import parse_hosts
from framepress.remote_files import RemoteOptions
from framepress.row_binding import BindingOptions
from loopback import Handler, Server, serving
from media_tools import png_bytes

PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">{"PHOTO": {"type": "image"}, "NAME": {}}</script>
<style>body { margin: 0; background: #000 } img { width: 160px; height: 90px }</style>
<div data-width="160" data-height="90" data-fps="10" data-duration="0.2">
<img src="{{$PHOTO}}"FALLBACK><p>{{$NAME}}</p></div>
"""

#: Level of red of the pictures that the host has.
REDS = {"/40.png": 40, "/120.png": 120, "/200.png": 200}


def answer(handler: Handler) -> None:
    red = REDS.get(handler.path)
    if red is None:
        handler.send(b"", status=404)
    else:
        handler.send(png_bytes(np.full((8, 8, 4), (red, 0, 0, 255), np.uint8)))


def remote(server: Server, folder: Path) -> dict[str, Any]:
    """What the sender's command line allows."""
    rules = parse_hosts((), [f"127.0.0.1:{server.server_port}"])
    return {"remote": RemoteOptions(folder / "fetched", rules, pause_s=0.01)}


def rows(server: Server, *names: str) -> list[dict[str, str]]:
    return [
        {"photo": f"{server.url}/{name}", "name": f"n{number}", "out": f"{number}.mp4"}
        for number, name in enumerate(names, 1)
    ]


def red_of(path: Path) -> float:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return float(frame.to_ndarray(format="rgb24")[60:, 100:, 0].mean())


def sender(tmp_path: Path, browser_path: Path) -> Fleet:
    return Fleet(tmp_path, f"sqlite:///{tmp_path / 'queue.db'}", str(tmp_path / "out"), str(browser_path))


def test_pictures_of_another_host_travel_with_their_rows(tmp_path: Path, browser_path: Path) -> None:
    fleet = sender(tmp_path, browser_path)
    (tmp_path / "stand-in.png").write_bytes(png_bytes(np.full((8, 8, 4), (250, 0, 0, 255), np.uint8)))
    with serving(answer) as server:
        sent = fleet.send(
            rows(server, "40.png", "gone.png", "120.png", "200.png"),
            page=PAGE.replace("FALLBACK", ' data-fallback-src="stand-in.png"'),
            **remote(server, tmp_path),
        )
        asked = len(server.requests)
    assert (sent.sent, sent.rejected) == (4, 0)
    # The host is gone by now, and so is the sender's folder.
    (tmp_path / "fetched").rename(tmp_path / "elsewhere")
    fleet.work()
    reds = [red_of(tmp_path / f"out/{number}.mp4") for number in (1, 2, 3, 4)]
    assert all(abs(found - wanted) < 8 for found, wanted in zip(reds, (40, 250, 120, 200), strict=True)), reds
    assert asked == 4


@pytest.mark.slow
def test_a_picture_that_cannot_be_had_is_the_trouble_of_its_own_row(
    tmp_path: Path, browser_path: Path
) -> None:
    """One is missing when the list is sent; another is missing from the store when its row is rendered."""
    fleet = sender(tmp_path, browser_path)
    page = PAGE.replace("FALLBACK", "")
    with serving(answer) as server:
        sent = fleet.send(
            rows(server, "40.png", "gone.png", "120.png", "200.png"),
            page=page,
            binding=BindingOptions(skip_bad_rows=True),
            **remote(server, tmp_path),
        )
    assert (sent.sent, sent.rejected) == (3, 1)
    files = sorted((tmp_path / "out/.framepress/files").rglob("*"), key=lambda path: path.name)
    assert len(files) == 3
    files[0].unlink()
    fleet.work()
    records = fleet.records().rows().values()
    done = {str(one["out"]) for one in records if one["status"] == "done"}
    [dead] = [one for one in records if one["status"] == "dead"]
    assert len(done) == 2 and dead["out"] not in done
    assert dead["error"]["rule"] == "row-file"
    # Neither address nor value is told.
    assert "127.0.0.1" not in json.dumps(dead) + json.dumps(fleet.events, default=str)


@pytest.mark.parametrize(
    ("claimed", "rule"),
    [(False, "remote-host"), pytest.param(True, "missing-image", marks=pytest.mark.slow)],
)
def test_a_message_makes_no_worker_ask_a_host(
    tmp_path: Path, browser_path: Path, claimed: bool, rule: str
) -> None:
    """A host that a message names is not asked, whether or not the message claims to know its file."""
    fleet = sender(tmp_path, browser_path)
    served = tmp_path / "served"
    served.mkdir()
    (served / "card.html").write_text(PAGE.replace("FALLBACK", ""), "utf-8")
    with serving(answer) as server:
        address = f"{server.url}/40.png"
        body: Mapping[str, Any] = {
            "template": "card.html",
            "vars": {"photo": address, "name": "a"},
            "out": "a.mp4",
            # What would be believed if a message were: that the host is allowed, that the file is there.
            "allow_host": ["127.0.0.1"],
            "remote": {"rules": ["127.0.0.1"]},
            "settings": None,
            **({"files": {address: "0" * 64}} if claimed else {}),
        }
        with fleet.open_queue() as queue:
            queue.send([Job("", "one", json.dumps(body).encode())])
        fleet.work(intake={"serve": (served,), "out": fleet.store})
        assert server.requests == []
    [dead] = [facts for event, facts in fleet.events if event == "row-dead"]
    assert dead["rule"] == rule
    assert "127.0.0.1" not in dead["message"]
