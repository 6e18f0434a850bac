"""Sounds whose answer is known by construction: clicks, steps and tones at given samples."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from framepress.audio import AudioSpec, audio_key, encode_audio, limit, mix_audio
from framepress.errors import AssetError, InputError
from framepress.resampling import change_speed
from framepress.sound import read_sound
from media_tools import run

Mono = NDArray[np.float32]
RATE = 48_000
CLICKS_S = (0.5, 1.5, 2.5)


def clicks(rate: int = RATE, seconds: float = 3.0, at: tuple[float, ...] = CLICKS_S) -> Mono:
    """Silence with a click of 8 samples that begins at each of these seconds."""
    samples = np.zeros(round(rate * seconds), np.float32)
    for second in at:
        samples[round(second * rate) : round(second * rate) + 8] = 0.9
    return samples


def tone(seconds: float, level: float = 0.5, hertz: float = 440.0, rate: int = RATE) -> Mono:
    time = np.arange(round(rate * seconds)) / rate
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def write_wav(path: Path, *channels: Mono, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.stack(channels, 1) * 32768).round().clip(-32768, 32767).astype("<i2").tobytes())
    return path


def mixed(duration: float, *specs: AudioSpec) -> Mono:
    """The mix of these, which must be there."""
    mix = mix_audio(specs, Fraction(duration))
    assert mix is not None
    assert mix.dtype == np.float32
    assert mix.shape == (round(duration * RATE), 2)
    return mix


def click_times(samples: Mono, threshold: float = 0.2) -> list[float]:
    """Seconds at which something loud begins after 50 ms without."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    starts = loud[np.diff(loud, prepend=-RATE) > RATE // 20]
    return [float(start) / RATE for start in starts]


def near(seconds: list[float], wanted: list[float], tolerance_s: float = 0.001) -> bool:
    return len(seconds) == len(wanted) and all(
        abs(a - b) <= tolerance_s for a, b in zip(seconds, wanted, strict=True)
    )


def spec(path: Path, **options: object) -> AudioSpec:
    values = {k: v if isinstance(v, bool) else Fraction(str(v)) for k, v in options.items()}
    return AudioSpec(path, place="card.html:12", **values)  # type: ignore[arg-type]


def test_no_element_and_only_muted_ones_give_no_track(tmp_path: Path) -> None:
    assert mix_audio([], Fraction(6)) is None
    assert mix_audio([spec(tmp_path / "not-there.wav", muted=True)], Fraction(6)) is None


def test_one_sound_at_full_volume_comes_out_bit_for_bit(tmp_path: Path) -> None:
    left, right = tone(2, 0.999), clicks(seconds=2, at=(0.25,))
    path = write_wav(tmp_path / "a.wav", left, right)
    mix = mixed(2, spec(path))
    as_written = (np.stack([left, right], 1) * 32768).round().clip(-32768, 32767) / 32768
    assert np.array_equal(mix, as_written.astype(np.float32))


def test_mono_is_on_both_sides_at_full_level(tmp_path: Path) -> None:
    mix = mixed(1, spec(write_wav(tmp_path / "a.wav", tone(1, 0.5))))
    assert np.array_equal(mix[:, 0], mix[:, 1])
    assert np.abs(mix).max() == pytest.approx(0.5, abs=0.001)


