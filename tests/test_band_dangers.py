"""Joined pictures of real pages: what moves across a cut, and what leaves its band.

Each list is rendered plain and with bands, and every decoded frame of every row is compared with the plain
path's pictures before encoding: as good as its clip, or the row was encoded in one piece.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from dangers import Danger, values
from framepress.band_check import LOSS_MAX_DB, SSIM_LOSS_MAX, ssim
from framepress.cache import Cache
from framepress.plan import Plan
from framepress.tasks import Surveyed
from lists import Press, Ran, decoded, psnr_db
from media_tools import ffmpeg_yuv, ffprobe, openh264_yuv, png_bytes, run
from stage import browser_options

WIDTH, HEIGHT = 320, 480

#: Decibels above which it does not matter how good the plain path's clip is; see `test_reuse_dangers`.
EQUAL_DB = 50.0

STYLE = """<style>
  #root { width: 320px; height: 480px; overflow: hidden; background: #246 }
  .ground { position: absolute; left: -40px; top: -40px; width: 400px; height: 560px }
  .name { position: absolute; left: 30px; top: 400px; font: 700 22px/26px sans-serif; color: #fff;
          white-space: nowrap; animation: in 0.5s both }
  @keyframes in { from { transform: translateX(-40px) } }
</style>"""

NAME = '<p class="name">{{$NAME}}</p>'


@dataclass(frozen=True)
class Cut:
    """A danger, and what is expected.

    Attributes:
        bands: whether there are any; None: either. ranges: those of the plan; (): any.
        plain_because: a part of the reason why there is no plan; "": there is one.
    """

    danger: Danger
    bands: bool | None = None
    plain_because: str = ""
    ranges: tuple[tuple[int, int], ...] = ()


def ground(folder: Path) -> None:
    """A picture with detail of every size."""
    rng = np.random.default_rng(8)
    pixels = np.zeros((560, 400, 3))
    for size in (4, 16, 64):
        part = rng.integers(0, 80, (560 // size + 1, 400 // size + 1, 3))
        pixels += part.repeat(size, 0).repeat(size, 1)[:560, :400]
    (folder / "ground.png").write_bytes(png_bytes(pixels.astype(np.uint8), 1))


def moving(
    name: str,
    rules: str,
    body: str = '<img class="ground" src="ground.png">',
    bands: bool | None = None,
    plain_because: str = "",
) -> Cut:
    return Cut(
        Danger(
            name, f"{body}{NAME}", head=f"{STYLE}<style>{rules}</style>", files=ground,
            rows=values(name=("Ada", "Bartholomew K.", "Cy", "Dmitri", "Eleonora")),
            width=str(WIDTH), height=str(HEIGHT), seconds="1.6", fps=15,
        ),
        bands,
        plain_because,
    )  # fmt: skip


TEXT = '<p class="up">common text<br>that rises</p>'

CUTS = [
    moving(
        "text that rises through the cut",
        ".up { position: absolute; left: 60px; top: 300px; font: 700 30px/36px sans-serif; color: #fc4;"
        " animation: up 1.6s linear both } @keyframes up { to { transform: translateY(-260px) } }",
        TEXT,
    ),
    moving(
        "a moving picture behind the text",
        ".ground { animation: pan 1.6s linear both }"
        "@keyframes pan { to { transform: translate(30px, 35px) } }",
    ),
    moving(
        "the whole picture shakes",
        ".ground { animation: shake 0.4s steps(6) 4 alternate }"
        "@keyframes shake { 30% { transform: translate(7px, -11px) }"
        " to { transform: translate(-9px, 13px) } }",
        plain_because="does not come apart into layers",
    ),
    moving(
        "a cross-fade",
        ".ground { animation: fade 1.6s linear both } @keyframes fade { from { opacity: 0 } }",
    ),
    moving(
        "a zoom",
        ".ground { animation: zoom 1.6s linear both } @keyframes zoom { to { transform: scale(1.4) } }",
    ),
    moving(
        "grain",
        ".ground { width: 800px; height: 1120px; opacity: 0.12; image-rendering: pixelated;"
        " animation: grain 0.27s steps(4) 6 }"
        "@keyframes grain { to { transform: translate(-311px, -417px) } }",
    ),
    moving(
        "a cut between scenes inside of an interval",
        ".ground { animation: scene 1.6s steps(1) both } @keyframes scene { 45% { transform: scaleX(-1) } }",
    ),
    moving("nothing moves behind the text", "", bands=True),
    moving(
        "a personal element that crosses the picture",
        ".name { animation: cross 1.6s linear both }"
        "@keyframes cross { from { transform: translateY(-380px) } to { transform: translateY(40px) } }",
        bands=False,
    ),
]

#: Personal from 1 s to 3 s, across two key-frame intervals. Where nothing moves, one more picture without a
#: reference would be larger than all that it saves, so there the intervals are not cut.
CUTS += [
    Cut(
        replace(
            cut.danger,
            name=f"a name for a while, {name}",
            head=cut.danger.head.replace("pan 1.6s", "pan 4s"),
            body=cut.danger.body.replace("<p ", "<p data-start=1 data-duration=2 "),
            seconds="4",
        ),
        ranges=ranges,
    )
    for name, cut, ranges in (
        ("everything moving", CUTS[1], ((15, 30), (30, 45))),
        ("nothing moving", CUTS[7], ((0, 30), (30, 60))),
    )
]

#: In the fast suite.
FAST = ("text that rises through the cut",)


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def forget(press: Press) -> Iterator[None]:
    yield
    press.seen.clear()


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(cut, id=cut.danger.name, marks=[] if cut.danger.name in FAST else [pytest.mark.slow])
        for cut in CUTS
    ],
)
def test_every_frame_is_as_good_as_encoded_whole(cut: Cut, press: Press, tmp_path: Path) -> None:
    page = cut.danger.write(tmp_path / "composition")
    plain = press.run(page, cut.danger.rows, tmp_path / "plain", reuse="off")
    banded = press.run(page, cut.danger.rows, tmp_path / "bands", reuse="bands", cache=tmp_path / "cache")
    if cut.plain_because:
        # No plan at all: the plain path is right, and says why it was taken.
        assert {(result.path, cut.plain_because in str(result.reason)) for result in banded.told} == {
            ("plain", True)
        }
        return
    assert {result.path for result in banded.told} == {"reuse"}, banded.told[0].reason
    plan = plan_of(banded, tmp_path / "cache")
    with_bands = any(len(layout) > 1 for layout in plan.bands)
    assert with_bands != bool(plan.whole_because)
    assert plan.ranges == cut.ranges or not cut.ranges
    if cut.bands is not None:
        assert with_bands == cut.bands, plan.whole_because
    for number, result in banded.results.items():
        assert (result.path, result.reason) == ("reuse", None)
        assert not with_bands or result.reuse == "bands"
        assert_as_good(number, plain, banded)
    numbers = sorted(banded.results)
    assert size_of(banded, numbers) <= 1.1 * size_of(plain, numbers) + slices(plain, numbers)
    assert_both_decoders_agree(banded.out_dir / "1.mp4")


def plan_of(ran: Ran, folder: Path) -> Plan:
    keys = [answer.reply.key for answer in ran.answers if isinstance(answer.reply, Surveyed)]
    data = Cache(folder).get_bytes("plan", keys[-1])
    assert data is not None
    return Plan.from_json(data)


def assert_as_good(number: int, plain: Ran, banded: Ran) -> None:
    """Every picture after decoding, against what the plain path has drawn; and its size."""
    wanted = plain.frames[number]
    ours, theirs = (decoded(ran.out_dir / f"{number}.mp4") for ran in (banded, plain))
    near, best = psnr_db(ours, wanted), psnr_db(theirs, wanted)
    assert near >= min(best - LOSS_MAX_DB, EQUAL_DB), f"row {number}: {near:.2f} dB, plain {best:.2f} dB"
    for index, (one, other, source) in enumerate(zip(ours, theirs, wanted, strict=True)):
        near, best = psnr_db([one], [source]), psnr_db([other], [source])
        assert near >= min(best - 3, EQUAL_DB - 3), f"row {number}, frame {index}: {near:.2f}, {best:.2f} dB"
    lumas = [
        [picture[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH) for picture in pictures]
        for pictures in (ours, theirs, wanted)
    ]
    alike = [float(np.mean([ssim(a, b) for a, b in zip(some, lumas[2], strict=True)])) for some in lumas[:2]]
    assert alike[0] >= alike[1] - SSIM_LOSS_MAX
    # Of one row x264 may find something in whole pictures by chance: of five rows of "grain" one or two are
    # 10 to 15 % smaller than the others, whole, and none is in bands. So a row is held against the usual one
    # if that is larger, and all of them together against all.
    usual = statistics.median(size_of(plain, [one]) for one in plain.results)
    assert size_of(banded, [number]) <= 1.15 * max(size_of(plain, [number]), usual) + slices(plain, [number])


def size_of(ran: Ran, numbers: Sequence[int]) -> int:
    return sum((ran.out_dir / f"{number}.mp4").stat().st_size for number in numbers)


def slices(plain: Ran, numbers: Sequence[int]) -> int:
    """A slice more costs some 30 bytes per picture, which counts in pictures as small as these."""
    return 60 * sum(len(plain.frames[number]) for number in numbers)


def assert_both_decoders_agree(path: Path) -> None:
    stream = run(
        "ffmpeg", "-v", "error", "-i", path, "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-"
    )
    found = ffmpeg_yuv(path, WIDTH, HEIGHT)
    assert np.array_equal(found, openh264_yuv(stream, WIDTH, HEIGHT))
    assert len(ffprobe(path, "-show_frames", "-select_streams", "v")["frames"]) == len(found)
    assert math.isfinite(float(found.mean()))


@pytest.mark.slow
def test_a_row_that_leaves_its_band_is_encoded_in_one_piece(press: Press, tmp_path: Path) -> None:
    """A name that stands where no sample has put one."""
    danger = Danger(
        "top", '<img class="ground" src="ground.png"><p class="name {{$PLACE}}">{{$NAME}}</p>',
        head=f"{STYLE}<style>.top {{ top: 100px }}</style>", files=ground,
        variables={"NAME": {"default": "Ann"}, "PLACE": {"default": "low"}},
        rows=values(name=(*"abcdefgh", "i", "jj"), place=("low",) * 7 + ("top",) + ("low",) * 2),
        width=str(WIDTH), height=str(HEIGHT), seconds="0.8", fps=10,
    )  # fmt: skip
    page = danger.write(tmp_path / "composition")
    plain = press.run(page, danger.rows, tmp_path / "plain", reuse="off")
    banded = press.run(page, danger.rows, tmp_path / "bands", reuse="bands", cache=tmp_path / "cache")
    for number in banded.results:
        assert_as_good(number, plain, banded)
    assert {result.path for result in banded.results.values()} <= {"reuse", "plain"}
