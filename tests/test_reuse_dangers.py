"""Never a wrong clip: compositions that tempt reuse to give one, and every picture of every row compared.

Each list is rendered with reuse and without, and compared twice: the pictures that went to the encoder
(`agreement`), and the files, against the plain path's pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from dangers import DANGERS, Danger
from framepress.agreement import PSNR_MIN_DB, compare
from lists import Press, Ran, decoded, psnr_db
from stage import browser_options

#: Decibels by which a clip may be further from the plain path's pictures than the plain path's clip is.
LOSS_MAX_DB = 0.5

#: Where that no longer counts. Overlays have 8 bits, so what is half transparent is off by one code value on
#: up to a tenth of its pixels; beside a clip at 54 dB, which these tiny pictures are, that alone is more than
#: a decibel. At 50 dB pictures count as equal before encoding too (`agreement.PSNR_MIN_DB`).
EQUAL_DB = PSNR_MIN_DB


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    """One browser for all lists of this file."""
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def forget(press: Press) -> Iterator[None]:
    yield
    press.seen.clear()


def cases() -> list[object]:
    return [
        pytest.param(danger, id=danger.name, marks=[pytest.mark.slow] if danger.heavy else [])
        for danger in DANGERS
    ]


@pytest.mark.parametrize("danger", cases())
def test_every_frame_of_every_row_is_that_of_the_plain_path(
    danger: Danger, press: Press, tmp_path: Path
) -> None:
    page = danger.write(tmp_path / "composition")
    plain = press.run(page, danger.rows, tmp_path / "plain", reuse="off", settings=danger.settings)
    assert_the_danger_is_there(danger, plain)
    reused = press.run(page, danger.rows, tmp_path / "reuse", settings=danger.settings)

    assert_paths(danger, reused)
    assert_same_pictures(reused, plain)
    assert_same_files(reused, plain)


def assert_the_danger_is_there(danger: Danger, plain: Ran) -> None:
    """Rows differ on the plain path: a list of equal clips would show nothing."""
    assert set(plain.paths().values()) == {"plain"}
    assert all(result.reason is None for result in plain.results.values())
    looks = {b"".join(frame.tobytes() for frame in frames) for frames in plain.frames.values()}
    assert len(looks) >= min(3, len({str(row) for row in danger.rows})), "the rows look alike"


def assert_paths(danger: Danger, reused: Ran) -> None:
    told = [(result.row, result.path, result.reason) for result in reused.told]
    for number, result in reused.results.items():
        assert result.status == "done", result.error
        expected = "plain" if number in danger.plain else danger.path
        assert result.path == expected, told
        assert (result.reason is not None) == (expected == "plain")
        assert expected == "reuse" or danger.reason in str(result.reason), told
        assert result.reuse == ("segments" if expected == "reuse" else "off")
    assert len(reused.notes) == danger.voids, reused.notes


def assert_same_pictures(reused: Ran, plain: Ran) -> None:
    """Before encoding: 50 dB, and no area off."""
    assert reused.frames.keys() == plain.frames.keys()
    for number, frames in reused.frames.items():
        assert len(frames) == len(plain.frames[number])
        for index, (one, other) in enumerate(zip(frames, plain.frames[number], strict=True)):
            width, height = picture_size(plain, number)
            found = compare(one, other, width, height)
            assert found.holds, f"row {number}, frame {index}: {found}"


def assert_same_files(reused: Ran, plain: Ran) -> None:
    """After decoding: as close to the plain path's pictures as the plain path's own clip."""
    for number, wanted in plain.frames.items():
        near = psnr_db(decoded(reused.out_dir / f"{number}.mp4"), wanted)
        best = psnr_db(decoded(plain.out_dir / f"{number}.mp4"), wanted)
        assert near >= min(best - LOSS_MAX_DB, EQUAL_DB), f"row {number}: {near:.2f} dB, plain {best:.2f} dB"


def picture_size(ran: Ran, number: int) -> tuple[int, int]:
    with av.open(str(ran.out_dir / f"{number}.mp4")) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height
