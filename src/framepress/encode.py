"""Pictures into segments: H.264 by the one stream profile every path shares.

High, yuv420p, BT.709 limited, one slice per picture, no B frames, one reference, CRF, key frames (IDR) on a
fixed grid every 2 seconds and nowhere else. Each GOP has an encoder of its own, so neither its bytes nor its
rate control depend on what came before or on how many workers took part, and segments join by being put one
after the other.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

from framepress.errors import EncodeError, InternalError
from framepress.pictures import Picture, PictureReader
from framepress.settings import Preset
from framepress.streams import Segment

#: Seconds between key frames: a player seeks in about this step, and a longer GOP saves little.
KEY_FRAME_INTERVAL_S = 2

#: NAL unit types: a slice, a slice of an IDR picture (H.264 table 7-1).
_NAL_SLICE, _NAL_IDR = 1, 5

#: Raised when other bytes come out of the same pictures because of us. 1: presets as they are. 2: `_LEAN`, of
#: vectors and partitions. 3: of adaptive quantisation too.
PROFILE = 3

#: What the profile changes in a preset. In `veryfast`, vectors to half a sample and macroblocks that are not
#: divided take 39 to 50 % less time than the preset as it is, at -5 to +2 % of its bytes and 0.2 dB less (the
#: three examples at 1080p, CRF 18, one thread): what is common to graphics, moving gradients and the camera
#: is that a finer search finds little, and x264 is what most of a row's time goes to. Half of x264's adaptive
#: quantisation takes another 12 to 20 % off, and 17 to 45 % of the bytes of graphics: at CRF 18 it spends
#: bits on gradients that are within one code value without. With none at all, dark gradients show blocks.
#: Vectors to whole samples make a photograph that moves slowly 2.6 times as large.
_LEAN: Mapping[str, Mapping[str, object]] = {
    "veryfast": {"subme": 1, "partitions": "none", "aq-strength": 0.5}
}

#: For `GopEncoder`: vectors to whole samples. The encoder takes a fifth less time, for it need not make the
#: samples between the samples.
FULL_PEL: Mapping[str, object] = {"subme": 0}

#: Presets in which a GOP may have them, if that was tried on it (`survey_bands`). In others they would change
#: the PPS as well: without what x264 does for the eye it sets another quantiser for chroma.
FULL_PEL_PRESETS = frozenset(_LEAN)

_START_CODE = re.compile(b"\x00\x00\x01")


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What decides the bytes of a segment; every field is part of a segment's key.

    Attributes:
        width, height: pixels, even.
        fps: frames per second, also the stream's time base.
        crf: 1 (finest) to 51. x264 takes 0 as lossless, which High does not have.
        preset: x264's preset; what the profile fixes is not taken from it.
        gop_frames: length of a full GOP, `gop_frame_count(fps)`.
    """

    width: int
    height: int
    fps: Fraction
    crf: int
    preset: Preset
    gop_frames: int


def gop_frame_count(fps: Fraction) -> int:
    """Frames per GOP: 2 seconds, to the nearest frame (at 30000/1001: 60), and never fewer than 2.

    Two, because neighbouring IDR pictures would need different `idr_pic_id`, and encoders that know nothing
    of each other all write 0.
    """
    return max(2, round(KEY_FRAME_INTERVAL_S * fps))


def gop_ranges(frame_count: int, gop_frames: int) -> list[range]:
    """The frames of each GOP, in order; the last may be shorter."""
    return [range(first, min(first + gop_frames, frame_count)) for first in range(0, frame_count, gop_frames)]


