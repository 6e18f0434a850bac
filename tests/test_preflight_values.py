"""Checks of values: each fires on what it is for, and on nothing that people really have."""

from __future__ import annotations

import pytest

from framepress.declarations import Declaration
from framepress.preflight.rules import RULES, Finding, finding
from framepress.preflight.scripts import EMOJI, has_emoji, scripts_of
from framepress.preflight.table import HASHES, Column, Table
from framepress.preflight.values import check_row, check_value


def rules(text: str, name: str = "NAME", column: Column | None = None) -> list[str]:
    return [found.rule for found in check_value(name, text, column)]


FIRES = [
    ("value-blank", " "), ("value-blank", "\u00a0 \t"),
    ("value-placeholder", "Dear {{name}}"), ("value-placeholder", "${first}"),
    ("value-placeholder", "*|FNAME|*"), ("value-placeholder", "[First Name]"),
    ("value-null", "null"), ("value-null", "N/A"), ("value-null", "undefined"), ("value-null", "NULL"),
    ("value-null", "#REF!"), ("value-null", "[object Object]"), ("value-null", "none"),
    ("value-null-name", "Null"), ("value-null-name", "NA"),
    ("value-test", "tester"), ("value-test", "Test User 2"), ("value-test", "asdfgh"),
    ("value-test", "TEST123"),
    ("value-spaces", "Ada "), ("value-spaces", " Ada"), ("value-spaces", "Ada  Byron"),
    ("value-case", "ADA BYRON"), ("value-case", "ada"), ("value-case", "ÅSA ÖBERG"),
    ("value-mojibake", "ZoÃ«"), ("value-mojibake", "MÃ¼ller"), ("value-mojibake", "Itâ€™s"),
    ("value-mojibake", "Jos\ufffd"), ("value-mojibake", "Ð\u009fÐ°Ð²ÐµÐ»"),
    ("value-entity", "Tom &amp; Ann"), ("value-entity", "caf&eacute;"), ("value-entity", "O&#39;Neil"),
    ("value-entity", "<b>Ada</b>"),
    ("value-control", "Ada\u200bByron"), ("value-control", "\u202eadA"), ("value-control", "\ufeffAda"),
    ("value-date", "2025-02-30"), ("value-date", "31.02.2024"), ("value-date", "0000-00-00"),
    ("value-date", "1900-01-00"), ("value-date", "13/13/2024"), ("value-date", "1970-01-01"),
]  # fmt: skip

