"""A list through a queue to workers: what is promised, on real queues, stores and browsers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fleet_bench import LIMITS, Fleet, numbered
from framepress.cache import Cache
from framepress.demo import PAGE
from framepress.fleet import FleetRun
from framepress.intake import WrongEnvironment
from framepress.ledger import Ledger
from framepress.queue.base import Job
from framepress.queue.policy import RetryPolicy
from framepress.slots import Recycling
from program import until
from servers import Server
from test_object_store import make_bucket
from test_queue import make_sqs_queue

#: Takes some three seconds for its five frames, and hangs for ever in the third of row 2.
SLOW = PAGE.replace(
    "</script>\n",
    """</script>
<script>
  addEventListener("hf-seek", (event) => {
    let x = 0;
    for (let n = 0; n < 4e8; n += 1) x += n;
    window.x = x;
  });
</script>
""",
    1,
)
HANGS = PAGE.replace(
    "</script>\n",
    """</script>
<script>
  addEventListener("hf-seek", ({ detail }) => { while (Number({{$NUMBER}}) === 2 && detail.time > 0.15) {} });
</script>
""",
    1,
)


@pytest.fixture
def fleet(tmp_path: Path, browser_path: Path) -> Fleet:
    """A queue in a file, clips in a folder."""
    return Fleet(tmp_path, f"sqlite:///{tmp_path / 'queue.db'}", str(tmp_path / "out"), str(browser_path))


def test_a_list_becomes_clips_records_and_results(fleet: Fleet, tmp_path: Path) -> None:
    sent = fleet.send(numbered(5))
    assert (sent.rows, sent.sent, sent.finished) == (5, 5, 0)
    fleet.work(slots=2, recycling=Recycling(jobs_max=2))
    assert fleet.numbers(5) == [1, 2, 3, 4, 5]
    records = fleet.records()
    assert (records.tally().done, records.tally().twice) == (5, 0)
    assert len(list(records.each())) == 5
    made = {(one["path"], one["reuse"], one["reason"]) for one in records.each()}
    assert made == {("plain", "off", None)}
    # The same command again sends nothing.
    assert fleet.send(numbered(5)).sent == 0
    assert fleet.send(numbered(6)).sent == 1
    fleet.work()
    with fleet.open_queue() as queue, Ledger.open(Path(fleet.store), "run") as ledger:
        run = FleetRun("run", fleet.store, queue)
        status, how = run.wait(timeout_s=5, dead_max=lambda _: 0)
        run.write_results(tmp_path / "results.csv", ledger)
    assert (how, status.done, status.open) == ("done", 6, 0)
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines[0] == "number,out,status,file,poster,seconds,bytes,error"
    assert [line.split(",")[2] for line in lines[1:]] == ["done"] * 6
    assert not list(Path(fleet.store).rglob("*.partial"))


@pytest.mark.parametrize("kind", ["valkey", pytest.param("ministack", marks=pytest.mark.slow)])
def test_a_list_goes_through_a_server_into_a_bucket(
    kind: str,
    fleet: Fleet,
    server_of: Callable[[str], Server],
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = server_of("ministack")
    monkeypatch.setenv("AWS_ENDPOINT_URL", storage.url)
    bucket = make_bucket(storage)
    name = f"t{uuid4().hex[:10]}"
    fleet.store = bucket.url
    fleet.queue_url = (
        make_sqs_queue(storage, name)
        if kind == "ministack"
        else f"redis://127.0.0.1:{server_of(kind).port}/0?name={name}"
    )
    fleet.send(numbered(3))
    fleet.work(slots=2, intake={"local": False})
    assert fleet.numbers(3) == [1, 2, 3]
    assert fleet.records().tally().done == 3
    # Each message again: found, and not rendered.
    with fleet.open_queue() as queue:
        queue.send([Job("run", f"again-{job.id}", job.body) for job in bodies(fleet)])
    fleet.work(intake={"local": False})
    assert fleet.records().tally().twice == 0
    paths = sorted(str(record["path"]) for record in fleet.records().each())
    assert paths == ["plain"] * 3 + ["stored"] * 3
    if kind == "valkey":
        with fleet.open_queue() as opened:
            told: Any = opened
            done = told._redis.xrange(told._key("done"))
        assert len(done) == 6
        assert json.loads(done[0][1][b"row"])["status"] == "done"


def bodies(fleet: Fleet) -> list[Job]:
    """The jobs of the run, made again."""
    other = replace(fleet, queue_url=f"sqlite:///{fleet.folder / 'other.db'}")
    rows = json.loads((fleet.folder / "rows.json").read_text())
    records = other.records()
    for name in list(records._files):
        records.blobs.delete(name)
    other.send(rows)
    for name, (_, found) in records._files.items():
        records.blobs.put(name, "".join(json.dumps(one) + "\n" for one in found).encode())
    made = []
    with other.open_queue() as queue:
        while (lease := queue.receive(0)) is not None:
            made.append(lease.job)
    return made


@pytest.mark.slow
def test_a_row_that_hangs_is_dead_after_its_failures_and_stops_no_other(fleet: Fleet) -> None:
    fleet.limits = LIMITS.model_copy(update={"frame_timeout_s": 2.0})
    fleet.send(numbered(3), HANGS)
    fleet.work(slots=2)
    assert fleet.numbers(3) == [1, None, 3]
    (dead,) = [one for one in fleet.records().each() if one["status"] == "dead"]
    assert (dead["id"], dead["attempts"], dead["error"]["type"]) == ("2", 2, "FrameTimeout")
    assert len(fleet.said("row-failed")) == 1


@pytest.mark.slow
def test_what_cannot_improve_is_dead_at_once_and_done_once_it_is_mended(fleet: Fleet) -> None:
    fleet.send(numbered(2))
    in_the_way = Path(fleet.store, "2.mp4")
    in_the_way.write_bytes(b"somebody's")
    fleet.work()
    with fleet.open_queue() as queue:
        run = FleetRun("run", fleet.store, queue)
        (dead,) = run.dead()
        assert (dead["id"], dead["error"]["rule"], dead["attempts"]) == ("2", "foreign-file", 1)
        assert in_the_way.read_bytes() == b"somebody's"
        in_the_way.unlink()
        assert run.dead_retry(["2"]) == 1
        assert run.status().dead == 0
    fleet.work()
    assert fleet.numbers(2) == [1, 2]
    assert fleet.records().tally().dead == 0


@pytest.mark.slow
def test_a_row_longer_than_its_lease_starts_once(fleet: Fleet) -> None:
    fleet.lease_s = 5.0
    fleet.send(numbered(1), SLOW.replace('data-duration="0.5"', 'data-duration="3"'))
    with fleet.open_queue() as one, fleet.open_queue() as two:
        workers = [fleet.start(one), fleet.start(two)]
        until(lambda: fleet.records().tally().done, "the row", 120)
        for worker, thread in workers:
            worker.stop()
            thread.join(20)
    (done,) = fleet.said("row-done")
    assert done["seconds"] > 2 * fleet.lease_s
    assert len(fleet.said("row-started")) == 1


def test_a_worker_that_is_stopped_twice_gives_its_row_back_at_once(fleet: Fleet) -> None:
    fleet.send(numbered(2), SLOW)
    with fleet.open_queue() as queue:
        worker, thread = fleet.start(queue)
        until(lambda: fleet.said("row-started"), "a row to start", 60)
        worker.stop()
        worker.stop()
        thread.join(20)
        assert not thread.is_alive()
        counts = queue.counts()
        assert (counts.waiting, counts.leased) == (2, 0)
        found = [queue.receive(0), queue.receive(0)]
    assert sorted((lease.deliveries, lease.failures) for lease in found if lease) == [(1, 0), (2, 0)]


@pytest.mark.slow
def test_a_worker_that_is_stopped_once_ends_what_it_has(fleet: Fleet) -> None:
    fleet.send(numbered(2), SLOW)
    with fleet.open_queue() as queue:
        worker, thread = fleet.start(queue)
        until(lambda: fleet.said("row-started"), "a row to start", 60)
        worker.stop()
        thread.join(60)
        assert queue.counts().open == 1
    assert fleet.records().tally().done == 1


@pytest.mark.slow
def test_a_row_over_the_limit_has_failed(fleet: Fleet) -> None:
    fleet.policy = RetryPolicy(failures_max=1)
    fleet.send(numbered(1), SLOW)
    fleet.work(job_limit_s=0.5)
    (dead,) = fleet.records().each()
    assert dead["error"]["rule"] == "job-limit"


def test_a_row_that_goes_from_worker_to_worker_and_never_ends_is_dead(fleet: Fleet) -> None:
    fleet.policy = RetryPolicy(deliveries_max=2)
    fleet.send(numbered(1))
    with fleet.open_queue() as queue:
        for _ in range(2):
            lease = queue.receive(0)
            assert lease is not None
            queue.give_back(lease)
    fleet.work()
    (dead,) = fleet.records().each()
    assert dead["error"]["rule"] == "delivered-too-often"


@pytest.mark.slow
def test_another_environment_is_said_and_the_row_left_for_others(fleet: Fleet) -> None:
    fleet.send(numbered(1))
    with fleet.open_queue() as queue:
        lease = queue.receive(0)
        assert lease is not None
        queue.forget("run", [lease.job.id])
        body = json.loads(lease.job.body) | {"environment": "ab" * 32}
        queue.send([Job("run", "1", json.dumps(body).encode())])
    with pytest.raises(WrongEnvironment, match="abababababab"):
        fleet.work()
    with fleet.open_queue() as queue:
        lease = queue.receive(0)
        assert lease is not None
        assert (lease.failures, lease.deliveries) == (0, 2)
        queue.give_back(lease)
    fleet.work(intake={"any_environment": True})
    assert fleet.numbers(1) == [1]


def plain(**fields: Any) -> Job:
    return Job("", uuid4().hex, json.dumps(fields).encode())


@pytest.mark.slow
def test_a_plain_message_is_rendered_from_a_served_folder(fleet: Fleet, tmp_path: Path) -> None:
    served = tmp_path / "templates"
    served.mkdir()
    (served / "card.html").write_text(PAGE, "utf-8")
    with fleet.open_queue() as queue:
        queue.send([plain(template="card.html", vars={"number": 7}, out="7.mp4")])
        queue.send([plain(template=str(served / "card.html"), vars={"NUMBER": "8"}, out="8")])
    fleet.work(intake={"serve": (served,), "out": fleet.store})
    assert fleet.numbers(8)[6:] == [7, 8]
    assert (Path(fleet.store) / ".framepress/runs/plain/records").is_dir()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"template": "../secret.html"}, "template-refused"),
    ({"template": "/etc/passwd"}, "template-refused"),
    ({"template": "http://h/x.html"}, "template-refused"),
    ({"template": f"s3://other/.framepress/bundles/{'a' * 64}.zip"}, "bundle-store"),
    ({"out": "../up.mp4"}, "out-leaves"),
    ({"out": "/abs.mp4"}, "out-absolute"),
    ({"out": ".framepress/x.mp4"}, "out-hidden"),
    ({"store": "/somewhere/else"}, "store-refused"),
    ({"store": "s3://other/place"}, "store-refused"),
    ({"store": "relative"}, "store-relative"),
    ({"vars": {"number": "no number"}}, "type"),
    ({"vars": ["a"]}, "message-field"),
    ({"settings": {"crf": 99}}, "message-settings"),
    ({"settings": {"secret": 1}}, "message-settings"),
    ({"row_key": "0" * 64}, "key-mismatch"),
    ({"row_key": "no key"}, "message-field"),
]


def test_what_a_message_may_not_say_is_refused_with_a_rule_and_nothing_is_written(
    fleet: Fleet, tmp_path: Path
) -> None:
    served = tmp_path / "templates"
    served.mkdir()
    (served / "card.html").write_text(PAGE, "utf-8")
    (tmp_path / "secret.html").write_text(PAGE, "utf-8")
    good = {"template": "card.html", "vars": {"number": 1}, "out": "1.mp4"}
    with fleet.open_queue() as queue:
        queue.send([Job("", str(n), json.dumps({**good, **bad}).encode()) for n, (bad, _) in enumerate(BAD)])
        queue.send([Job("", "no json", b"{"), Job("", "list", b"[]"), Job("", "none", b"")])
    fleet.policy = RetryPolicy(failures_max=1)
    fleet.work(intake={"serve": (served,), "out": fleet.store})
    rules = {facts["id"]: facts["rule"] for facts in fleet.said("row-dead")}
    expected = {str(n): rule for n, (_, rule) in enumerate(BAD)}
    assert rules == expected | {"no json": "message-json", "list": "message-field", "none": "message-json"}
    assert "no number" not in json.dumps(fleet.events)
    assert list(tmp_path.rglob("*.mp4")) == []


@pytest.mark.slow
def test_a_row_that_a_worker_may_not_write_waits_for_another_and_is_found_among_the_dead(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.send(numbered(1))
    fleet.work(intake={"local": False})
    assert [facts["rule"] for facts in fleet.said("row-failed")] == ["store-refused"]
    with fleet.open_queue() as queue:
        run = FleetRun("run", fleet.store, queue)
        assert run.status().dead == 1
        (dead,) = run.dead()
        assert (dead["id"], dead["out"], dead["error"]["rule"]) == ("1", "1.mp4", "store-refused")
        assert run.dead_retry(["1"]) == 1
        assert run.status().dead == 0
    fleet.work()
    assert fleet.numbers(1) == [1]


def test_one_person_can_be_forgotten(fleet: Fleet, tmp_path: Path) -> None:
    fleet.send(numbered(2))
    fleet.work()
    with fleet.open_queue() as queue, Ledger.open(Path(fleet.store), "run") as ledger:
        keys = {str(one["id"]): str(one["row_key"]) for one in fleet.records().each()}
        cache = Cache(tmp_path / "cache")
        for key in keys.values():
            cache.put_bytes("artifact", key, b"a clip")
            cache.put_bytes("layer", key, b"what was captured of somebody")
        removed = FleetRun("run", fleet.store, queue).forget("1", ledger, cache)
        assert list(cache.keys("artifact")) == [keys["2"]]
        assert not list(cache.keys("layer"))
    assert len(removed) == 5
    assert fleet.numbers(2) == [None, 2]
    assert [record["id"] for record in fleet.records().each()] == ["2"]
    traces = subprocess.run(
        ["grep", "-rl", "1.mp4", fleet.store], capture_output=True, text=True, check=False
    ).stdout
    assert traces == ""


@pytest.mark.slow
def test_a_queue_that_goes_away_and_comes_back_stops_nothing(
    fleet: Fleet, server_of: Callable[[str], Server]
) -> None:
    from servers import running  # noqa: PLC0415

    with running("valkey") as server:
        fleet.queue_url = f"redis://127.0.0.1:{server.port}/0"
        fleet.send(numbered(4), SLOW)
        with fleet.open_queue() as queue:
            worker, thread = fleet.start(queue)
            until(lambda: fleet.said("row-started"), "a row to start", 60)
            server.kill()
            until(lambda: fleet.said("queue-away"), "the loss to be seen", 30)
            server.start()
            until(lambda: fleet.records().tally().done == 4, "all rows", 60)
            worker.stop()
            thread.join(20)
    assert fleet.records().tally().twice == 0
    assert fleet.numbers(4) == [1, 2, 3, 4]


@pytest.mark.slow
def test_two_workers_at_once_publish_a_row_once(fleet: Fleet) -> None:
    """Both have the row, as after a lease that ran out; the second finds the first's clip."""
    fleet.send(numbered(1))
    with fleet.open_queue() as queue:
        lease = queue.receive(0)
        assert lease is not None
        queue.give_back(lease)
        queue.send([Job("run", "again", lease.job.body)])
        fleet.worker(queue, slots=2).run()
    assert fleet.numbers(1) == [1]
    assert fleet.records().tally().done == 1


def test_a_row_that_somebody_else_publishes_meanwhile_is_stored_and_not_done_twice(fleet: Fleet) -> None:
    fleet.send(numbered(1), SLOW)
    with fleet.open_queue() as queue:
        lease = queue.receive(0)
        assert lease is not None
        queue.give_back(lease)
        fleet.worker(queue).run()
        clip = Path(fleet.store, "1.mp4")
        first = clip.rename(clip.with_suffix(".first"))
        # Its lease ran out, say, and two workers have it.
        queue.send([Job("run", "again", lease.job.body)])
        worker, thread = fleet.start(queue)
        until(lambda: len(fleet.said("row-started")) == 2, "the row to start again", 60)
        first.rename(clip)
        kept = clip.stat().st_ino
        until(lambda: len(fleet.said("row-done")) == 2, "the row to end", 60)
        worker.stop()
        thread.join(20)
    assert clip.stat().st_ino == kept
    assert [facts["path"] for facts in fleet.said("row-done")] == ["plain", "stored"]
    assert (fleet.records().tally().done, fleet.records().tally().twice) == (1, 0)
