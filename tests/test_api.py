"""framepress from Python: the same clips as from the command line, and a package that is quick to import."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import subprocess
import sys
import textwrap
import typing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import framepress
from framepress import api
from framepress.api_options import Options
from framepress.errors import BrowserMissing, CompositionError, InputError, RowsError, UsageError
from framepress.rows.given import GivenRows, as_read
from program import PAGE, Program, frames_of

SURROGATE = "\ud800"


@pytest.fixture
def place(program: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program's folder as the working folder of this process, its temporary files beside it."""
    monkeypatch.chdir(program.folder)
    monkeypatch.setattr("tempfile.tempdir", str(program.temporary))
    monkeypatch.setenv("TMPDIR", str(program.temporary))
    monkeypatch.setenv("FRAMEPRESS_BROWSER", str(program.environ["FRAMEPRESS_BROWSER"]))
    return program


# ---- the package --------------------------------------------------------------------------------


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import framepress, sys; framepress.__version__; "
        "print(sorted({'av', 'numpy', 'pydantic', 'framepress.api'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_functions_come_from_the_package_in_every_order_of_imports() -> None:
    """A submodule of a function's name would take its place once it is imported."""
    code = (
        "import framepress.batch, framepress.renderer; from framepress import render, render_many; "
        "import framepress.cli.rendering, framepress; assert callable(framepress.render); "
        "assert framepress.render is render; assert {'render', 'render_many'} <= set(dir(framepress))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'rendr'"):
        _ = framepress.rendr


def test_every_parameter_and_option_is_typed_and_described() -> None:
    for function in (api.render, api.render_many):
        described = f"{function.__doc__}"
        assert set(typing.get_type_hints(function)) == {*inspect.signature(function).parameters, "return"}
        for name in inspect.signature(function).parameters:
            assert name == "options" or re.search(rf"\b{name}: ", described), name
    for name in typing.get_type_hints(Options):
        assert re.search(rf"\b{name}\b", f"{Options.__doc__}"), name


@pytest.mark.parametrize("function", ["render", "render_many"])
def test_the_example_in_the_docstring_runs_as_a_script(place: Program, function: str) -> None:
    """It is not guarded by a name check, and it need not be."""
    text = inspect.getdoc(getattr(api, function)) or ""
    # The first block that is indented.
    block = re.search(r"(?:^    .*\n|^\n)+", text[text.index("\n    ") + 1 :], re.MULTILINE)
    assert block is not None
    code = textwrap.dedent(block[0])
    place.write("card.html", PAGE)
    place.write("example.py", code)
    ended = place.shell(f"{sys.executable} example.py")
    assert ended.code == 0, ended.stderr
    if function == "render":
        assert ended.stdout.decode().startswith("10 frames in ")
        assert frames_of(place.folder / "asha.mp4") == 10
    else:
        assert sorted(ended.stdout.decode().splitlines()) == ["1 done clips/Asha.mp4", "2 done clips/Ben.mp4"]
    place.assert_nothing_left()


# ---- one clip -----------------------------------------------------------------------------------


def test_render_gives_the_clip_that_the_command_gives(place: Program) -> None:
    result = api.render("page.html", "a.mp4", {"name": "Asha", "POINTS": 12}, poster_s=0.5, workers=1)
    assert (result.status, result.path, result.frames, result.poster) == ("done", "plain", 10, "a.jpg")
    ended = place.run(
        "render", "page.html", "--out", "b.mp4", "--workers", "1", "--vars", "name=Asha", "points=12"
    )
    assert ended.code == 0, ended.stderr
    assert (place.folder / "a.mp4").read_bytes() == (place.folder / "b.mp4").read_bytes()
    again = api.render(Path("page.html"), Path("a.mp4"), {"name": "Asha", "points": "12"}, workers=1)
    assert (again.path, again.row_key) == ("stored", result.row_key)
    place.assert_nothing_left()


