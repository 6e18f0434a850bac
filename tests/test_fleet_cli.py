"""The commands of a fleet as a person types them; no browser is needed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from framepress.cli import run
from framepress.metrics import PrometheusObserver
from framepress.queue.sqlite import SqliteQueue
from framepress.results import RowResult, Seconds
from program import PAGE, Program
from servers import free_port

ROOT = Path(__file__).resolve().parents[1]

SEND = ("enqueue", "page.html", "--variants", "rows.json", "--queue", "sqlite:///q.db", "--out-dir", "out")


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    stdout: str
    stderr: str

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


Type = Callable[..., Said]


@pytest.fixture
def command(shop: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """Runs a command in this process: most of a process's seconds go into its start."""
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(shop.folder / "state"))
    monkeypatch.setenv("COLUMNS", "200")

    def typed(*words: str) -> Said:
        code = run(list(words))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return typed


@pytest.fixture
def shop(tmp_path: Path) -> Program:
    made = Program.at(tmp_path)
    made.environ["XDG_STATE_HOME"] = str(tmp_path / "state")
    made.write("page.html", PAGE)
    made.write("rows.json", [{"name": f"Secret {n}", "points": n, "out": f"{n}.mp4"} for n in range(1, 4)])
    return made


def test_a_run_is_sent_watched_paused_and_cancelled_by_name_alone(shop: Program, command: Type) -> None:
    sent = command(*SEND, "--run", "july", "--json")
    assert sent.code == 0, sent.stderr
    assert sent.objects()[0] | {"seconds": 0} == {
        "type": "enqueued",
        "run": "july",
        "rows": 3,
        "finished": 0,
        "sent": 3,
        "rejected": 0,
        "again": 0,
        "seconds": 0,
    }
    status = command("status", "--run", "july", "--json").objects()[0]
    assert (status["rows"], status["open"], status["waiting"], status["paused"]) == (3, 3, 3, False)
    assert command("pause", "--run", "july").code == 0
    status = command("status", "--run", "july", "--json").objects()[0]
    assert (status["paused"], status["waiting"], status["delayed"]) == (True, 0, 3)
    assert command("resume", "--run", "july").code == 0
    waited = command("wait", "--run", "july", "--timeout", "0s", "--results", "r.csv")
    assert waited.code == 1
    assert "3 rows are open" in waited.stderr
    assert (shop.folder / "r.csv").read_text().count("pending") == 3
    assert command("cancel", "--run", "july").code == 0
    assert command("status", "--run", "july", "--json").objects()[0]["waiting"] == 0
    assert command("dead", "list", "--run", "july").stderr.startswith("0 dead rows")
    # Beside the clips there is no value of a row but in the ledger, which only its user can read.
    found = subprocess.run(["grep", "-rl", "Secret", "."], cwd=shop.folder, capture_output=True, check=False)
    places = {Path(line).name for line in found.stdout.decode().split()}
    assert places <= {"rows.json", "july.sqlite3", "july.sqlite3-wal", "q.db", "q.db-wal", "r.csv"}
    for path in (shop.folder / "q.db", shop.folder / "out/.framepress/runs/july.sqlite3"):
        assert path.stat().st_mode & 0o077 == 0


BAD = [
    (("status", "--run", "none"), 2, "not sent from this machine"),
    (("status", "--run", "none", "--out-dir", "."), 2, "no run none"),
    ((*SEND[:-1], "s3://key:secret@b/p", "--run", "r"), 2, "neither credentials"),
    ((*SEND, "--run", "../r"), 2, "A run's name"),
    ((*SEND[:4], "--queue", "redis://u:secret@h/0", *SEND[6:], "--run", "r"), 2, "credentials in the URL"),
    ((*SEND[:4], "--queue", "redis://127.0.0.1:1/0", *SEND[6:], "--run", "r"), 3, "Redis server"),
    ((*SEND, "--run", "r", "--retain", "soon"), 2, "expected a time"),
    (("worker", "--queue", "sqlite:///q.db", "--lease", "1"), 2, "at least 3"),
    (("worker", "--queue", "sqlite:///q.db", "--serve", "nowhere"), 2, "not a folder"),
    (("worker", "--queue", "sqlite:///q.db", "--log-format", "xml"), 2, "expected text, json"),
    (("demo",), 2, "--chaos"),
    (("render", "https://h/card.html", "--vars", "name=A"), 2, "names no bundle"),
    (("capacity", "--measure", "page.html"), 2, "give both"),
]


