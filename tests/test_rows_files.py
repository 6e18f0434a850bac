"""Lists as they come out of real systems: encodings, gzip, several files."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from framepress.errors import RowsError, UsageError
from framepress.rows import Row, RowSource, open_rows
from row_streams import refusal, values

PEOPLE = "name;points\r\nMüller;007\r\nZoë;2024-01-31\r\n"

#: Names in Western languages, each a list that is surely Windows-1252.
WESTERN = {
    "German": "name\nMüller\nGroß\nÄnne\n",
    "French": "name\nHélène Lefèvre\nBenoît\nFrançois d’Orléans\n",
    "Spanish": "name\nMuñoz\nJosé\n¿Qué?\n",
    "Portuguese": "name\nJoão Simões\nConceição\n",
    "Nordic": "name\nSøren Ærø\nÅse\n",
    "Italian": "name\nNicolò\nForlì città\n",
    "quotes": "note\n„Ja“ – 5 €\n",
}

#: The same bytes would be other letters in Windows-1252, so nobody can be sure.
OTHERS = {
    "Polish": ("name\nŁukasz Wójcik\nŻaneta\n", "cp1250"),
    "Czech": ("name\nDvořák\nKučera\n", "cp1250"),
    "one Czech name": ("name\nKučera\n", "cp1250"),
    "Hungarian": ("name\nErdős\n", "cp1250"),
    "Romanian": ("name\nMădălina\n", "cp1250"),
    "Russian": ("name\nИван Петров\n", "cp1251"),
    "Greek": ("name\nΓιώργος\n", "cp1253"),
    "Turkish": ("name\nYağmur Işık\n", "cp1254"),
    "Japanese": ("name\n山田太郎\n", "shift_jis"),
    "Chinese": ("name\n王小明\n", "gb18030"),
    "Mac": ("name\nJosé Müller\n", "mac-roman"),
    "DOS": ("name\nJosé Müller\n", "cp850"),
}


def texts(source: RowSource) -> list[dict[str, object]]:
    found = list(source)
    assert all(isinstance(row, Row) for row in found)
    return [row.values for row in found if isinstance(row, Row)]


def saved(folder: Path, data: bytes, name: str = "people.csv") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_known_by_its_mark_or_its_zero_bytes(encoding: str) -> None:
    found = values(PEOPLE.encode(encoding))
    assert found == [{"name": "Müller", "points": "007"}, {"name": "Zoë", "points": "2024-01-31"}]


def test_json_may_be_utf_16_too() -> None:
    assert values('[{"name": "Zoë"}]'.encode("utf-16")) == [{"name": "Zoë"}]


@pytest.mark.parametrize("language", WESTERN)
def test_windows_1252_is_taken_where_it_is_sure_and_that_is_said(tmp_path: Path, language: str) -> None:
    text = WESTERN[language]
    notes: list[str] = []
    found = texts(open_rows(saved(tmp_path, text.encode("cp1252")), on_note=notes.append))
    column, *rest = text.splitlines()
    assert found == [{column: line} for line in rest]
    assert len(notes) == 1
    assert "Windows-1252" in notes[0]


@pytest.mark.parametrize("language", OTHERS)
def test_an_encoding_that_is_not_sure_is_asked_for(tmp_path: Path, language: str) -> None:
    text, encoding = OTHERS[language]
    path = saved(tmp_path, text.encode(encoding))
    with pytest.raises(RowsError, match="--encoding windows-1252") as caught:
        open_rows(path)
    assert caught.value.rule == "encoding-unsure"
    column, *rest = text.splitlines()
    assert texts(open_rows(path, encoding=encoding)) == [{column: line} for line in rest]


def test_utf16_without_a_mark_and_without_latin_letters_has_to_be_named(tmp_path: Path) -> None:
    path = saved(tmp_path, "名前\n山田太郎\n".encode("utf-16-le"))
    with pytest.raises(RowsError, match="--encoding utf-16"):
        list(open_rows(path))
    assert texts(open_rows(path, encoding="utf-16-le")) == [{"名前": "山田太郎"}]


def test_utf8_with_one_damaged_line_is_refused_at_its_place(tmp_path: Path) -> None:
    path = saved(tmp_path, "name\nZoë\n".encode() + b"M\xfcller\n")
    with pytest.raises(RowsError, match=r"people\.csv:3:2: this is not UTF-8"):
        list(open_rows(path))


def test_a_letter_far_down_the_file_counts_too(tmp_path: Path) -> None:
    data = b"name\n" + b"Asha\n" * 200_000 + "Zoë\n".encode("cp1252")
    rows = list(open_rows(saved(tmp_path, data)))
    last = rows[-1]
    assert isinstance(last, Row)
    assert (last.line, last.values) == (200_002, {"name": "Zoë"})


def test_a_stream_that_is_not_utf8_asks_for_the_encoding() -> None:
    assert "--encoding windows-1252" in refusal(WESTERN["German"].encode("cp1252")).message
    found = texts(open_rows("-", stdin=io.BytesIO(WESTERN["German"].encode("cp1252")), encoding="cp1252"))
    assert found[0] == {"name": "Müller"}


def test_bytes_that_mean_nothing_in_the_named_encoding_are_refused_with_their_line(tmp_path: Path) -> None:
    path = saved(tmp_path, b"name\nAsha\nB\x81n\n")
    with pytest.raises(RowsError, match=r"people\.csv:3: this is not cp1252"):
        list(open_rows(path, encoding="windows-1252"))
    path = saved(tmp_path, "name\nAsha\n".encode("utf-16-le") + b"x", "odd.csv")
    with pytest.raises(RowsError, match=r"odd\.csv:3: this is not utf-16-le"):
        list(open_rows(path))


@pytest.mark.parametrize("name", ["klingon", "utf-7", "rot13", "base64", "unicode_escape", "idna", "\0", ""])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--encoding"):
        open_rows(saved(tmp_path, b"a\n1\n"), encoding=name)


def test_what_a_spreadsheet_program_saves_as_unicode_text_is_read() -> None:
    found = values("sep=\t\r\nname\tpoints\r\nZoë\t007\r\n".encode("utf-16"))
    assert found == [{"name": "Zoë", "points": "007"}]


@pytest.mark.parametrize("name", ["people.csv.gz", "people.gz", "people.csv"])
def test_gzip_is_unpacked_whatever_the_name(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, gzip.compress(PEOPLE.encode()), name)
    assert texts(open_rows(path))[0] == {"name": "Müller", "points": "007"}


def test_gzip_keeps_format_and_encoding_of_what_is_in_it(tmp_path: Path) -> None:
    path = saved(tmp_path, gzip.compress(b'{"a": 1}\n{"a": 2}\n'), "people.jsonl.gz")
    assert [row["a"] for row in texts(open_rows(path))] == ["1", "2"]
    path = saved(tmp_path, gzip.compress("name\nZoë\n".encode("cp1252")), "old.csv.gz")
    assert texts(open_rows(path)) == [{"name": "Zoë"}]
    assert values(gzip.compress(b"a,b\n1,") + gzip.compress(b"2\n")) == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:-12] + bytes(12)])
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, damage: object) -> None:
    data = gzip.compress(b"name\n" + bytes(range(48, 58)) * 500 + b"\n")
    path = saved(tmp_path, damage(data), "people.csv.gz")  # type: ignore[operator]
    with pytest.raises(RowsError, match=r"people\.csv\.gz: the gzip file cannot be unpacked") as caught:
        list(open_rows(path))
    assert caught.value.rule == "gzip"


def test_a_pattern_is_one_list_in_the_order_of_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        saved(tmp_path, f"n,b\n{number},x\n\n{number},y\n".encode(), f"part-{number}.csv")
    source = open_rows(str(tmp_path / "part-*.csv"))
    rows = [row for row in source if isinstance(row, Row)]
    assert [row.values["n"] for row in rows] == ["1", "1", "2", "2", "10", "10"]
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6]
    places = [source.place(row.line) for row in rows]
    assert places == [str(tmp_path / f"part-{n}.csv:{line}") for n in (1, 2, 10) for line in (2, 4)]


def test_files_of_a_pattern_may_be_of_any_kind_and_one_may_be_without_rows(tmp_path: Path) -> None:
    saved(tmp_path, b"a\n1\n", "p1.csv")
    saved(tmp_path, b"a\n", "p2.csv")
    saved(tmp_path, gzip.compress(b"a\n3\n"), "p3.csv.gz")
    assert texts(open_rows(str(tmp_path / "p*"))) == [{"a": "1"}, {"a": "3"}]
    saved(tmp_path, b"a\n", "p1.csv")
    (tmp_path / "p3.csv.gz").unlink()
    with pytest.raises(RowsError, match="there are no rows"):
        list(open_rows(str(tmp_path / "p*")))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("b,a", "another order"),
        ("a", 'lacks "b"'),
        ("a,b,c", 'has "c" besides'),
        ("a,x", 'lacks "b" and it has'),
    ],
)
def test_headers_that_differ_are_refused_before_any_row(tmp_path: Path, header: str, message: str) -> None:
    saved(tmp_path, b"a,b\n1,2\n", "p1.csv")
    saved(tmp_path, header.encode() + b"\n", "p2.csv")
    with pytest.raises(RowsError, match=rf"p2\.csv: its columns are not those of .*p1\.csv: .*{message}"):
        open_rows(str(tmp_path / "p*.csv"))


def test_a_bad_row_of_a_pattern_names_its_file(tmp_path: Path) -> None:
    saved(tmp_path, b"a,b\n1,2\n", "p1.csv")
    saved(tmp_path, b"a,b\n1,2\n1\n", "p2.csv")
    bad = list(open_rows(str(tmp_path / "p*.csv")))[-1]
    assert not isinstance(bad, Row)
    assert (bad.number, bad.error.row, bad.error.place) == (3, 3, str(tmp_path / "p2.csv:3"))


def test_a_pattern_without_files_says_so_and_a_file_of_that_name_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(RowsError, match="no file has a name like that"):
        open_rows(str(tmp_path / "p*.csv"))
    path = saved(tmp_path, b"a\n1\n", "p[1].csv")
    assert texts(open_rows(path)) == [{"a": "1"}]
