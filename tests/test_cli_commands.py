"""The commands of the article and the options, each as a user types it, with real clips as the outcome."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import jsonschema  # type: ignore[import-untyped]
import pytest

import framepress
from program import PAGE, Program, frames_of, until

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((ROOT / "docs/output.schema.json").read_text("utf-8"))

#: Section 1 of the format, word for word.
ARTICLE = (
    "hyperframes render card.html --out /tmp/1.mp4 --vars name=Asha points=1284 --workers 2 --quiet",
    "hyperframes render card.html --variants sample.json --workers 4",
    "hyperframes render card.html --variants variants.json --no-cache",
    "hyperframes render card.html --variants chunk.json --json | tee -a render.log",
    "hyperframes render template.html --variants variants.json --out-dir out/ --workers 8",
)

PEOPLE = [
    {"out": "asha.mp4", "name": "Asha", "points": 1284, "team": "red"},
    {"out": "ben.mp4", "name": "Ben", "points": 730, "team": "blue"},
    {"out": "chi.mp4", "name": "Chi", "points": 55, "team": "red"},
]

SINGLE = ("render", "page.html", "--workers", "1", "--out", "one.mp4")


def many(*more: str) -> tuple[str, ...]:
    return ("render", "page.html", "--variants", "people.json", "--workers", "2", *more)


def card(program: Program, *, row_count: int | None) -> None:
    """The example in the program's folder; with `row_count`, few and small clips."""
    for path in (ROOT / "examples/card").rglob("*"):
        if path.is_file():
            target = program.folder / path.relative_to(ROOT / "examples/card")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    if row_count is None:
        return
    for name in ("card.html", "template.html"):
        text = (program.folder / name).read_text("utf-8")
        small, count = re.subn(
            r'data-width="\d+" data-height="\d+" data-fps="30" data-duration="6"',
            'data-width="320" data-height="320" data-fps="5" data-duration="1.2"',
            text,
        )
        assert count == 1
        program.write(name, small)
    for name in ("sample.json", "variants.json", "chunk.json"):
        program.write(name, json.loads((program.folder / name).read_text("utf-8"))[:row_count])


def paste(program: Program, line: str) -> subprocess.CompletedProcess[str]:
    ended = program.shell(line.replace("/tmp/", f"{program.folder}/tmp-"))
    assert ended.code == 0, ended.stderr
    return subprocess.CompletedProcess(line, ended.code, ended.stdout.decode(), ended.stderr)


def paste_all(program: Program, frame_count: int) -> None:
    """Every command of the article in turn; the clips it promises are there."""
    quiet = paste(program, ARTICLE[0])
    assert (quiet.stdout, quiet.stderr) == ("", "")
    assert frames_of(program.folder / "tmp-1.mp4") == frame_count

    paste(program, ARTICLE[1])
    sample = json.loads((program.folder / "sample.json").read_text("utf-8"))
    for row in sample:
        assert frames_of(program.folder / "out" / row["out"]) == frame_count

    # The sample's rows are the first of variants: with --no-cache they are rendered again all the same.
    first = program.folder / "out" / sample[0]["out"]
    before = first.stat().st_ino
    paste(program, ARTICLE[2])
    assert first.stat().st_ino != before

    log = paste(program, ARTICLE[3]).stdout
    assert (program.folder / "render.log").read_text("utf-8") == log
    chunk = json.loads((program.folder / "chunk.json").read_text("utf-8"))
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["type"] for line in lines] == ["row"] * len(chunk) + ["summary"]

    # Another composition: the same names, other keys, so each clip is made anew.
    before = first.stat().st_ino
    paste(program, ARTICLE[4])
    assert first.stat().st_ino != before
    program.assert_nothing_left()


def check_lines(objects: list[dict[str, Any]]) -> None:
    for line in objects:
        jsonschema.validate(line, SCHEMA)


# ---- the article --------------------------------------------------------------------------------


def test_every_command_of_the_article_can_be_pasted(program: Program) -> None:
    card(program, row_count=2)
    paste_all(program, frame_count=6)


