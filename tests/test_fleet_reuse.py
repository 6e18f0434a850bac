"""A queue's rows by plans: found or made by whoever comes first, given up together, explained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dangers import Danger, declared, knows, values, within
from fleet_bench import Fleet
from framepress.blobs import open_blobs
from framepress.cache import Cache
from framepress.errors import InputError
from framepress.fleet import FleetRun
from framepress.fleet_reuse import ORDER_GONE
from framepress.orders import (
    OrderedCell,
    SurveyOrder,
    get_order,
    parse_order,
    put_order,
    remove_orders,
)
from framepress.queue.base import Job
from framepress.samples import Sample
from framepress.variants import Variant
from lists import decoded, psnr_db

NAMES = ("Ann", "Ben", "Cleo", "Dora", "Eve", "Finn")
FEW = "its group has 1 rows, fewer than the 4 that reuse pays for"
TWELVE = (*NAMES, "Gus", "Hal", "Zed", "Ivo", "Jan", "Kimberley")
CARD = Danger("a card", within(""), rows=values(name=NAMES))
SPECIAL = Danger("special", knows("side.textContent = 'other';"), rows=values(name=TWELVE))


@pytest.fixture
def fleet(tmp_path: Path, browser_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A queue in a file, clips in a folder, reuse allowed, a cache of its own."""
    monkeypatch.delenv("FRAMEPRESS_MAX_REUSE")
    monkeypatch.setenv("FRAMEPRESS_CACHE_DIR", str(tmp_path / "cache"))
    return Fleet(tmp_path, f"sqlite:///{tmp_path / 'queue.db'}", str(tmp_path / "out"), str(browser_path))


def named(danger: Danger, count: int | None = None) -> list[dict[str, Any]]:
    """The rows of a danger with names of files."""
    rows = list(danger.rows)[:count]
    return [{**row, "out": f"{number}.mp4"} for number, row in enumerate(rows, 1)]


