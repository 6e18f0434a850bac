"""What a user can get wrong: each case with its message, its exit code, and nothing left behind.

Most cases end before a browser starts. They go through `framepress.cli.run`, which is all that the program
does besides signals; the others are processes of their own. Row values are tell-tale words that no output
may hold.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bad_input import CASES as MORE_CASES
from bad_input import (
    FILES,
    HARMLESS,
    JSON_LIST,
    LIST,
    PAGE_CASES,
    SECRET,
    SINGLE,
    Case,
    found,
    out_rows,
    page,
    put,
    rows,
)
from framepress import chromium, cli, workshop
from program import PAGE, Program, frames_of

COMPOSITIONS = (
    Case("no such file", "render missing.html", ("missing.html", "HTML file")),
    Case("a folder without index.html", "render empty", ("empty", "index.html"), {"empty/x.txt": "x"}),
    Case("not HTML", SINGLE, ("page.html: not HTML",), {"page.html": "no markup at all"}),
    Case("no root", SINGLE, ("page.html", "data-width", "data-height"), {"page.html": "<p>hello</p>"}),
    Case(
        "no width",
        SINGLE,
        ("page.html:1:22", "data-width"),
        page(root='data-composition-id="x" data-height="90"'),
    ),
    Case(
        "zero width", SINGLE, ("page.html:1:22", '"0"', "even"), page(root='data-width="0" data-height="90"')
    ),
    Case(
        "odd height",
        SINGLE,
        ("page.html:1:22", '"91"', "even"),
        page(root='data-width="90" data-height="91"'),
    ),
    Case("huge width", SINGLE, ('"99999"', "7680"), page(root='data-width="99999" data-height="90"')),
    Case("no number", SINGLE, ('"wide"', "expected"), page(root='data-width="wide" data-height="90"')),
    Case(
        "endless",
        SINGLE,
        ('"99999"', "3600"),
        page(root='data-width="160" data-height="90" data-duration="99999"'),
    ),
    Case(
        "rate 0",
        SINGLE,
        ('"0"', "240"),
        page(root='data-width="16" data-height="8" data-duration="1" data-fps="0"'),
    ),
    Case("unclosed token", SINGLE, ("page.html:1:79", "}}"), page("{{$NAME")),
    Case("undeclared token", SINGLE, ('"NAME"', "has no value"), page("{{$NAME}}")),
    Case(
        "declarations that are no JSON",
        SINGLE,
        ("page.html:1", "JSON"),
        page('<script type="application/hyperframes-vars">{"NAME": }</script>'),
    ),
    Case("missing image", SINGLE, ("page.html:1:84", '"cat.png"', "not there"), page('<img src="cat.png">')),
    Case("missing script", SINGLE, ('"code.js"',), page('<script src="code.js"></script>')),
    Case("missing style sheet", SINGLE, ('"s.css"',), page('<link rel="stylesheet" href="s.css">')),
    Case(
        "missing font",
        SINGLE,
        ('"f.woff2"',),
        page('<style>@font-face { font-family: F; src: url("f.woff2") }</style>'),
    ),
    Case(
        "a style sheet that names a missing font",
        SINGLE,
        ("s.css:1", '"f.woff2"'),
        {
            **page('<link rel="stylesheet" href="s.css">'),
            "s.css": "@font-face{font-family:F;src:url(f.woff2)}",
        },
    ),
    Case("missing sound", SINGLE, ('"a.mp3"',), page('<audio src="a.mp3"></audio>')),
)

VALUES = (
    Case("--vars without =", f"{SINGLE} --vars {SECRET}", ("--vars", "without =", "name=Asha")),
    Case("--vars without a name", f"{SINGLE} --vars ={SECRET}", ("--vars", "NAME=VALUE")),
    Case("a variable twice", f"{SINGLE} --vars name=a name=b", ("name is given twice",)),
    Case("a typing error in --vars", f"{SINGLE} --vars nmae={SECRET}", ('"nmae"', 'did you mean "NAME"')),
    Case(
        "a value too long",
        f"{SINGLE} --vars name={SECRET * 20}",
        ("--vars", '"NAME"', "120 characters", "60"),
    ),
    Case("a number that is none", f"{SINGLE} --vars points={SECRET}", ('"POINTS"', "6 characters", "number")),
    Case("a number too small", f"{SINGLE} --vars points=-5", ('"POINTS"', "0")),
    Case("a byte that is no text", SINGLE, ('"NAME"', "surrogate"), words=("--vars", f"name={SECRET}\udcff")),
    Case("no values file", f"{SINGLE} --vars-file v.json", ("v.json", "cannot be read")),
    Case(
        "values that are no JSON",
        f"{SINGLE} --vars-file v.json",
        ("v.json", "line 1"),
        {"v.json": f"{{{SECRET}"},
    ),
    Case("values that are a list", f"{SINGLE} --variables [1]", ("--variables", "one JSON object")),
    Case(
        "NUL in a value",
        f"{SINGLE} --vars-file v.json",
        ('"NAME"', "U+0000", "character 7"),
        {"v.json": json.dumps({"name": f"{SECRET}\0"})},
    ),
)

LISTS = (
    Case("no list", "render page.html --variants none.csv", ("none.csv cannot be opened", "JSON")),
    Case("a folder for a list", "render page.html --variants .", (". is a folder",)),
    Case("an empty list", LIST, ("people.csv", "empty"), rows("")),
    Case("a header alone", LIST, ("people.csv", "no rows"), rows("out,name,points\n")),
    Case("an empty array", JSON_LIST, ("people.json", "no rows"), {"people.json": "[]"}),
    Case(
        "a row too short",
        LIST,
        ("people.csv:3", "2", "3"),
        rows(f"out,name,points\na,{SECRET},1\nb,{SECRET}\n"),
    ),
    Case("a row too long", LIST, ("people.csv:2", "4", "3"), rows(f"out,name,points\na,{SECRET},1,2\n")),
    Case("a header twice", LIST, ("people.csv", '"name"'), rows(f"name,name,points\n{SECRET},b,1\n")),
    Case("no UTF-8", LIST, ("people.csv:2", "UTF-8"), rows(b"out,name,points\na,\xff,1\n")),
    Case("NUL in a list", LIST, ("people.csv:2", "NUL"), rows(b"out,name,points\na,\x00,1\n")),
    Case("JSON that breaks off", JSON_LIST, ("people.json:1",), {"people.json": f'[{{"name": "{SECRET}"'}),
    Case(
        "half a character",
        JSON_LIST,
        ("people.json:1", "surrogate"),
        {"people.json": f'[{{"name": "{SECRET}\\ud800", "points": 1}}]'},
    ),
    Case(
        "a typing error in a header",
        LIST,
        ('no column for "NAME"', 'nearest is "nmae"', "--map 'NAME=nmae'", "--use-default NAME"),
        rows(f"out,nmae,points\na.mp4,{SECRET},1\n"),
    ),
    Case("an empty cell", LIST, ("people.csv:2", '"name" is empty', "fallback"), rows("name,points\n,1\n")),
    Case(
        "several bad rows",
        LIST,
        ("2 of 3 rows", "nothing was rendered", "people.csv:2", "people.csv:4", "--bad-rows skip"),
        rows(f"name,points\n{SECRET},x\nok,1\n{SECRET * 20},1\n"),
    ),
    Case(
        "a list in a value", JSON_LIST, ('"name" is a list',), {"people.json": '[{"name": [1], "points": 1}]'}
    ),
    Case(
        "one name for two clips",
        JSON_LIST,
        ("rows 1, 2", '"same.mp4"', "--out-name"),
        {
            "people.json": json.dumps(
                [{"out": "same.mp4", "name": n, "points": 1} for n in (SECRET, SECRET * 2)]
            )
        },
    ),
    Case("out above the folder", JSON_LIST, ("people.json:1", '"out"', "two dots"), out_rows("../x.mp4")),
    Case("out below and above", JSON_LIST, ("two dots",), out_rows("a/../../x.mp4")),
    Case("out absolute", JSON_LIST, ("absolute", "--out-dir"), out_rows("/tmp/x.mp4")),
    Case("out hidden", JSON_LIST, ("begins with a dot",), out_rows(".x.mp4")),
    Case("out with a backslash", JSON_LIST, ("backslash",), out_rows("a\\x.mp4")),
    Case("out of another kind", JSON_LIST, ("another kind",), out_rows("x.gif")),
    Case("out with a line end", JSON_LIST, ("control character",), out_rows("x\n.mp4")),
)

OPTIONS = (
    Case("an unknown command", "rendr page.html", ("rendr",)),
    Case("an unknown option", f"{SINGLE} --ouput x", ("--ouput", "--output")),
    Case("no composition", "render", ("composition",)),
    Case("--crf out of range", f"{SINGLE} --crf 52", ("--crf", "52", "51")),
    Case("--crf 0", f"{SINGLE} --crf 0", ("--crf", "1")),
    Case("--crf no number", f"{SINGLE} --crf fine", ("--crf", "integer")),
    Case("--preset", f"{SINGLE} --preset slowe", ("--preset", '"slowe"', "veryslow", "slower?")),
    Case("--quality", f"{SINGLE} --quality hihg", ('"hihg"', "draft, standard, high", "Did you mean high?")),
    Case("--fps", f"{SINGLE} --fps 0", ("--fps", '"0"', "240")),
    Case("--scale", f"{SINGLE} --scale 3x", ("--scale", '"3x"')),
    Case("--scale too small", f"{SINGLE} --scale 0.001", ("0.001",)),
    Case("--still", f"{SINGLE} --still x", ("--still", '"x"', "2.5")),
    Case("--poster", f"{SINGLE} --poster -1", ("--poster", '"-1"')),
    Case("--workers", f"{SINGLE} --workers 0", ("--workers", "1")),
    Case("--timezone", f"{SINGLE} --timezone Europe/Berlni", ("--timezone", "Europe/Berlin?")),
    Case("--locale", f"{SINGLE} --locale de_DE", ("--locale", '"de_DE"', "pt-BR")),
    Case("--now", f"{SINGLE} --now yesterday", ("--now", '"yesterday"', "ISO 8601")),
    Case("--frame-timeout", f"{SINGLE} --frame-timeout 0", ("--frame-timeout", "0")),
    Case("--frame-timeout that is no number", f"{SINGLE} --frame-timeout nan", ("--frame-timeout", "nan")),
    Case("--out of another kind", "render page.html --out x.gif", ("another kind",)),
    Case("--out - with --json", "render page.html --out - --json", ("--out -", "--json")),
    Case("--out - with --poster", "render page.html --out - --poster 1", ("--poster", "--out")),
    Case("--still with --poster", f"{SINGLE} --still 1 --poster 1", ("--still", "--poster")),
    Case("list options without a list", f"{SINGLE} --rows 1 --id name", ("--id, --rows", "--variants")),
    Case("a list with --out", f"{LIST} --out x.mp4", ("--variants", "--out-dir")),
    Case("a list with --vars", f"{LIST} --vars name=x", ("--variants", "--vars")),
    Case("--rows 0", f"{LIST} --rows 0", ("--rows", "from 1")),
    Case("--rows beyond the end", f"{LIST} --rows 2-9", ("row 9", "2 rows")),
    Case("--rows backwards", f"{LIST} --rows 2-1", ("2-1", "1-2?")),
    Case("--rows words", f"{LIST} --rows all", ("--rows", "5,17-20")),
    Case("--only without =", f"{LIST} --only name", ("--only", "=")),
    Case("--only of no column", f"{LIST} --only nmae={SECRET}", ("--only", '"nmae"', '"name"')),
    Case("--only of no row", f"{LIST} --only name={SECRET}X", ("no row fits",)),
    Case("--bad-rows", f"{LIST} --bad-rows ignore", ("--bad-rows", "stop, skip")),
    Case("--id", f"{LIST} --id user", ("--id", '"user"', "out, name, points")),
    Case("--out-name", f"{LIST} --out-name {{nmae}}", ("--out-name", '"nmae"', '"name"')),
    Case("--out-name with a brace", f"{LIST} --out-name {{name", ("--out-name", "brace")),
    Case("--map of no variable", f"{LIST} --map nam=out", ("--map", '"nam"', '"NAME"')),
    Case("--map to no column", f"{LIST} --map name=nam", ("--map", '"nam"', '"name"')),
    Case("--use-default of no variable", f"{LIST} --use-default nam", ("--use-default", '"nam"')),
    Case("results in no folder", f"{LIST} --results no/r.csv", ("no/r.csv", "--results"), code=3),
    Case("results in a folder's place", f"{LIST} --results .", ("it is a folder",), code=3),
    Case(
        "a file in the folder's place", f"{LIST} --out-dir page.html", ("page.html", "Choose another"), code=3
    ),
    Case(
        "a browser that is none", f"{SINGLE} --browser page.html", ("--browser", "doctor --install"), code=3
    ),
    Case("init into what is there", "init .", ("exists already", "another folder"), {"card.html": "mine"}),
)

CASES = (*COMPOSITIONS, *VALUES, *LISTS, *OPTIONS, *MORE_CASES)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder; temporary files go beside it."""
    folder, temporary = tmp_path / "work", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("COLUMNS", "1000")
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_told_with_place_and_way_out_and_leaves_nothing(
    case: Case, place: Path, browser_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    del browser_path  # Only so that a machine without a browser does not fail for that.
    before = put(place, {**FILES, **case.files})
    code = cli.run([*case.command.split(), *case.words])
    told = capfd.readouterr()
    assert (code, told.out) == (case.code, "")
    for text in case.says:
        assert text in told.err
    assert "Error: " in told.err
    assert SECRET not in told.err
    assert "Unexpected" not in told.err
    assert "Traceback" not in told.err
    assert found(place) == before
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_no_two_cases_have_one_name() -> None:
    assert len({case.name for case in (*CASES, *PAGE_CASES)}) == len(CASES) + len(PAGE_CASES)


#: Of what only a browser finds out, these two are tried daily.
DAILY = ("a picture of 30,000 pixels each way", "a script that throws")


@pytest.mark.browser
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=() if case.name in DAILY else pytest.mark.slow)
        for case in PAGE_CASES
    ],
)
def test_what_a_browser_finds_out_is_told_and_leaves_nothing(case: Case, program: Program) -> None:
    before = put(program.folder, {**FILES, **case.files})
    ended = program.run(*case.command.split(), *case.words)
    assert (ended.code, ended.stdout) == (case.code, b""), ended.stderr
    for text in case.says:
        assert text in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Unexpected" not in ended.stderr
    assert found(program.folder) == before
    program.assert_nothing_left()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_browser_bears_is_rendered(name: str, program: Program) -> None:
    put(program.folder, {**FILES, **HARMLESS[name]})
    ended = program.run(*SINGLE.split(), "--workers", "1", "--fps", "5")
    assert ended.code == 0, ended.stderr
    assert frames_of(program.folder / "x.mp4") == 5
    program.assert_nothing_left()


