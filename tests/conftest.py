"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framepress.chromium import find_browser
from framepress.errors import BrowserMissing


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """The Chromium of this machine. Without one: skipped on a laptop, a failure where CI is set."""
    try:
        return find_browser(None, os.environ).path
    except BrowserMissing as exc:
        if os.environ.get("CI"):
            pytest.fail(exc.message)
        pytest.skip(exc.message)
