"""What made the pixels: browser, encoder, fonts, and our own epoch. See `keys.environment_digest`."""

from __future__ import annotations

from importlib.metadata import version

from framepress import keys
from framepress.browser import Browser, BrowserOptions
from framepress.encode import encoder_facts
from framepress.fontconfig import fallback_font_digest

#: Raised whenever a change of ours changes pixels of an unchanged composition; golden tests guard it. 2: what
#: scripts move by translate3d() has no layer of its own.
RENDER_EPOCH = 2


def environment_facts(browser: Browser) -> dict[str, str]:
    """Name and version of everything that has a say in the pixels."""
    facts = dict(encoder_facts())
    facts["chromium"] = browser.version
    facts["cldr"] = version("babel")
    facts["capture"] = browser.options.capture
    facts["fallback-fonts"] = fallback_font_digest()
    facts["render-epoch"] = str(RENDER_EPOCH)
    return facts


def environment_of(browser: Browser) -> str:
    """Digest of `environment_facts`."""
    return keys.environment_digest(environment_facts(browser))


def machine_environment(options: BrowserOptions) -> str:
    """Digest of what this machine renders with; starts a browser for a moment, to ask it.

    Raises:
        BrowserMissing: it does not start.
    """
    with Browser(options) as browser:
        return environment_of(browser)
