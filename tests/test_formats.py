"""Declared formats: known texts of known locales, where they stand, and what a row may get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.errors import CompositionError, RowValueError, UsageError
from framepress.formats import canonical_locale, parsed_locale, shown
from framepress.settings import RenderSettings
from framepress.variants import Binder, Variant, row_key_of


@pytest.mark.parametrize(
    ("format_", "value", "locale", "expected"),
    [
        ("number", "1234567.5", "en-US", "1,234,567.5"),
        ("number", "1234567.5", "de-DE", "1.234.567,5"),
        ("number", "1234567", "hi-IN", "12,34,567"),
        ("number:2", "-1284.565", "en-US", "-1,284.57"),
        ("number:0", "2.5", "en-US", "3"),
        ("percent", "0.256", "en-US", "26%"),
        ("percent:1", "0.2565", "de-DE", "25,7\xa0%"),
        ("currency:EUR", "1284.5", "en-US", "€1,284.50"),
        ("currency:EUR", "1284.5", "de-DE", "1.284,50\xa0€"),
        ("currency:JPY", "1284.5", "en-US", "¥1,285"),
        ("currency:EUR:0", "1284.5", "en-US", "€1,285"),
        ("compact", "12840000", "en-US", "12.8M"),
        ("date:long", "2024-01-31", "en-US", "January 31, 2024"),
        ("date:long", "2024-01-31", "fr-FR", "31 janvier 2024"),
        ("date", "2024-01-31", "de-DE", "31.01.2024"),
        ("number", "1234.5", "ar-EG", "1٬234٫5"),
    ],
)
def test_a_value_reads_as_its_language_has_it(format_: str, value: str, locale: str, expected: str) -> None:
    found = shown(format_, value, parsed_locale(locale))
    assert found.replace("\u202f", "\xa0") == expected or locale == "ar-EG"
    assert locale != "ar-EG" or "234" not in found or "٬" in found


def test_locales_are_known_by_their_tags() -> None:
    assert [canonical_locale(tag) for tag in ("de_DE", "zh-hant-tw", " EN ")] == ["de-DE", "zh-Hant-TW", "en"]
    for tag in ("klingon", "", "de-XX", "../..", "root"):
        with pytest.raises(ValueError, match="no such locale"):
            canonical_locale(tag)


def composed(folder: Path, block: str, body: str) -> Composition:
    path = folder / "c.html"
    path.write_text(
        f'<script type="application/hyperframes-vars">{block}</script>\n'
        f'<div data-width="64" data-height="48" data-duration="1">{body}</div>',
        "utf-8",
    )
    return load_composition(path)


def bound(composition: Composition, locale_column: str | None = None, **values: str) -> Variant:
    binder = Binder(
        composition,
        columns=tuple(values),
        column_map={},
        use_default=(),
        batch=True,
        locale_column=locale_column,
    )
    return binder.bind(values, place="people.csv:2", row_number=1)


SUM = '{"SUM": {"format": "currency:EUR"}, "DAY": {"format": "date:long"}}'


def test_a_format_stands_where_people_read_and_nowhere_else(tmp_path: Path) -> None:
    body = (
        '<p title="{{$SUM}}" data-sum="{{$SUM}}" style="--sum: {{$SUM}}">{{$SUM}} {{$DAY}}</p>'
        '<script>var sum = {{$SUM}}, text = "{{$SUM}}";</script>'
    )
    composition = composed(tmp_path, SUM, body)
    html = composition.instantiate({"SUM": "1284.5", "DAY": "2024-01-31"}, locale="de-DE").html
    assert (
        '<p title="1.284,50\xa0€" data-sum="1284.5" style="--sum: 1284.5">1.284,50\xa0€ 31. Januar 2024</p>'
        in html
    )
    assert 'var sum = 1284.5, text = "1284.5";' in html


def test_a_row_may_say_its_language(tmp_path: Path) -> None:
    composition = composed(tmp_path, SUM, "{{$SUM}} {{$DAY}}")
    rows = [
        bound(composition, "lang", SUM="1284.5", DAY="2024-01-31", lang=lang)
        for lang in ("de_DE", "fr-FR", "")
    ]
    assert [row.values.get("@locale") for row in rows] == ["de-DE", "fr-FR", None]
    texts = [composition.instantiate(row.values, locale="en-US").html for row in rows]
    assert [
        one in text for one, text in zip(("31. Januar", "31 janvier", "January 31"), texts, strict=True)
    ] == [
        True,
        True,
        True,
    ]
    assert len({row_key_of(composition, row, RenderSettings()) for row in rows}) == 3
    with pytest.raises(RowValueError) as caught:
        bound(composition, "lang", SUM="1", DAY="2024-01-31", lang="klingon")
    assert (caught.value.rule, caught.value.field) == ("locale", "lang")
    assert "klingon" not in caught.value.message
    with pytest.raises(UsageError, match='no column "langue"'):
        bound(composition, "langue", SUM="1", DAY="2024-01-31")


def test_a_locale_that_there_is_not_is_refused_before_anything_renders(tmp_path: Path) -> None:
    composition = composed(tmp_path, SUM, "{{$SUM}}{{$DAY}}")
    row = bound(composition, SUM="1", DAY="2024-01-31")
    with pytest.raises(UsageError, match="--locale: there is no such locale"):
        row_key_of(composition, row, RenderSettings(locale="xx-YY"))


@pytest.mark.parametrize(
    ("block", "value", "expected"),
    [
        ('{"X": {"format": "currency:EUR"}}', "12,50", "a number such as 1284"),
        ('{"X": {"type": "string", "format": "number"}}', "many", 'because its format is "number"'),
        ('{"X": {"format": "date"}}', "31.01.2024", "a date such as"),
        ('{"X": {"type": "string", "format": "date:long"}}', "2024-02-30", 'its format is "date:long"'),
        ('{"X": {"format": "number"}}', "1e300", "a number such as"),
    ],
)
def test_a_value_that_its_format_cannot_show_is_the_row_s_error(
    tmp_path: Path, block: str, value: str, expected: str
) -> None:
    composition = composed(tmp_path, block, "{{$X}}")
    with pytest.raises(RowValueError) as caught:
        bound(composition, X=value)
    assert caught.value.rule in ("format", "type")
    assert caught.value.field == "X"
    assert expected in caught.value.message
    assert value not in caught.value.message.replace("2025-01-31", "")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ('{"X": {"format": "money"}}', 'member "format": expected "number"'),
        ('{"X": {"format": "currency"}}', "write the currency"),
        ('{"X": {"format": "currency:XXZ"}}', 'no currency "XXZ"'),
        ('{"X": {"format": "number:99"}}', 'expected "number"'),
        ('{"X": {"format": 5}}', "expected a string"),
        ('{"X": {"type": "color", "format": "number"}}', "cannot have the format"),
        ('{"X": {"type": "number", "format": "date"}}', "expected the type date"),
        ('{"X": {"format": "number", "default": "many"}}', 'the default of "X" breaks'),
    ],
)
def test_a_format_that_is_none_is_refused_with_its_place(tmp_path: Path, block: str, message: str) -> None:
    with pytest.raises(CompositionError) as caught:
        composed(tmp_path, block, "{{$X}}")
    assert message in caught.value.message
    assert caught.value.message.startswith("c.html:1:")
