"""A clip from its first decision to the finished, checked file; knows no browser and no rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framepress import filecheck, mux
from framepress.composition import Document
from framepress.encode import EncoderSettings, gop_ranges
from framepress.errors import InternalError, StorageFault
from framepress.pictures import FrameSummary
from framepress.streams import AudioTrack, Segment, VideoTrack


@dataclass(frozen=True)
class Clip:
    """A variant whose page is open: everything that is decided before the first frame."""

    document: Document
    encoder: EncoderSettings
    fps: Fraction
    frame_count: int
    stateful: tuple[str, ...] = ()

    @property
    def gops(self) -> list[range]:
        return gop_ranges(self.frame_count, self.encoder.gop_frames)


@dataclass(frozen=True)
class Artifact:
    """A finished, checked file that is not published yet."""

    path: Path
    size_bytes: int


def assemble(
    path: Path,
    clip: Clip,
    segments: Mapping[int, Segment],
    summaries: Mapping[int, FrameSummary],
    track: AudioTrack | None,
    provenance: Mapping[str, object],
) -> Artifact:
    """Mux segments and sound to `path` and check the file; see `Renderer.assemble`.

    Raises:
        FileCheckError: the file is not what was asked for.
        StorageFault: the disk for temporary files is full.
    """
    starts = [gop.start for gop in clip.gops]
    if sorted(segments) != starts:
        raise InternalError(f"Segments at {sorted(segments)} were made; the clip needs {starts}.")
    video = VideoTrack(
        tuple(segments[start] for start in starts), clip.encoder.width, clip.encoder.height, clip.fps
    )
    try:
        mux.write_mp4(path, video, track, metadata={"comment": json.dumps(provenance, separators=(",", ":"))})
    except OSError as exc:
        raise StorageFault(
            f"The temporary file {path} could not be written: {exc.strerror or exc}. Free space in "
            f"{path.parent.parent} or set TMPDIR.",
            rule="temporary-not-writable",
        ) from exc
    filecheck.check_mp4(
        path,
        frame_count=clip.frame_count,
        fps=clip.fps,
        width=clip.encoder.width,
        height=clip.encoder.height,
        keyframes=starts,
        audio_samples=track.sample_count if track is not None else None,
    )
    filecheck.check_key_pictures(path, summaries)
    return Artifact(path, path.stat().st_size)
