"""The videos of a page: Chromium never plays one. Each is shown as its own poster, a new one for every frame.

A poster fills the box of its element as the video would: object-fit, transforms, corners and filters of the
author apply, and its size is the element's natural size. What is asked for is told by the address, so that
two rows whose pages ask for the same picture look the same to the survey, and others do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from framepress.elements import page_elements
from framepress.html_parts import StartTag
from framepress.html_scan import scan
from framepress.page_facts import VideoElement

#: Folder of a page's origin that stands for frames of videos.
FRAME_FOLDER = "__framepress__/video/"

#: What would let Chromium load, play or show a video by itself.
_TAKEN_AWAY = ("src", "poster", "autoplay", "controls", "preload")


class Source(Protocol):
    """What a video file must be able to say; see `video_frames.VideoFile`."""

    duration: Fraction

    def picture(self, time_s: Fraction) -> bytes: ...


def key_of(video: VideoElement) -> str:
    """A name for what is played, how and when."""
    said = f"{video.src}|{video.start}|{video.end}|{video.speed}|{video.trim_start}|{video.loop}"
    return hashlib.sha256(said.encode()).hexdigest()[:20]


def with_stand_ins(html: str, videos: Sequence[VideoElement], place: Callable[[int], str]) -> str:
    """A finished page whose videos wait for posters. `videos`: all of them, in document order."""
    if not videos:
        return html
    page = scan(html)
    elements = [one for one in page_elements(page, None, None, place) if one.tag == "video"]
    edits: list[tuple[int, int, str]] = []
    for element, video in zip(elements, videos, strict=True):
        key = key_of(video)
        tag = page.tags[element.index]
        behind = tag.start + 1 + len(tag.name)
        added = f' data-framepress-video="{key}" poster="/{FRAME_FOLDER}{key}/0"'
        edits.append((behind, behind, added))
        edits += _without(tag, _TAKEN_AWAY)
        for other in page.tags[element.index + 1 :]:
            if other.parent == element.index and other.name == "source":
                edits += _without(other, ("src",))
    parts: list[str] = []
    position = 0
    for start, end, text in sorted(edits):
        parts += (html[position:start], text)
        position = end
    return "".join((*parts, html[position:]))


def _without(tag: StartTag, names: Sequence[str]) -> list[tuple[int, int, str]]:
    found = [tag.attribute(name) for name in names]
    return [(one.start, one.value_end + len(one.quote), "") for one in found if one is not None]


@dataclass(frozen=True)
class PageVideos:
    """Answers a page's requests for frames.

    Args:
        videos: of the page. source: the open file of one.
    """

    videos: Sequence[VideoElement]
    source: Callable[[VideoElement], Source]

    def picture(self, path: str) -> bytes | None:
        """The picture that a path below `FRAME_FOLDER` names; None: it names none.

        Raises:
            AssetError: it cannot be decoded.
        """
        key, _, moment = path.removeprefix(FRAME_FOLDER).partition("/")
        for video in self.videos:
            if key_of(video) == key:
                source = self.source(video)
                # Milliseconds of the clip, with three more digits.
                return source.picture(moment_in_file(video, Fraction(moment) / 1000, source.duration))
        return None


def moment_in_file(video: VideoElement, clip_s: Fraction, duration: Fraction) -> Fraction:
    """Seconds of the file that are shown at a moment of the clip."""
    played = max(Fraction(0), clip_s - video.start) * video.speed
    length = duration - video.trim_start
    if video.loop and length > 0:
        # A frame that is asked for exactly at the end is the first of the next round.
        played %= length
    return video.trim_start + played


def no_videos(_: VideoElement) -> Source:
    raise AssertionError("a page without videos asks for none")


NO_VIDEOS = PageVideos((), no_videos)

__all__ = ["FRAME_FOLDER", "NO_VIDEOS", "PageVideos", "key_of", "moment_in_file", "with_stand_ins"]
