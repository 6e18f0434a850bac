"""The search for a browser, against folders of small shell scripts that play Chromium."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
from pathlib import Path

import pytest

from framepress.chromium import BrowserFacts, find_browser, installed_copies
from framepress.chromium_version import read_version
from framepress.errors import BrowserMissing

SAYS_156 = '#!/bin/sh\necho "Chromium 156.0.8078.79 built on Debian"\n'


def script(path: Path, text: str = SAYS_156) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def find(
    tmp_path: Path, explicit: str | None = None, platform: str = "linux", **environ: str
) -> BrowserFacts:
    environ = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home")} | environ
    return find_browser(explicit, environ, platform=platform, system_folders=[tmp_path / "lib"], timeout_s=10)


def ended(pid: int, timeout_s: float = 20) -> bool:
    """Whether the process ends within the time; waits for the event, not for the clock."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watch], [], [], timeout_s)[0])
    finally:
        os.close(watch)


def own_copy(tmp_path: Path, version: str) -> Path:
    name = "chrome-headless-shell"
    folder = tmp_path / "home/.local/share/framepress/chrome" / f"{version}-linux64" / f"{name}-linux64"
    return script(folder / name, f'#!/bin/sh\necho "Google Chrome for Testing {version}"\n')


def test_each_place_wins_over_the_ones_below_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    found = []
    script(tmp_path / "lib/chromium")
    found.append(find(tmp_path).source)
    script(tmp_path / "lib/chromium-headless-shell")
    found.append(find(tmp_path).source)
    script(tmp_path / "bin/chrome-headless-shell")
    found.append(find(tmp_path).source)
    own_copy(tmp_path, "154.0.8037.92")
    found.append(find(tmp_path).source)
    named = str(script(tmp_path / "mine"))
    found.append(find(tmp_path, FRAMEPRESS_BROWSER=named).source)
    found.append(find(tmp_path, named, FRAMEPRESS_BROWSER="/nonexistent").source)
    assert found == ["fallback", "system", "path", "installed", "environment", "option"]


def test_a_headless_shell_anywhere_wins_over_a_full_browser_on_the_path(tmp_path: Path) -> None:
    script(tmp_path / "bin/google-chrome")
    shell = script(tmp_path / "lib/chromium-headless-shell")
    assert find(tmp_path).path == shell


def test_a_full_browser_is_marked_as_the_slow_path(tmp_path: Path) -> None:
    facts = find(tmp_path, str(script(tmp_path / "chromium")))
    assert (facts.headless_shell, facts.has_begin_frame) == (False, False)


@pytest.mark.parametrize(("platform", "expected"), [("linux", None), ("darwin", False)])
def test_begin_frame_of_a_headless_shell_is_tried_except_where_it_is_missing(
    tmp_path: Path, platform: str, expected: bool | None
) -> None:
    facts = find(tmp_path, str(script(tmp_path / "chrome-headless-shell")), platform)
    assert (facts.headless_shell, facts.has_begin_frame) == (True, expected)


def test_the_newest_of_several_installed_copies_is_used_and_unfinished_ones_are_not(tmp_path: Path) -> None:
    own_copy(tmp_path, "99.0.1.1")
    newest = own_copy(tmp_path, "154.0.8037.92")
    folder = newest.parents[2]
    script(folder / ".999.0.0.0-linux64.partial/chrome-headless-shell-linux64/chrome-headless-shell")
    assert find(tmp_path).path == newest
    assert [path.parents[1].name for path in installed_copies(folder)] == [
        "154.0.8037.92-linux64",
        "99.0.1.1-linux64",
    ]


def test_a_browser_that_does_not_start_is_passed_over(tmp_path: Path) -> None:
    script(
        tmp_path / "bin/chromium-headless-shell",
        "#!/bin/sh\necho error while loading shared libraries\nexit 127\n",
    )
    good = script(tmp_path / "bin/chrome-headless-shell")
    assert find(tmp_path).path == good


def test_a_browser_that_was_asked_for_is_never_replaced_by_another(tmp_path: Path) -> None:
    script(tmp_path / "bin/chromium-headless-shell")
    with pytest.raises(BrowserMissing, match=r"--browser: .*/gone is not a file.*doctor --install"):
        find(tmp_path, str(tmp_path / "gone"))
    with pytest.raises(BrowserMissing, match=r"FRAMEPRESS_BROWSER: .*is not a file"):
        find(tmp_path, FRAMEPRESS_BROWSER=str(tmp_path / "gone"))


def test_without_any_browser_the_message_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BrowserMissing) as caught:
        find(tmp_path)
    assert "framepress doctor --install" in caught.value.message
    assert "apt-get install" in caught.value.message
    assert caught.value.exit_code == 3


def test_the_message_lists_what_was_tried_and_failed(tmp_path: Path) -> None:
    script(tmp_path / "bin/chromium-browser", "#!/bin/sh\necho requires the chromium snap\nexit 1\n")
    with pytest.raises(BrowserMissing, match=r'chromium-browser --version said "requires the chromium snap"'):
        find(tmp_path)


def test_a_name_on_the_path_and_a_home_relative_path_can_be_given(tmp_path: Path) -> None:
    shell = script(tmp_path / "bin/chrome-headless-shell")
    assert find(tmp_path, "chrome-headless-shell").path == shell
    mine = script(tmp_path / "home/mine")
    assert find(tmp_path, "~/mine").path == mine


def test_a_browser_that_hangs_is_killed_with_everything_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    never = tmp_path / "never"
    os.mkfifo(never)
    hanging = f"#!/bin/sh\ncat {never} &\necho $! > {pids}\nwait\n"
    with pytest.raises(BrowserMissing, match=r"no answer in 0.5 s"):
        read_version(script(tmp_path / "chromium", hanging), {"PATH": "/usr/bin:/bin"}, timeout_s=0.5)
    try:
        assert ended(int(pids.read_text()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pids.read_text()), signal.SIGKILL)


def test_debians_wrapper_is_looked_through(tmp_path: Path) -> None:
    real = script(tmp_path / "lib/chromium-headless-shell")
    script(tmp_path / "bin/chromium-headless-shell", f'#!/bin/sh -e\n\n{real} "$@"\n')
    assert find(tmp_path).path == real


def test_on_windows_the_version_is_read_beside_the_program_which_is_not_started(tmp_path: Path) -> None:
    program = script(tmp_path / "chrome.exe", "#!/bin/sh\ntouch started\n")
    (tmp_path / "156.0.8078.79.manifest").touch()
    assert read_version(program, {}, platform="win32") == "156.0.8078.79"
    assert not (tmp_path / "started").exists()


def test_the_real_environment_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "bin/chromium-headless-shell")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("FRAMEPRESS_BROWSER", str(tmp_path / "bin/chromium-headless-shell"))
    with pytest.raises(BrowserMissing):
        find_browser(None, {"PATH": str(tmp_path)}, system_folders=[])
