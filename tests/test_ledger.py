"""The ledger: what survives a killed process, a second command, a full disk; and who may read it."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from framepress.errors import (
    EnvironmentFault,
    InternalError,
    RowsError,
    RowValueError,
    StorageFault,
    UsageError,
)
from framepress.ledger import Ledger
from framepress.ledger_file import SCHEMA_VERSION
from framepress.ledger_queries import STATES
from framepress.lexeme import Lexeme
from framepress.rows import BadRow, Row


def row(number: int, **values: object) -> Row:
    return Row(number, number + 1, values or {"name": f"n{number}"})


def bad(number: int) -> BadRow:
    return BadRow(number, number + 1, RowValueError("list.csv:3: ragged", rule="cells", row=number))


def bind(ledger: Ledger, number: int, *, key: str | None = None, out: str | None = None) -> None:
    ledger.bind(
        number,
        key=key or f"key{number}",
        id=f"id{number}",
        out=out or f"{number}.mp4",
        values={"NAME": f"n{number}"},
        files={"a.png": "d1"},
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path, "run") as opened:
        yield opened


def states(ledger: Ledger) -> list[str]:
    return [found.state for found in ledger.iter_rows()]


def test_values_come_back_as_they_were_read(ledger: Ledger) -> None:
    values: dict[str, object] = {
        "a": Lexeme("1.50"),
        "b": "1.50",
        "c": None,
        "d": True,
        "e": [Lexeme("1")],
        "f": "é",
    }
    assert ledger.add_rows([row(1, **values), bad(2)]) == 2
    raw = ledger.raw(1)
    assert raw == values
    assert list(map(type, raw.values())) == list(map(type, values.values()))
    assert ledger.raw(2) == {}
    assert [(row.number, row.line) for row, _ in ledger.iter_raw()] == [(1, 2)]
    with pytest.raises(InternalError):
        ledger.raw(3)


def test_columns_are_those_of_all_rows_in_order_of_appearance(ledger: Ledger) -> None:
    ledger.add_rows([row(1, b="", a=""), row(2, c="", a=""), bad(3)])
    ledger.add_rows([row(4, d="")])
    assert ledger.columns() == ("b", "a", "c", "d")


def test_a_list_with_ever_new_names_is_refused(ledger: Ledger) -> None:
    with pytest.raises(RowsError, match="different names"):
        ledger.add_rows(Row(n, n, {f"c{n}": ""}) for n in range(1, 20_000))


def test_a_row_goes_from_read_to_done_or_failed(ledger: Ledger) -> None:
    ledger.add_rows([row(1), row(2), row(3), row(4), bad(5)])
    for number in (1, 2, 3):
        bind(ledger, number)
    ledger.reject(4, {"type": "RowValueError", "message": "too long"}, id="id4")
    assert ledger.start(1) == 1
    ledger.finish(1, {"file": "1.mp4", "seconds": 2.5})
    assert ledger.start(2) == 1
    assert ledger.start(2) == 2
    ledger.fail(2, {"message": "page threw"}, {"frames": 3})
    ledger.start(3)
    assert states(ledger) == ["done", "failed", "bound", "rejected", "rejected"]
    assert ledger.counts() == {"read": 0, "bound": 1, "rejected": 2, "done": 1, "failed": 1}
    done, failed, begun, refused, unread = ledger.iter_rows()
    assert (done.key, done.id, done.out, done.values, done.files) == (
        "key1",
        "id1",
        "1.mp4",
        {"NAME": "n1"},
        {"a.png": "d1"},
    )
    assert (done.result, done.error, done.attempts) == ({"file": "1.mp4", "seconds": 2.5}, None, 1)
    assert (failed.result, failed.error, failed.attempts) == ({"frames": 3}, {"message": "page threw"}, 2)
    assert (begun.attempts, begun.error) == (1, None)
    assert refused.error == {"type": "RowValueError", "message": "too long"}
    assert unread.error is not None
    assert unread.error["rule"] == "cells"


def test_only_failed_rows_can_be_asked_for_and_tried_again(ledger: Ledger) -> None:
    ledger.add_rows([row(1), row(2)])
    for number in (1, 2):
        bind(ledger, number)
        ledger.start(number)
    ledger.finish(1, {})
    ledger.fail(2, {"message": "x"})
    assert [found.number for found in ledger.iter_rows({"failed"})] == [2]
    assert ledger.start(2) == 1, "attempts are counted anew after an outcome"
    assert ledger.row(2).state == "bound"
    assert ledger.row(2).error is None


def test_an_outcome_for_a_row_that_is_not_bound_is_our_mistake(ledger: Ledger) -> None:
    ledger.add_rows([row(1)])
    for number in (1, 2):
        with pytest.raises(InternalError):
            ledger.finish(number, {})
    with pytest.raises(InternalError):
        bind(ledger, 2)
    with pytest.raises(InternalError):
        ledger.row(2)


def test_a_repeated_command_finds_outcomes_of_unchanged_keys_only(tmp_path: Path) -> None:
    with Ledger.open(tmp_path, "run") as first:
        first.add_rows([row(n) for n in (1, 2, 3)])
        for number in (1, 2, 3):
            bind(first, number)
            first.start(number)
        first.finish(1, {"file": "1.mp4"})
        first.fail(2, {"message": "x"})
        # 3 was begun when the process ended
    with Ledger.open(tmp_path, "run") as again:
        again.reset_rows()
        assert again.columns() == ()
        again.add_rows([row(n, other="") for n in (1, 2, 3, 4)])
        bind(again, 1)
        bind(again, 2)
        bind(again, 3)
        bind(again, 4, key="key1", out="other.mp4")
        assert states(again) == ["done", "failed", "bound", "bound"]
        assert again.row(1).result == {"file": "1.mp4"}
        assert again.start(3) == 2, "the attempt that a dead process began counts"
        bind(again, 1, key="changed")
        assert again.row(1).state == "bound"
    with Ledger.open(tmp_path, "run", fresh=True) as fresh:
        assert list(fresh.iter_rows()) == []
        fresh.add_rows([row(1)])
        bind(fresh, 1)
        assert states(fresh) == ["bound"]


def test_rows_that_share_file_and_key_share_the_outcome(ledger: Ledger) -> None:
    ledger.add_rows([row(n) for n in (1, 2, 3)])
    for number, key in ((1, "k"), (2, "other"), (3, "k")):
        bind(ledger, number, key=key, out=f"{key}.mp4")
    assert ledger.conflicts() == []
    assert ledger.twins(1) == [3]
    assert ledger.twins(2) == []
    assert [found.number for found in ledger.iter_rows({"bound"}, unique=True)] == [1, 2]
    ledger.finish(1, {"file": "k.mp4"})
    assert states(ledger) == ["done", "bound", "done"]


def test_one_file_with_several_keys_is_a_conflict_that_names_the_rows(ledger: Ledger) -> None:
    ledger.add_rows([row(n) for n in range(1, 61)])
    for number in range(1, 61):
        bind(ledger, number, out=f"{number % 25}.mp4")
    conflicts = ledger.conflicts()
    assert len(conflicts) == 20
    assert conflicts[0] == ("1.mp4", [1, 26, 51])


def test_a_batch_is_kept_whole_or_not_at_all(ledger: Ledger) -> None:
    ledger.add_rows([row(1), row(2)])
    with pytest.raises(KeyError), ledger.batch():
        bind(ledger, 1)
        with ledger.batch():
            bind(ledger, 2)
        raise KeyError
    assert states(ledger) == ["read", "read"]
    with ledger.batch():
        bind(ledger, 1)
    assert states(ledger) == ["bound", "read"]


def test_a_list_that_breaks_off_leaves_the_ledger_usable(ledger: Ledger) -> None:
    def rows() -> Iterator[Row]:
        yield row(1)
        raise RowsError("broken")

    with pytest.raises(RowsError):
        ledger.add_rows(rows())
    assert ledger.add_rows([row(1)]) == 1


def test_rows_are_read_while_they_change_and_by_another_connection(ledger: Ledger) -> None:
    ledger.add_rows(row(n) for n in range(1, 2_501))
    seen = 0
    for found in ledger.iter_rows({"read"}):
        bind(ledger, found.number)
        seen += 1
    assert seen == 2_500
    with ledger.batch():
        ledger.finish(1, {})
        other = sqlite3.connect(f"file:{ledger.path}?mode=ro", uri=True)
        assert other.execute("SELECT COUNT(*) FROM rows WHERE state = 'bound'").fetchone() == (2_500,)
        other.close()


def test_results_are_the_rows_in_order_with_what_became_of_them(ledger: Ledger) -> None:
    ledger.add_rows([row(1), bad(2), *(row(n) for n in range(3, 1_203))])
    bind(ledger, 1)
    ledger.finish(1, {"file": "1.mp4"})
    results = list(ledger.results())
    assert len(results) == 1_202
    assert results[0] == ({"name": "n1"}, "done", {"file": "1.mp4"})
    assert results[1][:2] == ({}, "rejected")
    assert results[1][2]["error"]["rule"] == "cells"
    assert results[-1] == ({"name": "n1202"}, "read", {})


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    (tmp_path / ".framepress").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with Ledger.open(tmp_path, "run") as ledger:
            ledger.add_rows([row(1)])
            files = sorted(ledger.path.parent.iterdir())
            assert {file.name for file in files} == {
                "run.lock",
                "run.sqlite3",
                "run.sqlite3-shm",
                "run.sqlite3-wal",
            }
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
            for folder in (ledger.path.parent, ledger.path.parent.parent):
                assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)


@pytest.mark.parametrize("run_id", ["", ".x", "a/b", "..", "x" * 101, "a\nb"])
def test_a_run_has_a_plain_name(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(UsageError):
        Ledger.open(tmp_path, run_id)


def test_a_second_process_is_told_who_has_the_run(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from framepress.ledger import Ledger\n"
        "ledger = Ledger.open(Path(sys.argv[1]), 'run'); print('open', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(EnvironmentFault, match=f"rendered by process {process.pid}") as caught:
            Ledger.open(tmp_path, "run")
        assert caught.value.rule == "run-locked"
        Ledger.open(tmp_path, "other").close()
        process.kill()
    Ledger.open(tmp_path, "run").close()


def test_a_forked_child_does_not_hold_the_run_after_its_parent(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, "run")
    parent, child = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        parent.close()
        child.send(b"x")
        child.recv(1)
        os._exit(0)
    child.close()
    # The child lets go when it first runs, which need not be before the parent goes on.
    assert parent.recv(1) == b"x"
    ledger.close()
    try:
        Ledger.open(tmp_path, "run").close()
    finally:
        parent.close()
        os.waitpid(pid, 0)


_WRITER = """
import sys
from pathlib import Path
from framepress.ledger import Ledger
from framepress.rows import Row

