"""A browser that stays warm from row to row, and is replaced when it is no longer to be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from framepress.browser import Browser, BrowserOptions
from framepress.environment import environment_of
from framepress.errors import BrowserMissing
from framepress.page import Page
from framepress.settings import RunLimits

#: How often a browser is started before it counts as one that does not start. One that is killed at its start
#: (memory was short for a moment) would otherwise end the whole run.
START_TRIES = 2


class WarmPage:
    """A page in a browser of its own, started when it is first needed.

    Attributes:
        environment: digest of the environment of the browser that was last started; "" before.
    """

    def __init__(self, options: BrowserOptions, limits: RunLimits) -> None:
        self._options = options
        self._limits = limits
        self._browser: Browser | None = None
        self._page: Page | None = None
        self._rows = 0
        self.environment = ""

    def page(self) -> Page:
        """The page, with a browser started if there is none.

        Raises:
            BrowserMissing: it does not start.
        """
        if self._page is None:
            self._browser = _started(self._options)
            self.environment = environment_of(self._browser)
            self._rows = 0
            self._page = Page(
                self._browser,
                frame_timeout_s=self._limits.frame_timeout_s,
                ready_timeout_s=self._limits.ready_timeout_s,
            )
        return self._page

    @contextmanager
    def guard(self) -> Iterator[Page]:
        """The page for some work on it; after any failure its browser is not used for another row."""
        try:
            yield self.page()
        except BaseException:
            self.drop()
            raise

    @contextmanager
    def guard_but(self, *harmless: type[Exception]) -> Iterator[Page]:
        """`guard`, for work whose errors of these kinds say nothing against the browser."""
        try:
            yield self.page()
        except harmless:
            raise
        except BaseException:
            self.drop()
            raise

    def after_row(self) -> None:
        """Replace the browser if it has served enough rows or has grown too large."""
        self._rows += 1
        limit_bytes = self._limits.browser_memory_mb << 20
        assert self._browser is not None
        if self._rows >= self._limits.rows_per_browser or self._browser.memory_bytes() > limit_bytes:
            self.drop()

    @property
    def is_open(self) -> bool:
        """Whether a browser runs now."""
        return self._browser is not None

    def cpu_seconds(self) -> float:
        """Processor seconds that the browser has used; 0 if there is none."""
        return self._browser.cpu_seconds() if self._browser is not None else 0.0

    def drop(self) -> None:
        """End the browser; the next `page` starts another."""
        if self._browser is not None:
            self._browser.kill()
        self._browser = self._page = None


def _started(options: BrowserOptions) -> Browser:
    for _ in range(START_TRIES - 1):
        with suppress(BrowserMissing):
            return Browser(options)
    return Browser(options)
