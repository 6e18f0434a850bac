"""What a machine is good for, and lists in shards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framepress.capacity import ARTICLE, Measured, advise, best_of, hours_for, workers_by_article
from framepress.chunks import shard_of, split_rows
from framepress.errors import RowsError
from framepress.lexeme import Lexeme
from framepress.rows import open_rows

GB = 10**9


@pytest.mark.parametrize(("cpus", "workers"), [*ARTICLE, (1, 1), (2, 1), (6, 3), (12, 6), (24, 10)])
def test_workers_follow_the_articles_table(cpus: int, workers: int) -> None:
    assert workers_by_article(cpus) == workers


def test_memory_decides_where_it_is_short() -> None:
    assert advise(8, 64 * GB, GB).because == "processors"
    assert advise(8, None, GB).workers == 4
    short = advise(8, 3 * GB, GB)
    assert (short.workers, short.rows_each, short.because) == (1, 2, "memory")
    assert advise(8, GB // 2, GB).rows_each == 1


def test_more_processes_are_advised_only_as_long_as_they_help() -> None:
    measured = [Measured(1, 6, 60, 0), Measured(2, 6, 32, 0), Measured(4, 6, 31, 0)]
    assert best_of(measured).processes == 2
    assert best_of(measured[:1]).processes == 1
    assert hours_for(3600, measured[0].clips_per_hour) == 10
    assert hours_for(1, Measured(1, 0, 60, 0).clips_per_hour) == float("inf")


def people(folder: Path, count: int) -> Path:
    path = folder / "people.csv"
    path.write_text("name,points\n" + "".join(f"Name {n},{n}.50\n" for n in range(count)))
    return path


def rows_of(folder: Path) -> list[list[str]]:
    return [path.read_text().splitlines() for path in sorted(folder.glob("*.jsonl"))]


def test_every_row_is_in_one_shard_and_stays_there_when_others_come(tmp_path: Path) -> None:
    counts = split_rows(open_rows(str(people(tmp_path, 100))), tmp_path, "few", 4, by_content=True)
    few = rows_of(tmp_path)
    assert sum(counts) == 100
    assert [len(shard) for shard in few] == counts
    assert len({row for shard in few for row in shard}) == 100
    assert min(counts) > 10
    more = tmp_path / "more"
    more.mkdir()
    split_rows(open_rows(str(people(tmp_path, 150))), more, "more", 4, by_content=True)
    for before, after in zip(few, rows_of(more), strict=True):
        assert after[: len(before)] == before
    assert json.loads(few[0][0])["points"].endswith(".50")


def test_rows_may_be_dealt_in_turn(tmp_path: Path) -> None:
    counts = split_rows(open_rows(str(people(tmp_path, 7))), tmp_path, "p", 3, by_content=False)
    assert counts == [3, 2, 2]


def test_a_number_goes_where_its_text_goes() -> None:
    assert shard_of({"a": "1.50"}, 97) == shard_of({"a": Lexeme("1.50")}, 97)
    assert shard_of({"a": "true"}, 97) == shard_of({"a": True}, 97)
    assert shard_of({"a": "1", "b": "2"}, 97) == shard_of({"b": "2", "a": "1"}, 97)


def test_a_list_that_cannot_be_read_leaves_no_shard(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(RowsError):
        split_rows(open_rows(str(path)), tmp_path, "bad", 2, by_content=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bad.jsonl"]
