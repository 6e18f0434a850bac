"""What encoded pictures and sound look like between encoder and file. Data only, no codecs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Segment:
    """The encoded pictures of one closed GOP.

    Attributes:
        packets: one Annex B access unit per picture, in decode order, which is presentation order
            because the profile has no B frames. The first is an IDR picture. Parameter sets are not in it.
        parameter_sets: SPS and PPS, Annex B, equal in all segments that are joined.
    """

    packets: tuple[bytes, ...]
    parameter_sets: bytes

    @property
    def frame_count(self) -> int:
        return len(self.packets)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """Segments in order, with what the container must know. Frame n is shown at ``n / fps`` seconds."""

    segments: tuple[Segment, ...]
    width: int
    height: int
    fps: Fraction

    @property
    def frame_count(self) -> int:
        return sum(segment.frame_count for segment in self.segments)

    @property
    def duration_s(self) -> Fraction:
        return self.frame_count / self.fps


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """AAC-LC packets, 48 kHz stereo.

    Attributes:
        packets: raw AAC access units of 1,024 samples each, in order.
        config: AudioSpecificConfig (the codec's extradata).
        priming_samples: samples at the front that a player must drop (the encoder's delay).
        sample_count: samples of sound that follow the priming; the last packet may hold more.
    """

    packets: tuple[bytes, ...]
    config: bytes
    priming_samples: int
    sample_count: int
    sample_rate: int = 48_000
