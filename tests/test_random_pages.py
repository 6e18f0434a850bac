"""Never a wrong clip, of pages that nobody has thought up: what reuse makes is what the plain path makes.

Some hundred of such pages are a search for dangers that are not known yet; these few stay, as examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lists import Press
from random_pages import page_of
from stage import browser_options
from test_reuse_dangers import assert_same_files, assert_same_pictures

pytestmark = pytest.mark.slow

#: Of the first that were looked at, those of which at least half of the rows were made by a plan.
SEEDS = (103, 104, 109, 112, 115, 116, 119, 121, 125, 128, 153, 239)


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_frame_is_that_of_the_plain_path(seed: int, press: Press, tmp_path: Path) -> None:
    danger = page_of(seed)
    page = danger.write(tmp_path / "composition")
    plain = press.run(page, danger.rows, tmp_path / "plain", reuse="off")
    reused = press.run(page, danger.rows, tmp_path / "reuse")
    press.seen.clear()

    assert all(result.status == "done" for result in reused.results.values())
    assert 2 * list(reused.paths().values()).count("reuse") >= len(danger.rows), reused.paths()
    assert_same_pictures(reused, plain)
    assert_same_files(reused, plain)
