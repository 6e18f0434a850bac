"""Fixtures that several test files share."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from framepress.chromium import find_browser
from framepress.errors import BrowserMissing
from program import PAGE, Program
from servers import AWS, Server, running
from stage import Stage, browser_options


def pytest_configure() -> None:
    """Ctrl-C works in the programs that tests start, also where a shell started the tests in the background:
    there it is ignored, and that is inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """The Chromium of this machine. Without one: skipped on a laptop, a failure where CI is set."""
    try:
        return find_browser(None, os.environ).path
    except BrowserMissing as exc:
        if os.environ.get("CI"):
            pytest.fail(exc.message)
        pytest.skip(exc.message)


@pytest.fixture(autouse=True)
def no_cache_of_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another has made, and none fills the cache of whoever runs it."""
    monkeypatch.setenv("FRAMEPRESS_CACHE_DIR", "none")
    # Most tests are about the plain path; those about reuse take this away (see also `lists.Press`).
    monkeypatch.setenv("FRAMEPRESS_MAX_REUSE", "off")


@pytest.fixture
def stage(browser_path: Path, tmp_path: Path) -> Iterator[Stage]:
    """A place to render compositions given as text; its browsers end with the test."""
    folder = tmp_path / "composition"
    folder.mkdir()
    made = Stage(folder, browser_options(browser_path, tmp_path))
    yield made
    made.close()


@pytest.fixture
def program(browser_path: Path, tmp_path: Path) -> Iterator[Program]:
    """The program in a folder of its own with a small page.html; what it leaves running is ended."""
    made = Program.at(tmp_path)
    made.environ["FRAMEPRESS_BROWSER"] = str(browser_path)
    made.write("page.html", PAGE)
    yield made
    made.kill_all()


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[str], Server]]:
    """Name -> a running server of `servers.SERVERS`, started when first asked for, ended with the session."""
    with ExitStack() as stack:
        yield functools.cache(lambda name: stack.enter_context(running(name)))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that emulators accept, and no way to real ones."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
