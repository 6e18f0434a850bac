# ruff: noqa: E501 (markup is read more easily unbroken)
"""GIF, WebP, APNG and SVG with SMIL in an <img>: the picture of the clip's moment, in the box of its element."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from framepress import moving_pictures
from framepress.errors import AssetError
from framepress.moving_pictures import MOVING_FOLDER, MovingPictures, is_movable
from framepress.svg_moments import can_be_moved, svg_at
from lists import Press, psnr_db
from program import Program
from stage import browser_options

COLOURS = ((200, 40, 40), (40, 160, 60), (40, 80, 200))
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40" fill="#fff"/>
<rect y="10" width="8" height="8" fill="#c22"><animate id="m" attributeName="x" from="0" to="72" dur="1s" fill="freeze"/></rect>
<rect width="80" height="6" fill="#22c" opacity="0"><set attributeName="opacity" to="1" begin="m.end - 0.45s"/></rect></svg>"""


def moving(kind: str, **more: Any) -> bytes:
    """Three frames of 100, 200 and 100 ms, each of a colour, with a hole in the lower right corner."""
    frames = []
    for colour in COLOURS:
        frame = np.full((40, 60, 4), (*colour, 255), np.uint8)
        frame[-10:, -10:] = 0
        frames.append(Image.fromarray(frame))
    target = io.BytesIO()
    said = {"duration": [100, 200, 100], "loop": 0} | ({"lossless": True} if kind == "WEBP" else {}) | more
    frames[0].save(target, kind, save_all=True, append_images=frames[1:], **said)
    return target.getvalue()


def placed(data: bytes, kind: str, tag: str = '<img src="a">') -> tuple[str, Any]:
    html, found = MovingPictures().placed(f"<div>{tag}</div>", "card.html", lambda _: (data, kind))
    return html, next(iter(found.values()), None)


# ---- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "media"), [("GIF", "image/gif"), ("WEBP", "image/webp"), ("PNG", "image/png")]
)
def test_frames_durations_and_holes_are_those_of_the_file(kind: str, media: str) -> None:
    html, picture = placed(moving(kind), media)
    assert picture.ends_ms == (100, 300, 400)
    assert picture.rounds == 0
    assert f'<img src="/{MOVING_FOLDER}' in html
    for number, colour in enumerate(COLOURS):
        data, shown = picture.picture(str(number))
        assert shown == "image/png"
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
        assert pixels.shape == (40, 60, 4)
        assert np.abs(pixels[5, 5].astype(int) - (*colour, 255)).max() <= 8
        assert pixels[-1, -1, 3] == 0
    assert picture.picture("3") is picture.picture("x") is None


@pytest.mark.parametrize(
    ("kind", "loop", "rounds"),
    [
        ("GIF", None, 1),
        ("GIF", 0, 0),
        ("GIF", 2, 3),
        ("WEBP", 2, 2),
        ("WEBP", 0, 0),
        ("PNG", 1, 1),
        ("PNG", 0, 0),
    ],
)
def test_rounds_are_counted_as_browsers_count_them(kind: str, loop: int | None, rounds: int) -> None:
    assert placed(moving(kind, loop=loop), f"image/{kind.lower()}")[1].rounds == rounds


def test_a_duration_that_nobody_means_is_a_tenth_of_a_second() -> None:
    assert placed(moving("GIF", duration=[10, 20, 0]), "image/gif")[1].ends_ms == (100, 120, 220)


def test_what_is_still_or_not_ours_stays_as_it_is() -> None:
    still = io.BytesIO()
    Image.new("RGB", (4, 4)).save(still, "PNG")
    assert placed(still.getvalue(), "image/png")[0] == '<div><img src="a"></div>'
    gif = moving("GIF")
    assert placed(gif, "image/gif", '<img src="a" srcset="a 2x">')[1] is None
    assert placed(gif, "image/gif", '<video src="a"></video>')[1] is None
    # Cut short: the page says what is wrong with it.
    assert not is_movable(gif[:-40], "image/gif")
    assert not is_movable(b"<svg><style>@keyframes a{}</style><animate/></svg>", "image/svg+xml")
    html, found = MovingPictures().placed("<img src=a>", "card.html", lambda _: None)
    assert (html, found) == ("<img src=a>", {})


