#!/usr/bin/env python3
"""Write `music.m4a`, the six seconds of sound under the card.

A soft pad walks down four chords while plucked notes climb; at 3.2 s, where the number on the card comes to
rest, everything lands on D major with a bell, and rings out before the picture ends. Synthesised here, so it
may be used for anything. Needs numpy and PyAV, which framepress brings along:

    python make_music.py
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

RATE = 48_000
DURATION_S = 6.0
#: Seconds of an eighth note: sixteen of them end exactly where the number comes to rest.
STEP_S = 0.2
#: Seconds at which the last chord sounds; `card.html` ends its count here.
ARRIVAL_S = 16 * STEP_S

#: Four eighths each: bass, pad, and the notes the pluck climbs through. MIDI numbers, 69 = A at 440 Hz.
CHORDS: tuple[tuple[int, tuple[int, ...], tuple[int, ...]], ...] = (
    (47, (54, 57, 62), (66, 69, 71, 74)),  # B minor seventh
    (43, (55, 59, 62), (67, 71, 74, 78)),  # G major seventh
    (40, (55, 59, 64), (71, 74, 76, 79)),  # E minor seventh
    (45, (57, 62, 64), (73, 76, 79, 81)),  # A, suspended
)
ENDING: tuple[int, tuple[int, ...], tuple[int, ...]] = (
    38,
    (54, 57, 62, 64),
    (74, 78, 81, 86, 90),
)  # D major with a ninth


def hertz(note: int) -> float:
    return float(440.0 * 2.0 ** ((note - 69) / 12))


def tone(
    note: int, length_s: float, partials: tuple[float, ...], decay_s: float, detune: float = 0.0
) -> Samples:
    """Sines over one note, each partial fading faster than the one below."""
    time = np.arange(round(length_s * RATE)) / RATE
    sound = np.zeros_like(time)
    for index, strength in enumerate(partials, start=1):
        fade = np.exp(-time * index**0.7 / decay_s)
        sound += strength * fade * np.sin(2 * np.pi * hertz(note) * index * (1 + detune) * time)
    return sound


def shaped(sound: Samples, attack_s: float, release_s: float) -> Samples:
    """No click at either end."""
    up, down = round(attack_s * RATE), round(release_s * RATE)
    envelope = np.ones_like(sound)
    envelope[:up] = np.sin(np.linspace(0, np.pi / 2, up)) ** 2
    envelope[-down:] *= np.cos(np.linspace(0, np.pi / 2, down)) ** 2
    return sound * envelope


def pad(notes: tuple[int, ...], length_s: float, decay_s: float) -> Samples:
    """Three voices per note, a little apart in pitch, so that it breathes."""
    sound = sum(
        tone(n, length_s, (1, 0.35, 0.18, 0.06), decay_s, d) for n in notes for d in (-0.002, 0, 0.0023)
    )
    return shaped(np.asarray(sound), 0.12, 0.25) / (3 * len(notes))


def pluck(note: int, length_s: float = 1.4) -> Samples:
    return shaped(tone(note, length_s, (1, 0.5, 0.22, 0.12, 0.05), 0.26), 0.004, 0.2)


def bell(note: int, length_s: float) -> Samples:
    """Partials that are not whole multiples, as struck metal has them."""
    time = np.arange(round(length_s * RATE)) / RATE
    ratios = ((1, 1.0, 0.9), (2.0, 0.5, 0.7), (2.76, 0.28, 0.35), (5.4, 0.1, 0.14))
    sound = sum(s * np.exp(-time / d) * np.sin(2 * np.pi * hertz(note) * r * time) for r, s, d in ratios)
    return shaped(np.asarray(sound), 0.003, 0.4)


def compose() -> Samples:
    """The whole piece: float64, shape (2, samples), peak 0.8."""
    mix = np.zeros((2, round(DURATION_S * RATE)))

    def add(sound: Samples, at_s: float, gain: float, pan: float = 0.0) -> None:
        first = round(at_s * RATE)
        part = sound[: mix.shape[1] - first]
        angle = (pan + 1) * np.pi / 4
        mix[0, first : first + len(part)] += gain * np.cos(angle) * part
        mix[1, first : first + len(part)] += gain * np.sin(angle) * part

    for bar, (bass, chord, climb) in enumerate(CHORDS):
        start_s = bar * 4 * STEP_S
        add(shaped(tone(bass, 1.0, (1, 0.4, 0.1), 0.6), 0.01, 0.2), start_s, 0.34)
        add(pad(chord, 1.05, 3.0), start_s, 0.55)
        for index, note in enumerate(climb):
            loudness = 0.1 + 0.012 * (bar * 4 + index)
            add(pluck(note), start_s + index * STEP_S, loudness, pan=0.5 * (-1) ** index)

    bass, chord, run = ENDING
    left_s = DURATION_S - ARRIVAL_S
    add(shaped(tone(bass, left_s, (1, 0.5, 0.15), 1.1), 0.008, 0.8), ARRIVAL_S, 0.5)
    add(pad(chord, left_s, 1.3), ARRIVAL_S, 0.8)
    for index, note in enumerate(run):
        add(
            bell(note, left_s - index * 0.09),
            ARRIVAL_S + index * 0.09,
            0.2 - 0.02 * index,
            pan=0.3 * (index - 2),
        )

    mix += echo(mix, 0.3, 0.22) + echo(mix[::-1], 0.47, 0.13)
    mix[:, -round(0.5 * RATE) :] *= np.cos(np.linspace(0, np.pi / 2, round(0.5 * RATE))) ** 2
    return np.asarray(mix * (0.8 / np.abs(mix).max()))


def echo(mix: Samples, delay_s: float, gain: float) -> Samples:
    late = np.zeros_like(mix)
    shift = round(delay_s * RATE)
    late[:, shift:] = gain * mix[:, :-shift]
    return late


def write(path: Path, sound: Samples) -> None:
    """AAC at 160 kbit/s in an MP4 container, without time or tool names, so it is the same on each run."""
    with av.open(str(path), "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("aac", rate=RATE, options={"flags": "+bitexact"})
        stream.bit_rate = 160_000
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32), format="fltp", layout="stereo")
        frame.sample_rate = RATE
        frame.pts = 0
        for packet in stream.encode(frame):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


if __name__ == "__main__":
    write(Path(__file__).with_name("music.m4a"), compose())
