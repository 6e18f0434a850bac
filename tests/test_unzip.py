"""Zips made to do harm, and one made as Chrome for Testing makes them."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from framepress.errors import EnvironmentFault
from framepress.unzip import unzip


def make(path: Path, *entries: tuple[str, bytes, int]) -> Path:
    """A zip of (name, content, Unix mode)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.filename = name
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


FILE = stat.S_IFREG | 0o644


def test_files_keep_their_content_and_their_executable_bit(tmp_path: Path) -> None:
    archive = make(
        tmp_path / "a.zip",
        ("shell/", b"", stat.S_IFDIR | 0o755),
        ("shell/program", b"run", stat.S_IFREG | 0o750),
        ("shell/locales/en.pak", b"text", FILE),
    )
    unzip(archive, tmp_path / "out")
    assert (tmp_path / "out/shell/program").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/shell/locales/en.pak").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out/shell/locales/en.pak").read_bytes() == b"text"


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../evil", FILE),
        ("shell/../../evil", FILE),
        ("/evil", FILE),
        ("..\\evil", FILE),
        ("C:/evil", FILE),
        ("ev\nil", FILE),
        ("link", stat.S_IFLNK | 0o777),
        ("fifo", stat.S_IFIFO | 0o644),
        ("SHELL/PROGRAM", FILE),
        ("folder/", FILE),
    ],
)
def test_a_hostile_entry_is_refused_before_anything_is_written(tmp_path: Path, name: str, mode: int) -> None:
    archive = make(tmp_path / "a.zip", ("shell/program", b"run", FILE), (name, b"/etc/passwd", mode))
    with pytest.raises(EnvironmentFault) as caught:
        unzip(archive, tmp_path / "deep/out")
    assert caught.value.rule == "zip-hostile"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


def test_a_zip_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", ("zeros", bytes(1_000_001), FILE))
    with pytest.raises(EnvironmentFault, match="more than 1000000 bytes"):
        unzip(archive, tmp_path / "out", bytes_max=1_000_000)
    assert not (tmp_path / "out").exists()


def test_what_is_no_sound_zip_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", ("a", bytes(range(256)) * 20, FILE))
    sound = archive.read_bytes()
    flipped = bytearray(sound)
    flipped[60] ^= 0xFF
    for number, bad in enumerate((b"", b"<html>", sound[:-30], sound[: len(sound) // 2], bytes(flipped))):
        archive.write_bytes(bad)
        with pytest.raises(EnvironmentFault, match="not a sound zip"):
            unzip(archive, tmp_path / f"out{number}")
