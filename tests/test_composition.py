"""What is read from a composition, and what is said about one that is wrong."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.errors import AssetError, CompositionError, RowValueError, UsageError
from framepress.timing import frame_count, parse_seconds, scaled_size

HEAD = "<!doctype html>\n<html><head></head><body>\n"
ROOT = '<div data-width="1920" data-height="1080" data-duration="6">\n'


def write(folder: Path, text: str, name: str = "card.html") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def load(folder: Path, body: str, root: str = ROOT) -> Composition:
    return load_composition(write(folder, f"{HEAD}{root}{body}\n</div></body></html>"))


def refusal(folder: Path, body: str, root: str = ROOT) -> CompositionError:
    with pytest.raises(CompositionError) as caught:
        load(folder, body, root)
    return caught.value


def test_a_document_has_size_rate_and_duration(tmp_path: Path) -> None:
    root = '<div data-width="1280" data-height=720 data-fps="30000/1001" data-duration="0.1" data-bg="#fff">'
    document = load(tmp_path, "", root).instantiate({})
    assert (document.width, document.height) == (1280, 720)
    assert document.fps == Fraction(30000, 1001)
    assert document.duration == Fraction(1, 10)
    assert (document.background, document.seed, document.has_timeline_wait) == ("#fff", None, True)


def test_a_folder_means_its_index(tmp_path: Path) -> None:
    write(tmp_path, f"{ROOT}</div>", "index.html")
    assert load_composition(tmp_path).path == tmp_path / "index.html"


def test_the_first_element_with_both_sizes_is_the_root(tmp_path: Path) -> None:
    body = '<p data-composition-id="a"></p><div data-width="2" data-height="4"></div>'
    document = load(tmp_path, body, '<div data-width="10">').instantiate({})
    assert (document.width, document.height) == (2, 4)


def test_without_a_duration_the_last_timed_element_decides(tmp_path: Path) -> None:
    root = '<div data-width="2" data-height="2">'
    body = '<p data-start="1" data-end="4.5"></p><p data-start="2.25" data-duration="2.5"></p>'
    body += '<p data-start="9"></p>'
    document = load(tmp_path, body, root).instantiate({})
    assert (document.duration, document.duration_from) == (Fraction(19, 4), "elements")


def test_a_duration_may_be_unknown_until_the_page_is_loaded(tmp_path: Path) -> None:
    document = load(tmp_path, "", '<div data-width="2" data-height="2">').instantiate({})
    assert (document.duration, document.duration_from) == (None, "")


def test_tokens_may_stand_in_size_and_duration(tmp_path: Path) -> None:
    composition = load(tmp_path, "", '<div data-width="{{$W}}" data-height="2" data-duration="{{$D}}">')
    document = composition.instantiate({"W": "640", "D": "2.5"})
    assert (document.width, document.duration) == (640, Fraction(5, 2))
    with pytest.raises(CompositionError) as caught:
        composition.instantiate({"W": "secret", "D": "2"})
    assert "a value of 6 characters" in caught.value.message
    assert "secret" not in caught.value.message
    assert caught.value.message.startswith("card.html:3:1: data-width ")


ROOT_ERRORS = {
    'data-width="1921" data-height="2"': "width",
    'data-width="0" data-height="2"': "width",
    'data-width="7682" data-height="2"': "width",
    'data-width="2" data-height="1e3"': "height",
    'data-width="2" data-height="2" data-fps="0"': "fps",
    'data-width="2" data-height="2" data-fps="241"': "fps",
    'data-width="2" data-height="2" data-fps="30/0"': "fps",
    'data-width="2" data-height="2" data-duration="0"': "duration",
    'data-width="2" data-height="2" data-duration="3601"': "duration",
    'data-width="2" data-height="2" data-duration="6s"': "duration",
    'data-width="2" data-height="2" data-duration="-1"': "duration",
    'data-composition-id="x" data-width="2"': "root",
    'class="x"': "root",
}


@pytest.mark.parametrize("attributes", ROOT_ERRORS)
def test_a_bad_root_is_refused(tmp_path: Path, attributes: str) -> None:
    error = refusal(tmp_path, "", f"<div {attributes}>")
    assert error.rule == ROOT_ERRORS[attributes]
    assert error.message.startswith("card.html:" if "no element" in error.message else "card.html:3:1: ")


BODY_ERRORS = {
    '<div data-composition-src="b.html"></div>': "nested-missing",
    '<div data-composition-src="../b.html"></div>': "nested-src",
    '<div data-composition-src="{{$X}}"></div>': "nested-src",
    "<div data-composition-variables='{}'></div>": "declarations-json",
    "<div data-composition-variables='[{]'></div>": "declarations-json",
    "<div data-composition-variables='[{}]'></div>": "declaration",
    '<p data-var-text="x"></p>': "binding",
    '<p data-start="intro + 2"></p>': "start-reference",
    '<p id="a" data-start="a" data-duration="1"></p>': "start-circle",
    '<p id="a" data-start="b" data-duration="1"></p><p id="b" data-start="0" data-end="9"></p>': "",
    '<p data-start="b - 2"></p><p id="b" data-start="0" data-duration="1"></p>': "start",
    '<p data-start="-1"></p>': "start",
    '<p data-start="2" data-end="2"></p>': "end",
    '<p data-start="1" data-duration="x"></p>': "duration",
    "<audio data-start=0></audio>": "audio-src",
    '<audio src="https://x.example/a.mp3"></audio>': "audio-src",
    '<p data-start="4000" data-end="4001"></p>': "",
    '<base href="x/">': "base",
}


@pytest.mark.parametrize("body", BODY_ERRORS)
def test_what_cannot_be_rendered_rightly_is_refused_with_its_line(tmp_path: Path, body: str) -> None:
    if not BODY_ERRORS[body]:
        load(tmp_path, body)
        return
    error = refusal(tmp_path, body)
    assert error.rule == BODY_ERRORS[body]
    assert error.message.startswith("card.html:4:1: ")


def test_sounds_are_read_with_all_their_attributes(tmp_path: Path) -> None:
    for name in ("a.wav", "b c.mp3"):
        (tmp_path / name).write_bytes(b"x")
    composition = load(
        tmp_path,
        '<audio src="a.wav" data-start="1" data-duration="2" data-volume="3.98" data-playback-rate="1.5"'
        ' data-media-start=".25" muted data-loop="true"></audio>\n'
        '<audio data-start="0.5" data-mute="false"><source src="b%20c.mp3?x"></audio>',
    )
    one, two = composition.instantiate({}).audio
    assert [one.src, one.start, one.end, one.volume] == ["a.wav", 1, 3, Fraction("3.98")]
    assert (one.speed, one.trim_start, one.muted, one.loop, one.line) == (
        Fraction(3, 2),
        Fraction(1, 4),
        True,
        True,
        4,
    )
    assert [two.src, two.start, two.end, two.volume, two.muted] == ["b c.mp3", Fraction(1, 2), None, 1, False]


def test_declarations_are_read_and_removed_and_numbers_keep_their_spelling(tmp_path: Path) -> None:
    block = (
        '<script type="application/hyperframes-vars">{"NAME": {"default": "{{$X}}", "maxLength": 9},\n'
        '"PRICE": {"default": 1.50, "min": 1, "max": 2e3}, "ON": {"default": true}, '
        '"P": {"options": ["a", 1.0]}}</script>'
    )
    composition = load(tmp_path, f"{block}<p>{{{{$NAME}}}} {{{{$PRICE}}}}</p>")
    declared = composition.declarations
    assert [declared[name].type for name in declared] == ["string", "number", "boolean", "enum"]
    assert (declared["PRICE"].default, declared["ON"].default) == ("1.50", "true")
    assert declared["P"].options == ("a", "1.0")
    html = composition.instantiate({}).html
    assert "hyperframes-vars" not in html
    assert "<p>{{$X}} 1.50</p>" in html


DECLARATION_ERRORS = {
    '{"A": {"default": "x",}}': ("declarations-json", "4:67"),
    '{"A": {}, "A": {}}': ("declarations-duplicate", "4:55"),
    "[]": ("declarations-json", "4:45"),
    '{"A": "x"}': ("declaration", "4:46"),
    '{"A": {"defualt": 1}}': ("declaration", "4:46"),
    '{"A": {"type": "text"}}': ("declaration", "4:46"),
    '{"A": {"required": "yes"}}': ("declaration", "4:46"),
    '{"A": {"maxLength": -1}}': ("declaration", "4:46"),
    '{"A": {"min": "1"}}': ("declaration", "4:46"),
    '{"A": {"min": 2, "max": 1}}': ("declaration", "4:46"),
    '{"A": {"pattern": "("}}': ("declaration", "4:46"),
    '{"A": {"default": ["x"]}}': ("declaration", "4:46"),
    '{"A": {"default": "long", "maxLength": 2}}': ("max-length", "4:46"),
    '{"A": {"type": "number", "default": "x"}}': ("type", "4:46"),
    '{"A": {"type": "enum"}}': ("declaration", "4:46"),
    '{"A": {"default": NaN}}': ("declarations-json", "4:45"),
    '{"1": {}}': ("declaration-name", "4:46"),
}


@pytest.mark.parametrize("block", DECLARATION_ERRORS)
def test_bad_declarations_are_refused_with_line_and_column(tmp_path: Path, block: str) -> None:
    rule, place = DECLARATION_ERRORS[block]
    error = refusal(tmp_path, f'<script type="application/hyperframes-vars">{block}</script>')
    assert error.rule == rule
    assert error.message.startswith(f"card.html:{place}: ")


def test_a_second_block_of_declarations_is_refused(tmp_path: Path) -> None:
    block = '<script type="application/hyperframes-vars">{}</script>\n'
    assert refusal(tmp_path, block * 2).message.startswith("card.html:5:1: a second block")


NO_HTML = {
    "empty": b" \n",
    "binary": b"\x89PNG\x00",
    "plain text": b"hello",
    "not UTF-8": "<p>\né".encode("latin-1"),
    "UTF-16": "<p>".encode("utf-16"),
}


@pytest.mark.parametrize("kind", NO_HTML)
def test_what_is_not_html_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "card.html"
    path.write_bytes(NO_HTML[kind])
    with pytest.raises(CompositionError) as caught:
        load_composition(path)
    assert "card.html" in caught.value.message
    if kind == "not UTF-8":
        assert caught.value.message.startswith("card.html:2:1: ")


@pytest.mark.parametrize("name", ["none.html", "folder"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(CompositionError, match=name):
        load_composition(tmp_path / name)


def test_all_files_that_the_page_loads_by_itself_are_found(tmp_path: Path) -> None:
    names = [
        "a.js", "css/a.css", "css/b.css", "css/f f.woff2", "img/1.png", "img/2.png", "img/3.png", "img/4.png",
        "p.js", "frame.html", "in-frame.png", "use.svg", "s.wav", "bg.png", "inline.png", "m.js", "set.png",
    ]  # fmt: skip
    for name in names:
        write(tmp_path, "x", name)
    write(tmp_path, '@import "b.css"; @font-face { src: url( "f f.woff2" ) format("woff2") }', "css/a.css")
    write(tmp_path, "@import url(a.css); .x { background: url(../img/4.png) } /* url(no.png) */", "css/b.css")
    write(tmp_path, "<p><img src='in-frame.png'></p>", "frame.html")
    composition = load(
        tmp_path,
        '<script src="a.js?v=1"></script><link rel="Stylesheet" href="css/a.css">'
        "<link rel=preload href=p.js as=script>"
        '<link rel=modulepreload href=m.js><link rel=icon href=no.ico><a href="no.html">x</a>'
        '<img src="/img/1.png" srcset="img/2.png 1x, img/3.png 2x, data:image/png;base64,AA 3x">'
        '<iframe src="frame.html"></iframe><svg><use href="use.svg#a"/><a href="no.svg"></a></svg>'
        '<audio src="./s.wav"></audio><style>p { background: url(bg.png), image-set("set.png" 1x) }</style>'
        "<p style=\"background: url('inline.png')\"></p><img src='https://x.example/a.png'><img src='#'>"
        '<script>const s = "<img src=no.png>"; import("no.js")</script><!-- <img src="no.png"> -->'
        '<img src="{{$AVATAR}}"><img src="data:image/gif;base64,AA"><object data="img/1.png"></object>',
    )
    assert list(composition.files) == sorted(names)


MISSING = {
    '<img src="none.png">': "4:6",
    '<p>\n<script src="none.js"></script>': "5:9",
    "<style>\np { background: url(none.png) }</style>": "5:21",
    '<img srcset="none.png 1x">': "4:6",
}


@pytest.mark.parametrize("body", MISSING)
def test_a_missing_file_names_itself_and_who_refers_to_it(tmp_path: Path, body: str) -> None:
    with pytest.raises(AssetError) as caught:
        load(tmp_path, body)
    assert caught.value.rule == "asset-missing"
    assert caught.value.message.startswith(f'card.html:{MISSING[body]}: "none.')


def test_a_missing_file_of_a_style_sheet_names_the_style_sheet(tmp_path: Path) -> None:
    write(tmp_path, "\n.a { background: url(none.png) }", "css/a.css")
    with pytest.raises(AssetError, match=r'^css/a\.css:2:22: "none\.png"'):
        load(tmp_path, '<link rel="stylesheet" href="css/a.css">')


@pytest.mark.parametrize(
    "address", ["../x.png", "a/../../x.png", "link.png", "%2e%2e/x.png", "/../../x.png", "dir"]
)
def test_files_outside_the_folder_are_refused(tmp_path: Path, address: str) -> None:
    write(tmp_path, "x", "x.png")
    folder = tmp_path / "card"
    (folder / "a").mkdir(parents=True)
    (folder / "dir").mkdir()
    (folder / "link.png").symlink_to(tmp_path / "x.png")
    with pytest.raises(AssetError) as caught:
        load(folder, f'<img src="{address}">')
    assert caught.value.rule == "asset-outside"


def test_every_file_and_the_page_itself_change_the_digest(tmp_path: Path) -> None:
    write(tmp_path, "a", "a.js")
    body = '<script src="a.js"></script>'
    first = load(tmp_path, body).digest
    assert load(tmp_path, body).digest == first
    write(tmp_path, "b", "unused.js")
    assert load(tmp_path, body).digest == first
    assert load(tmp_path, body + " ").digest != first
    write(tmp_path, "b", "a.js")
    assert load(tmp_path, body).digest != first


def test_bare_names_are_tokens_if_declared_or_a_column(tmp_path: Path) -> None:
    block = '<script type="application/hyperframes-vars">{"NAME": {"default": "Ada"}}</script>'
    composition = load(tmp_path, f"{block}<p>{{{{name}}}} {{{{City}}}} {{{{other}}}}</p>")
    assert composition.variables() == ("NAME",)
    assert composition.variables(["city"]) == ("NAME", "City")
    assert "<p>Ada {{City}} {{other}}</p>" in composition.instantiate({}).html
    html = composition.instantiate({"NAME": "B", "City": "C"}, columns=["city"]).html
    assert "<p>B C {{other}}</p>" in html


def test_a_value_that_does_not_fit_its_place_is_refused_without_being_shown(tmp_path: Path) -> None:
    composition = load(tmp_path, "<style>p { color: {{$C}} }</style>")
    with pytest.raises(RowValueError) as caught:
        composition.instantiate({"C": "secret;"})
    assert caught.value.rule == "css-value"
    assert caught.value.message.startswith('card.html:4:19: the value of "C" (7 characters)')
    assert "secret" not in str(caught.value.record())


def test_sounds_that_a_row_brings_in_as_html_are_found(tmp_path: Path) -> None:
    block = '<script type="application/hyperframes-vars">{"H": {"type": "html", "default": ""}}</script>'
    composition = load(tmp_path, f"{block}<div>{{{{$H}}}}</div>")
    assert composition.instantiate({}).audio == ()
    assert [a.src for a in composition.instantiate({"H": '<audio src="a.wav">'}).audio] == ["a.wav"]
    with pytest.raises(CompositionError, match="video"):
        composition.instantiate({"H": "<video>"})


@pytest.mark.parametrize(
    ("duration", "fps", "count"),
    [
        ("6", "30", 180),
        ("0.3333", "3", 1),
        ("0.35", "3", 2),
        ("0.33334", "3", 1),
        ("1", "30000/1001", 30),
        ("0.0001", "30", 1),
    ],
)
def test_frames_are_the_nearest_whole_number_or_one_more(duration: str, fps: str, count: int) -> None:
    assert frame_count(Fraction(duration), Fraction(fps)) == count


@pytest.mark.parametrize("text", ["", "a", "1e3", "-1", "1,5", "nan", "inf", "1/2", "9" * 40])
def test_what_is_not_seconds_is_none(text: str) -> None:
    assert parse_seconds(text) is None


@pytest.mark.parametrize(
    ("scale", "size"), [(None, (1920, 1080)), ("0.5", (960, 540)), ("720p", (1280, 720)), ("2", (3840, 2160))]
)
def test_sizes_are_scaled_exactly(scale: str | None, size: tuple[int, int]) -> None:
    assert scaled_size(1920, 1080, scale) == size


@pytest.mark.parametrize("scale", ["0", "480p", "0.333", "x", "-1", "5", "p", "721p"])
def test_scales_that_leave_odd_or_broken_sizes_are_refused(scale: str) -> None:
    with pytest.raises(UsageError):
        scaled_size(1920, 1080, scale)
