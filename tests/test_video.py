# ruff: noqa: E501 (markup is read more easily unbroken)
"""Video in the page: the right frame at every moment, shown in the box of its element."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from framepress.composition_loading import load_composition
from framepress.errors import AssetError, PageError
from framepress.page_facts import VideoElement
from framepress.page_videos import moment_in_file
from framepress.video_frames import VideoFile
from lists import Press, psnr_db
from media_tools import run
from stage import Stage, browser_options, root
from video_files import HEIGHT, STEP, WIDTH, number_in, write_video

STEADY = [number / 30 for number in range(30)]
UNSTEADY = [0, 0.02, 0.1, 0.101, 0.35, 0.4, 0.71, 0.72, 0.9, 1.3, 1.31, 1.7]


def pixels(bmp: bytes) -> NDArray[np.uint8]:
    """Blue, green, red (alpha) of a BMP that `VideoFile.picture` has written."""
    offset = int.from_bytes(bmp[10:14], "little")
    width, height = (int.from_bytes(bmp[at : at + 4], "little", signed=True) for at in (18, 22))
    channels = int.from_bytes(bmp[28:30], "little") // 8
    stride = (width * channels + 3) // 4 * 4
    rows = np.frombuffer(bmp, np.uint8, offset=offset).reshape(-height, stride)
    return rows[:, : width * channels].reshape(-height, width, channels)


def shown(video: VideoFile, time_s: float | Fraction) -> int:
    return number_in(pixels(video.picture(Fraction(time_s)))[HEIGHT // 2])


def test_a_source_of_variable_rate_shows_the_frame_that_has_begun(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.mp4", UNSTEADY), "page:1")
    for number, time_s in enumerate(UNSTEADY):
        end = UNSTEADY[number + 1] if number + 1 < len(UNSTEADY) else 9
        assert shown(video, time_s) == number
        assert shown(video, end - 0.0009) == number
    video.close()


def test_any_order_of_moments_gives_the_same_pictures(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.mp4", STEADY), "page:1")
    for number in (29, 0, 15, 14, 13, 28, 3, 3, 4, 25, 0):
        assert shown(video, Fraction(number, 30)) == number
    video.close()


def test_rotation_and_the_shape_of_pixels_are_honoured(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", STEADY[:3])
    run(
        "ffmpeg",
        "-v",
        "error",
        "-i",
        tmp_path / "a.mp4",
        "-metadata:s:v",
        "rotate=90",
        "-c",
        "copy",
        tmp_path / "b.mp4",
    )
    turned = pixels(VideoFile(tmp_path / "b.mp4", "page:1").picture(Fraction(2, 30)))
    assert turned.shape == (WIDTH, HEIGHT, 3)
    raw = ("-pix_fmt", "bgr24", "-f", "rawvideo", "-")
    theirs = run("ffmpeg", "-v", "error", "-i", tmp_path / "b.mp4", "-vf", "select=eq(n\\,2)", *raw)
    assert np.abs(np.frombuffer(theirs, np.uint8).reshape(turned.shape).astype(int) - turned).max() < 8
    wide = write_video(tmp_path / "c.mp4", STEADY[:3], aspect=Fraction(2))
    assert pixels(VideoFile(wide, "page:1").picture(Fraction(0))).shape == (HEIGHT, 2 * WIDTH, 3)


def test_a_webm_keeps_its_transparency(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.webm", STEADY[:5], codec="libvpx-vp9", pixel_format="yuva420p")
    picture = pixels(VideoFile(path, "page:1").picture(Fraction(4, 30)))
    assert picture[HEIGHT // 2, 4 * STEP + 2, 3] > 240 and picture[HEIGHT // 2, 100, 3] < 10


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_a_video_that_was_cut_short_is_refused_before_anything_is_rendered(tmp_path: Path, name: str) -> None:
    codec = "libx264" if name.endswith("mp4") else "libvpx-vp9"
    whole = write_video(tmp_path / name, [number / 10 for number in range(30)], codec=codec)
    if name.endswith("mp4"):
        run(
            "ffmpeg",
            "-v",
            "error",
            "-i",
            whole,
            "-movflags",
            "faststart",
            "-c",
            "copy",
            tmp_path / "fast.mp4",
        )
        whole = tmp_path / "fast.mp4"
    data = whole.read_bytes()
    (tmp_path / f"cut-{name}").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(
        AssetError, match=r"page:1: the video file is cut short or damaged after [012]\."
    ) as caught:
        VideoFile(tmp_path / f"cut-{name}", "page:1")
    assert caught.value.rule == "video-cut"


def test_what_is_no_video_is_refused_by_place(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("<html>not found</html>")
    with pytest.raises(AssetError, match="page:7: the video cannot be read") as caught:
        VideoFile(tmp_path / "a.mp4", "page:7")
    assert caught.value.rule == "video-format"


def test_trim_speed_and_loop_say_which_moment_of_the_file_is_shown() -> None:
    plain = VideoElement("a.mp4", Fraction(1), None, Fraction(2), Fraction("0.5"), False, 1)
    looped = VideoElement("a.mp4", Fraction(0), None, Fraction(1), Fraction("0.5"), True, 1)
    assert moment_in_file(plain, Fraction(0), Fraction(4)) == Fraction("0.5")
    assert moment_in_file(plain, Fraction(2), Fraction(4)) == Fraction("2.5")
    assert moment_in_file(looped, Fraction("1.75"), Fraction("1.5")) == Fraction("1.25")


# ---- in a page ----------------------------------------------------------------------------------

BOX = "position:absolute;left:0;top:0;width:160px;height:90px"


@pytest.mark.browser
def test_a_page_shows_frames_at_its_own_moments_under_the_styles_of_the_element(stage: Stage) -> None:
    write_video(stage.folder / "a.mp4", STEADY)
    body = (
        f'<video src="a.mp4" muted autoplay data-start="0.2" data-trim-start="0.1" data-speed="0.5" '
        f'style="{BOX};border-radius:45px;opacity:.5"></video>'
    )
    frames = dict(zip((0, 6, 12, 25, 7), stage.stills(root(body), [0, 6, 12, 25, 7]), strict=True))
    assert frames[0][45].min() == 255
    # Half of black over white; corners are cut off.
    assert frames[6][45, 100].tolist() == pytest.approx([128, 128, 128], abs=2)
    assert frames[6][2, 2].tolist() == [255, 255, 255]
    for index, pixels_ in list(frames.items())[1:]:
        wanted = int(3 + (index - 6) / 2 + 0.001)
        assert int(np.argmax(pixels_[45, :, 0] > 200)) // STEP == wanted, index


@pytest.mark.browser
def test_moving_a_video_draws_nothing(stage: Stage) -> None:
    """How many frames Chromium draws shows in what CSS scales, and should not depend on our speed."""
    write_video(stage.folder / "a.mp4", STEADY)
    renderer = stage.renderer(root(f'<video src="a.mp4" style="{BOX}"></video>'))
    clip = renderer.open(stage.variant(renderer))
    drawn = 0
    with renderer.warm.guard() as page:
        for index in range(1, 25):
            before = page.tab.frame_count
            page.seek(index, clip.fps)
            drawn += page.tab.frame_count - before
            page.draw(index)
    # On a busy machine one may be late.
    assert drawn <= 4


@pytest.mark.browser
def test_a_video_brings_its_sound_and_a_silent_one_none(stage: Stage) -> None:
    write_video(stage.folder / "loud.mp4", STEADY, sound=True)
    write_video(stage.folder / "silent.mp4", STEADY)
    clip, _ = stage.clip(
        root('<video src="loud.mp4" data-start="0.5"></video><video src="silent.mp4"></video>')
    )
    with av.open(str(clip)) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert np.abs(sound[:, 2048:22000]).max() < 0.01
    assert np.abs(sound[:, 30000:40000]).max() > 0.3
    clip, _ = stage.clip(root('<video src="silent.mp4"></video>'))
    with av.open(str(clip)) as container:
        assert not container.streams.audio


@pytest.mark.browser
def test_a_video_made_by_a_script_is_refused_by_name(stage: Stage) -> None:
    write_video(stage.folder / "a.mp4", STEADY)
    body = "<script>const v = document.createElement('video'); v.src = 'a.mp4'; document.querySelector('div').append(v)</script>"
    with pytest.raises(PageError, match="a video plays by its own clock") as caught:
        list(stage.stills(root(body), [0]))
    assert caught.value.rule == "video-unbound"


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


@pytest.mark.browser
@pytest.mark.parametrize("personal", [False, True], ids=["common", "personal"])
def test_lists_over_video_give_the_pictures_of_single_clips(
    press: Press, tmp_path: Path, personal: bool
) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    write_video(folder / "one.mp4", STEADY)
    write_video(folder / "two.mp4", [time_s * 2 for time_s in STEADY])
    source = "{{$CLIP}}" if personal else "one.mp4"
    (folder / "page.html").write_text(
        '<!doctype html><style>body{margin:0}</style><div data-width="320" data-height="180" data-duration="0.8" data-fps="10">'
        f'<video src="{source}" style="width:320px;height:180px"></video>'
        '<p style="position:absolute;left:20px;top:120px;margin:0;color:#fc0">{{$NAME}}</p></div>'
    )
    names = ("Ann", "Ben", "Cleo", "Dora", "Eve", "Zoe")
    rows = [{"NAME": name, "CLIP": ("one.mp4", "two.mp4")[n % 2]} for n, name in enumerate(names)]
    if not personal:
        rows = [{"NAME": row["NAME"]} for row in rows]
    shared = press.run(folder / "page.html", rows, tmp_path / "shared")
    assert {result.status for result in shared.results.values()} == {"done"}
    for result in shared.results.values():
        assert result.path == "reuse" or result.reason, result
    if not personal:
        assert {result.path for result in shared.results.values()} == {"reuse"}, shared.results[1].reason
    plain = press.run(folder / "page.html", rows, tmp_path / "plain", reuse="off")
    for number, frames in plain.frames.items():
        assert psnr_db(frames, shared.frames[number]) > 45, number


def test_a_bound_source_is_a_file_of_the_row(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", STEADY[:2])
    (tmp_path / "index.html").write_text(
        '<!doctype html><html data-composition-variables=\'[{"id":"clip","type":"image","default":"a.mp4"}]\'>'
        '<div data-width="160" data-height="90" data-duration="1"><video data-var-src="clip" data-start="0"></video></div>'
    )
    document = load_composition(tmp_path).instantiate({})
    assert [video.src for video in document.videos] == ["a.mp4"]
    assert ' src="a.mp4"' not in document.html and 'poster="/__framepress__/video/' in document.html
