"""The steps from a variant to an artifact, each by itself; in which order they are taken, `renderer` knows.

They belong to one process, which keeps its browser warm from row to row and replaces it when a row went
wrong, after many rows, or when it has grown.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from framepress import variants
from framepress.browser import BrowserOptions
from framepress.cache import Cache
from framepress.capture import CapturedFrame, capture_frames
from framepress.clip import Artifact, Clip, assemble
from framepress.composition import Composition
from framepress.frames_to_segments import EncodedFrames, encode_frames
from framepress.row_page import RowPages
from framepress.row_sound import SoundTracks
from framepress.settings import RenderSettings, RunLimits
from framepress.streams import AudioTrack
from framepress.temporary_folders import TEMP_PREFIX, remove_folder
from framepress.warm_page import WarmPage

#: How the plain path's files are described in their provenance.
PLAIN: Mapping[str, object] = {"path": "plain"}

#: Called with the frames that are done and the frames in all.
Progress = Callable[[int, int], None]


class RenderSteps:
    """The steps for variants of one composition, in one page. Close it, or its browser stays.

    Args:
        browser_options: how to start Chromium; it starts with the first row.
        pieces: where sound is kept. remote: folder of files of other hosts.
    """

    def __init__(
        self,
        composition: Composition,
        settings: RenderSettings,
        limits: RunLimits,
        browser_options: BrowserOptions,
        pieces: Cache | None = None,
        remote: Path | None = None,
    ) -> None:
        self.composition = composition
        self.settings = settings
        self.limits = limits
        self.warm = WarmPage(browser_options, limits)
        self._sounds = SoundTracks(pieces)
        self.contents = RowPages(composition, settings, remote)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-work-"))

    def close(self) -> None:
        """End the browser and remove temporary files."""
        self.warm.drop()
        self.contents.close()
        remove_folder(self.folder)

    def open(self, variant: variants.Variant, *, picture: tuple[int, int] | None = None) -> Clip:
        """Load the variant's page and decide size, rate and length. A page that fails costs its browser.

        Args:
            picture: pixels that the page is drawn with, where its layout is all that is wanted; None: the
                clip's.
        """
        document, content = self.contents.of(variant, picture=picture)
        with self.warm.guard() as page:
            info = page.open(content)
            if self.composition.of(variant.values).fills:
                self.contents.check_filled(page, document)
        return self.contents.clip_of(document, info)

    def encode(
        self,
        clip: Clip,
        gops: Sequence[range],
        progress: Progress = lambda _, __: None,
        on_frame: Callable[[CapturedFrame], None] = lambda _: None,
    ) -> EncodedFrames:
        """Capture and encode consecutive GOPs of the open page."""
        frames = range(gops[0].start, gops[-1].stop)

        def each(frame: CapturedFrame) -> None:
            on_frame(frame)
            progress(frame.index - frames.start + 1, len(frames))

        with self.warm.guard() as page:
            return encode_frames(capture_frames(page, frames, clip.fps), gops, clip.encoder, on_frame=each)

    def still(self, clip: Clip, time_s: Fraction) -> bytes:
        """The frame at or before `time_s` as PNG; a stateful page is stepped there."""
        target = min(int(time_s * clip.fps), clip.frame_count - 1)
        with self.warm.guard() as page:
            page.seek(0, clip.fps)
            first = 1 if page.stateful else target
            for index in range(first, target + 1):
                page.seek(index, clip.fps)
                if index < target:
                    page.draw(index)
            png = page.draw(target, force=True)
        assert png is not None
        return png

    def sound(self, clip: Clip, *, format_: str | None = None) -> AudioTrack | None:
        """The sound track of a clip, made once per distinct input; see `SoundTracks.track`."""
        return self._sounds.track(clip, self.environment, format_=format_)

    def assemble(
        self,
        clip: Clip,
        encoded: EncodedFrames,
        track: AudioTrack | None,
        row_key: str,
        environment: str,
        made: Mapping[str, object] = PLAIN,
    ) -> Artifact:
        """Put segments and sound into a file and check it.

        Args:
            made: how, for its provenance.
        """
        provenance = {"framepress": 1, "row_key": row_key, **made, "environment": environment}
        path = self.folder / "clip.mp4"
        return assemble(path, clip, encoded.segments, encoded.summaries, track, provenance)

    def seek_first(self, clip: Clip) -> None:
        """Move the open page to frame 0, after which it is known whether it is seekable."""
        with self.warm.guard() as page:
            page.seek(0, clip.fps)

    def as_played(self, clip: Clip) -> Clip:
        """The clip with what has shown of its page's state meanwhile."""
        return replace(clip, stateful=self.stateful())

    def stateful(self) -> tuple[str, ...]:
        """Why the open page cannot be entered in the middle, as far as it has shown."""
        return self.warm.page().stateful

    @property
    def environment(self) -> str:
        """Digest of the environment; "" before the first page."""
        return self.warm.environment
