# ruff: noqa: E501 (markup is read more easily unbroken)
"""Several formats of one list: which root a format gets and how large it is, and a file per row and format."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from fleet_bench import Fleet
from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.declarations import FORMAT_NAME
from framepress.errors import CompositionError, RowValueError, UsageError
from framepress.ledger import Ledger
from framepress.ledger_rows import FORMAT_STRIDE
from framepress.names import check_out_name, format_out_name, with_format
from framepress.output_formats import parse_format, parse_formats
from framepress.row_binding import BindingOptions
from framepress.rows import Row
from framepress.settings import RenderSettings
from framepress.variants import Binder, row_key_of
from program import Program

ROOTS = """<!doctype html><style>body { margin: 0 } div { background: #36c } .tall { background: #c33 }</style>
<div data-width="160" data-height="90" data-fps="10" data-duration="0.5" data-format="16:9">
<p>{{$NAME}}</p></div>
<div class="tall" data-width="90" data-height="160" data-fps="10" data-duration="0.3" data-format="9:16">
<p>{{$NAME}}</p><b>{{$CITY}}</b></div>
<audio src="tone.wav" data-start="0" data-end="0.2"></audio>
"""
FLUID = """<!doctype html><style>body { margin: 0 } #r { background: #36c } i { display: block; height: 50%; background: #fff }
#r[data-format="9:16"] { background: #c33 }</style>
<div id="r" data-width="160" data-height="90" data-fps="10" data-duration="0.5" data-format="16:9 9:16 1:1">
<i data-format="9:16"></i><p>{{$NAME}}</p></div>
"""


# ---- what a format is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "of", "size"),
    [
        ("16:9", (1920, 1080), (1920, 1080)),
        ("9:16", (1920, 1080), (1080, 1920)),
        ("1:1", (1920, 1080), (1080, 1080)),
        ("4:5", (1080, 1920), (1080, 1350)),
        ("21:9", (1920, 1080), (2520, 1080)),
        ("1.91:1", (1080, 1080), (2062, 1080)),
        ("16:9", (1366, 768), (1366, 768)),
        ("1080x1350", (320, 180), (1080, 1350)),
        (" 720X1280 ", (320, 180), (720, 1280)),
    ],
)
def test_the_shorter_side_stays_and_the_longer_follows(
    text: str, of: tuple[int, int], size: tuple[int, int]
) -> None:
    found = parse_format(text)
    assert found.size_for(*of) == size
    assert found.fits(*size)
    assert found.fits(size[0] + 2, size[1]) is False


@pytest.mark.parametrize(
    "text", ["", "16", "16/9", "0:1", "16:9:1", "1:21", "1080x", "1081x1920", "99999x2", "9x16 "]
)
def test_what_is_no_format_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a ratio such as") as caught:
        parse_formats([text])
    assert caught.value.rule == "formats"


def test_formats_are_named_once_and_in_order() -> None:
    assert parse_formats(["9:16, 16:9", "1080x1920"]) == ("9:16", "16:9", "1080x1920")
    assert parse_formats(None) == ()
    with pytest.raises(UsageError, match="names 9:16 twice"):
        parse_formats(["9:16,9:16"])
    with pytest.raises(UsageError, match="at most 20"):
        parse_formats([f"{number}:10" for number in range(1, 22)])


# ---- which root it gets -------------------------------------------------------------------------


def load(folder: Path, html: str) -> Composition:
    (folder / "card.html").write_text(html, "utf-8")
    (folder / "tone.wav").write_bytes(b"RIFF")
    return load_composition(folder / "card.html")


def test_each_format_has_its_root_and_what_is_common(tmp_path: Path) -> None:
    composition = load(tmp_path, ROOTS)
    values = {"NAME": "Ada", "CITY": "Rome"}
    wide = composition.instantiate({**values, FORMAT_NAME: "16:9"})
    tall = composition.instantiate({**values, FORMAT_NAME: "9:16"})
    assert (wide.width, wide.height, wide.duration) == (160, 90, Fraction(1, 2))
    assert (tall.width, tall.height, tall.duration) == (90, 160, Fraction(3, 10))
    assert "Rome" not in wide.html
    assert "Rome" in tall.html
    assert len(wide.audio) == len(tall.audio) == 1
    # As many lines into the file as before: messages name them.
    assert tall.audio[0].line == 6
    # Without a format it is that of the first root.
    assert composition.instantiate(values).html == wide.html
    assert composition.facts({**values, FORMAT_NAME: "90x160"}).height == 160


def test_a_root_that_answers_to_size_gets_the_size_and_says_its_format(tmp_path: Path) -> None:
    composition = load(tmp_path, FLUID)
    square = composition.instantiate({"NAME": "A", FORMAT_NAME: "1:1"})
    tall = composition.instantiate({"NAME": "A", FORMAT_NAME: "9:16"})
    assert (square.width, square.height) == (90, 90)
    assert (tall.width, tall.height) == (90, 160)
    assert 'data-width="90" data-height="160"' in tall.html
    assert 'data-format="9:16" ' not in square.html.replace("<i", "")
    assert 'data-duration="0.5" data-format="9:16">' in tall.html
    assert "<i data-format" in tall.html
    assert "<i data-format" not in square.html
    assert composition.in_format("9:16").fills
    assert not composition.in_format("16:9").fills
    assert composition.facts({"NAME": "A", FORMAT_NAME: "1080x1920"}).width == 1080


def test_a_root_of_its_size_is_preferred_to_one_that_answers(tmp_path: Path) -> None:
    html = FLUID + '<div data-width="180" data-height="320" data-format="9:16">own</div>'
    assert load(tmp_path, html).facts({"NAME": "A", FORMAT_NAME: "9:16"}).width == 180


def test_any_stands_for_every_format(tmp_path: Path) -> None:
    html = '<div data-width="160" data-height="90" data-duration="1" data-format="any"><b data-format="4:5">x</b></div>'
    composition = load(tmp_path, html)
    assert composition.facts({FORMAT_NAME: "21:9"}).width == 210
    assert ">x<" in composition.instantiate({FORMAT_NAME: "4:5"}).html
    assert ">x<" not in composition.instantiate({}).html


PLAIN = '<div data-width="160" data-height="90" data-duration="1">x</div>'


@pytest.mark.parametrize(
    ("html", "format_", "rule", "words"),
    [
        (PLAIN, "9:16", "format", "it has 160x90. Give it a root for that format"),
        (ROOTS, "4:5", "format", 'it has 16:9, 9:16.*data-format="16:9 9:16 4:5"'),
        (PLAIN.replace("data-duration", 'data-format="9:16" data-duration'), None, "format", "root is 160x90 and its"),
        (PLAIN.replace("data-duration", 'data-format="wide" data-duration'), None, "format", '"wide"; expected a ratio'),
        (PLAIN.replace("data-duration", 'data-format="{{$F}}" data-duration'), None, "format", r'holds "{{\$F}}"; expected'),
        (PLAIN.replace('"160"', '"{{$W}}"').replace("data-dur", 'data-format="16:9" data-dur'), None, "format-size", "written out"),
        (f"<body data-format='16:9'>{PLAIN}</body>", None, "format", "cannot have data-format"),
        (f"<section data-format='1:1'>{PLAIN}</section>", None, "format", "is inside another element"),
        (PLAIN.replace("x<", "<p data-format='1:1'>x<"), None, "format-unclosed", "is not closed"),
        (PLAIN.replace("data-duration", 'data-format="any" data-duration'), "20:1", None, ""),
        (PLAIN.replace("160", "1600").replace("90", "900").replace("data-duration", 'data-format="any" data-duration'), "1:20", "format", "at most 7680"),
        (ROOTS.replace('data-duration="0.3"', 'data-duration="no"'), None, "duration", "card.html:4:"),
    ],
)  # fmt: skip
def test_what_a_composition_cannot_do_is_said_with_its_place(
    tmp_path: Path, html: str, format_: str | None, rule: str | None, words: str
) -> None:
    if rule is None:
        load(tmp_path, html).in_format(format_)
        return
    with pytest.raises(CompositionError, match=words) as caught:
        load(tmp_path, html).in_format(format_)
    assert caught.value.rule == rule


def test_a_format_that_a_composition_has_by_its_size_needs_no_attribute(tmp_path: Path) -> None:
    assert load(tmp_path, PLAIN).facts({FORMAT_NAME: "16:9"}).width == 160


# ---- rows, names and keys -----------------------------------------------------------------------


def test_a_row_has_another_key_in_each_format(tmp_path: Path) -> None:
    composition = load(tmp_path, FLUID)
    binder = Binder(composition, columns=("NAME",), column_map={}, use_default=(), batch=True)
    found = set()
    for name in (None, "16:9", "9:16", "90x160"):
        variant = binder.bind({"NAME": "Ada"}, place="a.csv:2", row_number=1, format_=name)
        assert variant.values.get(FORMAT_NAME) == name
        found.add(row_key_of(composition, variant, RenderSettings()))
    assert len(found) == 4


def test_a_row_that_was_sent_says_its_format_itself_and_one_of_a_list_does_not(tmp_path: Path) -> None:
    composition = load(tmp_path, FLUID)
    row = {"NAME": "Ada", FORMAT_NAME: "9:16"}
    one = Binder(composition, columns=tuple(row), column_map={}, use_default=(), batch=False)
    one.check_columns()
    assert one.bind(row, place="message", row_number=None).values[FORMAT_NAME] == "9:16"
    many = Binder(composition, columns=tuple(row), column_map={}, use_default=(), batch=True)
    assert FORMAT_NAME not in many.bind(row, place="a.csv:2", row_number=1).values
    for wrong in ("4:5", "x"):
        with pytest.raises(RowValueError, match="the format:") as caught:
            one.bind({**row, FORMAT_NAME: wrong}, place="message", row_number=None)
        assert caught.value.rule == "format"


def test_names_of_files_say_the_format() -> None:
    assert with_format("a/asha.mp4", "9x16") == "a/asha-9x16.mp4"
    assert with_format("asha.MP4", "9x16") == "asha-9x16.MP4"
    assert format_out_name("{@format}/{id}.mp4", {"id": "7"}, 1, "k", "9x16") == "9x16/7.mp4"
    with pytest.raises(RowValueError, match="255 bytes"):
        with_format(f"{'x' * 250}.mp4", "9x16")
    with pytest.raises(UsageError, match="name the formats with --formats"):
        check_out_name("{@format}.mp4", (), formats=False)


def test_the_ledger_has_every_row_once_per_format(tmp_path: Path) -> None:
    with Ledger.open(tmp_path, "run") as ledger:
        ledger.add_rows(Row(n, n + 1, {"name": f"n{n}"}) for n in range(1, 2_003))
        ledger.repeat_rows(("16:9", "9:16"))
        assert ledger.counts()["read"] == 4_004
        assert [(row.row, row.format) for row, _ in ledger.iter_raw()][2_001:2_003] == [
            (2_002, "16:9"),
            (1, "9:16"),
        ]
        ledger.bind(FORMAT_STRIDE + 5, key="k", id="", out="5-9x16.mp4", values={}, files={})
        ledger.finish(FORMAT_STRIDE + 5, {"file": "x"})
        ledger.bind(FORMAT_STRIDE + 6, key="k", id="", out="6-9x16.mp4", values={}, files={})
        found = ledger.first(1)
        assert found is not None
        assert (found.row, found.format) == (6, "9:16")
        assert ledger.first(0) is None
        results = list(ledger.results())
        assert len(results) == 4_004
        assert results[8:10] == [
            ({"name": "n5"}, "read", {"format": "16:9"}),
            ({"name": "n5"}, "done", {"format": "9:16", "file": "x"}),
        ]
        # A later invocation has the formats that it asks for.
        ledger.reset_rows()
        assert ledger.formats == ()


# ---- runs ---------------------------------------------------------------------------------------


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as file:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in file.decode(video=0)]


def corner(path: Path) -> tuple[int, ...]:
    """The colour near the lower right corner, in tens."""
    return tuple(round(int(value) / 10) for value in pictures(path)[-1][-9, -9])


BLUE, RED = (5, 10, 20), (20, 5, 5)


@pytest.fixture
def formats(program: Program) -> Program:
    """Two rows and both compositions, with a sound."""
    program.write("roots.html", ROOTS)
    program.write("fluid.html", FLUID)
    program.write("people.csv", "NAME,CITY,out\nAda,Rome,ada.mp4\nBen,Oslo,ben.mp4\n")
    samples = (np.sin(np.arange(9_600) / 20) * 9_000).astype("<i2").tobytes()
    head = (
        b"RIFF"
        + (36 + len(samples)).to_bytes(4, "little")
        + b"WAVEfmt \x10\0\0\0\1\0\1\0\x80\xbb\0\0\0\x77\1\0\2\0\x10\0data"
    )
    program.write("tone.wav", head + len(samples).to_bytes(4, "little") + samples)
    return program


def test_two_rows_in_two_formats_are_four_files_and_a_third_format_is_two_more(formats: Program) -> None:
    words = ("render", "roots.html", "--variants", "people.csv", "--json", "--workers", "1", "--poster", "0")
    ended = formats.run(*words, "--formats", "16:9,9:16", "--results", "r.csv")
    assert ended.code == 0, ended.stderr
    found = {(one["row"], one["format"]): one for one in ended.objects()[:-1]}
    assert set(found) == {(1, "16:9"), (2, "16:9"), (1, "9:16"), (2, "9:16")}
    out = formats.folder / "out"
    assert sorted(path.name for path in out.glob("*.mp4")) == [
        "ada-16x9.mp4",
        "ada-9x16.mp4",
        "ben-16x9.mp4",
        "ben-9x16.mp4",
    ]
    assert len(list(out.glob("*.jpg"))) == 4
    assert pictures(out / "ada-16x9.mp4")[0].shape == (90, 160, 3)
    assert [frame.shape for frame in pictures(out / "ada-9x16.mp4")] == [(160, 90, 3)] * 3
    assert corner(out / "ben-16x9.mp4") == BLUE
    assert corner(out / "ben-9x16.mp4") == RED
    with av.open(str(out / "ben-9x16.mp4")) as file:
        assert len(file.streams.audio) == 1
    with (formats.folder / "r.csv").open(encoding="utf-8", newline="") as stream:
        table = [(one["NAME"], one["format"], one["status"], one["file"]) for one in csv.DictReader(stream)]
    assert table[:2] == [
        ("Ada", "16:9", "done", "out/ada-16x9.mp4"),
        ("Ada", "9:16", "done", "out/ada-9x16.mp4"),
    ]
    again = formats.run(*words, "--formats", "9:16,16:9,90x160")
    assert again.code == 0, again.stderr
    paths = {(one["row"], one["format"]): one["path"] for one in again.objects()[:-1]}
    assert {name for name, path in paths.items() if path != "stored"} == {(1, "90x160"), (2, "90x160")}
    # One row of them, in one format.
    one = formats.run(*words, "--formats", "9:16", "--only", "NAME=Ben")
    assert [(row["row"], row["path"]) for row in one.objects()[:-1]] == [(2, "stored")]


def test_a_single_clip_in_several_formats(formats: Program) -> None:
    words = (
        "render",
        "fluid.html",
        "--vars",
        "NAME=Ada",
        "--formats",
        "16:9,9:16,1:1",
        "--no-cache",
        "--json",
    )
    ended = formats.run(*words, "--out", "a.mp4")
    assert ended.code == 0, ended.stderr
    assert [one["out"] for one in ended.objects()] == ["a-16x9.mp4", "a-9x16.mp4", "a-1x1.mp4"]
    assert pictures(formats.folder / "a-1x1.mp4")[0].shape == (90, 90, 3)
    tall = pictures(formats.folder / "a-9x16.mp4")[0]
    assert (tall.shape, corner(formats.folder / "a-9x16.mp4")) == ((160, 90, 3), RED)
    assert tall[20, 45].min() > 240  # the part that only this format has
    assert corner(formats.folder / "a-16x9.mp4") == BLUE
    named = formats.run(*words[:4], "--formats", "9:16", "--still", "0", "--out", "{@format}.png")
    assert named.code == 0, named.stderr
    assert (formats.folder / "9x16.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("render roots.html --variants people.csv --formats 4:5", "cannot be rendered in 4:5"),
        ("render roots.html --variants people.csv --formats 16/9", "is no format"),
        ("render roots.html --vars NAME=A CITY=B --formats 16:9,4:5", "cannot be rendered in 4:5"),
        ("render roots.html --vars NAME=A CITY=B --formats 16:9,9:16 --out -", "--out - is one clip"),
        (
            "render roots.html --variants people.csv --out-name {@format}.mp4",
            "name the formats with --formats",
        ),
        ("proof roots.html --variants people.csv --formats 16:9,9:16", "a proof is of one"),
        (
            "render fixed.html --variants people.csv --formats 16:9,9:16",
            "the root is 160x160 in a picture of 90x160",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_rendered(formats: Program, words: str, said: str) -> None:
    formats.write("fixed.html", FLUID.replace("#r {", "#r { width: 160px;"))
    ended = formats.run(*words.split())
    assert ended.code == 2
    assert said in ended.stderr
    assert not list(formats.folder.rglob("*.mp4"))


@pytest.mark.slow
def test_each_format_has_its_plan_and_all_share_their_sound(formats: Program, tmp_path: Path) -> None:
    """More rows than a group needs for a plan, whose own tones are cached once for both formats."""
    formats.environ["FRAMEPRESS_MAX_REUSE"] = None
    for number in range(1, 3):
        tone = (formats.folder / "tone.wav").read_bytes()
        formats.write(f"t{number}.wav", tone[: -100 * number] + b"\0" * 100 * number)
    formats.write(
        "roots.html",
        ROOTS.replace('data-duration="0.3"', 'data-duration="0.5"').replace("tone.wav", "{{$TONE}}"),
    )
    names = ("Ann", "Ben", "Cleo", "Dora", "Eve", "Finn")
    formats.write(
        "people.json",
        [{"NAME": name, "CITY": "Rome", "TONE": f"t{n % 2 + 1}.wav"} for n, name in enumerate(names)],
    )
    words = (
        "--variants",
        "people.json",
        "--formats",
        "16:9,9:16",
        "--workers",
        "1",
        "--cache-dir",
        str(tmp_path / "cache"),
        "--json",
    )
    ended = formats.run("render", "roots.html", *words)
    assert ended.code == 0, ended.stderr
    rows = [one for one in ended.objects() if one["type"] == "row"]
    assert len(rows) == 12
    assert {one["path"] for one in rows} == {"reuse"}, [one["reason"] for one in rows]
    plans = {one["format"]: one["plan"] for one in rows}
    assert len(set(plans.values())) == 2
    assert all(one["plan"] == plans[one["format"]] for one in rows)
    assert (
        len(list((tmp_path / "cache").rglob("sound/*/*/data")))
        + len(list((tmp_path / "cache").rglob("sound/*/data")))
        == 2
    )
    told = formats.run("explain", "roots.html", *words)
    assert told.code == 0, told.stderr
    groups = told.objects()[0]["groups"]
    assert {one["format"]: one["rows_in_group"] for one in groups} == {"16:9": 6, "9:16": 6}


@pytest.mark.slow
def test_a_queue_carries_a_job_per_row_and_format(tmp_path: Path, browser_path: Path) -> None:
    fleet = Fleet(tmp_path, f"sqlite:///{tmp_path / 'queue.db'}", str(tmp_path / "out"), str(browser_path))
    page = FLUID
    rows = [{"NAME": "Ada", "out": "ada.mp4"}, {"NAME": "Ben", "out": "ben.mp4"}]
    sent = fleet.send(rows, page=page, binding=BindingOptions(formats=("16:9", "9:16")))
    assert sent.sent == sent.rows == 4
    fleet.work()
    assert {str(one["out"]): one["status"] for one in fleet.records().rows().values()} == {
        "ada-16x9.mp4": "done",
        "ada-9x16.mp4": "done",
        "ben-16x9.mp4": "done",
        "ben-9x16.mp4": "done",
    }
    assert corner(tmp_path / "out" / "ben-9x16.mp4") == RED
    assert corner(tmp_path / "out" / "ada-16x9.mp4") == BLUE
