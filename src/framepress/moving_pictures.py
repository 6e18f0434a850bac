"""Pictures that move by themselves in an `<img>`: GIF, WebP, APNG and SVG with SMIL, by the clip's time.

Chromium would play them by the machine's clock. So the element asks for the picture of each moment, by an
address of its own, as videos do (`page_videos`): it stays an `<img>` with its box, its natural size and the
author's styles. Its time is that of its nearest timed ancestor, from `data-start` on.

    GIF, WebP, APNG    decoded by Pillow, blended and disposed of as the file says; which frame is shown
                       follows from durations and number of rounds, and the address names it. A frame of
                       10 ms or less stays for 100, as in browsers.
    SVG                the same text, slowed until it stands still at the moment; see `svg_moments`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from urllib.parse import unquote_to_bytes

from PIL import Image, ImageSequence, UnidentifiedImageError

from framepress.errors import AssetError
from framepress.html_scan import scan
from framepress.picture_files import SVG_TYPE, is_animated, is_broken
from framepress.svg_moments import can_be_moved, svg_at

#: Folder of a page's origin that stands for moments of pictures.
MOVING_FOLDER = "__framepress__/moving/"

#: Pixels of all frames of one picture: a minute of a small one. More is a film, and has a better format.
PIXELS_MAX = 400_000_000

#: Pictures kept decoded, as PNG, and their bytes; rows come back to few.
KEPT_MAX, KEPT_BYTES_MAX = 16, 256 << 20

#: What browsers make of durations that nobody means. Source: Blink, `BitmapImage`; Gecko, `FrameTimeout`.
_SHORT_MS, _INSTEAD_MS = 10, 100

_DATA = re.compile(r"data:(image/[\w.+-]+)((?:;[\w=-]+)*?)(;base64)?,(.*)", re.DOTALL | re.IGNORECASE)

#: The bytes and the media type of what an address names; None: it is not ours to show.
Read = Callable[[str], tuple[bytes, str] | None]


@dataclass(frozen=True)
class MovingPicture:
    """One picture.

    Attributes:
        frames: each as PNG; empty: it is an SVG. ends_ms: when each ends, in a round. rounds: 0: for ever.
        svg: its text.
    """

    frames: tuple[bytes, ...] = ()
    ends_ms: tuple[int, ...] = ()
    rounds: int = 0
    svg: str = ""

    def picture(self, moment: str) -> tuple[bytes, str] | None:
        """Picture and media type at a frame's number or, of an SVG, at milliseconds; None: there is none."""
        try:
            if self.svg:
                return svg_at(self.svg, Fraction(moment) / 1000).encode(), SVG_TYPE
            return self.frames[int(moment)], "image/png"
        except (ValueError, IndexError):
            return None

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.frames)) + len(self.svg)


@dataclass
class MovingPictures:
    """The moving pictures of one page after the other; those seen last stay decoded."""

    _kept: OrderedDict[str, MovingPicture] = field(default_factory=OrderedDict)

    def placed(self, html: str, name: str, read: Read) -> tuple[str, Mapping[str, MovingPicture]]:
        """A finished page whose moving pictures wait to be shown, and those, by the key in their address.

        Args:
            name: of the composition, for messages.

        Raises:
            AssetError: one cannot be decoded, or is too large.
        """
        found: dict[str, MovingPicture] = {}
        if "<img" not in html.lower():
            return html, found
        parts: list[str] = []
        position = 0
        for tag in scan(html).tags:
            src = tag.attribute("src") if tag.name == "img" else None
            if src is None or tag.attribute("srcset") is not None:
                continue
            file = _embedded(src.value) or read(src.value)
            if file is None or not is_movable(*file):
                continue
            key = hashlib.sha256(file[0]).hexdigest()[:20]
            picture = found[key] = self._picture(key, file[0], file[1], name, _shown(src.value))
            parts += (html[position : src.start], _attributes(key, picture))
            position = src.value_end + len(src.quote)
        return "".join((*parts, html[position:])), found

    def _picture(self, key: str, data: bytes, kind: str, name: str, shown: str) -> MovingPicture:
        picture = self._kept.get(key)
        if picture is None:
            picture = self._kept[key] = _decoded(data, kind, f"{name}: the picture {shown}")
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and (
            len(self._kept) > KEPT_MAX or sum(one.size_bytes for one in self._kept.values()) > KEPT_BYTES_MAX
        ):
            self._kept.popitem(last=False)
        return picture


def is_movable(data: bytes, kind: str) -> bool:
    """Whether a picture moves, and in a way that can be followed. CSS in an SVG and AVIF cannot."""
    if is_broken(data, kind) or not is_animated(data, kind):
        return False
    if kind == SVG_TYPE:
        return can_be_moved(data.decode("utf-8", "replace"))
    return data[4:8] != b"ftyp"


def _attributes(key: str, picture: MovingPicture) -> str:
    ends = " ".join(map(str, picture.ends_ms))
    return (
        f'src="/{MOVING_FOLDER}{key}/0" data-framepress-moving="{key}" data-framepress-ends="{ends}" '
        f'data-framepress-rounds="{picture.rounds}"'
    )


def _embedded(address: str) -> tuple[bytes, str] | None:
    match = _DATA.fullmatch(address.strip())
    if match is None:
        return None
    try:
        data = unquote_to_bytes(match[4])
        return (base64.b64decode(data, validate=True) if match[3] else data), match[1].lower()
    except binascii.Error:
        return None


def _shown(address: str) -> str:
    return "in a data: address" if address.lower().startswith("data:") else "of an <img>"


def _decoded(data: bytes, kind: str, what: str) -> MovingPicture:
    if kind == SVG_TYPE:
        return MovingPicture(svg=data.decode("utf-8", "replace"))
    try:
        with Image.open(io.BytesIO(data)) as file:
            count = getattr(file, "n_frames", 1)
            if count * file.width * file.height > PIXELS_MAX:
                raise AssetError(
                    f"{what} has {count} frames of {file.width}x{file.height}; expected at most "
                    f"{PIXELS_MAX:,} pixels in all. Make it a video, such as a transparent WebM.",
                    rule="animated-size",
                )
            frames: list[bytes] = []
            ends: list[int] = []
            for frame in _shown_frames(file):
                target = io.BytesIO()
                frame.convert("RGBA").save(
                    target, "PNG", compress_level=1, icc_profile=file.info.get("icc_profile")
                )
                frames.append(target.getvalue())
                duration = round(frame.info.get("duration", 0))
                ends.append((ends[-1] if ends else 0) + (duration if duration > _SHORT_MS else _INSTEAD_MS))
            return MovingPicture(tuple(frames), tuple(ends), _rounds(file))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise AssetError(f"{what} cannot be decoded; save it anew.", rule="animated-broken") from error


def _shown_frames(file: Image.Image) -> list[Image.Image] | ImageSequence.Iterator:
    # In an APNG the first picture may be there for old viewers alone.
    skipped = file.format == "PNG" and bool(file.info.get("default_image"))
    frames = ImageSequence.Iterator(file)
    if skipped:
        next(frames)
    return frames


def _rounds(file: Image.Image) -> int:
    loop = file.info.get("loop")
    if file.format == "GIF":
        # Absent: once. The number in the file counts repetitions, in browsers.
        return 1 if loop is None else loop + 1 if loop else 0
    return int(loop or 0)
