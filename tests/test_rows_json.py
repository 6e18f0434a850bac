"""JSON lists. Every file is read whole and byte by byte, which must make no difference."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framepress.errors import RowsError
from framepress.lexeme import Lexeme, dumps, loads
from framepress.rows import BadRow, Row, open_rows
from framepress.rows.base import VALUE_BYTES_MAX
from row_streams import Drip, Repeated, plain, read, refusal, values


def bad(data: bytes) -> list[BadRow]:
    return [row for row in read(data) if isinstance(row, BadRow)]


@pytest.mark.parametrize(
    "data",
    [b'[{"a": 1.50, "b": "x", "c": true, "d": null}]', b' {"a": 1.50, "b": "x", "c": true, "d": null}'],
)
def test_numbers_keep_their_spelling_and_the_rest_its_type(data: bytes) -> None:
    (row,) = values(data)
    assert row == {"a": "1.50", "b": "x", "c": True, "d": None}
    assert isinstance(row["a"], Lexeme)
    assert not isinstance(row["b"], Lexeme)


def test_an_array_may_be_laid_out_in_any_way() -> None:
    rows = read(b'\xef\xbb\xbf \r\n[\r\n {"a":\n  1}\n,{"a": 2} , \n\n{\n"a": 3}]\n \n')
    assert [(row.number, row.line) for row in rows] == [(1, 3), (2, 5), (3, 7)]


def test_lists_and_objects_in_a_row_pass_through() -> None:
    assert values(b'[{"a": [1, {"b": null}]}]') == [{"a": ["1", {"b": None}]}]


@pytest.mark.parametrize("number", ["-0", "1E5", "12345678901234567890123", "0.10", "-1.5e-300"])
def test_a_number_of_any_size_is_its_own_text(number: str) -> None:
    assert values(b'[{"a":' + number.encode() + b"}]") == [{"a": number}]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'[{"a": 1},\n {"a": secret}]', "2:8"),
        (b'[{"a": 1}\n {"a": 2}]', "2:2"),
        (b'[{"a": 1},\n]', "2:1"),
        (b'[{"a": 1},', "1:11"),
        (b'[{"a": 1}', "1:10"),
        (b'[{"a": "x', "1:8"),
        (b'[{"a": 1}]\n\n x', "3:2"),
        (b'[{"a": 1}] [', "1:12"),
        (b'[{"a": 1}, {"a" 2}, {"a": 3}]' + b" " * 50, "1:17"),
        (b"[", "1:2"),
        (b'[{"a": "x\ny"}]' + b" " * 50, "1:10"),
    ],
)
def test_a_broken_array_is_refused_with_line_and_column(data: bytes, place: str) -> None:
    error = refusal(data)
    assert error.message.startswith(f"standard input:{place}: ")
    assert "secret" not in error.message


def test_rows_before_the_break_are_given_out() -> None:
    source = iter(open_rows("-", stdin=Drip(b'[{"a": 1}, {"a": 2}, nonsense')))  # type: ignore[arg-type]
    assert next(source).number == 1
    assert next(source).number == 2
    with pytest.raises(RowsError):
        next(source)


def test_an_object_on_its_own_in_a_json_file_is_told_where_it_belongs(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    path.write_text('{"a": 1}\n{"a": 2}\n')
    with pytest.raises(RowsError, match=r"expected an array of rows.*\.jsonl"):
        list(open_rows(str(path)))


@pytest.mark.parametrize("item", [b"12", b'"text"', b"null", b"[1]", b"true"])
def test_what_is_no_object_is_a_bad_row_and_the_others_go_on(item: bytes) -> None:
    for data in (b'[{"a":1},' + item + b',{"a":2}]', b'{"a":1}\n' + item + b'\n{"a":2}'):
        rows = read(data)
        assert [type(row) for row in rows] == [Row, BadRow, Row]
        assert isinstance(rows[1], BadRow)
        assert (rows[1].number, rows[1].error.rule) == (2, "not-an-object")


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (b'{"a": NaN}', "number"),
        (b'{"a": -Infinity}', "number"),
        (b'{"a": 1, "b": 2, "a": 3}', "duplicate-name"),
        ('{"\u00e9": 1, "e\u0301": 3}'.encode(), "duplicate-name"),
        (b'{"a": {"x": 1, "x": 2}}', "duplicate-name"),
        (b'{"": 1}', "header"),
        (b'{"a": "x\\ud800y"}', "surrogate"),
        (b'{"a": ["\\uDFFF"]}', "surrogate"),
        (b'{"\\ud800": 1}', "header"),
        (b'{"a": "x\\u0000"}', "nul"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "nesting"),
    ],
)
def test_what_has_no_one_meaning_is_a_bad_row(row: bytes, rule: str) -> None:
    for data in (b'[{"a": "ok"},' + row + b',{"a": "ok"}]', b'{"a": "ok"}\n' + row + b'\n{"a": "ok"}\n'):
        (found,) = bad(data)
        assert (found.number, found.error.rule, found.error.row) == (2, rule, 2)
        assert len(read(data)) == 3


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert values(b'[{"a": "\\ud83d\\ude00 \\\\ud800"}]') == [{"a": "\U0001f600 \\ud800"}]


def test_half_a_pair_is_described_by_column_and_length_only() -> None:
    (found,) = bad(b'[{"motto": "secret\\ud800"}]')
    assert (found.error.field, found.error.length) == ("motto", 7)
    assert "secret" not in str(found.error.record())


@pytest.mark.parametrize(
    ("line", "column"),
    [(b'{"a": x}', 7), (b'{"a": 1} {"a": 2}', 10), (b'{"a": "\xff"}', 8), (b'{"a": "x', 7)],
)
def test_a_broken_line_of_json_lines_is_its_own_fault_alone(line: bytes, column: int) -> None:
    (found,) = bad(b'{"a": 1}\n\n' + line + b'\n{"a": 3}\n')
    assert (found.number, found.line) == (2, 3)
    assert found.error.message.startswith(f"standard input:3: column {column}: ")


@pytest.mark.parametrize(
    ("data", "place"), [(b'[{"a": 1},\n{"a": "M\xfcller"}]', "2:9"), (b'[{"a": "\xe2\x82', "1:9")]
)
def test_bytes_of_an_array_that_are_not_utf8_are_refused_with_line_and_column(
    data: bytes, place: str
) -> None:
    error = refusal(data)
    assert error.message.startswith(f"standard input:{place}: this is not UTF-8")
    assert error.rule == "encoding"


@pytest.mark.parametrize("data", [b"[]", b" [ \n ] ", b"[\n"])
def test_an_empty_array_is_an_error(data: bytes) -> None:
    assert refusal(data).rule == ("no-rows" if b"]" in data else "json")


def test_brackets_without_end_are_an_error_and_no_crash() -> None:
    assert "nested too deeply" in refusal(b"[" + b"[" * 5_000).message
    assert "nested too deeply" in bad(b'{"a": ' + b"[" * 5_000 + b"\n")[0].error.message


def test_a_value_above_the_limit_makes_its_row_bad_and_one_at_the_limit_does_not() -> None:
    exact, above = b"x" * VALUE_BYTES_MAX, b"x" * (VALUE_BYTES_MAX + 1)
    rows = list(open_rows("-", stdin=io.BytesIO(b'[{"a":"' + exact + b'"},{"a":"' + above + b'"},{}]')))
    assert [type(row) for row in rows] == [Row, BadRow, Row]
    assert isinstance(rows[1], BadRow)
    assert (rows[1].error.field, rows[1].error.length) == ("a", VALUE_BYTES_MAX + 1)


@pytest.mark.parametrize("head", [b'[{"a": "', b'{"a": "', b'[{"a": ['])
def test_a_row_that_never_ends_is_given_up_before_memory_is(head: bytes) -> None:
    body = b"1," * 32_768 if head.endswith(b"[") else b"x" * 65_536
    with pytest.raises(RowsError, match="longer than"):
        list(open_rows("-", stdin=Repeated(head, body, 10_000)))  # type: ignore[arg-type]


@pytest.mark.parametrize("megabytes", [5, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", ["array", "lines"])
def test_memory_does_not_grow_with_the_list(megabytes: int, shape: str) -> None:
    row = json.dumps({"name": "Asha", "points": 1284, "note": "x" * 60}).encode()
    head, end, tail = (b"[{}", b"", b"]") if shape == "array" else (b"{}\n", b"\n", b"")
    body = (row + end if shape == "lines" else b"," + row) * 600
    count = megabytes * 1_000_000 // len(body)
    tracemalloc.start()
    source = open_rows("-", stdin=Repeated(head, body, count, tail))  # type: ignore[arg-type]
    found = sum(isinstance(row, Row) for row in source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == count * 600 + 1
    assert peak < 1_500_000


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
numbers = st.builds(
    "{}{}".format, st.integers(-(10**25), 10**25), st.sampled_from(["", ".50", "e9", ".0E-3"])
)
scalars = texts | st.none() | st.booleans() | numbers.map(Lexeme)
names = st.sampled_from(["a", "b", "größe", "x y", 'q"', "\\", "日本"])
objects = st.dictionaries(names, scalars | st.lists(scalars, max_size=3))


@settings(deadline=None)
@given(st.lists(objects, min_size=1, max_size=5), st.sampled_from(["", " ", "\n", "\r\n\t"]))
def test_what_a_json_writer_wrote_is_read_back(rows: list[dict[str, object]], blank: str) -> None:
    texts = [dumps(row) for row in rows]
    array = f"[{blank}" + f"{blank},{blank}".join(texts) + f"{blank}]{blank}"
    for data in (array.encode(), "\n".join(texts).encode()):
        found = values(data)
        assert found == rows
        assert [list(map(type, row.values())) for row in found] == [
            list(map(type, row.values())) for row in rows
        ]
    escaped = json.dumps(json.loads(array))
    assert len(values(escaped.encode())) == len(rows)


@settings(deadline=None)
@given(objects)
def test_the_stored_form_of_a_row_gives_back_the_row(row: dict[str, object]) -> None:
    again = loads(dumps(row))
    assert again == row
    assert list(map(type, again.values())) == list(map(type, row.values()))


@pytest.mark.parametrize("value", [1, 1.5, {"a": 2}, [0.1], {1: "a"}])
def test_a_number_that_has_lost_its_spelling_is_not_stored(value: object) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                b"[",
                b"]",
                b"{",
                b"}",
                b'"',
                b"a",
                b":",
                b",",
                b"1",
                b" ",
                b"\n",
                b"\\",
                b"\xff",
                b'{"a":1}',
                b"null",
                b"e",
                b"-",
            ]
        ),
        max_size=14,
    )
)
def test_no_bytes_raise_anything_but_a_rows_error(pieces: list[bytes]) -> None:
    data = b"[" + b"".join(pieces)
    outcomes: list[object] = []
    for stream in (io.BytesIO(data), Drip(data)):
        try:
            outcomes.append([plain(row) for row in open_rows("-", stdin=stream)])  # type: ignore[arg-type]
        except RowsError as error:
            outcomes.append(error.record())
    assert outcomes[0] == outcomes[1]