QUIET = [
    "Ada", "Ada Byron", "Li", "JJ", "O'Neil", "D’Arcy", "van der Berg", "McDonald", "Zoë", "José Ñúñez",
    "Nullmann",
    "Tester-Meyer", "Nina", "محمد عبد الرحمن", "می‌خواهم", "שירה כהן־לוי", "李小龍", "さくら", "김민준",
    "अनन्या", "नेहा सिंह A.", "田中 愛 K.",
    "👩🏽‍🚀 Mae", "Zoë 🦊✨", "Straße", "São Paulo", "Ångström", "AT&T", "R&D", "Ben & Jerry",
    "A < B", "1284",
    "2025-02-28", "29.02.2024", "12/31/2024", "3.14", "Ã", "Â", "Testarossa", "Samplemann",
    "Null-Meyer", "Foo",
    "50 %", "{", "x}", "Null Pointer", "Anna\nLena", "Naïve Ã la carte",
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text"), FIRES)
def test_a_value_that_went_wrong_is_found(rule: str, text: str) -> None:
    assert rule in rules(text)


@pytest.mark.parametrize("text", QUIET)
def test_what_people_are_called_is_left_alone(text: str) -> None:
    assert rules(text) == []


def test_an_empty_value_is_for_declarations_to_judge() -> None:
    assert rules("") == []


def test_capitals_that_a_column_uses_as_a_rule_are_its_own_way() -> None:
    shouting, mixed = Column("NAME"), Column("NAME")
    for row in range(40):
        shouting.add(row, "ADA BYRON")
        mixed.add(row, "Ada Byron")
    assert rules("GRACE HOPPER", column=shouting) == []
    assert rules("GRACE HOPPER", column=mixed) == ["value-case"]
    assert rules("GRACE HOPPER", "CITY_CODE", mixed) == []


def test_a_number_far_from_all_others_is_found_and_a_long_tail_is_not() -> None:
    column = Column("POINTS")
    for row in range(400):
        column.add(row, str(100 + row * 7 % 2900))
    assert rules("2000000", "POINTS", column) == ["value-outlier"]
    assert rules("-50000", "POINTS", column) == ["value-outlier"]
    assert rules("9000", "POINTS", column) == []
    assert rules("0", "POINTS", column) == []


def test_a_text_far_longer_than_the_others_is_found() -> None:
    column = Column("NAME")
    for row in range(60):
        column.add(row, "Ada Byron"[: 3 + row % 7])
    assert rules("y" * 200, "NOTE", column) == ["value-long"]
    assert rules("Maximiliane-Theodora von Hohenberg", "NAME", column) == []


def test_types_that_are_no_text_and_declared_words_are_not_read_as_text() -> None:
    declarations = {
        "COLOUR": Declaration("COLOUR", type="color"),
        "TIER": Declaration("TIER", type="enum", options=("none", "gold")),
        "PICTURE": Declaration("PICTURE", type="image"),
    }
    columns = {name: name.lower() for name in declarations}
    texts = {"colour": "tbd", "tier": "none", "picture": "sample.png"}
    assert check_row(3, texts, columns, declarations, Table()) == []
    found = check_row(3, {"tier": "null"}, columns, declarations, Table())
    assert [(one.rule, one.row, one.field) for one in found] == [("value-null", 3, "TIER")]


def test_no_finding_of_a_value_says_the_value() -> None:
    for _, text in FIRES:
        for found in check_value("NAME", text, None):
            assert len(text) < 4 or text not in found.detail


def test_every_finding_has_a_rule_of_the_table() -> None:
    for _, text in FIRES:
        for found in check_value("NAME", text, None):
            assert found.rule in RULES
    assert finding("value-null", "", severity="note").severity == "note"
    assert Finding("text-cut", "error", 1, "NAME", "").kind == "text-cut:NAME"


# ---- scripts and statistics ---------------------------------------------------------------------


def test_scripts_are_told_by_their_letters() -> None:
    assert scripts_of("Ada 12!") == {"Latin"}
    assert scripts_of("12!") == frozenset()
    assert scripts_of("Zoë 🦊") == {"Latin", EMOJI}
    assert scripts_of("李さん") == {"Han", "Kana"}
    assert scripts_of("Павел محمد") == {"Cyrillic", "Arabic"}
    assert has_emoji("❤️") and has_emoji("🇩🇪") and not has_emoji("123 #*©")


def test_a_table_knows_its_columns() -> None:
    table = Table()
    for row, name in enumerate(["Ada", "Zoë", "", "Maximiliane", "  ", "李"], start=1):
        table.add(row, {"name": name, "points": str(row * 10)})
    names, points = table.columns["name"], table.columns["points"]
    assert (names.count, names.missing, names.distinct.count) == (4, 2, 4)
    assert (names.longest, names.shortest) == ((11, 4), (1, 6))
    assert names.scripts == {"Latin": 3, "Han": 1}
    assert points.is_numeric and not names.is_numeric
    assert (points.least, points.most) == ((10.0, 1), (60.0, 6))


def test_a_column_that_comes_late_was_missing_before() -> None:
    table = Table()
    table.add(1, {"a": "x"})
    table.add(2, {"a": "y", "b": "z"})
    table.add(3, {"b": "z"})
    assert (table.columns["b"].missing, table.columns["b"].count) == (1, 2)
    assert table.columns["a"].missing == 1


def test_distinct_values_are_counted_in_bounded_memory() -> None:
    column = Column("id")
    for row in range(20_000):
        column.add(row, f"user-{row}")
    assert not column.distinct.exact
    assert abs(column.distinct.count - 20_000) < 2_000
    assert len(column.distinct._heap) == HASHES and column.options is None
    few = Column("tier")
    for row in range(5_000):
        few.add(row, ("gold", "silver")[row % 2])
    assert few.distinct.exact and few.distinct.count == 2
    assert few.options == {"gold": 2500, "silver": 2500}