def test_mistakes_are_errors_of_ours_before_a_browser_is_sought(place: Program) -> None:
    nowhere: dict[str, Any] = {"environ": {}, "browser": "/nowhere"}
    for options, says in (
        ({"qualitty": "draft"}, "no option qualitty"),
        ({"quality": "drft"}, "Did you mean draft?"),
        ({"crf": 77}, "77"),
        ({"workers": 0}, "--workers"),
        ({"poster_s": -1}, "poster_s"),
        ({"fps": 0}, "--fps"),
    ):
        with pytest.raises(UsageError) as caught:
            api.render("page.html", "a.mp4", **nowhere, **options)
        assert says in str(caught.value)
    with pytest.raises(CompositionError):
        api.render("missing.html", "a.mp4", **nowhere)
    with pytest.raises(UsageError, match='values: "name" is not a finite number'):
        api.render("page.html", "a.mp4", {"name": float("nan")}, workers=1)
    with pytest.raises(UsageError, match='did you mean "NAME"'):
        api.render("page.html", "a.mp4", {"nmae": "x"}, workers=1)
    with pytest.raises(BrowserMissing):
        api.render("page.html", "a.mp4", **nowhere)
    place.assert_nothing_left()


# ---- many ---------------------------------------------------------------------------------------


def test_render_many_takes_mappings_or_a_file_and_they_agree(place: Program) -> None:
    rows = [{"out": "a.mp4", "name": "Asha", "points": 1.5}, {"out": "b.mp4", "name": "Ben", "points": 2}]
    place.write("people.json", json.dumps(rows))
    given = list(api.render_many("page.html", iter(rows), out_dir="given", results="r.csv", workers=1))
    listed = list(api.render_many("page.html", Path("people.json"), out_dir="listed", workers=1))
    assert [one.row_key for one in given] == [one.row_key for one in listed]
    assert place.clips("given") == place.clips("listed")
    assert (
        (place.folder / "r.csv")
        .read_text("utf-8")
        .splitlines()[1]
        .startswith("a.mp4,Asha,1.5,done,given/a.mp4")
    )
    again = api.render_many("page.html", rows, out_dir="given", only="name=Ben", workers=1)
    assert [(one.row, one.path) for one in again] == [(2, "stored")]


def test_a_bad_row_stops_the_run_or_becomes_a_failed_result(place: Program) -> None:
    rows: list[dict[str, object]] = [{"name": "Zaphod", "points": "x"}, {"name": "ok", "points": object()}]
    rows.append({"name": "good", "points": 1})
    with pytest.raises(InputError, match="2 of 3 rows") as caught:
        list(api.render_many("page.html", rows, workers=1))
    assert "Zaphod" not in str(caught.value)
    results = list(api.render_many("page.html", rows, skip_bad_rows=True, workers=1))
    assert [(one.row, one.status) for one in results] == [(1, "failed"), (2, "failed"), (3, "done")]
    assert results[1].error is not None
    assert "rows:2" in results[1].error["message"]


def test_an_iterator_that_is_closed_ends_its_workers(place: Program) -> None:
    rows = [{"name": f"{n}", "points": n} for n in range(20)]
    with contextlib.closing(api.render_many("page.html", rows, workers=2)) as results:
        assert next(iter(results)).status == "done"
    place.assert_nothing_left()
    assert 1 <= len(place.clips()) < 20


def test_nothing_happens_before_the_first_result_is_asked_for(place: Program) -> None:
    api.render_many("missing.html", [])
    with pytest.raises(RowsError, match="no rows"):
        list(api.render_many("page.html", [], workers=1))


# ---- values as they are read --------------------------------------------------------------------


def test_numbers_are_spelled_as_json_spells_them() -> None:
    values = [
        1,
        -5,
        1.5,
        1e30,
        0.1,
        10**30,
        Decimal("1.50"),
        Decimal("1E+3"),
        True,
        None,
        "é",
        [1, {"a": 2.5}],
    ]
    assert [as_read(value) for value in values] == [
        "1", "-5", "1.5", "1e+30", "0.1", f"1{'0' * 30}", "1.50", "1000", True, None, "é", ["1", {"a": "2.5"}]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"a": float("inf")}, "type"),
        ({"a": Decimal("nan")}, "type"),
        ({"a": b"bytes"}, "type"),
        ({"a": f"x{SURROGATE}"}, "type"),
        ({1: "a"}, "column-name"),
        ({"": "a"}, "column-name"),
        ({"a": "x" * 1_000_001}, "value-size"),
        ("text", "row-type"),
    ],
)
def test_a_row_that_no_file_could_hold_is_a_bad_row(row: Any, rule: str) -> None:
    (bad,) = GivenRows([row])
    assert bad.error.rule == rule  # type: ignore[union-attr]
    assert bad.error.place == "rows:1"  # type: ignore[union-attr]
