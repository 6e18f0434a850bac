"""Timed sounds into one track: mixed at 48 kHz stereo, limited only where the sum would clip, AAC-LC.

Nothing is normalised: a sound at volume 1 comes out as it went in, sample for sample, unless it must be
resampled, sped up, or held below full scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

from framepress import keys
from framepress.errors import AssetError, EncodeError
from framepress.resampling import SAMPLE_RATE, Samples, audio_frames, change_speed
from framepress.sound import read_sound
from framepress.streams import AudioTrack

#: Bits per second: transparent for stereo in listening tests, and 144 kB for six seconds.
AAC_BIT_RATE = 192_000

AAC_FRAME_SAMPLES = 1024

#: The limiter's fall before a peak and rise after it, in dB per second: 12 dB take 5 ms and 100 ms. The fall
#: is short enough to stay unheard before the peak, the rise long enough not to follow the waveform of a bass.
_ATTACK_DB_S = 2_400.0
_RELEASE_DB_S = 120.0


@dataclass(frozen=True, slots=True)
class AudioSpec:
    """A sound and when it plays. Times are seconds of the clip unless said otherwise.

    Attributes:
        path: a sound file, or a video with sound.
        start: when it begins.
        end: when it stops; None: when the file or the clip ends.
        volume: factor, 0 to 3.98.
        muted: it makes no sound and its file is not read.
        speed: seconds of the file per second of the clip, at unchanged pitch.
        trim_start: seconds of the file to leave out in front.
        loop: at the file's end go on at `trim_start`, until `end` or the end of the clip.
        place: what messages call it, such as ``card.html:12``; not the path, which may be a row's value.
    """

    path: Path
    start: Fraction = Fraction(0)
    end: Fraction | None = None
    volume: Fraction = Fraction(1)
    muted: bool = False
    speed: Fraction = Fraction(1)
    trim_start: Fraction = Fraction(0)
    loop: bool = False
    place: str = "audio element"


def has_sound(path: Path) -> bool:
    """Whether a video brings sound along; one that cannot be read is told where it is decoded."""
    try:
        with av.open(f"file:{path.resolve()}", container_options={"protocol_whitelist": "file"}) as container:
            return bool(container.streams.audio)
    except (av.FFmpegError, OSError, ValueError):
        return False


def mix_audio(elements: Sequence[AudioSpec], duration: Fraction) -> NDArray[np.float32] | None:
    """Sum the sounds of a clip.

    Returns:
        float32, full scale 1.0, shape (duration * 48000 rounded, 2); None where no element is to be heard at
        all (none there, or all muted), so that the clip gets no audio stream. An element at volume 0, or
        one outside the clip, still gives silence.

    Raises:
        AssetError: a file is missing, not sound, damaged or cut short.
    """
    audible = [spec for spec in elements if not spec.muted]
    if not audible:
        return None
    mix = np.zeros((2, round(duration * SAMPLE_RATE)), np.float32)
    for spec in audible:
        _add(mix, spec, duration)
    return np.ascontiguousarray(limit(mix).T)


def _add(mix: Samples, spec: AudioSpec, duration: Fraction) -> None:
    end = duration if spec.end is None else min(spec.end, duration)
    if end <= spec.start:
        return
    samples = _play(spec, end - spec.start)
    # An element may begin before the clip does; what lies before 0 is not heard.
    first = round(spec.start * SAMPLE_RATE)
    samples = samples[:, max(0, -first) :]
    first = max(0, first)
    samples = samples[:, : mix.shape[1] - first]
    if spec.volume != 1:
        samples = samples * np.float32(float(spec.volume))
    mix[:, first : first + samples.shape[1]] += samples


def _play(spec: AudioSpec, length_s: Fraction) -> Samples:
    """What the element plays in `length_s` seconds of the clip; shorter if its file ends."""
    wanted = round(length_s * SAMPLE_RATE)
    samples = read_sound(
        spec.path,
        place=spec.place,
        trim_start=spec.trim_start,
        length_s=None if spec.loop else length_s * spec.speed,
    )
    if spec.loop:
        source_wanted = round(length_s * spec.speed * SAMPLE_RATE)
        if samples.shape[1] == 0:
            raise AssetError(f"{spec.place}: nothing is left to loop after the trim.", rule="sound-empty")
        samples = np.tile(samples, -(-source_wanted // samples.shape[1]))[:, :source_wanted]
    if spec.speed != 1 and samples.shape[1]:
        samples = change_speed(samples, spec.speed)
    return samples[:, :wanted]


def limit(samples: Samples) -> Samples:
    """Hold the sum within full scale; where it is not near a clipped peak, every sample stays as it is.

    The gain is the same for both channels. It falls at a steady rate in dB until a peak fits exactly and
    rises at a slower one after it.
    """
    peak = np.abs(samples).max(axis=0)
    if not peak.size or float(peak.max()) <= 1.0:
        return samples
    over_db = 20 * np.log10(np.maximum(peak.astype(np.float64), 1.0))
    falling = _decay(over_db, _RELEASE_DB_S / SAMPLE_RATE)
    rising = _decay(over_db[::-1], _ATTACK_DB_S / SAMPLE_RATE)[::-1]
    reduction_db = np.maximum(falling, rising)
    limited = samples.copy()
    where = reduction_db > 0
    gain = 10 ** (-reduction_db[where] / 20)
    limited[:, where] = np.clip(samples[:, where] * gain, -1.0, 1.0)
    return limited


def _decay(over_db: NDArray[np.float64], db_per_sample: float) -> NDArray[np.float64]:
    """The highest of the lines that start at each peak and fall from there; never below 0."""
    slope = np.arange(over_db.size) * db_per_sample
    lines = np.where(over_db > 0, over_db + slope, -np.inf)
    decay: NDArray[np.float64] = np.maximum(np.maximum.accumulate(lines) - slope, 0.0)
    return decay


def encode_audio(pcm: NDArray[np.float32]) -> AudioTrack:
    """Encode a mix as AAC-LC, 48 kHz stereo, 192 kbit/s.

    Args:
        pcm: as `mix_audio` returns it, at least one sample.

    Returns:
        Packets that hold the priming and every sample.

    Raises:
        EncodeError: libav's encoder refused.
    """
    samples = np.ascontiguousarray(pcm.T)
    try:
        context = av.AudioCodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format = SAMPLE_RATE, "stereo", "fltp"
        context.bit_rate = AAC_BIT_RATE
        # Otherwise the encoder writes its name and version into the first packet.
        context.flags |= Flags.bitexact
        context.open()
        packets = []
        for frame in [*audio_frames(samples, SAMPLE_RATE, AAC_FRAME_SAMPLES), None]:
            packets.extend(context.encode(frame))
    except (av.FFmpegError, ValueError) as exc:
        raise EncodeError(f"The AAC encoder refused {len(pcm)} samples: {exc}", rule="aac") from exc
    if not packets or packets[0].pts is None or packets[0].pts > 0:
        raise EncodeError("The AAC encoder does not say where its sound begins.", rule="aac")
    priming = -packets[0].pts
    needed = -(-(priming + len(pcm)) // AAC_FRAME_SAMPLES)
    if len(packets) < needed:
        raise EncodeError(
            f"The AAC encoder returned {len(packets)} packets for {len(pcm)} samples; {needed} are needed.",
            rule="aac",
        )
    return AudioTrack(
        packets=tuple(bytes(packet) for packet in packets),
        config=bytes(context.extradata or b""),
        priming_samples=priming,
        sample_count=len(pcm),
        sample_rate=SAMPLE_RATE,
    )


def audio_key(elements: Sequence[tuple[AudioSpec, str]], duration: Fraction, *, environment: str) -> str:
    """The key of an encoded track: what is heard, when, and from which bytes.

    Args:
        elements: each sound with the SHA-256 of its file, in the order of the document. Paths and places do
            not enter, muted ones neither. The order does, because float sums depend on it.
        environment: `keys.environment_digest`.
    """
    sounds = [
        {
            "file": digest,
            "start": spec.start,
            "end": spec.end,
            "volume": spec.volume,
            "speed": spec.speed,
            "trim_start": spec.trim_start,
            "loop": spec.loop,
        }
        for spec, digest in elements
        if not spec.muted
    ]
    return keys.piece_key(
        "audio", environment=environment, sounds=sounds, duration=duration, bit_rate=AAC_BIT_RATE
    )