def test_without_a_browser_it_says_how_to_get_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    put(place, FILES)
    # Debian keeps its browser outside the PATH too.
    monkeypatch.setattr(workshop, "find_browser", functools.partial(chromium.find_browser, system_folders=[]))
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setenv("HOME", str(place))
    for name in ("FRAMEPRESS_BROWSER", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cli.run(SINGLE.split()) == 3
    told = capfd.readouterr().err
    assert "No Chromium was found" in told
    assert "framepress doctor --install" in told
    assert "apt-get install" in told


def test_a_folder_that_may_not_be_written_is_refused(program: Program) -> None:
    """Root may write anywhere but on a disk that is mounted read-only."""
    program.write("people.csv", FILES["people.csv"])
    locked = program.folder / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    command = f"{sys.executable} -m framepress {LIST} --out-dir locked"
    if os.geteuid() == 0:
        skip_without_mounts()
        command = f"unshare -m sh -c 'mount -t tmpfs -o ro none locked && {command}'"
    ended = program.shell(command)
    assert ended.code == 3
    assert "locked" in ended.stderr
    assert "may not be written" in ended.stderr
    assert "--out-dir" in ended.stderr
    program.assert_nothing_left()


def skip_without_mounts() -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("this container may not make mount namespaces")


# ---- what is unusual and right ------------------------------------------------------------------


def test_values_that_look_like_markup_or_tokens_are_shown_as_they_are(program: Program) -> None:
    """A script compares what is shown with the value, which a file of its own has, and throws."""
    values = [
        "</script><script>throw 1</script>",
        "\"'`\\",
        "{{$POINTS}} {{name}} {{{{",
        "&amp; <b> --> ]]>",
        "a\nb\tc",
    ]
    program.write("values.js", f"window.values = {json.dumps(values)};")
    script = (
        '<script src="values.js"></script><script>const text = document.querySelector("p").textContent;'
        'const now = "{{$NAME}}"; const at = "{{$POINTS}}";'
        "if (now !== values[at] || text !== `${now} ${at}`) throw new Error('differs');</script>"
    )
    program.write("page.html", PAGE + script)
    program.write("people.json", [{"name": value, "points": n} for n, value in enumerate(values)])
    ended = program.run("render", "page.html", "--variants", "people.json", "--workers", "2", "--json")
    assert [one["error"] for one in ended.rows().values()] == [None] * len(values)


def test_equal_rows_share_a_file_and_have_a_result_each(program: Program) -> None:
    row = {"out": "same.mp4", "name": SECRET, "points": 1}
    program.write("people.json", [row, {**row, "other": "column"}])
    ended = program.run("render", "page.html", "--variants", "people.json", "--workers", "2", "--json")
    assert ended.code == 0
    told = [(one["out"], one["path"], one["attempt"]) for _, one in sorted(ended.rows().items())]
    assert told == [("out/same.mp4", "plain", 1), ("out/same.mp4", "stored", 0)]


# ---- what a run does about single rows ----------------------------------------------------------

#: Breaks for the one name that it is told, in the way it is told. Names are not repeated by the program.
TROUBLE = """<script>
const name = "{{$NAME}}";
if (name === "Zaphod throws") throw new Error("no " + name);
if (name === "Zaphod rejects") Promise.reject(new Error("no " + name));
if (name === "Zaphod lacks") document.body.appendChild(new Image()).src = name + ".png";
if (name === "Zaphod leaves") location.href = "https://example.com/?" + name;
if (name === "Zaphod loops") for (;;);
</script>"""


def test_rows_that_fail_are_told_and_the_others_go_on(program: Program) -> None:
    program.write("page.html", PAGE + TROUBLE)
    names = ["ok", "Zaphod throws", "Zaphod rejects", "Zaphod lacks", "Zaphod leaves", "Zaphod" * 20, "fine"]
    program.write("people.json", [{"out": f"{n}.mp4", "name": x, "points": 1} for n, x in enumerate(names)])
    words = (
        "--variants",
        "people.json",
        "--workers",
        "2",
        "--json",
        "--bad-rows",
        "skip",
        "--results",
        "r.csv",
    )
    ended = program.run("render", "page.html", *words)
    assert ended.code == 1
    rules = {n - 1: (one["error"] or {}).get("rule") for n, one in ended.rows().items()}
    assert rules == {
        0: None,
        1: "script-threw",
        2: "script-threw",
        3: "missing-image",
        4: "blocked-document",
        5: "max-length",
        6: None,
    }
    assert all(one["attempt"] <= 1 for one in ended.rows().values()), "trying again cannot help"
    assert SECRET not in ended.stderr + ended.stdout.decode()
    assert set(program.clips()) == {"0.mp4", "6.mp4"}
    results = (program.folder / "r.csv").read_text("utf-8").splitlines()
    # Our columns repeat no value either; the list's own are the user's.
    assert all(SECRET not in line.split(",done,")[-1].split(",failed,")[-1] for line in results[1:6])
    program.assert_nothing_left()


def test_a_page_that_never_ends_is_given_up_after_the_frame_timeout(program: Program) -> None:
    program.write("page.html", PAGE + TROUBLE)
    ended = program.run(
        *SINGLE.split(), "--frame-timeout", "1", "--workers", "1", "--vars", "name=Zaphod loops"
    )
    assert ended.code == 1
    assert "--frame-timeout" in ended.stderr
    assert SECRET not in ended.stderr
    assert not (program.folder / "x.mp4").exists()
    program.assert_nothing_left()


def test_a_page_without_an_end_is_refused_once_it_is_loaded(program: Program) -> None:
    program.write("page.html", page("still", root='data-width="160" data-height="90"')["page.html"])
    ended = program.run(*SINGLE.split(), "--workers", "1")
    assert ended.code == 2
    assert "no duration" in ended.stderr
    assert 'data-duration="6"' in ended.stderr
    program.assert_nothing_left()


def test_a_file_of_somebody_else_is_left_alone_unless_forced(program: Program) -> None:
    program.write("x.mp4", "my film")
    program.write("out/a.mp4", "my film")
    program.write("out/b.jpg", "my picture")
    program.write("people.csv", FILES["people.csv"])
    single = program.run(*SINGLE.split(), "--workers", "1")
    assert single.code == 2
    assert "x.mp4: a file that framepress did not make" in single.stderr
    assert "--force" in single.stderr
    words = (*LIST.split(), "--workers", "1", "--poster", "0", "--json")
    listed = program.run(*words)
    assert [one["error"]["rule"] for one in listed.rows().values()] == ["foreign-file"] * 2
    kept = [(program.folder / name).read_bytes() for name in ("x.mp4", "out/a.mp4", "out/b.jpg")]
    assert kept == [b"my film", b"my film", b"my picture"]
    assert program.run(*words, "--force").code == 0
    assert frames_of(program.folder / "out/a.mp4") == 10


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk, as root")
def test_a_full_disk_ends_the_run_and_leaves_only_whole_clips(program: Program) -> None:
    """The out folder is a disk of its own, in a mount namespace that goes with the command."""
    skip_without_mounts()
    program.write("people.json", [{"out": f"{n}.mp4", "name": SECRET, "points": n} for n in range(10)])
    (program.folder / "out").mkdir()
    render = f"{sys.executable} -m framepress render page.html --variants people.json --workers 2 --json"
    ended = program.shell(
        f"unshare -m sh -c 'mount -t tmpfs -o size=200k none out && {render}; code=$?; "
        "mkdir ../seen; cp -r out/. ../seen; find out -name *.partial >&2; exit $code'"
    )
    assert ended.code == 3, ended.stderr
    assert "the disk is full" in ended.stderr
    assert "Make room" in ended.stderr
    assert "partial" not in ended.stderr
    assert SECRET not in ended.stderr
    done = {Path(one["out"]).name for one in ended.rows().values() if one["status"] == "done"}
    seen = sorted(path.name for path in (program.folder.parent / "seen").glob("*.mp4"))
    assert 0 < len(done) < 10
    # The last one may be there and not be told: its record did not fit. The next run finds it.
    assert done <= set(seen)
    assert all(frames_of(program.folder.parent / "seen" / name) == 10 for name in seen)
    program.assert_nothing_left()