@pytest.mark.slow
def test_every_command_of_the_article_can_be_pasted_with_the_card_as_it_is(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    card(program, row_count=None)
    rows = json.loads((program.folder / "variants.json").read_text("utf-8"))
    program.write("variants.json", rows[:5])
    monkeypatch.setattr("program.RUN_S", 600)
    paste_all(program, frame_count=180)


# ---- version and help ---------------------------------------------------------------------------


def test_both_names_say_framepress(program: Program) -> None:
    for name in ("framepress", "hyperframes"):
        assert program.shell(f"{name} --version").stdout.decode() == f"framepress {framepress.__version__}\n"


def test_it_starts_as_a_module_too(program: Program) -> None:
    for module in ("framepress", "framepress.cli"):
        ended = program.shell(f"{sys.executable} -m {module} --version")
        assert ended.stdout.decode().startswith("framepress ")


@pytest.mark.parametrize(
    "command", ["--help", "--version", "render --help", "doctor --help", "init --help", "explain --help"]
)
def test_help_is_answered_without_importing_what_renders(program: Program, command: str) -> None:
    code = (
        "import sys; from framepress.cli import run; code = run(sys.argv[1:]); "
        "print(code, *sorted({'av', 'numpy', 'rich', 'framepress.batch'} & set(sys.modules)))"
    )
    ended = program.shell(f'{sys.executable} -c "{code}" {command}')
    assert ended.stdout.decode().splitlines()[-1] == "0"


def test_examples_of_the_help_run(program: Program) -> None:
    """Each example stands in one line, and the program understands it: it is run where there is no list."""
    text = program.run("render", "--help").stdout.decode()
    examples = re.findall(r"^ +((?:cat .*\| )?framepress render .*)$", text, re.MULTILINE)
    assert len(examples) == 11
    program.write("card.html", PAGE.replace("data-fps", 'data-format="any" data-fps'))
    for example in examples:
        ended = program.shell(example)
        missing = "cannot be opened|standard input|no file has a name|No files found|there is no such file"
        assert ended.code == 0 or re.search(missing, ended.stderr), ended.stderr
    assert frames_of(program.folder / "asha.mp4") == 10
    assert (program.folder / "look.png").read_bytes().startswith(b"\x89PNG")


# ---- one clip -----------------------------------------------------------------------------------


def test_a_single_clip_is_named_after_its_composition(program: Program) -> None:
    folder = program.folder / "greeting"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE, "utf-8")
    assert program.run("render", "page.html", "--workers", "1").code == 0
    assert program.run("render", "greeting", "--workers", "1").code == 0
    assert frames_of(program.folder / "page.mp4") == frames_of(program.folder / "greeting.mp4") == 10
    assert not (program.folder / "out").exists()


@pytest.mark.slow
def test_values_may_come_from_a_file_from_json_and_one_by_one(program: Program) -> None:
    """The row key tells what was rendered: three ways of saying one thing agree, and the last word wins."""
    program.write("values.json", '{"name": "Asha", "points": 12}')

    def key(*words: str) -> str:
        ended = program.run(*SINGLE, "--json", *words)
        assert ended.code == 0, ended.stderr
        check_lines(ended.objects())
        return str(ended.objects()[0]["row_key"])

    expected = key("--vars", "name=Asha", "points=12", "--quiet")
    assert key("--vars-file", "values.json") == expected
    assert key("--variables-file", "values.json", "--strict-variables") == expected
    assert key("--variables", '{"NAME": "Asha", "POINTS": 12}') == expected
    assert (
        key("--vars-file", "values.json", "--variables", '{"points": 13}', "--vars", "points=12") == expected
    )
    assert key("--vars-file", "values.json", "--vars", "points=13") != expected


def test_a_list_of_values_may_be_empty_repeated_and_hold_equals_signs(program: Program) -> None:
    words = ("--vars", "--json", "--vars", "name=a=b", "--vars", "points=3", "--output", "two.mp4")
    ended = program.run("render", "page.html", "--workers", "1", *words)
    assert ended.code == 0, ended.stderr
    assert ended.objects()[0]["out"] == "two.mp4"


def test_a_clip_can_go_to_standard_output(program: Program) -> None:
    ended = program.run("render", "page.html", "-o", "-", "--workers", "1", "--vars", "name=Asha")
    assert program.run(*SINGLE, "--vars", "name=Asha").code == 0
    assert ended.stdout == (program.folder / "one.mp4").read_bytes()
    assert "10 frames" in ended.stderr
    assert sorted(path.name for path in program.folder.iterdir()) == ["one.mp4", "page.html"]
    program.assert_nothing_left()