@pytest.mark.parametrize(("words", "code", "text"), BAD, ids=range(len(BAD)))
def test_what_cannot_be_is_said_in_a_sentence(
    words: tuple[str, ...], code: int, text: str, command: Type
) -> None:
    said = command(*words)
    assert said.code == code, said.stderr
    assert text in said.stderr.replace("\n", " ")
    assert "secret" not in said.stderr.lower()


@pytest.mark.slow
def test_capacity_is_measured_without_what_a_sample_costs_once(shop: Program, browser_path: Path) -> None:
    shop.write("rows.csv", "name,points\n" + "".join(f"Name {n},{n * 37}\n" for n in range(1, 9)))
    shop.environ["FRAMEPRESS_BROWSER"] = str(browser_path)
    shop.environ["FRAMEPRESS_MAX_REUSE"] = "bands"
    words = ("--measure", "page.html", "--variants", "rows.csv", "--sample", "2", "--for", "500")
    process = shop.start("capacity", *words)
    # Rows are compared once and rendered with 1, 2, 4 at once: minutes on a busy machine.
    stdout, stderr = process.communicate(timeout=900)
    assert process.returncode == 0, stderr.decode()
    text = stdout.decode()
    assert re.search(r"^Comparing \d+ rows and making what they share took \d+ s", text, re.MULTILINE)
    line = r"^(\d+) at once: (\d+) clips in ([\d.]+) s, ([\d,]+) per hour, ([\d,]+) MB"
    found = re.findall(line, text, re.MULTILINE)
    assert [int(one[0]) for one in found][:2] == [1, 2]
    for _, clips, seconds, per_hour, megabytes in found:
        assert int(clips) >= 1
        assert float(seconds) > 0
        assert int(per_hour.replace(",", "")) > 0
        assert int(megabytes.replace(",", "")) > 50
    assert re.search(r"^500 rows like these: [\d.]+ hours", text, re.MULTILINE)


def test_an_idle_worker_on_an_empty_queue_ends_if_asked_and_logs_json(shop: Program) -> None:
    ended = shop.run("worker", "--queue", "sqlite:///q.db", "--until-empty", "--log-format", "json")
    assert ended.code == 0, ended.stderr
    events = [json.loads(line)["event"] for line in ended.stderr.splitlines()]
    assert events == ["started", "ended"]


def test_numbers_are_served_on_loopback_without_names(tmp_path: Path) -> None:
    port = free_port()
    observer = PrometheusObserver(port)
    result = RowResult(id="Asha", status="done", path="plain", bytes=500, seconds=Seconds(load=0.3, total=2))
    observer.row_ended("done", result)
    observer.row_ended("dead", None)
    with SqliteQueue(tmp_path / "q.db") as queue:
        observer.tick(1, queue)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    for line in (
        'framepress_rows_total{status="done"} 1.0',
        'framepress_rows_total{status="dead"} 1.0',
        "framepress_bytes_total 500.0",
        'framepress_step_seconds_bucket{le="2.5",step="total"} 1.0',
        'framepress_queue{state="waiting"} 0.0',
        "framepress_busy 1.0",
    ):
        assert line in text
    assert "Asha" not in text


def test_the_units_are_what_systemd_takes() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    units = sorted((ROOT / "contrib/systemd").iterdir())
    ended = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
