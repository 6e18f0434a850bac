"""Judgements of the doctor, each on a sound machine with one fault, and its looking on made folders."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from framepress.chromium import BrowserFacts
from framepress.doctor import Check, Disk, Facts, diagnose, exit_code
from framepress.doctor_facts import forbidden_namespaces, free_bytes, gather, missing_fonts, strangers
from framepress.doctor_report import check_table, json_lines
from framepress.errors import BrowserMissing
from framepress.fontconfig import FONT_FOLDER
from framepress.machine import Machine

GB = 1_000_000_000
SHELL = BrowserFacts(Path("/opt/chrome-headless-shell"), "156.0.8078.79", True, None, "path")
FULL = replace(SHELL, path=Path("/opt/chrome"), headless_shell=False, has_begin_frame=False)

SOUND = Facts(
    python=(3, 12, 1),
    platform="linux",
    is_root=False,
    browser=SHELL,
    browser_error="",
    begin_frame=True,
    namespaces="",
    fonts_missing=(),
    av_version="18.1.0",
    encoders=frozenset({"libx264", "aac"}),
    disks=(Disk("output", Path("out"), 50 * GB),),
    machine=Machine(4.0, 16 * GB, 12 * GB),
    shm_bytes=GB,
    strangers=(),
)


def faults(facts: Facts) -> dict[str, tuple[str, str, str]]:
    """Name -> (status, found, way out) of every check that is not ok."""
    return {
        check.name: (check.status, check.found, check.way_out)
        for check in diagnose(facts)
        if check.status != "ok"
    }


def test_a_sound_machine_passes_every_check() -> None:
    checks = diagnose(SOUND)
    assert {check.status for check in checks} == {"ok"}
    assert [check.name for check in checks] == [
        "python",
        "browser",
        "frames",
        "sandbox",
        "fonts",
        "encoders",
        "disk: output",
        "processors",
        "memory",
        "/dev/shm",
        "hyperframes",
    ]
    assert exit_code(checks) == 0


@pytest.mark.parametrize(
    ("change", "name", "status", "found", "way_out"),
    [
        ({"python": (3, 10, 9)}, "python", "fail", "3.10.9", "3.11"),
        ({"begin_frame": False}, "frames", "warn", "does not draw frames on request", "doctor --install"),
        ({"begin_frame": None, "browser": FULL}, "frames", "warn", "does not draw", "doctor --install"),
        ({"begin_frame": False, "platform": "darwin"}, "frames", "warn", "does not draw", "use Linux"),
        ({"is_root": True}, "sandbox", "warn", "off", "another user"),
        ({"namespaces": "kernel.x is 0"}, "sandbox", "warn", "kernel.x is 0", "user namespaces"),
        ({"fonts_missing": ("Noto Sans",)}, "fonts", "fail", "Noto Sans", "Reinstall"),
        ({"av_version": None}, "encoders", "fail", "cannot be imported", "pip install"),
        ({"encoders": frozenset({"aac"})}, "encoders", "fail", "without libx264", "wheel"),
        ({"disks": (Disk("tmp", Path("/t"), None),)}, "disk: tmp", "fail", "/t cannot be written", "another"),
        ({"disks": (Disk("tmp", Path("/t"), GB // 10),)}, "disk: tmp", "fail", "100 MB free in /t", "room"),
        ({"disks": (Disk("tmp", Path("/t"), GB),)}, "disk: tmp", "warn", "1.0 GB free in /t", "room"),
        ({"machine": Machine(1, GB, GB // 2)}, "memory", "warn", "500 MB available of 1.0 GB", "900 MB"),
        ({"shm_bytes": 64_000_000}, "/dev/shm", "warn", "64 MB", "--shm-size"),
        ({"shm_bytes": None}, "/dev/shm", "warn", "none", "tmpfs"),
        ({"strangers": (Path("/n/hyperframes"),)}, "hyperframes", "warn", "/n/hyperframes is another", "own"),
    ],
)
def test_one_fault_is_found_with_its_way_out_and_nothing_else_is(
    change: dict[str, Any], name: str, status: str, found: str, way_out: str
) -> None:
    assert list(faults(replace(SOUND, **change))) == [name]
    got = faults(replace(SOUND, **change))[name]
    assert got[0] == status
    assert found in got[1]
    assert way_out in got[2]
    assert exit_code(diagnose(replace(SOUND, **change))) == (3 if status == "fail" else 0)


def test_without_a_browser_that_starts_frames_cannot_be_judged_either() -> None:
    for facts in (
        replace(SOUND, browser=None, browser_error="No Chromium was found."),
        replace(SOUND, browser_error="It died."),
    ):
        assert {name: fault[0] for name, fault in faults(facts).items()} == {
            "browser": "fail",
            "frames": "fail",
        }


def test_a_headless_shell_that_was_not_tried_is_trusted_and_that_is_said() -> None:
    (frames,) = [check for check in diagnose(replace(SOUND, begin_frame=None)) if check.name == "frames"]
    assert (frames.status, frames.found) == ("ok", "BeginFrame is expected and was not tried")


def test_there_is_no_dev_shm_outside_linux() -> None:
    assert faults(replace(SOUND, platform="darwin", shm_bytes=None)) == {}


# --- Looking ---


def test_a_probe_is_given_the_browser_and_its_answer_and_its_error_are_kept(tmp_path: Path) -> None:
    shell = tmp_path / "chrome-headless-shell"
    shell.write_text("#!/bin/sh\necho Chromium 156.0.8078.79\n")
    shell.chmod(0o755)

    def dies(browser: BrowserFacts) -> bool:
        raise BrowserMissing("It died.")

    worked = gather({}, browser=str(shell), probe=lambda browser: browser.path == shell)
    assert (worked.begin_frame, worked.browser_error) == (True, "")
    died = gather({}, browser=str(shell), probe=dies)
    assert (died.begin_frame, died.browser_error) == (None, "It died.")
    assert died.browser is not None


def test_a_machine_without_anything_is_looked_at_without_an_error(tmp_path: Path) -> None:
    facts = gather(
        {}, browser=str(tmp_path / "gone"), folders={"output": tmp_path / "new/out"}, root=tmp_path
    )
    assert facts.browser is None
    assert facts.shm_bytes is None
    assert (facts.disks[0].free_bytes or 0) > 0
    assert facts.encoders == {"libx264", "aac"}
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ""),
        ({"kernel/unprivileged_userns_clone": "1", "user/max_user_namespaces": "63000"}, ""),
        ({"kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone is 0"),
        ({"user/max_user_namespaces": "0"}, "user.max_user_namespaces is 0"),
        (
            {"kernel/apparmor_restrict_unprivileged_userns": "1"},
            "kernel.apparmor_restrict_unprivileged_userns is 1",
        ),
    ],
)
def test_what_forbids_user_namespaces_is_named(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for name, value in files.items():
        path = tmp_path / "proc/sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")
    assert forbidden_namespaces(tmp_path) == expected


def test_every_bundled_family_has_its_file_and_a_missing_one_is_named(tmp_path: Path) -> None:
    assert missing_fonts(FONT_FOLDER) == ()
    for font in FONT_FOLDER.glob("*.?tf"):
        if "Thai" not in font.name:
            (tmp_path / font.name).touch()
    assert missing_fonts(tmp_path) == ("Noto Sans Thai",)
    assert len(missing_fonts(tmp_path / "gone")) == 7


def test_a_folder_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert free_bytes(tmp_path / "file") is None
    assert free_bytes(tmp_path / "file/below") is None
    assert free_bytes(tmp_path) is not None


def program(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "hyperframes").write_text(text)
    return folder / "hyperframes"


def test_only_a_stranger_before_our_own_program_is_told(tmp_path: Path) -> None:
    other = program(tmp_path / "npm", "#!/usr/bin/env node\n")
    ours = program(tmp_path / "venv", "#!/bin/python\nfrom framepress.cli import main\n")
    (tmp_path / "empty").mkdir()

    def found(*folders: Path, own: str = "nowhere") -> list[Path]:
        environ = {"PATH": os.pathsep.join(map(str, folders))}
        return list(strangers(environ, tmp_path / own))

    assert found(tmp_path / "empty", other.parent, ours.parent) == [other]
    assert found(ours.parent, other.parent) == []
    assert found(other.parent, own="npm") == []
    assert list(strangers({}, tmp_path)) == []


# --- Telling ---

CHECKS = (
    Check("python", "ok", "3.12.1"),
    Check("disk: tmp", "fail", "/tmp/[x] müde", "Make room."),
    Check("/dev/shm", "warn", "64 MB", "More."),
)


def shown(checks: Sequence[Check], width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(check_table(checks))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_shows_names_status_and_way_out_as_they_are() -> None:
    text = shown(CHECKS, 100)
    assert "/tmp/[x] müde" in text
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["python", "disk:", "/dev/shm"]
    assert "fail" in text
    assert "Make room." in text


def test_json_is_one_object_per_line_and_a_summary_in_pure_ascii() -> None:
    lines = list(json_lines(CHECKS))
    assert all(line.isascii() for line in lines)
    first, *_, last = map(json.loads, lines)
    assert first == {"type": "check", "name": "python", "status": "ok", "found": "3.12.1", "way_out": ""}
    assert last == {"type": "summary", "ok": 1, "warn": 1, "fail": 1}
