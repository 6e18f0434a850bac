"""A list of a few rows does with the plan of a longer one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dangers import NAMES, Danger, knows, values, within
from framepress import keys
from framepress.cache import Cache
from framepress.errors import PlanWrong
from framepress.group import Group
from framepress.plan import GROUP_ROWS_MIN, WIDER_ROWS_MAX, Plan
from framepress.settings import RenderSettings
from framepress.shelf import SETS_MAX, Shelf
from framepress.survey_bench import NoPlan
from framepress.tasks import Surveyed
from framepress.variants import Variant
from lists import Press
from stage import browser_options

ENVIRONMENT = keys.digest_bytes(b"environment")
VALUES = {"NAME": "Ada", "CITY": "Rome", "TIER": "Gold"}

# ---- what is remembered -------------------------------------------------------------------------


@dataclass(frozen=True)
class KeptPlan(Plan):
    """A plan of which only its variables count."""

    def to_json(self) -> bytes:
        return keys.canonical_json({"variables": self.variables})


class Plans(Shelf):
    """A shelf that holds such plans."""

    def find(self, key: str) -> Plan | NoPlan | None:
        data = self.cache.get_bytes("plan", key)
        return None if data is None or self.is_void(keys.digest_bytes(data)) else kept_plan(data.decode())

    def keep(self, values: Mapping[str, str], *personal: str, bands: bool = False) -> str:
        key = self.key(ENVIRONMENT, values, personal, bands=bands)
        self.put(key, kept_plan(*sorted(personal)))
        return key


def kept_plan(*variables: str) -> Plan:
    facts: dict[str, Any] = dict.fromkeys(Plan.__dataclass_fields__)
    return KeptPlan(**facts | {"environment": ENVIRONMENT, "variables": variables})


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def shelf(cache: Cache) -> Plans:
    return Plans(cache, keys.digest_bytes(b"composition"), RenderSettings())


def found(shelf: Shelf, personal: Sequence[str], values: Mapping[str, str] = VALUES) -> str | None:
    larger = shelf.find_wider(ENVIRONMENT, values, personal, bands=False)
    return larger[0] if larger is not None else None


def test_the_plan_that_takes_fewest_variables_for_personal_is_found(shelf: Plans) -> None:
    assert found(shelf, ()) is None
    three = shelf.keep(VALUES, "NAME", "CITY", "TIER")
    assert found(shelf, ()) == three
    two = shelf.keep(VALUES, "CITY", "NAME")
    assert found(shelf, ()) == found(shelf, ["NAME"]) == two
    # Its own is not a wider one, and what takes less than the row's list does will not do.
    assert found(shelf, ["CITY", "NAME"]) == found(shelf, ["TIER"]) == three
    assert found(shelf, ["CITY", "NAME", "TIER"]) is None


def test_what_a_wider_group_shares_must_be_equal(shelf: Plans) -> None:
    shelf.keep(VALUES, "NAME", "CITY")
    assert found(shelf, ["NAME"], VALUES | {"CITY": "Oslo"}) is not None
    assert found(shelf, ["NAME"], VALUES | {"TIER": "Silver"}) is None


def test_another_composition_setting_environment_or_way_of_joining_has_no_part_in_it(
    shelf: Plans, cache: Cache
) -> None:
    shelf.keep(VALUES, "NAME", "CITY")
    other = Plans(cache, keys.digest_bytes(b"another"), RenderSettings())
    finer = Plans(cache, keys.digest_bytes(b"composition"), RenderSettings(crf=17))
    assert found(other, ["NAME"]) is found(finer, ["NAME"]) is None
    assert shelf.find_wider(keys.digest_bytes(b"newer"), VALUES, ["NAME"], bands=False) is None
    assert shelf.find_wider(ENVIRONMENT, VALUES, ["NAME"], bands=True) is None


def test_a_plan_that_was_given_up_is_not_found_and_the_next_one_is(shelf: Plans, cache: Cache) -> None:
    two, three = shelf.keep(VALUES, "NAME", "CITY"), shelf.keep(VALUES, "NAME", "CITY", "TIER")
    assert found(shelf, ["NAME"]) == two
    data = cache.get_bytes("plan", two)
    assert data is not None
    cache.put_bytes("void", keys.digest_bytes(data), b"wrong")
    assert found(shelf, ["NAME"]) == three


def test_as_many_sets_are_remembered_as_are_looked_through(shelf: Plans, cache: Cache) -> None:
    first = shelf.keep(VALUES, "NAME", "V0")
    for number in range(1, SETS_MAX):
        shelf.keep(VALUES, "NAME", f"V{number}")
    assert found(shelf, ["V0"]) == first
    shelf.keep(VALUES, "NAME", "one more")
    assert found(shelf, ["V0"]) is None
    assert found(shelf, ["V1"]) is not None
    assert len(cache.keys("personal")) == 1


def test_what_is_damaged_counts_as_nothing(shelf: Plans, cache: Cache) -> None:
    shelf.keep(VALUES, "NAME", "CITY")
    [key] = cache.keys("personal")
    cache.remove("personal", key)
    cache.put_bytes("personal", key, b"[3")
    assert found(shelf, ["NAME"]) is None
    shelf.keep(VALUES, "NAME", "CITY")
    assert found(shelf, ["NAME"]) is not None


# ---- when it is asked for -----------------------------------------------------------------------


def group(count: int) -> Group:
    return Group(count=count, samples=[Variant({"NAME": "Ada"}, {})])


@pytest.mark.parametrize(("count", "wider"), [(1, True), (WIDER_ROWS_MAX, True), (WIDER_ROWS_MAX + 1, False)])
def test_a_long_list_is_worth_a_survey_of_its_own(count: int, wider: bool) -> None:
    task = group(count).survey(["NAME"], bands=False, helped=False)
    assert (task.find, task.wider) == (True, wider)


@pytest.mark.parametrize("count", [GROUP_ROWS_MIN - 1, GROUP_ROWS_MIN])
def test_a_few_rows_are_not_surveyed(count: int) -> None:
    one = group(count)
    one.survey(["NAME"], bands=False, helped=False)
    one.learn(Surveyed("0" * 64, None, stored=True, seconds=0))
    assert one.state == ("plain" if count < GROUP_ROWS_MIN else "unplanned")
    assert one.reason is None or f"its group has {count} rows, fewer than the {GROUP_ROWS_MIN}" in one.reason


@pytest.mark.parametrize("count", [GROUP_ROWS_MIN - 1, GROUP_ROWS_MIN])
def test_after_a_plan_of_others_was_wrong_a_few_rows_are_plain(count: int) -> None:
    one = group(count)
    one.survey(["NAME"], bands=False, helped=False)
    one.learn(Surveyed("0" * 64, "1" * 64, stored=True, seconds=0))
    assert one.state == "planned"
    one.plan_was_wrong(one.samples[0], PlanWrong("a letter is missing", plan="1" * 64))
    if count < GROUP_ROWS_MIN:
        assert one.state == "plain" and "a letter is missing" in str(one.reason)
    else:
        # Others may be wrong in the same way.
        assert one.survey(["NAME"], bands=False, helped=False).wider is False


# ---- real ones ----------------------------------------------------------------------------------

CARD = Danger(
    "a card", within("background:{{$GROUND}}"), rows=values(name=NAMES, ground=["#eee"]),
    variables={"NAME": {"default": "A"}, "GROUND": {"default": "#fff"}},
)  # fmt: skip


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


def test_one_row_after_a_list_has_the_frames_that_it_has_in_a_longer_one(
    press: Press, tmp_path: Path
) -> None:
    page, cache = CARD.write(tmp_path / "composition"), tmp_path / "cache"
    longer = press.run(page, CARD.rows, tmp_path / "longer", cache=cache)
    assert set(longer.paths().values()) == {"reuse"}
    one = press.run(page, CARD.rows[2:3], tmp_path / "one", cache=cache, again=True)
    assert one.paths() == {1: "reuse"}
    assert one.results[1].plan == longer.results[3].plan
    assert one.bytes()["1.mp4"] == longer.bytes()["3.mp4"]
    # What all rows of the longer list shared is another in this one.
    other = press.run(page, values(name=["Zoe"], ground=["#dde"]), tmp_path / "other", cache=cache)
    assert other.paths() == {1: "plain"}
    assert "fewer than the 4" in str(other.results[1].reason)


def test_one_row_that_shows_the_plan_to_be_wrong_is_plain_and_no_longer_list_uses_it(
    press: Press, tmp_path: Path
) -> None:
    danger = Danger("one name changes a text", knows("side.textContent = 'other';"), rows=values(name=NAMES))
    page, cache = danger.write(tmp_path / "composition"), tmp_path / "cache"
    longer = press.run(page, danger.rows, tmp_path / "longer", cache=cache)
    [plan] = {result.plan for result in longer.results.values()}
    one = press.run(page, values(name=["Zed"]), tmp_path / "one", cache=cache)
    assert one.paths() == {1: "plain"}
    assert plan is not None and "longer list was wrong" in str(one.results[1].reason)
    assert Cache(cache).get("void", plan) is not None


def test_a_plan_that_is_in_use_is_remembered_again(press: Press, tmp_path: Path) -> None:
    page, folder = CARD.write(tmp_path / "composition"), tmp_path / "cache"
    press.run(page, CARD.rows, tmp_path / "one", cache=folder)
    cache = Cache(folder)
    [key] = cache.keys("personal")
    cache.remove("personal", key)
    press.run(page, CARD.rows, tmp_path / "two", cache=folder, again=True)
    assert cache.keys("personal") == [key]
