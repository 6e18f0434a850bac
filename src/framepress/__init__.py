"""Mail merge for video: one HTML composition and a table of rows become one finished MP4 per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framepress.api import render, render_many

__version__ = "0.1.0"

__all__ = ["__version__", "render", "render_many"]


def __getattr__(name: str) -> Any:
    # On first use: what renders takes half a second to import, and a program may only want the version.
    if name not in ("render", "render_many"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module("framepress.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), "render", "render_many"])