with Ledger.open(Path(sys.argv[1]), "run") as ledger:
    ledger.reset_rows()
    ledger.add_rows(Row(n, n, {"name": "x" * 200}) for n in range(1, 3001))
    with ledger.batch():
        for n in range(1, 3001):
            ledger.bind(n, key="k", id="", out=f"{n}.mp4", values={}, files={})
    print("bound", flush=True)
    for found in list(ledger.iter_rows({"bound"})):
        ledger.start(found.number)
        ledger.finish(found.number, {"file": "x" * 300})
        print(found.number, flush=True)
"""


def test_a_killed_process_loses_nothing_that_it_was_told_is_kept(tmp_path: Path) -> None:
    told: set[int] = set()
    for lines in (0, 3, 40, 200, 7):
        command = [sys.executable, "-c", _WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "bound\n"
            for _ in range(lines):
                told.add(int(process.stdout.readline()))
            process.send_signal(signal.SIGKILL)
            told |= {int(line) for line in process.stdout if line.endswith("\n")}
        with Ledger.open(tmp_path, "run") as ledger:
            assert ledger._execute("PRAGMA integrity_check").fetchone() == ("ok",)
            done = {found.number for found in ledger.iter_rows({"done"})}
            assert told <= done
            assert sum(ledger.counts().values()) == 3_000
    assert len(told) >= 250


def test_a_process_killed_while_it_takes_in_the_list_leaves_a_usable_ledger(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from framepress.ledger import Ledger\n"
        "from framepress.rows import Row\n"
        "def rows():\n"
        "    for n in range(1, 10_000):\n"
        "        if n == 2_500: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield Row(n, n, {'a': ''})\n"
        "Ledger.open(Path(sys.argv[1]), 'run').add_rows(rows())\n"
    )
    assert (
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode
        == -signal.SIGKILL
    )
    with Ledger.open(tmp_path, "run") as ledger:
        assert ledger.counts()["read"] == 2_000
        ledger.reset_rows()
        assert ledger.add_rows([row(1)]) == 1


def test_a_full_disk_is_said_and_what_was_kept_stays(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Ledger.open(tmp_path, "run") as ledger:
        ledger.add_rows([row(1)])
        # Python ignores SIGXFSZ, so that a write beyond the limit fails as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
        try:
            with pytest.raises(StorageFault, match=r"run\.sqlite3: the disk"):
                ledger.add_rows(Row(n, n, {"name": "x" * 1_000}) for n in range(2, 5_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert [found.number for found in ledger.iter_rows()] == [1]
        assert ledger.add_rows([row(2)]) == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFault, match="--out-dir"):
        Ledger.open(tmp_path / "file", "run")


def test_a_damaged_file_or_one_of_another_version_is_refused_until_fresh(tmp_path: Path) -> None:
    with Ledger.open(tmp_path, "run") as ledger:
        path = ledger.path
        ledger._execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    with pytest.raises(StorageFault, match="another version"):
        Ledger.open(tmp_path, "run")
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(StorageFault, match=r"no ledger.*--fresh"):
        Ledger.open(tmp_path, "run")
    with Ledger.open(tmp_path, "run", fresh=True) as ledger:
        assert ledger.counts() == dict.fromkeys(STATES, 0)


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_rows(ledger: Ledger, count: int) -> None:
    tracemalloc.start()
    ledger.add_rows(Row(n, n, {"name": "x" * 100}) for n in range(1, count + 1))
    with ledger.batch():
        for row, _ in ledger.iter_raw():
            number = row.number
            ledger.bind(number, key=f"{number}", id="", out=f"{number}", values={"N": "x" * 100}, files={})
    assert sum(state == "bound" for _, state, _ in ledger.results()) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
