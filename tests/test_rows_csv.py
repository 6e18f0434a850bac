"""CSV lists. Every file is read whole and byte by byte, which must make no difference."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framepress.errors import InternalError, RowsError, UsageError
from framepress.rows import BadRow, Row, open_rows
from framepress.rows.base import VALUE_BYTES_MAX
from framepress.rows.select import parse_only, parse_row_ranges
from row_streams import Drip, Repeated, plain, read, refusal, values


def test_cells_are_text_as_it_stands_in_the_file() -> None:
    assert values(b"name,points,note\nAsha,007,  x \n,1e3,\n") == [
        {"name": "Asha", "points": "007", "note": "  x "},
        {"name": "", "points": "1e3", "note": ""},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_header(delimiter: str) -> None:
    text = delimiter.join(["name", '"a,b;c"', "z"]) + "\n" + delimiter.join(["1", "2", "3"]) + "\n"
    assert values(text.encode()) == [{"name": "1", "a,b;c": "2", "z": "3"}]


def test_a_first_line_sep_sets_the_delimiter() -> None:
    assert values(b"sep=|\r\na,x|b\r\n1|2\r\n") == [{"a,x": "1", "b": "2"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_numbers_hold_with_line_ends_inside_quotes(end: str) -> None:
    text = f'a,b{end}"x{end}y",1{end}{end}2,3{end}"q""{end}",4'
    rows = read(text.encode())
    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 5), (3, 6)]
    assert [row.values["a"] for row in rows if isinstance(row, Row)] == [f"x{end}y", "2", f'q"{end}']


def test_a_header_may_have_line_ends_in_its_names() -> None:
    assert values(b'"first\nname";b\n1;2\n') == [{"first\nname": "1", "b": "2"}]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert values(b"\xef\xbb\xbfname\nAsha\n") == [{"name": "Asha"}]


def test_names_lose_the_spaces_around_them_and_are_composed() -> None:
    with open_rows("-", stdin=io.BytesIO(" gro\u0308\u00dfe , b\n1,2\n".encode())) as source:
        assert source.columns == ("gr\u00f6\u00dfe", "b")


def test_a_row_with_too_few_or_too_many_cells_is_bad_and_the_others_go_on() -> None:
    rows = read(b"a,b\n1,2\nsecret\n3,4,5\n6,7\n")
    assert [type(row) for row in rows] == [Row, BadRow, BadRow, Row]
    few, many = (row.error for row in rows if isinstance(row, BadRow))
    assert few.message.startswith("standard input:3: the row has 1 cell; the header has 2.")
    assert (few.rule, few.row, few.place) == ("cells", 2, "standard input:3")
    assert "the row has 3 cells" in many.message
    assert "secret" not in str(few.record())


def test_a_quote_that_is_never_closed_is_shown_where_it_opens() -> None:
    error = refusal(b'a,b\n1,2\n"3\n4",5\n6,"seven\n8,9\n')
    assert error.message.startswith("standard input:5:3: the quoted cell")
    assert "seven" not in error.message


def test_text_after_a_closing_quote_is_shown_where_the_quote_opens() -> None:
    assert refusal(b'a,b\n1,"say "hi", she said"\n').message.startswith("standard input:2:3: ")


def test_a_quote_inside_a_plain_cell_is_a_character() -> None:
    assert values(b'size,b\n5" wide,x\n') == [{"size": '5" wide', "b": "x"}]


def test_bytes_that_are_not_utf8_are_refused_with_line_and_column() -> None:
    error = refusal(b"a,b\nx,y\n\xc3\xa9,M\xfcller\n")
    assert error.message.startswith("standard input:3:4: this is not UTF-8")
    assert error.rule == "encoding"


def test_a_nul_is_refused_with_line_and_column() -> None:
    assert refusal(b"a,b\nx,y\0\n").message.startswith("standard input:2:4: there is a NUL")


@pytest.mark.parametrize("header", [b"a,,b", b"a,b,", b"a, ,b"])
def test_a_header_without_a_name_is_refused(header: bytes) -> None:
    assert "has no name" in refusal(header + b"\n1,2,3\n").message


def test_a_header_with_a_name_twice_is_refused() -> None:
    assert 'columns 1 and 3 both have the name "a"' in refusal(b"a,b, a\n1,2,3\n").message


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"a,b\n", b"a,b\n\n\r\n"])
def test_a_list_without_rows_is_an_error(data: bytes) -> None:
    assert refusal(data).rule == "no-rows"


@pytest.mark.parametrize(
    ("head", "what"), [(b"PK\x03\x04", "spreadsheet"), (b"SQLite format 3\0", "SQLite"), (b"PAR1", "Parquet")]
)
def test_other_formats_are_called_by_name(head: bytes, what: str) -> None:
    error = refusal(head + bytes(40))
    assert what in error.message
    assert error.rule == "format"


def test_a_value_above_the_limit_makes_its_row_bad_and_one_at_the_limit_does_not() -> None:
    exact, above = b"x" * VALUE_BYTES_MAX, "é".encode() * (VALUE_BYTES_MAX // 2 + 1)
    rows = list(open_rows("-", stdin=io.BytesIO(b"a,b\n1," + exact + b"\n2," + above + b"\n3,4\n")))
    assert [type(row) for row in rows] == [Row, BadRow, Row]
    assert isinstance(rows[1], BadRow)
    assert (rows[1].error.rule, rows[1].error.field) == ("value-size", "b")
    assert rows[1].error.length == VALUE_BYTES_MAX // 2 + 1


@pytest.mark.parametrize("body", [b"x" * 65_536, b"line\n" * 10_000])
def test_a_cell_that_never_ends_is_given_up_before_memory_is(body: bytes) -> None:
    with pytest.raises(RowsError) as caught:
        list(open_rows("-", stdin=Repeated(b'a\n"', body, 10_000)))  # type: ignore[arg-type]
    assert caught.value.rule == "row-too-long"
    assert caught.value.message.startswith("standard input:2: ")


@pytest.mark.parametrize("megabytes", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_list(megabytes: int) -> None:
    line = b"Asha,1284," + b"x" * 89 + b"\n"
    stream = Repeated(b"name,points,note\n", line * 600, megabytes * 1_000_000 // (len(line) * 600))
    tracemalloc.start()
    rows = open_rows("-", stdin=stream)  # type: ignore[arg-type]
    count = sum(isinstance(row, Row) for row in rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == megabytes * 1_000_000 // (len(line) * 600) * 600
    assert peak < 1_500_000


def test_a_source_is_read_once_and_closes_its_file(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("a\n1\n")
    source = open_rows(str(path))
    assert len(list(source)) == 1
    assert source._stream.closed
    with pytest.raises(InternalError):
        iter(source)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(RowsError, match=str(path)):
            open_rows(str(path))


def test_the_extension_decides_before_the_first_character(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("[a],b\n1,2\n")
    assert open_rows(str(path)).columns == ("[a]", "b")


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1)
    )
)
def test_what_a_csv_writer_wrote_is_read_back(table: list[list[str]]) -> None:
    columns = [f"c{n}" for n in range(len(table[0]))]
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([columns, *table])
    data = text.getvalue().encode()
    assert [list(row.values()) for row in values(data)] == table
    cut = [plain(row) for row in open_rows("-", stdin=io.BytesIO(data + b"one,cell,too,many,here,x\r\n"))]
    assert len(cut) == len(table) + 1


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_rows_error(data: bytes) -> None:
    outcomes = []
    for stream in (io.BytesIO(b"a,b\n" + data), Drip(b"a,b\n" + data)):
        try:
            outcomes.append([plain(row) for row in open_rows("-", stdin=stream)])  # type: ignore[arg-type]
        except RowsError as error:
            outcomes.append([error.record()])
    assert outcomes[0] == outcomes[1]


def test_row_ranges_hold_both_ends_and_know_the_last_row_asked_for() -> None:
    wanted = parse_row_ranges("5, 17-20,18-22,6")
    assert [n for n in range(1, 40) if wanted(n)] == [5, 6, 17, 18, 19, 20, 21, 22]
    assert (wanted.last, wanted.ranges) == (22, ((5, 6), (17, 22)))


@pytest.mark.parametrize("spec", ["", "0", "x", "3-", "-3", "5-4", "1,,2", "1.5", "1-2-3"])
def test_row_ranges_that_mean_nothing_are_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="--rows"):
        parse_row_ranges(spec)


def test_only_compares_texts_as_a_page_would_see_them() -> None:
    assert parse_only("plan=a=b")({"plan": "a=b"})
    assert parse_only("paid=true")({"paid": True})
    assert parse_only("note=")({"note": None})
    assert parse_only("city=K\u00f6ln")({"city": "Ko\u0308ln"})
    assert not parse_only("plan=pro")({"plan": "Pro"})
    assert not parse_only("x=[]")({"x": []})


def test_only_names_the_nearest_column() -> None:
    with pytest.raises(UsageError, match=r'no column "plans"\. Did you mean "plan"') as caught:
        parse_only("plans=secret").check_column(["name", "plan"])
    assert "secret" not in caught.value.message
    with pytest.raises(UsageError):
        parse_only("=x")
