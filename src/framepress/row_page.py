"""What a page is given to load a variant, files included, and what its clip is once it is ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from framepress import picture_files, variants
from framepress.clip import Clip
from framepress.composition import Composition, Document
from framepress.declarations import LOCALE_NAME, is_own_name
from framepress.encode import EncoderSettings, gop_frame_count
from framepress.errors import AssetError, CompositionError
from framepress.moving_pictures import MovingPictures
from framepress.page import Page, PageContent, PageInfo
from framepress.page_facts import AudioElement, VideoElement
from framepress.page_videos import PageVideos
from framepress.references import is_remote, relative_path
from framepress.remote_addresses import canonical_address
from framepress.remote_folder import remote_path
from framepress.settings import RenderSettings
from framepress.site import Served, Site
from framepress.timing import frame_count, scaled_size
from framepress.video_frames import VideoFile, VideoFiles

#: Rule of a composition whose root does not answer to size, though it says so.
FIXED = "format-fixed"

#: Pixels of the page's root in its layout, whatever moves or scales it.
_ROOT_SIZE = (
    "(root => [root.offsetWidth, root.offsetHeight])(document.querySelector('[data-width][data-height]'))"
)


class RowPages:
    """Variants of one composition as pages. Close it, or files of videos stay open.

    Args:
        remote: folder of files of other hosts; None: there are none.
    """

    def __init__(self, composition: Composition, settings: RenderSettings, remote: Path | None) -> None:
        self.composition = composition
        self.settings = settings
        self._video_files = VideoFiles()
        self._moving = MovingPictures()
        self._site = Site(
            composition.folder,
            composition.path.relative_to(composition.folder).as_posix(),
            f"c{composition.digest[:16]}",
            frozenset(composition.files),
            remote,
        )

    def close(self) -> None:
        """Close the files of videos."""
        self._video_files.close()

    def served(self, path: str, digest: str) -> Served | None:
        """A file that a row refers to (`Variant.files`), as its page gets it; None: it is gone."""
        return self._site.read_remote(digest) if is_remote(path) else self._site.read(path)

    def picture_size(self, url: str, variant: variants.Variant) -> tuple[int, int] | None:
        """Pixels of a picture that a row's page shows, by its full address; None: they cannot be told."""
        path = self._site.path_of(url)
        canonical = canonical_address(url) or ""
        if path is not None:
            served = self._site.read(path)
        else:
            served = self._site.read_remote(variant.files[canonical]) if canonical in variant.files else None
        return picture_files.picture_size(served.body) if served is not None else None

    def of(
        self, variant: variants.Variant, *, picture: tuple[int, int] | None = None
    ) -> tuple[Document, PageContent]:
        """A variant's document, and what a page is given to load it.

        Args:
            picture: pixels that the page is drawn with; None: the clip's.
        """
        locale = variant.values.get(LOCALE_NAME, self.settings.locale)
        document = self.composition.instantiate(variant.values, locale=locale)
        document = replace(document, audio=tuple(self._here(one, variant) for one in document.audio))
        width, height = scaled_size(document.width, document.height, self.settings.scale)
        html, moving = self._moving.placed(
            document.html, self.composition.name, lambda address: self._picture_file(address, variant)
        )
        return document, PageContent(
            site=self._site,
            html=html,
            width=document.width,
            height=document.height,
            output_size=picture or (width, height),
            epoch_ms=_epoch_ms(self.settings.now),
            seed=document.seed or self.composition.digest,
            locale=locale,
            timezone=self.settings.timezone,
            values={name: value for name, value in variant.values.items() if not is_own_name(name)},
            remote={path: digest for path, digest in variant.files.items() if is_remote(path)},
            videos=self._videos_of(document, variant),
            moving=moving,
        )

    def clip_of(self, document: Document, info: PageInfo) -> Clip:
        """Size, rate and length of a document whose page is ready."""
        width, height = scaled_size(document.width, document.height, self.settings.scale)
        fps = self.settings.fps or document.fps or variants.FPS_DEFAULT
        encoder = EncoderSettings(
            width=width,
            height=height,
            fps=fps,
            crf=self.settings.crf,
            preset=self.settings.preset,
            gop_frames=gop_frame_count(fps),
        )
        duration = self._duration(document, info)
        return Clip(document, encoder, fps, frame_count(duration, fps))

    def check_filled(self, page: Page, document: Document) -> None:
        """The root answers to the size of the format, as its `data-format` says."""
        found = page.evaluate(_ROOT_SIZE)
        if found != [document.width, document.height]:
            raise CompositionError(
                f"{self.composition.name}: the root is {found[0]}x{found[1]} in a picture of "
                f"{document.width}x{document.height}, though its data-format names that format. Let its CSS "
                "answer to size (width: 100vw, height: 100vh), or give the format a root of its own.",
                rule=FIXED,
            )

    def _picture_file(self, address: str, variant: variants.Variant) -> tuple[bytes, str] | None:
        """What an `<img>` names; None: the page will say what is wrong with it."""
        if is_remote(address):
            digest = variant.files.get(canonical_address(address) or "")
            served = self._site.read_remote(digest) if digest is not None else None
        else:
            try:
                relative = relative_path(address, "")
            except ValueError:
                return None
            served = self._site.read(relative) if relative is not None else None
        return (served.body, served.content_type) if served is not None else None

    def _here(self, sound: AudioElement, variant: variants.Variant) -> AudioElement:
        """A sound whose file, if it is another host's, is named by where it lies on this disk."""
        return replace(sound, src=str(self._media_file(sound.src, variant, sound.place)))

    def _media_file(self, src: str, variant: variants.Variant, place: str) -> Path:
        """The file of a sound or video.

        Raises:
            AssetError: it is another host's, and not here.
        """
        if not is_remote(src):
            return self.composition.folder / src
        digest, folder = variant.files.get(canonical_address(src) or src), self._site.remote
        if digest is None or folder is None:
            raise AssetError(
                f"{place}: the file that this row names on another host is not here. Allow the host with "
                "--allow-host.",
                rule="remote-host",
            )
        return remote_path(folder, digest)

    def _videos_of(self, document: Document, variant: variants.Variant) -> PageVideos:
        """The videos of a page, each opened once to see that it is whole."""

        def source(video: VideoElement) -> VideoFile:
            return self._video_files.get(self._media_file(video.src, variant, video.place), video.place)

        for video in document.videos:
            source(video)
        return PageVideos(document.videos, source)

    def _duration(self, document: Document, info: PageInfo) -> Fraction:
        if document.duration is not None and document.duration_from == "root":
            return document.duration
        # Milliseconds are finer than any frame; the float of the page carries noise below that.
        duration = max(document.duration or Fraction(0), Fraction(round(info.end_s * 1000), 1000))
        if duration <= 0:
            raise CompositionError(
                f"{self.composition.path.name}: no duration. The root has no data-duration, and there is no "
                'timed element, timeline or finite animation to take it from. Add data-duration="6" to the '
                "root (seconds).",
                rule="no-duration",
            )
        return duration


def _epoch_ms(now: str) -> int:
    moment = datetime.fromisoformat(now)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