class GopEncoder:
    """Encodes one closed GOP: `add` or `repeat` for every frame, then `finish`, then throw it away.

    The lookahead, and with it mbtree, ends with the GOP. Used by one thread.

    Args:
        more: x264's options beyond the profile (`band_encode`); they must not change what stands in the PPS.

    Raises:
        EncodeError: libx264 refuses the settings; the same settings are refused again.
    """

    def __init__(self, settings: EncoderSettings, more: Mapping[str, object] = MappingProxyType({})) -> None:
        self._settings = settings
        self._frame_count = 0
        self._last: Picture | None = None
        self._packets: list[bytes] = []
        self._context = _open_context(settings, more)

    def add(self, picture: Picture) -> None:
        """Take the next frame. The picture may be used again afterwards, unchanged.

        Raises:
            EncodeError: it has another size or pixel format, or libx264 refused it (`.frame_index`).
        """
        settings = self._settings
        # PyAV would scale such a picture without a word.
        wanted = (settings.width, settings.height, "yuv420p")
        if (picture.width, picture.height, picture.format.name) != wanted:
            raise EncodeError(
                f"Frame {self._frame_count} of the GOP is {picture.width}x{picture.height} "
                f"{picture.format.name}; the clip is {settings.width}x{settings.height} yuv420p.",
                rule="size",
                frame_index=self._frame_count,
            )
        if self._frame_count == settings.gop_frames:
            raise InternalError(f"A GOP of {settings.gop_frames} frames was given one more.")
        picture.pts = self._frame_count
        picture.time_base = 1 / settings.fps
        self._collect(picture)
        self._last = picture
        self._frame_count += 1

    def repeat(self) -> None:
        """The next frame shows the same as the one before (a frame without damage)."""
        if self._last is None:
            raise InternalError("A GOP cannot begin with a repeated frame.")
        self.add(self._last)

    def finish(self) -> Segment:
        """Flush the encoder and return the GOP. The encoder is of no use afterwards.

        Raises:
            EncodeError: libx264 failed, or did not return one picture per frame with one IDR in front.
        """
        if self._frame_count == 0:
            raise InternalError("A GOP without frames was finished.")
        self._collect(None)
        self._last = None
        key_frames = [index for index, packet in enumerate(self._packets) if nal_types(packet)[0] == _NAL_IDR]
        if len(self._packets) != self._frame_count or key_frames != [0]:
            raise EncodeError(
                f"libx264 returned {len(self._packets)} pictures for {self._frame_count} frames, "
                f"key frames at {key_frames}; expected one each and a key frame at 0 only.",
                rule="gop",
            )
        return Segment(tuple(self._packets), bytes(self._context.extradata or b""))

    def _collect(self, picture: Picture | None) -> None:
        try:
            packets = self._context.encode(picture)
        except (av.FFmpegError, ValueError) as exc:
            raise EncodeError(
                f"libx264 refused frame {self._frame_count} of a GOP: {exc}", frame_index=self._frame_count
            ) from exc
        self._packets.extend(_slices_only(bytes(packet)) for packet in packets)


def _open_context(
    settings: EncoderSettings, more: Mapping[str, object] = MappingProxyType({})
) -> av.VideoCodecContext:
    if settings.crf < 1:
        raise EncodeError(
            "CRF 0 is lossless, which H.264 High does not have; use 1, the finest it has.", rule="crf"
        )
    context = av.VideoCodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = settings.width, settings.height, "yuv420p"
    context.time_base, context.framerate = 1 / settings.fps, settings.fps
    context.sample_aspect_ratio = Fraction(1)
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    context.colorspace, context.color_range = 1, ColorRange.MPEG  # 1: AVCOL_SPC_BT709
    context.thread_count = 1
    # Parameter sets go to extradata instead of every first packet, which is where `Segment` wants them.
    context.flags |= Flags.global_header
    context.options = {
        "preset": settings.preset,
        "crf": str(settings.crf),
        "profile": "high",
        "x264-params": ":".join(
            f"{name}={value}" for name, value in {**_x264_params(settings), **more}.items()
        ),
    }
    try:
        context.open()
    except (av.FFmpegError, ValueError) as exc:
        raise EncodeError(
            f"libx264 refused {settings.width}x{settings.height} at {settings.fps} fps, "
            f"CRF {settings.crf}, preset {settings.preset}: {exc}",
            rule="settings",
        ) from exc
    return context


def _x264_params(settings: EncoderSettings) -> dict[str, object]:
    """What the profile fixes, whatever the preset says."""
    return {
        **_used_simd(),
        **_LEAN.get(settings.preset, {}),
        "bframes": 0,
        "ref": 1,
        "weightp": 0,
        "scenecut": 0,
        "open-gop": 0,
        "keyint": settings.gop_frames,
        # Headers must not depend on what is in the pictures, or segments would not join.
        "stitchable": 1,
        "force-cfr": 1,
        "threads": 1,
        "lookahead-threads": 1,
        "sliced-threads": 0,
        "annexb": 1,
        # "ultrafast" leaves these two out and would fall back to the Baseline profile.
        "cabac": 1,
        "8x8dct": 1,
        # Centre siting, as `pictures` makes it.
        "chromaloc": 1,
    }


