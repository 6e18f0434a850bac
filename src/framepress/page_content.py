"""What a page is made of: one variant's document, the world it lives in, the view of it. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from framepress.moving_pictures import MovingPicture
from framepress.page_videos import NO_VIDEOS, PageVideos
from framepress.rects import Rect
from framepress.site import Site


@dataclass(frozen=True)
class PageContent:
    """One variant's document and the world it lives in.

    Attributes:
        site: its files.
        html: the document with all values in place.
        width, height: CSS pixels of the root.
        output_size: pixels of the picture, width and height.
        epoch_ms: what `Date.now()` reads at frame 0.
        seed: of `Math.random`.
        locale, timezone: BCP 47 and IANA names.
        values: the row's values; only used to keep them out of messages.
        remote: canonical address of another host -> digest of the file that stands for it.
        videos: the frames of its videos. moving: pictures that move by themselves, by key.
    """

    site: Site
    html: str
    width: int
    height: int
    output_size: tuple[int, int]
    epoch_ms: int
    seed: str
    locale: str
    timezone: str
    values: Mapping[str, str] = field(default_factory=dict)
    remote: Mapping[str, str] = field(default_factory=dict)
    videos: PageVideos = NO_VIDEOS
    moving: Mapping[str, MovingPicture] = field(default_factory=dict)


@dataclass(frozen=True)
class PageInfo:
    """What is known of a page once it is ready.

    Attributes:
        end_s: seconds at which the last timed element, timeline or finite animation ends; 0: none.
        media_count: `audio` and `video` elements in the document.
    """

    end_s: float
    media_count: int


def emulation(content: PageContent) -> list[tuple[str, dict[str, Any]]]:
    """Commands, with parameters, that give a tab the world and the view of a document."""
    width, height = content.output_size
    return [
        ("Emulation.setDeviceMetricsOverride", metrics(content, Rect(0, 0, width, height), 1.0)),
        ("Emulation.setVisibleSize", {"width": width, "height": height}),
        ("Emulation.setLocaleOverride", {"locale": content.locale}),
        ("Emulation.setTimezoneOverride", {"timezoneId": content.timezone}),
    ]


def metrics(content: PageContent, shown: Rect, scale: float) -> dict[str, Any]:
    """Scaling and cropping the view is unseen by the page: its sizes and media queries stay as composed."""
    output = content.output_size[0] / content.width
    return {
        "width": content.width,
        "height": content.height,
        "deviceScaleFactor": 1,
        "mobile": False,
        "screenWidth": content.width,
        "screenHeight": content.height,
        "viewport": {
            "x": shown.x / output,
            "y": shown.y / output,
            "width": shown.width / output,
            "height": shown.height / output,
            "scale": output * scale,
        },
    }