def test_a_still_goes_to_a_file_or_to_standard_output(program: Program) -> None:
    def still(*words: str) -> bytes:
        ended = program.run("render", "page.html", *words, "--workers", "1")
        assert ended.code == 0, ended.stderr
        return ended.stdout

    streamed = still("--still", "0.5", "--out", "-", "--quiet")
    still("--still", "0.5", "--out", "look.png")
    told = json.loads(still("--still", "0.9", "--json"))
    jsonschema.validate(told, SCHEMA)
    assert streamed.startswith(b"\x89PNG")
    assert (program.folder / "look.png").read_bytes() == streamed
    assert told["out"] == "page.png"
    assert (program.folder / "page.png").read_bytes() != streamed


@pytest.mark.slow
def test_quality_rate_and_size_change_the_clip(program: Program) -> None:
    def clip(*words: str) -> tuple[tuple[int, int, int], str]:
        ended = program.run(*SINGLE, "--json", *words)
        assert ended.code == 0, ended.stderr
        with av.open(str(program.folder / "one.mp4")) as container:
            stream = container.streams.video[0]
            facts = (stream.width, stream.height, sum(1 for _ in container.decode(stream)))
        return facts, ended.objects()[0]["row_key"]

    standard = clip()
    assert standard[0] == (160, 90, 10)
    assert clip("--crf", "18", "--preset", "veryfast") == standard
    assert clip("--quality", "draft")[1] == clip("--crf", "28")[1] != standard[1]
    assert clip("--quality", "draft", "--crf", "18")[1] == standard[1]
    assert clip("--fps", "25/2", "--scale", "0.2")[0] == (32, 18, 13)


# ---- lists --------------------------------------------------------------------------------------


@pytest.fixture
def people(program: Program) -> Program:
    program.write("people.json", PEOPLE)
    return program


def test_json_is_all_that_stands_on_standard_output(people: Program) -> None:
    people.write("people.json", [*PEOPLE, {"out": "bad.mp4", "name": "", "points": 1, "team": "red"}])
    ended = people.run(*many("--json", "--bad-rows", "skip", "--id", "name", "--poster", "0.5"))
    objects = ended.objects()
    check_lines(objects)
    assert [one["type"] for one in objects].count("row") == 4
    summary = ended.summary()
    assert (summary["rows"], summary["done"], summary["failed"]) == (4, 3, 1)
    assert ended.code == summary["exit_code"] == 1
    rows = ended.rows()
    assert {rows[n]["id"] for n in (1, 2, 3)} == {"Asha", "Ben", "Chi"}
    assert (rows[4]["id"], rows[4]["status"], rows[4]["error"]["rule"]) == ("4", "failed", "required")
    assert people.folder.joinpath(rows[1]["poster"]).read_bytes().startswith(b"\xff\xd8")