def _used_simd() -> dict[str, str]:
    """Keep x264 from its AVX-512 code, which does not give the same bytes twice.

    Its mbtree reads memory that nobody wrote if a row has a number of macroblocks that is no multiple of 4:
    40 encodes of one GOP of 160x96, 25 of 400x400 and 25 of 854x480 (core 165) gave 4 or 5 different streams
    each; without AVX-512, or with ``mbtree=0``, one. It costs no time that could be measured, and machines
    with and without AVX-512 agree.
    """
    return {"asm": "AVX2"} if simd_level() == "avx512" else {}


def nal_units(access_unit: bytes) -> list[bytes]:
    """The NAL units of Annex B bytes, without start codes."""
    starts = [match.end() for match in _START_CODE.finditer(access_unit)]
    ends = [start - 3 for start in starts[1:]] + [len(access_unit)]
    # A four-byte start code leaves a zero at the end of the unit before it; no NAL unit ends in one.
    return [access_unit[a:b].rstrip(b"\x00") for a, b in zip(starts, ends, strict=True)]


def nal_types(access_unit: bytes) -> list[int]:
    """The type of each NAL unit, in order."""
    return [access_unit[match.end()] & 0x1F for match in _START_CODE.finditer(access_unit)]


def _slices_only(access_unit: bytes) -> bytes:
    """Drop what is not picture data: x264 writes its settings into an SEI of the first access unit."""
    kept = [unit for unit in nal_units(access_unit) if unit[0] & 0x1F in (_NAL_SLICE, _NAL_IDR)]
    return b"".join(b"\x00\x00\x00\x01" + unit for unit in kept)


def parameter_sets(settings: EncoderSettings) -> bytes:
    """SPS and PPS of every segment that is made under these settings, without encoding anything.

    Raises:
        EncodeError: libx264 refuses the settings.
    """
    return bytes(_open_context(settings).extradata or b"")


@cache
def encoder_facts() -> dict[str, str]:
    """What the bytes of a segment depend on besides pictures and settings; for the environment digest.

    Keys: `pyav`, `libavcodec`, `libswscale`, `x264` (its own words, such as "core 165"),
    `profile` (`PROFILE`), `machine` (such as "x86_64"), `simd` (see `simd_level`; the level that is used).
    """
    versions = {name: ".".join(map(str, av.library_versions[name])) for name in ("libavcodec", "libswscale")}
    return {
        "pyav": av.__version__,
        **versions,
        "x264": _x264_version(),
        "profile": str(PROFILE),
        "machine": platform.machine(),
        "simd": _used_simd().get("asm", simd_level()).lower(),
    }


def _x264_version() -> str:
    """x264 names itself only in its stream, so one tiny picture is encoded."""
    settings = EncoderSettings(16, 16, Fraction(30), 18, "ultrafast", 2)
    context = _open_context(settings)
    black = PictureReader(16, 16).from_pixels(np.zeros((16, 16, 3), np.uint8), "rgb24")
    black.pts = 0
    data = b"".join(bytes(packet) for packet in [*context.encode(black), *context.encode(None)])
    found = re.search(rb"x264 - (core [^-]*?) - ", data)
    return found.group(1).decode("ascii", "replace") if found else "unknown"


#: Highest first: name, and the flags of /proc/cpuinfo that x264 asks for before it uses that level
#: (x264's common/cpu.c; the AVX-512 level wants the whole Skylake-X set).
_SIMD_LEVELS: tuple[tuple[str, frozenset[str]], ...] = (
    ("avx512", frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl", "avx2"})),
    ("avx2", frozenset({"avx2", "bmi2"})),
    ("avx", frozenset({"avx"})),
    ("sse4.2", frozenset({"sse4_2"})),
    ("ssse3", frozenset({"ssse3"})),
    ("sse2", frozenset({"sse2"})),
    ("sve2", frozenset({"sve2"})),
    ("sve", frozenset({"sve"})),
    ("i8mm", frozenset({"i8mm", "asimddp"})),
    ("dotprod", frozenset({"asimddp"})),
    ("neon", frozenset({"asimd"})),
)


@cache
def _machine_level() -> str:
    try:
        return simd_level(Path("/proc/cpuinfo").read_text("utf-8", "replace"))
    except OSError:
        return "unknown"


def simd_level(cpuinfo: str | None = None) -> str:
    """The widest instruction set that x264 uses here; its output differs between them.

    Args:
        cpuinfo: the text of /proc/cpuinfo; None: this machine's. Where there is none: "unknown".
    """
    if cpuinfo is None:
        return _machine_level()
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    flags = frozenset(found.group(1).split()) if found else frozenset()
    return next((name for name, wanted in _SIMD_LEVELS if wanted <= flags), "unknown")
