"""What is shipped to be copied works: the cards with every row of every list, and what `init` writes."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

import framepress
from framepress.composition_loading import load_composition
from framepress.rows import open_rows
from framepress.rows.base import Row
from framepress.variants import Binder

CARD = Path(__file__).parent.parent / "examples" / "card"
INIT = Path(framepress.__file__).parent / "init_template"
LISTS = {"sample.json": 4, "full.json": 24, "variants.json": 24, "chunk.json": 6}


def bind_all(composition: Path, rows: Path) -> int:
    """Binds and fills in every row of a list; the number of different pages."""
    loaded = load_composition(composition)
    found = list(open_rows(str(rows)))
    columns = tuple(dict.fromkeys(name for row in found if isinstance(row, Row) for name in row.values))
    binder = Binder(loaded, columns=columns, column_map={}, use_default=(), batch=True)
    binder.check_columns()
    pages = set()
    for row in found:
        assert isinstance(row, Row)
        variant = binder.bind(row.values, place=f"{rows.name}:{row.line}", row_number=row.number)
        document = loaded.instantiate(variant.values, columns=columns)
        assert "{{" not in document.html
        pages.add(document.html)
    return len(pages)


@pytest.mark.parametrize("composition", ["card.html", "template.html"])
@pytest.mark.parametrize(("name", "count"), LISTS.items())
def test_every_row_of_every_list_fills_both_cards_and_no_two_alike(
    composition: str, name: str, count: int
) -> None:
    assert bind_all(CARD / composition, CARD / name) == count


def test_the_template_of_init_works_with_its_list_and_alone() -> None:
    assert bind_all(INIT / "card.html", INIT / "rows.csv") == 4
    loaded = load_composition(INIT / "card.html")
    alone = Binder(loaded, columns=(), column_map={}, use_default=(), batch=False)
    variant = alone.bind({}, place="--vars", row_number=None)
    document = loaded.instantiate(variant.values)
    assert (document.width, document.height) == (1280, 720)
    assert document.duration == Fraction(5)


def test_the_lower_third_fills_in_for_every_speaker() -> None:
    folder = CARD.parent / "lower-third"
    assert bind_all(folder / "lower-third.html", folder / "speakers.csv") == 5
    assert (folder / "evening.mp4").stat().st_size < 1_000_000


def test_the_story_fills_in_for_every_runner_once_gsap_is_there(tmp_path: Path) -> None:
    story = tmp_path / "story"
    shutil.copytree(CARD.parent / "story", story)
    (story / "gsap.min.js").write_text("// brought by fetch_gsap.py")
    assert bind_all(story / "index.html", story / "runners.json") == 4
    document = load_composition(story).instantiate({})
    assert (document.width, document.height, document.duration) == (1080, 1920, Fraction(12))
    assert [video.src for video in document.videos] == ["lights.mp4"]
    # The third scene begins where the second ends, less a fifth of a second.
    assert 'id="best" class="scene" data-start="6.8"' in document.html
    assert not (CARD.parent / "story" / "gsap.min.js").exists() or "gsap.min.js" in (
        CARD.parent / "story" / ".gitignore"
    ).read_text("utf-8")


def test_the_full_list_holds_the_rows_of_the_others_and_names_each_file_once() -> None:
    lists = {name: json.loads((CARD / name).read_text(encoding="utf-8")) for name in LISTS}
    full = [{key: value for key, value in row.items() if key != "email"} for row in lists["full.json"]]
    assert len({row["out"] for row in full}) == 24
    for name in ("sample.json", "variants.json", "chunk.json"):
        assert all(row in full for row in lists[name])


def test_the_example_folder_stays_small_and_carries_its_font_licence() -> None:
    wanted = {".html", ".js", ".json", ".css", ".svg", ".woff2", ".m4a", ".txt", ".py"}
    shipped = [path for path in CARD.rglob("*") if path.suffix in wanted and "." not in path.parts[-2][:1]]
    assert sum(path.stat().st_size for path in shipped) < 4_000_000
    assert (CARD / "music.m4a").stat().st_size < 300_000
    assert "SIL OPEN FONT LICENSE" in (CARD / "fonts" / "OFL.txt").read_text(encoding="utf-8")