def test_the_schema_refuses_what_is_no_line() -> None:
    for line in ({"type": "row"}, {"type": "other"}, {"type": "summary", "rows": "3"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(line, SCHEMA)


def test_b_option_names_do_the_same(people: Program) -> None:
    ended = people.run("render", "page.html", "--batch", "people.json", "--workers", "2", "--json")
    assert {one["out"] for one in ended.rows().values()} == {f"out/{row['out']}" for row in PEOPLE}


def test_only_the_rows_that_are_asked_for_are_rendered(people: Program) -> None:
    assert set(people.run(*many("--json", "--rows", "1,3")).rows()) == {1, 3}
    assert set(people.run(*many("--json", "--only", "team=red", "--rows", "2-3")).rows()) == {3}
    assert set(people.clips()) == {"asha.mp4", "chi.mp4"}


@pytest.mark.slow
def test_files_are_named_by_a_pattern_where_the_list_does_not_name_them(people: Program) -> None:
    people.write("people.csv", "user,name,points\nu/7,Asha,1\nu8,Ben,2\n")
    words = ("render", "page.html", "--variants", "people.csv", "--workers", "2", "--json")
    assert people.run(*words, "--out-name", "{user}-{@row}.mp4", "--out-dir", "named").code == 0
    assert set(people.clips("named")) == {"u_7-1.mp4", "u8-2.mp4"}
    keyed = people.run(*words)
    assert set(people.clips()) == {f"{one['row_key']}.mp4" for one in keyed.rows().values()}


@pytest.mark.slow
def test_a_column_may_have_another_name_or_none(people: Program) -> None:
    people.write("people.csv", "out,first_name\na.mp4,Asha\n")
    words = ("render", "page.html", "--variants", "people.csv", "--workers", "1", "--json")
    ended = people.run(*words, "--map", "NAME=first_name", "--use-default", "points")
    assert ended.code == 0, ended.stderr
    ours = ended.rows()[1]["row_key"]
    people.write("plain.json", [{"out": "b.mp4", "name": "Asha", "points": 7}])
    theirs = people.run("render", "page.html", "--variants", "plain.json", "--workers", "1", "--json")
    assert theirs.rows()[1]["row_key"] == ours


def test_a_list_may_come_through_a_pipe(people: Program) -> None:
    lines = "\n".join(json.dumps(row) for row in PEOPLE[:2]).encode()
    ended = people.run("render", "page.html", "--variants", "-", "--workers", "2", "--json", stdin=lines)
    assert ended.summary()["done"] == 2


def test_results_hold_every_column_and_what_became_of_each_row(people: Program) -> None:
    people.write("people.json", [*PEOPLE[:2], {"out": "bad.mp4", "name": "", "points": 1, "team": "red"}])
    ended = people.run(*many("--results", "results.csv", "--bad-rows", "skip", "--poster", "0"))
    assert ended.code == 1
    with (people.folder / "results.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert list(table[0]) == [*PEOPLE[0], "status", "file", "poster", "seconds", "bytes", "error"]
    assert [row["status"] for row in table] == ["done", "done", "rejected"]
    assert table[0]["file"] == "out/asha.mp4"
    assert table[0]["poster"] == "out/asha.jpg"
    assert int(table[0]["bytes"]) == len(people.clips()["asha.mp4"])
    assert "is empty" in table[2]["error"]
    assert "Results: results.csv" in ended.stderr


def test_what_is_stored_is_not_rendered_again_unless_asked(people: Program) -> None:
    assert people.run(*many("--quiet")).code == 0
    before = {name: (people.folder / "out" / name).stat().st_ino for name in people.clips()}
    again = people.run(*many("--json"))
    assert [one["path"] for one in again.rows().values()] == ["stored"] * 3
    assert {name: (people.folder / "out" / name).stat().st_ino for name in before} == before
    forced = people.run(*many("--json", "--no-cache"))
    assert [one["path"] for one in forced.rows().values()] == ["plain"] * 3
    assert {name: (people.folder / "out" / name).stat().st_ino for name in before} != before


def test_one_clip_is_not_rendered_again_unless_asked(people: Program) -> None:
    def rendered(*words: str) -> tuple[str, int]:
        command = ("render", "page.html", "--vars", "name=Asha", "--out", "one.mp4")
        ended = people.run(*command, "--json", *words)
        assert ended.code == 0, ended.stderr
        return ended.objects()[0]["path"], (people.folder / "one.mp4").stat().st_ino

    first = rendered()
    assert rendered() == ("stored", first[1])
    path, again = rendered("--no-cache")
    assert (path, again != first[1]) == ("plain", True)


@pytest.mark.slow
def test_a_stored_clip_gets_the_poster_it_lacks(people: Program) -> None:
    def posters(*words: str) -> tuple[list[str], list[Any], list[int]]:
        ended = people.run(*many("--json", "--rows", "1-2", *words))
        assert ended.code == 0, ended.stderr
        rows = [one for _, one in sorted(ended.rows().items())]
        assert {one["path"] for one in rows} <= {"stored", "plain"}
        return (
            [one["path"] for one in rows],
            [one["poster"] for one in rows],
            [one["attempt"] for one in rows],
        )

    expected = ["out/asha.jpg", "out/ben.jpg"]
    assert posters() == (["plain", "plain"], [None, None], [1, 1])
    assert posters("--poster", "0.5") == (["stored", "stored"], expected, [1, 1])
    made = (people.folder / "out/asha.jpg").read_bytes()
    assert posters("--poster", "0.5") == (["stored", "stored"], expected, [0, 0])
    # One that went with the clip is the same picture; one of another moment is not taken for it.
    assert posters("--poster", "0.5", "--force")[0] == ["plain", "plain"]
    assert (people.folder / "out/asha.jpg").read_bytes() == made
    assert posters("--poster", "0.9") == (["stored", "stored"], expected, [1, 1])
    assert (people.folder / "out/asha.jpg").read_bytes() != made


@pytest.mark.slow
def test_a_single_stored_clip_gets_its_poster_too(program: Program) -> None:
    told = [program.run(*SINGLE, "--json", *words).objects()[0] for words in ((), ("--poster", "0.5")) * 2]
    assert [(one["path"], one["poster"]) for one in told] == [
        ("plain", None),
        ("stored", "one.jpg"),
        ("stored", None),
        ("stored", "one.jpg"),
    ]


def test_rows_that_failed_are_tried_again_when_asked(people: Program) -> None:
    """A picture that a script names is missing, then it is there: only that row is rendered."""
    script = (
        '<script>if ("{{$NAME}}" === "Ben") { const i = document.body.appendChild(new Image()); '
        "i.src = 'ben.svg'; }</script>"
    )
    people.write("page.html", PAGE + script)
    first = people.run(*many("--json"))
    assert first.code == 1
    assert [one["status"] for _, one in sorted(first.rows().items())] == ["done", "failed", "done"]
    assert first.rows()[2]["error"]["type"] == "PageError"
    people.write("ben.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    second = people.run(*many("--json", "--retry-failed"))
    assert (second.code, set(second.rows()), second.summary()["done"]) == (0, {2}, 1)
    third = people.run(*many("--json", "--retry-failed"))
    assert (third.code, third.rows(), third.summary()["rows"]) == (0, {}, 0)


# ---- what a person sees -------------------------------------------------------------------------


def test_quiet_prints_nothing_and_otherwise_a_table_comes(people: Program) -> None:
    quiet = people.run(*many("--quiet"))
    assert (quiet.code, quiet.stdout, quiet.stderr) == (0, b"", "")
    told = people.run(*many())
    assert told.stdout == b""
    assert "out/asha.mp4" in told.stderr
    assert "3 of 3 clips in out; 3 were stored already" in told.stderr


def test_without_a_terminal_a_line_comes_every_ten_seconds(people: Program) -> None:
    """Ten seconds are shortened from outside; that they are ten by themselves is written out."""
    code = (
        "import sys; from framepress.cli import run, show; assert show.PLAIN_LINE_S == 10; "
        "show.PLAIN_LINE_S = 0.2; sys.exit(run(sys.argv[1:]))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *many()],
        cwd=people.folder,
        env=people._environ(),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert process.stdout == ""
    assert "rendering: 0/3 rows\n" in process.stderr
    assert "\x1b" not in process.stderr


def test_on_a_terminal_a_bar_is_drawn_and_taken_away(people: Program) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "framepress", *many("--rows", "1")],
        cwd=people.folder,
        env={**people._environ(), "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += (chunk := os.read(ours, 4096))
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
    os.close(ours)
    assert process.wait(60) == 0
    assert b"rendering" in seen
    assert b"1 of 1 clips" in seen


# ---- how it ends --------------------------------------------------------------------------------


def test_a_reader_that_goes_away_ends_the_run_quietly(people: Program) -> None:
    ended = people.shell(f"{sys.executable} -m framepress {' '.join(many('--json'))} | head -c 1")
    assert "Traceback" not in ended.stderr
    assert "Unexpected" not in ended.stderr
    people.assert_nothing_left()


def test_interrupting_ends_with_130_and_says_how_to_go_on(people: Program) -> None:
    # Long enough that no machine is through before it is interrupted.
    people.write("page.html", PAGE.replace('data-duration="1"', 'data-duration="120"'))
    process = people.start(*many())
    until(people.browsers, "a browser", 60)
    process.send_signal(2)
    ended = people.wait(process)
    assert ended.code == 130
    assert "same command goes on" in ended.stderr
    assert "Traceback" not in ended.stderr
    people.assert_nothing_left()


def test_a_python_file_in_the_working_folder_is_not_ours(program: Program) -> None:
    program.write("random.py", "raise SystemExit('not this one')")
    program.write("numpy.py", "raise SystemExit('not this one')")
    ended = program.shell("framepress render page.html --workers 1")
    assert ended.code == 0, ended.stderr


# ---- what is written about it -------------------------------------------------------------------


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_schema", ROOT / "scripts/write_schema.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_schema_file_is_what_the_models_print() -> None:
    text: str = load_script().schema_text()
    assert (ROOT / "docs/output.schema.json").read_text("utf-8") == text, "run scripts/write_schema.py"


def test_every_field_of_the_output_is_described() -> None:
    document = (ROOT / "docs/output.md").read_text("utf-8")
    for model in SCHEMA["$defs"].values():
        for name in model["properties"]:
            assert f"| `{name}` |" in document, name


def test_the_examples_of_the_document_are_valid_lines() -> None:
    document = (ROOT / "docs/output.md").read_text("utf-8")
    blocks = re.findall(r"```json\n(.*?)```", document, re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        check_lines([json.loads(block)])