def made(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """The record that counts, by file."""
    return {str(record["out"]): record for record in fleet.records().rows().values()}


def test_rows_of_a_queue_are_made_by_the_plan_of_their_list(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.send(named(CARD), page=CARD.html())
    fleet.work()
    records = made(fleet)
    assert {(one["path"], one["reason"]) for one in records.values()} == {("reuse", None)}
    assert {one["reuse"] for one in records.values()} <= {"segments", "bands"}
    assert len({one["plan"] for one in records.values()}) == 1
    assert len(list(Cache(tmp_path / "cache").keys("plan"))) == 1
    # The same rows without reuse are the same clips.
    monkeypatch.setenv("FRAMEPRESS_MAX_REUSE", "off")
    plain = Fleet(tmp_path, f"sqlite:///{tmp_path / 'plain.db'}", str(tmp_path / "plain"), fleet.browser)
    plain.send(named(CARD), page=CARD.html())
    plain.work()
    assert {one["path"] for one in made(plain).values()} == {"plain"}
    for name in records:
        by_plan, whole = decoded(Path(fleet.store, name)), decoded(Path(plain.store, name))
        assert len(by_plan) == len(whole) == 8
        assert psnr_db(by_plan, whole) > 45
    # And not clips of each other.
    assert np.any(decoded(Path(fleet.store, "1.mp4"))[0] != decoded(Path(fleet.store, "2.mp4"))[0])


def test_a_row_that_is_sent_by_itself_is_made_by_the_plan_of_a_list_before(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.send(named(CARD), page=CARD.html())
    fleet.work()
    [plan] = {one["plan"] for one in made(fleet).values()}
    later = Fleet(tmp_path, f"sqlite:///{tmp_path / 'later.db'}", str(tmp_path / "later"), fleet.browser)
    later.send([{"name": "Gus", "out": "gus.mp4"}], page=CARD.html())
    with later.open_queue() as queue:
        lease = queue.receive(0)
        assert lease is not None
        queue.give_back(lease)
    later.work()
    [record] = made(later).values()
    assert (record["path"], record["plan"], record["reason"]) == ("reuse", plan, None)
    # Delivered once more, it is found, and is still by that plan: should it be given up, so is the row.
    with later.open_queue() as queue:
        queue.send([Job("run", "again", lease.job.body)])
    later.work()
    assert made(later)["gus.mp4"]["path"] == "stored"
    assert made(later)["gus.mp4"]["plan"] == plan


@pytest.mark.slow
def test_a_row_that_shows_its_plan_wrong_is_right_and_the_others_are_sent_again(fleet: Fleet) -> None:
    rows = named(SPECIAL)
    fleet.send(rows, page=SPECIAL.html())
    fleet.work()
    first = made(fleet)
    [said] = fleet.said("plan-wrong")
    wrong = said["plan"]
    # Loudly, by the name of the row and not by what stands in it.
    assert said["id"] == "9" and "enqueue" in said["next"] and "Zed" not in str(said)
    assert first["9.mp4"]["path"] == "plain" and "wrong" in first["9.mp4"]["reason"]
    before = {name for name, record in first.items() if record["plan"] == wrong}
    assert before
    with fleet.open_queue() as queue:
        status, how = FleetRun("run", fleet.store, queue).wait(timeout_s=5, dead_max=lambda _: 0)
    assert (how, status.again, status.done, status.open) == ("again", len(before), 12 - len(before), 0)
    sent = fleet.send(rows, page=SPECIAL.html())
    assert (sent.sent, sent.again) == (len(before), len(before))
    fleet.work()
    second = made(fleet)
    assert wrong not in {record["plan"] for record in second.values()}
    assert {second[name]["path"] for name in before} == {"reuse"}
    with fleet.open_queue() as queue:
        status, how = FleetRun("run", fleet.store, queue).wait(timeout_s=5, dead_max=lambda _: 0)
    assert (how, status.again, status.done, status.twice) == ("done", 0, 12, 0)
    assert fleet.send(rows, page=SPECIAL.html()).sent == 0


BRAND = Danger(
    "a brand colour",
    "<p class=name>{{$NAME}}</p><i class=dot></i>",
    head="<style>#root{background:{{$COLOUR}}} .name{position:absolute;left:40px;top:40px}"
    ".dot{position:absolute;left:9px;bottom:9px;width:9px;height:9px;animation:on .8s}"
    "@keyframes on{from{background:#fff}to{background:#000}}</style>",
    variables=declared(NAME="Ann", COLOUR="#000"),
    rows=values(name=TWELVE, colour=("#b03020", "#2040c0") * 6),
)


@pytest.mark.slow
def test_rows_of_two_brands_are_made_by_two_plans(fleet: Fleet, tmp_path: Path) -> None:
    """The colour changes the whole page: no plan for all rows, but one for each colour, on two processes."""
    fleet.send(named(BRAND), page=BRAND.html())
    fleet.work(slots=2)
    records = made(fleet)
    assert len(records) == 12
    assert {(one["path"], one["reason"]) for one in records.values()} == {("reuse", None)}
    plans = [{records[f"{number}.mp4"]["plan"] for number in range(first, 13, 2)} for first in (1, 2)]
    assert [len(group) for group in plans] == [1, 1] and plans[0] != plans[1]
    # Each was made once, although both processes needed it.
    assert len(list(Cache(tmp_path / "cache").keys("plan"))) == 2
    for number in range(1, 13):
        picture = decoded(Path(fleet.store, f"{number}.mp4"))[3].reshape(-1)
        blue, red = np.split(picture[-picture.size // 3 :].astype(float), 2)
        assert (red.mean() > blue.mean()) == (number % 2 == 1)


@pytest.mark.slow
def test_without_an_order_a_row_is_plain_and_says_so(fleet: Fleet) -> None:
    # Too few rows for a plan: the message names no order.
    fleet.send(named(CARD, 2), page=CARD.html())
    fleet.work()
    assert {one["reason"] for one in made(fleet).values()} == {FEW}
    # An order that somebody has removed.
    fleet.send(named(CARD), page=CARD.html())
    keys = [str(record["row_key"]) for record in fleet.records().each()]
    assert remove_orders(fleet.records().blobs, "run", keys) in (0, 1)
    for path in (Path(fleet.store) / ".framepress/runs/run/orders").glob("*"):
        path.unlink()
    fleet.work()
    assert {one["reason"] for one in made(fleet).values()} == {FEW, ORDER_GONE}


ORDER = SurveyOrder(
    personal=("COLOUR", "NAME"),
    by=("COLOUR",),
    cells=(
        OrderedCell(
            7,
            {"COLOUR": "red"},
            (
                Sample("1" * 64, Variant({"NAME": "Ann", "COLOUR": "red"}, {"a.png": "0" * 64})),
                Sample("2" * 64, Variant({"NAME": "Bo", "COLOUR": "red"}, {})),
            ),
        ),
    ),
)


def test_an_order_reads_back_and_is_known_by_its_digest(tmp_path: Path) -> None:

    blobs = open_blobs(tmp_path)
    digest = put_order(blobs, "run", ORDER)
    assert get_order(blobs, "run", digest) == ORDER
    assert put_order(blobs, "run", ORDER) == digest
    assert get_order(blobs, "other", digest) is None
    path = tmp_path / f".framepress/runs/run/orders/{digest}.json"
    path.write_bytes(path.read_bytes().replace(b"Ann", b"Eve"))
    assert get_order(blobs, "run", digest) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"personal": []}',
        ORDER.to_json().replace(b'"rows":"7"', b'"rows":""'),
        ORDER.to_json().replace(b'"values":{"COLOUR":"red"}', b'"values":{}'),
    ],
)
def test_what_is_no_order_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="enqueue"):
        parse_order(data)


@pytest.mark.parametrize(("keys", "removed"), [(["2" * 64], 1), (["3" * 64], 0)])
def test_an_order_goes_with_any_of_its_rows(tmp_path: Path, keys: Sequence[str], removed: int) -> None:

    blobs = open_blobs(tmp_path)
    digest = put_order(blobs, "run", ORDER)
    assert remove_orders(blobs, "run", keys) == removed
    assert (get_order(blobs, "run", digest) is None) == bool(removed)