def test_44100_hertz_keep_their_times_their_pitch_and_their_level(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", clicks(44_100), tone(3, rate=44_100), rate=44_100)
    mix = mixed(3, spec(path))
    assert near(click_times(mix[:, 0]), list(CLICKS_S))
    spectrum = np.abs(np.fft.rfft(mix[:, 1]))
    assert np.argmax(spectrum) / 3 == pytest.approx(440, abs=0.5)
    assert np.abs(mix[RATE : 2 * RATE, 1]).max() == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize(
    "name",
    ["a.mp3", "a.m4a", "a.opus", "a.ogg", "a.flac", "a.webm", "a.mkv", "late.mp4"],
)
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_every_format_keeps_its_times_whatever_its_encoder_delay(
    tmp_path: Path, name: str, rate: int
) -> None:
    wav = write_wav(tmp_path / "a.wav", clicks(rate), rate=rate)
    path = tmp_path / name
    codec = {"a.mkv": ["-c:a", "pcm_s16le"], "a.ogg": ["-c:a", "libvorbis"]}.get(name, [])
    offset = 0.0
    if name == "late.mp4":
        # A video whose sound begins 0.3 s after its picture.
        offset = 0.3
        run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=3.5:s=64x64", "-itsoffset", "0.3",
            "-i", wav, "-map", "0:v", "-map", "1:a", path)  # fmt: skip
    else:
        run("ffmpeg", "-v", "error", "-i", wav, *codec, path)
    wanted = [second + offset for second in CLICKS_S]
    assert near(click_times(mixed(3, spec(path))[:, 0]), wanted)


def test_start_end_and_trim_are_exact_to_the_sample(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).uniform(-0.9, 0.9, 2 * RATE).astype(np.float32)
    path = write_wav(tmp_path / "a.wav", noise)
    whole = mixed(2, spec(path))[:, 0]
    mix = mixed(3, spec(path, start="1.25", end="2.0", trim_start="0.123"))[:, 0]
    first, count, trimmed = RATE * 5 // 4, RATE * 3 // 4, 5904
    assert np.array_equal(mix[first : first + count], whole[trimmed : trimmed + count])
    assert not mix[:first].any()
    assert not mix[first + count :].any()


def test_sounds_are_summed_with_their_volumes_and_silence_between(tmp_path: Path) -> None:
    one = write_wav(tmp_path / "a.wav", np.full(RATE, 0.25, np.float32))
    mix = mixed(4, spec(one, volume="0.5"), spec(one, start="0.5"), spec(one, start="2.5", volume="3.9"))[
        :, 0
    ]
    levels = [mix[round(second * RATE)] for second in (0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.75)]
    assert levels == pytest.approx([0.125, 0.375, 0.25, 0, 0, 0.975, 0], abs=1e-6)


