"""Mail merge for video: one HTML composition and a table of rows become one finished MP4 per row."""

from __future__ import annotations

__version__ = "0.1.0"
