"""Rows become variants, or are refused with everything that is wrong with them and none of their values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.errors import RowsError, RowValueError, UsageError
from framepress.keys import digest_bytes
from framepress.lexeme import Lexeme
from framepress.settings import RenderSettings
from framepress.variants import Binder, Variant, all_findings, canonical_text, row_key_of


def load(folder: Path, declared: dict[str, Any], body: str, root: str = "data-duration=6") -> Composition:
    path = folder / "card.html"
    path.write_text(
        f"<!doctype html><html><body>"
        f"<script type='application/hyperframes-vars'>{json.dumps(declared)}</script>"
        f'<div data-width="640" data-height="360" {root}>{body}</div></body></html>',
        encoding="utf-8",
    )
    return load_composition(path)


def binder(
    composition: Composition,
    columns: list[str],
    *,
    column_map: dict[str, str] | None = None,
    use_default: tuple[str, ...] = (),
    batch: bool = True,
) -> Binder:
    return Binder(
        composition, columns=columns, column_map=column_map or {}, use_default=use_default, batch=batch
    )


def bind(composition: Composition, row: dict[str, object], **options: Any) -> Variant:
    bound = binder(composition, list(row), **options)
    bound.check_columns()
    return bound.bind(row, place="people.csv:18", row_number=17)


def findings(composition: Composition, row: dict[str, object], **options: Any) -> list[RowValueError]:
    with pytest.raises(RowValueError) as caught:
        bind(composition, row, **options)
    found = list(all_findings(caught.value))
    assert caught.value.message == found[0].message
    return found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (Lexeme("1.50"), "1.50"),
        (Lexeme("1e2"), "1e2"),
        (7, "7"),
        ("007", "007"),
        ("e\u0301\r\nx", "é\nx"),
    ],
)
def test_values_have_one_canonical_text(value: object, text: str) -> None:
    assert canonical_text(value) == text


@pytest.mark.parametrize("value", [1.5, [], {}, ["a"], b"x"])
def test_what_has_no_single_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_text(value)


def test_columns_match_exactly_before_they_match_without_case(tmp_path: Path) -> None:
    composition = load(tmp_path, {}, "{{$NAME}}")
    assert bind(composition, {"name": "a"}).values == {"NAME": "a"}
    assert bind(composition, {"name": "a", "NAME": "b", "Name": "c"}).values == {"NAME": "b"}
    with pytest.raises(RowsError, match="--map NAME=name") as caught:
        bind(composition, {"name": "a", "Name": "c"})
    assert caught.value.rule == "ambiguous-column"


def test_a_missing_column_is_an_error_with_the_nearest_header(tmp_path: Path) -> None:
    composition = load(tmp_path, {"FIRST_NAME": {"default": "Ada"}}, "{{$FIRST_NAME}} {{$CITY}}")
    with pytest.raises(RowsError) as caught:
        bind(composition, {"first name": "a", "mail": "c"})
    assert "--map 'FIRST_NAME=first name'" in caught.value.message
    assert "--use-default FIRST_NAME" in caught.value.message
    assert 'no column for "CITY"' in caught.value.message


def test_a_map_and_a_permitted_default_fill_in_for_columns(tmp_path: Path) -> None:
    composition = load(tmp_path, {"NAME": {"default": "Ada"}}, "{{$NAME}} {{$CITY}}")
    variant = bind(
        composition, {"town": "Ulm", "other": "x"}, column_map={"city": "town"}, use_default=("NAME",)
    )
    assert variant.values == {"NAME": "Ada", "CITY": "Ulm"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"column_map": {"NAME": "nmae"}}, RowsError),
        ({"column_map": {"NMAE": "name"}}, UsageError),
        ({"use_default": ("X",)}, UsageError),
    ],
)
def test_options_with_unknown_names_are_refused(
    tmp_path: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    composition = load(tmp_path, {}, "{{$NAME}}")
    with pytest.raises(error):
        bind(composition, {"name": "a"}, **options)


def test_a_single_render_uses_defaults_and_refuses_unknown_names(tmp_path: Path) -> None:
    composition = load(tmp_path, {"NAME": {"default": "Ada"}}, "{{$NAME}} {{$CITY}}")
    assert bind(composition, {"CITY": "Ulm"}, batch=False).values == {"NAME": "Ada", "CITY": "Ulm"}
    [missing] = findings(composition, {}, batch=False)
    assert (missing.rule, missing.field) == ("required", "CITY")
    with pytest.raises(UsageError, match='did you mean "NAME"'):
        bind(composition, {"NMAE": "x"}, batch=False)


def test_empty_cells_take_the_fallback_or_are_refused_unless_optional(tmp_path: Path) -> None:
    declared = {"A": {"fallback": "there", "default": "Ada"}, "B": {"required": False}, "C": {"default": "c"}}
    composition = load(tmp_path, declared, "{{$A}} {{$B}} {{$C}}")
    assert bind(composition, {"a": "", "b": None, "c": "x"}).values == {"A": "there", "B": "", "C": "x"}
    [finding] = findings(composition, {"a": "", "b": "", "c": ""})
    assert (finding.rule, finding.field, finding.length) == ("required", "c", 0)
    assert finding.message.startswith('people.csv:18: column "c" is empty; expected ')


def test_declared_variables_that_are_not_used_need_no_column(tmp_path: Path) -> None:
    composition = load(tmp_path, {"A": {"default": "1"}, "B": {}}, "{{$C}}")
    assert bind(composition, {"c": "x"}).values == {"A": "1", "B": "", "C": "x"}


RULES: list[tuple[dict[str, Any], str, str]] = [
    ({"maxLength": 4}, "secret", "max-length"),
    ({"type": "number"}, "1,284", "type"),
    ({"type": "number"}, "٣", "type"),
    ({"type": "number", "min": 2}, "1.99", "min"),
    ({"type": "number", "max": 2}, "1e999", "max"),
    ({"type": "boolean"}, "yes", "type"),
    ({"type": "color"}, "red;}", "type"),
    ({"type": "date"}, "2025-02-30", "type"),
    ({"options": ["a", "b"]}, "secret", "options"),
    ({"pattern": "[a-z]+"}, "abc\n", "pattern"),
    ({"pattern": "(a+)+"}, "a" * 1001, "pattern"),
    ({"type": "image"}, "none.png", "asset-missing"),
    ({"type": "image"}, "../x.png", "asset-outside"),
    ({"type": "image"}, "https://x.example/a.png", "remote-host"),
    ({"type": "url"}, "javascript:alert(1)", "url-scheme"),
    ({}, "a\x00b", "character"),
    ({}, "a\x1bb", "character"),
    ({}, "a\x85b", "character"),
    ({}, "a\ud800b", "character"),
]


@pytest.mark.parametrize(("declaration", "value", "rule"), RULES)
def test_a_value_that_breaks_its_declaration_is_described_and_not_shown(
    tmp_path: Path, declaration: dict[str, Any], value: str, rule: str
) -> None:
    composition = load(tmp_path, {"X": declaration}, "{{$X}}")
    [finding] = findings(composition, {"x": value})
    assert (finding.rule, finding.row, finding.field) == (rule, 17, "x")
    assert finding.message.startswith('people.csv:18: column "x" ')
    if len(value) > 3:
        assert value not in json.dumps(finding.record(), ensure_ascii=False)


@pytest.mark.parametrize(
    ("declaration", "value"),
    [
        ({"type": "number", "min": -1}, "-0.5e-3"),
        ({"type": "color"}, "#1a2b3c"),
        ({"type": "color"}, "rgb(1 2 3 / 50%)"),
        ({"type": "date"}, "2024-02-29"),
        ({"type": "boolean"}, "true"),
        ({"pattern": "[a-z]+"}, "abc"),
        ({"maxLength": 3}, "🎉🎉🎉"),
        ({"type": "url"}, "https://x.example/"),
        ({}, "a\tb\nc"),
    ],
)
def test_good_values_pass_unchanged(tmp_path: Path, declaration: dict[str, Any], value: str) -> None:
    composition = load(tmp_path, {"X": declaration}, "{{$X}}")
    assert bind(composition, {"x": value}).values == {"X": value}


def test_all_findings_of_a_row_are_reported(tmp_path: Path) -> None:
    declared = {"A": {"maxLength": 2, "type": "number"}, "B": {"options": ["x"]}}
    composition = load(tmp_path, declared, "{{$A}} {{$B}} <style>p { color: {{$C}} }</style>")
    found = findings(composition, {"a": "abc", "b": "y", "c": "red; x"})
    assert [(item.rule, item.field) for item in found] == [
        ("max-length", "a"),
        ("type", "a"),
        ("options", "b"),
        ("css-value", "c"),
    ]


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_lists_and_objects_are_refused(tmp_path: Path, value: object) -> None:
    composition = load(tmp_path, {}, "{{$X}}")
    [finding] = findings(composition, {"x": value})
    assert finding.rule == "type"


def test_files_of_a_row_are_digested_wherever_they_are_named(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "3.png", "f g.woff2"):
        (tmp_path / name).write_bytes(name.encode())
    declared = {"PIC": {"type": "image"}, "LINK": {}}
    body = (
        "<p data-x='{{$PIC}}'></p><img src='{{$N}}.png'><style>p { background: url('{{$M}}.png') }"
        "@font-face { src: url({{$F}}) }</style><a href='{{$LINK}}.html'>x</a>"
    )
    composition = load(tmp_path, declared, body)
    row: dict[str, object] = {"PIC": "./1.png", "N": "2", "M": "3", "F": "f g.woff2", "LINK": "no"}
    variant = bind(composition, row)
    assert variant.files == {
        name: digest_bytes(name.encode()) for name in ("1.png", "2.png", "3.png", "f g.woff2")
    }
    assert [item.rule for item in findings(composition, row | {"N": "9"})] == ["asset-missing"]
    assert [item.rule for item in findings(composition, row | {"M": "../card/3"})] == ["asset-outside"]
    assert [item.rule for item in findings(composition, row | {"F": "//x.example/f"})] == ["remote-host"]


def test_a_file_that_changes_between_rows_is_digested_again(tmp_path: Path) -> None:
    picture = tmp_path / "1.png"
    picture.write_bytes(b"one")
    composition = load(tmp_path, {"PIC": {"type": "image"}}, "{{$PIC}}")
    bound = binder(composition, ["PIC"])
    first = bound.bind({"PIC": "1.png"}, place="x:1", row_number=1)
    picture.write_bytes(b"two")
    os.utime(picture, ns=(1, 1))
    second = bound.bind({"PIC": "1.png"}, place="x:1", row_number=1)
    assert (first.files["1.png"], second.files["1.png"]) == (digest_bytes(b"one"), digest_bytes(b"two"))


def test_a_row_that_breaks_size_or_time_is_refused_when_it_is_bound(tmp_path: Path) -> None:
    composition = load(tmp_path, {}, "<p data-start='{{$S}}' data-end='3'></p>")
    assert bind(composition, {"s": "2.5"}).values == {"S": "2.5"}
    [finding] = findings(composition, {"s": "9secret"})
    assert finding.rule == "start"
    assert "secret" not in finding.message


SETTINGS = RenderSettings()


def test_options_that_lead_to_the_same_output_give_the_same_row_key(tmp_path: Path) -> None:
    composition = load(tmp_path, {}, "{{$A}}", "data-fps=30 data-duration=6")
    variant = bind(composition, {"a": "x"})
    key = row_key_of(composition, variant, SETTINGS)
    assert row_key_of(composition, variant, RenderSettings(fps=30, scale="1")) == key  # type: ignore[arg-type]
    assert row_key_of(composition, variant, RenderSettings(scale="360p")) == key


@pytest.mark.parametrize(
    "change",
    [
        {"crf": 19}, {"preset": "fast"}, {"fps": 25}, {"scale": "0.5"}, {"locale": "de"}, {"timezone": "CET"},
        {"now": "2001-01-01T00:00:00Z"}, {"system_fonts": True},
    ],
)  # fmt: skip
def test_every_setting_that_changes_the_output_changes_the_row_key(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    composition = load(tmp_path, {}, "{{$A}}")
    variant = bind(composition, {"a": "x"})
    other = RenderSettings(**change)
    assert row_key_of(composition, variant, other) != row_key_of(composition, variant, SETTINGS)


@settings(deadline=None)  # reads and writes files
@given(
    st.permutations(["a", "b", "unused"]), st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)
)
def test_column_order_and_unused_columns_never_change_a_row_key(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], unused: str
) -> None:
    composition = load(tmp_path_factory.getbasetemp(), {}, "{{$A}} {{$B}}")
    row = {"a": "1", "b": "2", "unused": unused}
    key = row_key_of(composition, bind(composition, {name: row[name] for name in order}), SETTINGS)
    assert key == row_key_of(composition, bind(composition, {"a": "1", "b": "2"}), SETTINGS)
    assert key != row_key_of(composition, bind(composition, {"a": "2", "b": "1"}), SETTINGS)