def test_a_loop_goes_on_at_the_trim_until_the_end(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", clicks(seconds=1, at=(0.1, 0.6)))
    mix = mixed(3, spec(path, loop=True, trim_start="0.5", end="2.25"))[:, 0]
    assert near(click_times(mix), [0.1, 0.6, 1.1, 1.6, 2.1], 0.00003)
    assert not mix[round(2.25 * RATE) :].any()
    with pytest.raises(AssetError, match="nothing is left to loop"):
        mixed(3, spec(path, loop=True, trim_start="1"))


def test_a_longer_sound_ends_with_the_clip_and_a_shorter_one_leaves_silence(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", np.full(2 * RATE, 0.5, np.float32))
    assert (mixed(1, spec(path)) == 0.5).all()
    assert not mixed(3, spec(path))[2 * RATE :].any()
    assert not mixed(1, spec(path, start="5")).any()
    assert not mixed(1, spec(path, trim_start="9")).any()


def test_what_lies_before_the_clip_is_not_heard(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", clicks())
    assert near(click_times(mixed(2, spec(path, start="-1.25"))[:, 0]), [0.25, 1.25])


def test_reading_stops_where_it_was_told_to(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(3, rate=44_100), rate=44_100)
    samples = read_sound(path, place="", trim_start=Fraction(1, 3), length_s=Fraction(1, 2))
    assert samples.shape == (2, RATE // 2)


@pytest.mark.parametrize("speed", [4, 8, 16])
def test_no_speed_leaves_short_sounds_out(speed: int) -> None:
    at = np.arange(1.6, 18.4, 0.08 * speed)
    bursts = np.zeros(20 * RATE, np.float32)
    for second in at:
        bursts[round(second * RATE) :][: RATE // 20] = tone(0.05, 0.8, 1500)
    sped = np.abs(change_speed(np.stack([bursts, bursts]), Fraction(speed))[0])
    around = [sped[round((t / speed - 0.05) * RATE) : round((t / speed + 0.05) * RATE)] for t in at]
    assert all((part > 0.3).any() for part in around)


@pytest.mark.parametrize("speed", ["0.25", "0.5", "0.8", "1.25", "2", "3", "8"])
def test_speed_changes_the_length_but_not_the_pitch(tmp_path: Path, speed: str) -> None:
    factor = float(speed)
    seconds = 4.0
    steps = tone(seconds) * (np.arange(round(seconds * RATE)) // RATE % 2)
    sped = change_speed(np.stack([steps, steps]).astype(np.float32), Fraction(speed))
    assert sped.shape == (2, round(seconds * RATE / factor))
    loud = np.convolve(np.abs(sped[0]), np.ones(2400) / 2400, "same") > 0.15
    edges = np.flatnonzero(np.diff(loud.astype(int))) / RATE
    assert near([float(edge) for edge in edges[:3]], [n / factor for n in (1, 2, 3)], 0.05)
    spectrum = np.abs(np.fft.rfft(sped[0] * np.hanning(sped.shape[1])))
    assert np.argmax(spectrum) * RATE / sped.shape[1] == pytest.approx(440, rel=0.02)


def test_a_sped_element_plays_its_file_in_less_time(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", clicks())
    mix = mixed(3, spec(path, speed="1.25", start="0.2"))[:, 0]
    assert near(click_times(mix), [0.2 + second / 1.25 for second in CLICKS_S], 0.03)


def test_the_limiter_holds_a_peak_and_leaves_everything_else_bit_for_bit() -> None:
    samples = np.stack([tone(4, 0.9), tone(4, 0.5, 100)])
    samples[:, 2 * RATE : 2 * RATE + 480] *= 2
    limited = limit(samples)
    assert np.abs(limited).max() <= 1.0
    assert np.abs(limited[:, 2 * RATE : 2 * RATE + 480]).max() > 0.99
    changed = np.flatnonzero((limited != samples).any(axis=0)) / RATE
    assert 1.995 < changed[0] < 2.0
    assert 2.01 < changed[-1] < 2.1
    middle = slice(2 * RATE, 2 * RATE + 480)
    sounding = (np.abs(samples[:, middle]) > 0.05).all(axis=0)
    gains = limited[:, middle][:, sounding] / samples[:, middle][:, sounding]
    assert np.abs(gains[0] - gains[1]).max() < 1e-5, "both channels get the same gain"


def test_the_limiter_does_not_touch_full_scale_and_nothing_is_normalised(tmp_path: Path) -> None:
    full = np.ones((2, 1000), np.float32)
    assert limit(full) is full
    quiet = mixed(1, spec(write_wav(tmp_path / "a.wav", np.full(RATE, 0.125, np.float32))))
    assert (quiet == 0.125).all()


def test_a_sum_that_would_clip_is_limited_in_the_mix(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(1, 0.9))
    mix = mixed(2, spec(path, volume="3.98"))
    assert 0.99 < np.abs(mix).max() <= 1.0


def cut_short(path: Path, keep: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.opus", "a.ogg", "a.flac", "a.webm", "a.mkv"])
def test_a_file_that_is_cut_short_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    seconds = 20
    noise = np.random.default_rng(4).uniform(-0.5, 0.5, seconds * RATE).astype(np.float32)
    wav, path = write_wav(tmp_path / "source.wav", noise), tmp_path / name
    codec = (
        ["-c:a", "libvorbis"] if name == "a.ogg" else ["-movflags", "+faststart"] if name == "a.m4a" else []
    )
    run("ffmpeg", "-v", "error", "-i", wav, *codec, path)
    assert np.abs(mixed(seconds, spec(path))).max() > 0.3
    with pytest.raises(AssetError, match=r"card\.html:12: .*(cut short|damaged|cannot be read)") as caught:
        mixed(seconds, spec(cut_short(path, 0.61)))
    assert name not in caught.value.message, "a path may be a row's value"
    assert isinstance(caught.value, InputError)


def test_a_cut_behind_the_wanted_end_does_no_harm(tmp_path: Path) -> None:
    path = cut_short(write_wav(tmp_path / "a.wav", tone(20)), 0.5)
    assert mixed(2, spec(path)).any()


def test_what_is_not_sound_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("hello, this is no music\n" * 100)
    (tmp_path / "empty.wav").write_bytes(b"")
    write_wav(tmp_path / "real.wav", tone(1))
    (tmp_path / "list.mp3").write_text("ffconcat version 1.0\nfile real.wav\n")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nreal.wav\n#EXT-X-ENDLIST\n")
    for name in ("text.mp3", "empty.wav", "list.mp3", "list.m3u8", "missing.wav"):
        with pytest.raises(AssetError, match=r"^card\.html:12: "):
            mix_audio([spec(tmp_path / name)], Fraction(1))


def test_a_video_without_sound_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=1:s=64x64", path)
    with pytest.raises(AssetError, match=r"holds no sound\. Remove the element, or mute it"):
        mix_audio([spec(path)], Fraction(1))


def test_tags_behind_an_mp3_are_not_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    run("ffmpeg", "-v", "error", "-i", write_wav(tmp_path / "a.wav", tone(3)), path)
    path.write_bytes(path.read_bytes() + b"APETAGEX" + bytes(300) + b"TAG" + bytes(125))
    assert mixed(3, spec(path)).any()


def decode(config: bytes, packets: tuple[bytes, ...]) -> Mono:
    context = av.AudioCodecContext.create("aac", "r")
    context.extradata = config
    decoded = [frame.to_ndarray() for data in packets for frame in context.decode(av.Packet(data))]
    return np.concatenate(decoded, axis=1).astype(np.float32)


@pytest.mark.parametrize("count", [1, 1023, 1024, 1025, 4 * RATE, 80_080])
def test_aac_packets_hold_the_priming_and_every_sample(count: int) -> None:
    pcm = np.stack([tone(4)[:count], clicks(seconds=4)[:count]], 1)
    track = encode_audio(pcm)
    assert track.sample_count == count
    assert len(track.packets) == -(-(track.priming_samples + count) // 1024)
    assert encode_audio(pcm) == track
    assert not any(b"Lav" in packet for packet in track.packets)
    if count == 4 * RATE:
        decoded = decode(track.config, track.packets)[:, track.priming_samples :]
        assert near(click_times(decoded[1]), list(CLICKS_S))
        assert np.abs(decoded[0, RATE : 2 * RATE] - pcm[RATE : 2 * RATE, 0]).max() < 0.02


def test_the_key_follows_what_is_heard_and_nothing_else(tmp_path: Path) -> None:
    def key(*sounds: tuple[AudioSpec, str], duration: int = 6, environment: str = "e") -> str:
        return audio_key(sounds, Fraction(duration), environment=environment)

    path = tmp_path / "a.wav"
    base = (spec(path, start="1"), "aa")
    moved = (AudioSpec(tmp_path / "elsewhere.wav", start=Fraction(1), place="other.html:3"), "aa")
    assert key(moved, (spec(path, muted=True), "bb")) == key(base)
    changes = {"start": "2", "end": "3", "volume": "0.5", "speed": "2", "trim_start": "1", "loop": True}
    others = [key((spec(path, **{"start": "1", name: value}), "aa")) for name, value in changes.items()]
    others += [key((base[0], "ab")), key(base, duration=7), key(base, environment="f"), key()]
    assert len({key(base), *others}) == 11