def test_one_in_a_data_address_moves_too() -> None:
    tag = f"<img src='data:image/gif;base64,{base64.b64encode(moving('GIF')).decode()}' alt=x>"
    html, found = MovingPictures().placed(tag, "card.html", lambda _: None)
    assert len(found) == 1
    assert "base64" not in html
    assert html.endswith(" alt=x>")


def test_one_that_is_too_large_or_broken_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssetError, match="cannot be decoded") as caught:
        placed(moving("WEBP")[:40] + b"\0" * 10_000, "image/webp")
    assert caught.value.rule == "animated-broken"
    monkeypatch.setattr(moving_pictures, "PIXELS_MAX", 7_000)
    with pytest.raises(AssetError, match="3 frames of 60x40") as caught:
        placed(moving("GIF"), "image/gif")
    assert caught.value.rule == "animated-size"


def test_pictures_seen_last_stay_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_pictures, "KEPT_MAX", 2)
    files = {str(n): moving("GIF", duration=[100, 100, 100 + 10 * n]) for n in range(3)}
    pictures = MovingPictures()
    for name in ("0", "1", "0", "2"):
        pictures.placed(f"<img src={name}>", "card.html", lambda address: (files[address], "image/gif"))
    assert [one.ends_ms[-1] for one in pictures._kept.values()] == [300, 320]


# ---- SVG ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "at_half_a_second"),
    [
        ('<animate dur="2s"/>', '<animate dur="2000000.000s" begin="-500000.000s"/>'),
        ("<set to='1' begin='1s'>", "<set to='1' begin=\"500000.000s\">"),
        ('<animate begin="0.1;00:02.5;click" dur="indefinite"/>', '<animate begin="-400000.000s;2000000.000s;click" dur="indefinite"/>'),
        ('<s:animateMotion end="1min" repeatDur="0.5h" min="1ms"/>',
         '<s:animateMotion end="59500000.000s" repeatDur="1800000000.000s" min="1000.000s" begin="-500000.000s"/>'),
        ('<setting begin="1s"/><path d="m 1"/>', '<setting begin="1s"/><path d="m 1"/>'),
    ],
)  # fmt: skip
def test_an_svg_is_slowed_and_moved_to_its_moment(tag: str, at_half_a_second: str) -> None:
    assert svg_at(tag, Fraction(1, 2)) == at_half_a_second


@pytest.mark.parametrize(
    ("begin", "seconds"),
    [
        ("a.begin", 1), ("a.end", 3), ("a.end - 250ms", 2.75), ("b.end+1s", 7), ("c.begin", 6), ("d.end", None), ("e.begin", None),
        ("f.begin", None), ("a.repeat(1)", None), ("g.end", None), ("h.end", 2.5), ("none.end", None),
    ],
)  # fmt: skip
def test_what_follows_another_animation_is_worked_out(begin: str, seconds: float | None) -> None:
    text = (
        '<animate id="c" begin="b.end" dur="1s"/><animate id="a" begin="1s" dur="2s"/>'
        '<animate id="b" begin="a.end" dur="1s" repeatCount="3"/><set id="d" repeatCount="indefinite" dur="1s"/>'
        '<set id="e" begin="f.end" dur="1s"/><set id="f" begin="e.end" dur="1s"/><set id="g" dur="1s" end="2s"/>'
        f'<set id="h" dur="1s" repeatDur="2.5s"/><set begin="{begin}"/>'
    )
    last = svg_at(text, Fraction(0)).rpartition("<set ")[2]
    assert last == f'begin="{begin if seconds is None else f"{seconds * 1_000_000:.3f}s"}"/>'


def test_whether_every_moment_is_known() -> None:
    assert can_be_moved(
        '<animate dur="1s"/><set begin="click; 2s"/><set begin="b.mouseover+1s"/><set begin="indefinite"/>'
    )
    assert can_be_moved(SVG)
    assert not can_be_moved('<set id="a" dur="1s"/><set begin="a.repeat(2)"/>')
    assert not can_be_moved('<style>@keyframes a{}</style><animate dur="1s"/>')


