"""results.csv: the list as it came, with what became of each row."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framepress.errors import RowValueError, StorageFault
from framepress.ledger import Ledger
from framepress.lexeme import Lexeme
from framepress.results_csv import write_results_csv
from framepress.rows import BadRow, Row, open_rows


def bind(ledger: Ledger, number: int) -> None:
    ledger.bind(number, key="k", id="", out=f"{number}.mp4", values={}, files={})


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, strict=True))


def test_every_row_is_there_in_order_with_its_columns_and_ours(tmp_path: Path) -> None:
    with Ledger.open(tmp_path, "run") as ledger:
        ledger.add_rows(
            [
                Row(1, 2, {"name": "Asha", "points": Lexeme("1.50"), "vip": True}),
                Row(2, 3, {"name": None, "tags": [Lexeme("1"), "x"]}),
                BadRow(3, 4, RowValueError("list.csv:4: ragged", rule="cells")),
                Row(4, 5, {"name": "=1+1"}),
            ]
        )
        bind(ledger, 1)
        bind(ledger, 2)
        ledger.finish(1, {"file": "1.mp4", "poster": "1.jpg", "seconds": 2.5, "bytes": 600, "frames": 9})
        ledger.fail(2, {"message": "the page threw"}, {"seconds": 0})
        write_results_csv(tmp_path / "results.csv", ledger)
    assert read(tmp_path / "results.csv") == [
        ["name", "points", "vip", "tags", "status", "file", "poster", "seconds", "bytes", "error"],
        ["Asha", "1.50", "true", "", "done", "1.mp4", "1.jpg", "2.5", "600", ""],
        ["", "", "", '[1,"x"]', "failed", "", "", "0", "", "the page threw"],
        ["", "", "", "", "rejected", "", "", "", "", "list.csv:4: ragged"],
        ["=1+1", "", "", "", "pending", "", "", "", "", ""],
    ]
    assert not list(tmp_path.glob(".*.partial"))


def test_our_columns_give_way_to_those_of_the_list(tmp_path: Path) -> None:
    with Ledger.open(tmp_path, "run") as ledger:
        ledger.add_rows([Row(1, 1, {"Status": "a", "file": "b", "fp_file": "c"})])
        write_results_csv(tmp_path / "results.csv", ledger)
    assert read(tmp_path / "results.csv")[0] == [
        *("Status", "file", "fp_file", "fp_status", "fp_fp_file", "poster", "seconds", "bytes", "error")
    ]


def test_results_can_be_a_list_of_rows_again(tmp_path: Path) -> None:
    with Ledger.open(tmp_path, "run") as ledger:
        ledger.add_rows(open_rows("-", stdin=io.BytesIO(b'name,note\n"a\nb",007\n')))
        write_results_csv(tmp_path / "results.csv", ledger)
    (row,) = open_rows(str(tmp_path / "results.csv"))
    assert isinstance(row, Row)
    assert (row.values["name"], row.values["note"], row.values["status"]) == ("a\nb", "007", "pending")


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9), min_size=1
    )
)
def test_no_text_breaks_the_table(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("results")
    with Ledger.open(folder, "run") as ledger:
        ledger.add_rows(Row(n, n, {"text": text}) for n, text in enumerate(texts, start=1))
        write_results_csv(folder / "results.csv", ledger)
    assert [line[0] for line in read(folder / "results.csv")[1:]] == texts


def test_a_file_that_cannot_be_written_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("earlier")
    with Ledger.open(tmp_path, "run") as ledger:
        ledger.add_rows([Row(1, 1, {"a": "x"})])
        with pytest.raises(StorageFault, match="--results"):
            write_results_csv(tmp_path / "missing" / "results.csv", ledger)
        ledger._execute("UPDATE rows SET raw = '{broken'")
        with pytest.raises(ValueError, match="Expecting"):
            write_results_csv(path, ledger)
    assert path.read_text() == "earlier"
    assert sorted(file.name for file in tmp_path.iterdir()) == [".framepress", "results.csv"]
