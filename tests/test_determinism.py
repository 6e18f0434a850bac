"""Same row, same composition, same environment: same bytes, however the work was shared out."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from program import PAGE, Program, until

#: Sixty frames at 10 per second: three GOPs of 2 s, so that a single clip can be split.
LONG_PAGE = PAGE.replace('data-duration="1"', 'data-duration="6"').replace("go 1s linear", "go 6s linear")

ROWS = [{"out": f"{n}.mp4", "name": f"Name {n} žluť 名前", "points": n} for n in (1, 2, 3)]


@pytest.fixture
def people(program: Program) -> Program:
    program.write("page.html", LONG_PAGE)
    program.write("people.json", ROWS)
    return program


def render(
    program: Program, rows: str, out: str, *more: str, composition: str = "page.html"
) -> dict[str, bytes]:
    ended = program.run("render", composition, "--variants", rows, "--out-dir", out, "--quiet", *more)
    assert ended.code == 0, ended.stderr
    return program.clips(out)


@pytest.mark.slow
def test_bytes_do_not_depend_on_how_the_work_was_shared_out(people: Program) -> None:
    expected = render(people, "people.json", "one", "--workers", "1")
    assert len(set(expected.values())) == 3

    assert render(people, "people.json", "four", "--workers", "4") == expected, "more workers"

    reordered = [dict(reversed(row.items())) for row in reversed(ROWS)]
    people.write("reordered.json", reordered)
    assert render(people, "reordered.json", "reordered", "--workers", "2") == expected, (
        "rows, columns reordered"
    )

    lines = ["points,other,out,name", *(f"{r['points']},x,{r['out']},{r['name']}" for r in ROWS)]
    people.write("people.csv", "\ufeff" + "\r\n".join(lines))
    assert render(people, "people.csv", "csv", "--workers", "2") == expected, "another format"

    assert render(people, "people.json", "one", "--workers", "2", "--force") == expected, "again"


def test_a_single_clip_is_the_same_whole_split_and_from_a_list(people: Program) -> None:
    expected = render(people, "people.json", "one", "--workers", "2", "--rows", "2")["2.mp4"]
    values = ("--variables", json.dumps({"name": ROWS[1]["name"], "points": 2}))
    for workers in ("1", "2"):
        out = f"w{workers}.mp4"
        ended = people.run("render", "page.html", "--out", out, "--workers", workers, "--json", *values)
        assert ended.code == 0, ended.stderr
        assert (ended.objects()[0]["worker"] is None) == (workers != "1"), "split over two workers"
        assert (people.folder / out).read_bytes() == expected


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_folder_nor_on_the_machine_s_settings(people: Program) -> None:
    expected = render(people, "people.json", "one", "--workers", "2", "--rows", "1-2")
    elsewhere = people.folder / "another folder" / "deeper"
    elsewhere.mkdir(parents=True)
    shutil.copyfile(people.folder / "page.html", elsewhere / "index.html")
    shutil.copyfile(people.folder / "page.html", elsewhere / "page.html")
    people.environ |= {"TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "HOME": str(elsewhere), "LC_ALL": None}
    composition = str(Path("another folder/deeper/page.html"))
    moved = render(people, "people.json", "two", "--workers", "1", "--rows", "1-2", composition=composition)
    assert moved == expected


@pytest.mark.slow
def test_a_second_attempt_gives_the_same_bytes(people: Program) -> None:
    """The first browser is killed while it starts or opens its page."""
    expected = render(people, "people.json", "one", "--workers", "1", "--rows", "1")
    process = people.start(
        "render", "page.html", "--variants", "people.json", "--out-dir", "two", "--workers", "1", "--json",
        "--rows", "1",
    )  # fmt: skip
    until(people.browsers, "a browser", 60)
    os.kill(people.browsers()[0], signal.SIGKILL)
    ended = people.wait(process)
    assert ended.rows()[1]["attempt"] in (1, 2)
    assert people.clips("two") == expected
