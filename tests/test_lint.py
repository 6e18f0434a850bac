"""Every rule of the lint fires on what it is for, with its line, and not on what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from framepress.composition_loading import load_composition
from framepress.lint.in_page import look_at_page
from framepress.lint.static import Linter
from program import Program
from stage import Stage

HEAD = '<!doctype html>\n<meta charset="utf-8">\n'
ROOT = '<div data-width="320" data-height="180" data-duration="1">{{$NAME}}</div>\n'
VARS = '<script type="application/hyperframes-vars">{"NAME": {"default": "Ada"}}</script>\n'


def linted(folder: Path, body: str, root: str = ROOT) -> list[tuple[str, str]]:
    """(rule, line) of everything that is found."""
    path = folder / "page.html"
    path.write_text(HEAD + VARS + root + body, encoding="utf-8")
    return [(one.rule, one.place.split(":")[1]) for one in Linter(load_composition(path)).run()]


FIRES = [
    ("clock", "<script>\nshow(new Date())</script>", "6"),
    ("clock", "<script>show(Date.now())</script>", "5"),
    ("random", "<script>x = Math.random()</script>", "5"),
    ("network", "<script>fetch('/x')</script>", "5"),
    ("network", "<script>\n\nnew WebSocket(u)</script>", "7"),
    ("network", '<img alt="" src="https://example.com/a.png">', "5"),
    ("stateful", "<script>setInterval(go, 40)</script>", "5"),
    ("machine-font", "<style>p { font-family: 'Futura', sans-serif }</style>", "5"),
    ("machine-font", "<style>p { font: 700 20px/1 Futura }</style>", "5"),
    ("undeclared", "<p>{{$OTHER}}</p>", "5"),
    ("undeclared", "<p>{{first_name}}</p>", "5"),
    ("reuse-backdrop", "<style>\n.a { backdrop-filter: blur(4px) }</style>", "6"),
    ("reuse-blend", '<p style="mix-blend-mode: screen">x</p>', "5"),
    ("reuse-global", "<style>p { color: {{$NAME}} }</style>", "5"),
    ("fit", '<p data-fit="shrink 60%">x</p>', "5"),
]

QUIET = [
    "<script>show(new Date(2025, 1, 2)); // new Date() Math.random()\n</script>",
    "<script>say('fetch(this) with Math.random()')</script>",
    '<script type="application/json">{"a": "Date.now()"}</script>',
    "<style>@font-face { font-family: Brand; src: url(data:font/woff2;base64,AA) }\np { font-family: Brand }"
    "</style>",
    "<style>p { font: 20px/1.2 sans-serif } b { font-family: Arial, 'Noto Sans' }\n/* font-family: Futura */"
    "</style>",
    '<a href="https://example.com/">read more</a>',
    "<style>p { mix-blend-mode: normal; backdrop-filter: none; animation: go 1s infinite }</style>",
    '<p data-fit="shrink 0.6">x</p><p data-fit="shrink">x</p>',
    '<p style="color: {{$NAME}}">x</p>',
    "<p>{{{{not a token}}</p>",
]


@pytest.mark.parametrize(("rule", "body", "line"), FIRES)
def test_a_rule_fires_with_its_line(tmp_path: Path, rule: str, body: str, line: str) -> None:
    assert (rule, line) in linted(tmp_path, body)


@pytest.mark.parametrize("body", QUIET)
def test_what_only_looks_like_it_is_left_alone(tmp_path: Path, body: str) -> None:
    assert linted(tmp_path, body) == []


def test_variables_that_nothing_uses_and_clips_without_length_are_named(tmp_path: Path) -> None:
    root = '<div data-width="320" data-height="180">x<i data-start="0" data-end="1">y</i></div>\n'
    assert linted(tmp_path, "", root) == [("unused", "3")]
    endless = "<style>i { animation: go 1s linear infinite }</style>"
    assert linted(tmp_path, endless, root) == [("unused", "3"), ("endless", "5")]


def test_scripts_and_style_sheets_in_files_are_read_with_their_own_lines(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("// one\nlet x = Math.random();\n", encoding="utf-8")
    path = tmp_path / "page.html"
    path.write_text(HEAD + VARS + ROOT + '<script src="page.js"></script>', encoding="utf-8")
    assert [one.place for one in Linter(load_composition(path)).run()] == ["page.js:2:9"]


@pytest.mark.browser
def test_personal_text_without_room_to_grow_is_found_in_the_page(stage: Stage) -> None:
    box = '<div style="position:absolute;left:40px;width:100px;overflow:hidden;white-space:nowrap;top:{}px">'
    page = (
        HEAD + '<script type="application/hyperframes-vars">'
        '{"TIGHT": {"default": "Ada"}, "FREE": {"default": "Ada"}, "SHORT": {"default": "A", "maxLength": 2}}'
        '</script><style>div { font: 16px "Noto Sans" }</style>'
        '<div data-width="640" data-height="180" data-duration="1">'
        f'{box.format(20)}<b id="tight">{{{{$TIGHT}}}}</b></div>{box.format(60)}<b>{{{{$SHORT}}}}</b></div>'
        '<p style="position:absolute;left:40px;top:100px;margin:0">{{$FREE}}</p></div>'
    )
    renderer = stage.renderer(page)
    found = look_at_page(renderer.composition, renderer)
    assert [(one.rule, one.place) for one in found] == [("no-room", "<b> #tight")]
    assert '"TIGHT"' in found[0].problem


def test_the_command_says_place_problem_and_cure(program: Program) -> None:
    program.write("page.html", HEAD + VARS + ROOT + '<img alt="" src="https://example.com/a.png">')
    ended = program.run("lint", "page.html", "--no-page")
    assert ended.code == 1
    assert "page.html:5:13: error: <img src> is on another host" in ended.stderr
    assert program.run("lint", "page.html", "--no-page", "--json").objects()[0]["rule"] == "network"
