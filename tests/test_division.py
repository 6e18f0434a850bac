"""Which rows the workers of a queue are told to compare: whatever variables turn out to change most of the
picture, they are those that a run without a queue would choose from the whole list.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framepress import division, keys
from framepress.declarations import LOCALE_NAME
from framepress.division import Division, order_of
from framepress.groups import Groups
from framepress.ledger_rows import BoundRow, LedgerRow
from framepress.plan import GROUP_ROWS_MIN

VALUES = st.fixed_dictionaries(
    {
        "NAME": st.text("abcdefgh", max_size=12),
        "COLOUR": st.sampled_from(["red", "blue", "#ffcc00"]),
        "TIER": st.sampled_from(["a", "bb"]),
    },
    optional={LOCALE_NAME: st.sampled_from(["de-DE", "fr"])},
)


def bound_rows(values: Sequence[Mapping[str, str]]) -> list[BoundRow]:
    return [
        BoundRow(number, keys.digest_bytes(repr(sorted(row.items())).encode()), "", f"{number}.mp4", row, {})
        for number, row in enumerate(values, 1)
    ]


def groups_of(rows: Sequence[BoundRow], shared: Sequence[str]) -> tuple[Groups, list[LedgerRow]]:
    listed = [
        LedgerRow(row.number, 1, "bound", row.key, "", row.out, row.values, {}, 0, {}, None) for row in rows
    ]
    groups = Groups(listed)
    groups.divide(listed, shared)
    return groups, listed


@settings(deadline=None, max_examples=40)
@given(values=st.lists(VALUES, min_size=GROUP_ROWS_MIN, max_size=40), seed=st.integers(0, 9))
@pytest.mark.parametrize("shared", [(), ("COLOUR",), ("COLOUR", "TIER"), ("TIER",)])
def test_a_row_is_told_of_the_rows_that_a_run_without_a_queue_compares(
    values: list[dict[str, str]], seed: int, shared: tuple[str, ...]
) -> None:
    rows = bound_rows(random.Random(seed).sample(values, len(values)))
    order = order_of(Division(rows))
    assert order is not None
    groups, listed = groups_of(rows, [name for name in shared if name in order.personal])
    for row, as_listed in zip(rows, listed, strict=True):
        part = order.part(row.values, groups.shared)
        group = groups.of(as_listed)
        if part is None:
            # Divided by a variable whose values recur too rarely for any plan.
            assert not set(groups.shared) <= set(order.by)
            assert group.is_small
            continue
        assert (part.rows, part.personal) == (group.count, groups.personal)
        # The longest and the shortest of all; of the rest, as many, and every variable shows that it varies.
        assert list(part.samples)[:2] == group.samples[:2]
        for name in part.personal:
            seen = [{sample.values[name] for sample in samples} for samples in (part.samples, group.samples)]
            assert min(2, len(seen[0])) == min(2, len(seen[1]))
        assert all(sample.values.get(LOCALE_NAME) == row.values.get(LOCALE_NAME) for sample in part.samples)
        assert order.near(row.values).part(row.values, groups.shared) == part


@settings(deadline=None, max_examples=40)
@given(values=st.lists(VALUES, min_size=1, max_size=40))
def test_every_row_is_sent_once_and_first_one_of_every_cell(values: list[dict[str, str]]) -> None:
    found = Division(bound_rows(values))
    numbers = list(found.numbers())
    assert sorted(numbers) == list(range(1, len(values) + 1))
    cells = found.cells
    assert {cell.numbers[0] for cell in cells} == set(numbers[: len(cells)])
    assert sum(cell.count for cell in cells) == found.rows == len(values)
    for cell in cells:
        assert list(cell.numbers) == sorted(cell.numbers)


def test_a_list_of_one_kind_is_sent_in_its_own_order() -> None:
    found = Division(bound_rows([{"NAME": f"n{number % 7}"} for number in range(300)] * 1))
    assert found.by == ("NAME",)
    unique = Division(bound_rows([{"NAME": f"n{number}"} for number in range(300)]))
    assert (unique.by, len(unique.cells), list(unique.numbers())) == ((), 1, list(range(1, 301)))


def test_too_many_values_do_not_divide_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [
        {"NAME": f"n{number}", "CITY": f"c{number % 40}", "TIER": f"t{number % 4}"} for number in range(400)
    ]
    assert Division(bound_rows(values)).by == ("CITY", "TIER")
    monkeypatch.setattr(division, "CELLS_MAX", 30)
    coarse = Division(bound_rows(values))
    # One variable less, the one with more values; what was counted before is kept.
    assert (coarse.by, [cell.count for cell in coarse.cells]) == (("TIER",), [100] * 4)
    monkeypatch.setattr(division, "CELLS_MAX", 3)
    assert Division(bound_rows(values)).by == ()
    # Own names always divide; rows beyond are in no cell, and are sent all the same.
    own = [{"NAME": "n", LOCALE_NAME: f"de-{number % 5}"} for number in range(20)]
    crowded = Division(bound_rows(own))
    assert (len(crowded.cells), len(crowded.crowded)) == (3, 8)
    assert sorted(crowded.numbers()) == list(range(1, 21))
    order = order_of(crowded)
    assert order is not None and order.part(own[4]) is None and order.part(own[0]) is not None


def test_an_order_of_long_values_is_divided_less(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [
        {"NAME": f"{number}" + "x" * 400, "TIER": f"t{number % 9}", "CITY": f"c{number % 2}"}
        for number in range(200)
    ]
    whole = order_of(Division(bound_rows(values)))
    assert whole is not None and whole.by == ("CITY", "TIER")
    monkeypatch.setattr(division, "ORDER_BYTES_WANTED", 12_000)
    small = order_of(Division(bound_rows(values)))
    assert small is not None and small.by == ("CITY",)
    assert len(small.to_json()) <= 12_000
    monkeypatch.setattr(division, "ORDER_BYTES_WANTED", 100)
    monkeypatch.setattr(division, "ORDER_BYTES_MAX", 100)
    assert order_of(Division(bound_rows(values))) is None