# ---- in the page --------------------------------------------------------------------------------

PAGE = """<!doctype html><style>body { margin: 0; background: #ff8 } img { position: absolute; top: 0 } p { margin: 70px 0 0; font: 20px sans-serif }</style>
<div data-width="320" data-height="100" data-fps="10" data-duration="1">
<img src="a.gif" style="left: 0"><img src="a.webp" style="left: 60px; width: 40px; height: 60px; object-fit: contain">
<img src="a.png" style="left: 120px" data-start="0.3"><img src="a.svg" style="left: 200px"><p>NAME</p></div>
"""


def at(pixels: NDArray[np.uint8], x: int, y: int) -> int:
    """Which of the colours stands there; 3: the ground."""
    found = [np.abs(pixels[y, x].astype(int) - colour).max() for colour in (*COLOURS, (255, 255, 136))]
    assert min(found) < 30, (x, y, pixels[y, x])
    return int(np.argmin(found))


def write_files(folder: Path) -> None:
    for kind, name in (("GIF", "a.gif"), ("WEBP", "a.webp"), ("PNG", "a.png")):
        (folder / name).write_bytes(moving(kind, loop=1 if kind == "PNG" else 0))
    (folder / "a.svg").write_text(SVG, "utf-8")


def test_every_frame_shows_its_moment_in_the_box_of_the_element(program: Program) -> None:
    write_files(program.folder)
    program.write("card.html", PAGE)
    ended = program.run("render", "card.html", "--no-cache", "--crf", "4", "--workers", "1")
    assert ended.code == 0, ended.stderr
    with av.open(str(program.folder / "card.mp4")) as file:
        frames = [np.asarray(one.to_ndarray(format="rgb24"), np.uint8) for one in file.decode(video=0)]
    rounds = [0, 1, 1, 2, 0, 1, 1, 2, 0, 1]
    assert [at(frame, 10, 10) for frame in frames] == rounds
    assert [at(frame, 56, 36) for frame in frames] == [3] * 10  # the hole
    # Contained: 40 x 26.7 in the middle of 40 x 60.
    assert [at(frame, 80, 28) for frame in frames] == rounds
    assert [at(frame, 80, 8) for frame in frames] == [3] * 10
    # From its start on, once, then it stays.
    assert [at(frame, 130, 10) for frame in frames] == [3, 3, 3, 0, 1, 1, 2, 2, 2, 2]
    for number, frame in enumerate(frames):
        red = np.flatnonzero((frame[14, 200:280, 0] > 150) & (frame[14, 200:280, 1] < 100))
        assert abs(red.mean() - (7.2 * number + 3.5)) < 0.8, number
        assert (frame[2, 260, 0] < 100) == (number > 5), number


@pytest.fixture
def press(browser_path: Path, tmp_path: Path) -> Iterator[Press]:
    press = Press(browser_options(browser_path, tmp_path))
    yield press
    press.close()


@pytest.mark.slow
def test_rows_share_what_moves_and_a_picture_of_their_own_is_theirs(press: Press, tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "b.gif").write_bytes(moving("GIF", duration=[200, 100, 100]))
    page = PAGE.replace("NAME", "{{$NAME}}").replace("a.gif", "{{$OWN}}")
    (tmp_path / "card.html").write_text(page, "utf-8")
    names = ("Ada", "Bartholomew", "Cy", "Dmitri", "Eleonora", "Flo")
    rows = [{"NAME": name, "OWN": "ab"[number % 2] + ".gif"} for number, name in enumerate(names)]
    plain = press.run(tmp_path / "card.html", rows, tmp_path / "plain", reuse="off")
    ran = press.run(tmp_path / "card.html", rows, tmp_path / "out", cache=tmp_path / "cache")
    assert {one.path for one in ran.results.values()} == {"reuse"}, {
        one.reason for one in ran.results.values()
    }
    for number in ran.frames:
        assert psnr_db(ran.frames[number], plain.frames[number]) > 50
    assert np.any(plain.frames[1][1] != plain.frames[2][1])
