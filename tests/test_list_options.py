"""A list that `render` takes is taken by every command that reads a list, by the same words."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from pathlib import Path

import pytest

from framepress.cli import explain, fleet, preview, proof, render
from framepress.cli.lists import ListOptions
from framepress.preview.listed import ListSource, read_list
from framepress.preview.model import PreviewModel
from framepress.row_binding import BindingOptions
from framepress.rows.select import parse_only, parse_row_ranges
from framepress.settings import RenderSettings
from loopback import Handler, serving
from program import Program
from test_preflight_layout import png

PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">{
  "NAME": {"default": "Ada", "maxLength": 40}, "CITY": {"default": "Bern"},
  "POINTS": {"type": "number", "default": "1200", "format": "number"},
  "FACE": {"type": "image", "default": ""}}
</script>
<style>
  #root { width: 320px; height: 180px; background: #123; color: #fff; font: 20px "Noto Sans" }
  p { position: absolute; margin: 0; left: 30px; white-space: nowrap }
</style>
<div id="root" data-width="320" data-height="180" data-fps="5" data-duration="0.4">
  <p style="top: 30px">{{$NAME}}</p><p style="top: 70px">{{$CITY}}</p><p style="top: 110px">{{$POINTS}}</p>
</div>
"""

LIST = "user;first;city;points;lang\nu1;Zoë;Zürich;1500;de-DE\nu2;José;Málaga;2500;es-ES\nu3;Ana;Oslo;3;xx_\n"

#: Words that begin a row of the list: both commands must have read it in its own encoding.
COMMON = ("--map", "NAME=first", "--use-default", "FACE", "--id", "user", "--locale-column", "lang")


@pytest.mark.parametrize(
    "options", [render.Options, explain.Options, proof.Options, preview.Options, fleet.EnqueueOptions]
)
def test_every_command_that_reads_a_list_has_all_options_of_a_list(options: type) -> None:
    names = {field.name for field in dataclasses.fields(options)}
    wanted = {name for name in vars(ListOptions) if not name.startswith("_")}
    assert {"encoding", "query", "locale_column", "allow_host"} <= wanted <= names | {"variants"}


@pytest.fixture
def here(program: Program) -> Program:
    program.write("card.html", PAGE)
    program.write("people.csv", LIST.encode("windows-1252"))
    program.environ["FRAMEPRESS_CACHE_DIR"] = str(program.folder / "cache")
    return program


def proofed(program: Program, *words: str) -> dict[int, set[str]]:
    """Row -> rules found in it; and the page holds what must have been read as it was written."""
    ended = program.run("proof", "card.html", *words, "--clips", "0", "--workers", "1")
    assert ended.code in (0, 1), ended.stderr
    document = json.loads((program.folder / "proof/proof.json").read_text("utf-8"))
    found: dict[int, set[str]] = {one["row"]: set() for one in document["proof_set"]}
    for one in document["findings"]:
        if one["row"] is not None:
            found.setdefault(one["row"], set()).add(one["rule"])
    return found


def page_of(program: Program) -> str:
    return (program.folder / "proof/proof.html").read_text("utf-8")


@pytest.mark.browser
def test_a_list_in_another_encoding_with_a_column_of_languages_is_proofed_and_explained(
    here: Program,
) -> None:
    words = ("--variants", "people.csv", "--encoding", "windows-1252", *COMMON)
    found = proofed(here, *words)
    # There is no such language, so the row would not be rendered.
    assert found == {1: set(), 2: set(), 3: {"row-refused"}}
    assert "Zoë" in page_of(here) and "Málaga" in page_of(here) and "de-DE" in page_of(here)

    ended = here.run("explain", "card.html", *words, "--bad-rows", "skip", "--json", "--workers", "1")
    assert ended.code == 0, ended.stderr
    (told,) = ended.objects()
    assert told["rows"] == 2


@pytest.mark.slow
@pytest.mark.browser
def test_a_query_and_a_database_are_proofed_and_explained(here: Program) -> None:
    (here.folder / "people.csv").write_text(LIST, encoding="utf-8")
    query = "select * from 'people.csv' where points::int > 9"
    assert proofed(here, "--variants", query, *COMMON) == {1: set(), 2: set()}
    assert "José" in page_of(here)

    with sqlite3.connect(here.folder / "crm.db") as database:
        database.execute("create table people (first text, city text, points integer)")
        database.executemany("insert into people values (?, ?, ?)", [("Li", "Oslo", 7), ("Mae", "Graz", 8)])
    words = ("--variants", "sqlite:///crm.db", "--query", "select * from people order by points")
    ended = here.run(
        "explain",
        "card.html",
        *words,
        "--map",
        "NAME=first",
        "--use-default",
        "FACE",
        "--json",
    )
    assert ended.code == 0, ended.stderr
    assert ended.objects()[0]["rows"] == 2


@pytest.mark.slow
@pytest.mark.browser
def test_pictures_of_an_allowed_host_are_laid_out_in_a_proof(here: Program, tmp_path: Path) -> None:
    png(tmp_path / "face.png", 40, 40)
    png(tmp_path / "tiny.png", 8, 8)
    page = PAGE.replace("</div>", '<img src="{{$FACE}}" alt="" width="40" height="40"></div>')
    here.write("card.html", page)

    def answer(request: Handler) -> None:
        request.send((tmp_path / request.path.lstrip("/")).read_bytes(), Content_Type="image/png")

    with serving(answer) as server:
        host = f"127.0.0.1:{server.server_port}"
        here.write(
            "people.json",
            [
                {"name": name, "city": "Oslo", "points": 5, "face": f"http://{host}/{face}"}
                for name, face in (("Mae", "face.png"), ("Li", "tiny.png"))
            ],
        )
        found = proofed(here, "--variants", "people.json", "--allow-private-host", host)
    assert found == {1: set(), 2: {"image-upscaled"}}


def test_a_preview_steps_through_the_rows_that_are_meant(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(LIST.encode("windows-1252"))
    (tmp_path / "card.html").write_text(PAGE, encoding="utf-8")
    binding = BindingOptions(
        column_map={"NAME": "first"}, id_column="user", locale_column="lang",
        row_ranges=parse_row_ranges("1-2"), only=parse_only("city=Málaga"),
    )  # fmt: skip
    source = ListSource(str(tmp_path / "people.csv"), "windows-1252", None, binding)
    assert [row.number for row in read_list(source).rows] == [2]
    model = PreviewModel(tmp_path / "card.html", source, RenderSettings())
    row = model.row(0)
    assert (row["id"], row["values"]["NAME"], model.state()["rows"]) == ("u2", "José", 1)
    page = model.page(row["values"])
    name, _, path = page["path"].removeprefix("/c/").partition("/")
    served = model.file(name, path)
    # Its own language: a point where English has a comma.
    assert served is not None and "2.500" in served.body.decode() and page["values"]["@locale"] == "es-ES"
