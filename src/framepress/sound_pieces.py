"""Sound tracks in the cache: a row's formats differ in pictures and share their sound, which is mixed once.

Kept are tracks of rows that have a format; without, no two rows ask for one track, or all do, and each worker
remembers it. Piece ``sound``, under the digest of what is heard and of the encoder:

    line of JSON    {"config": hex, "priming": samples, "samples": count, "rate": Hz, "sizes": [bytes, ...]}
    packets         one after the other, as long as `sizes` says
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

from framepress import keys
from framepress.audio import AudioSpec
from framepress.cache import Cache
from framepress.errors import CacheFault
from framepress.streams import AudioTrack

SOUND = "sound"

#: Raised when the mix or the layout of the piece changes.
VERSION = 1


def sound_key(specs: Sequence[AudioSpec], duration: Fraction, environment: str) -> str:
    """The key of a track: the bytes of its files, when each is heard and how, and what encodes it."""
    described = [
        {
            "file": keys.digest_file(spec.path) if not spec.muted else "",
            "start": spec.start,
            "end": spec.end,
            "volume": spec.volume,
            "muted": spec.muted,
            "speed": spec.speed,
            "trim_start": spec.trim_start,
            "loop": spec.loop,
        }
        for spec in specs
    ]
    return keys.piece_key(
        SOUND, version=VERSION, sounds=described, duration=duration, environment=environment
    )


def find_sound(cache: Cache, key: str) -> AudioTrack | None:
    """A track that was kept; None: it was not."""
    data = cache.get_bytes(SOUND, key)
    if data is None:
        return None
    head, _, body = data.partition(b"\n")
    said = json.loads(head)
    packets, offset = [], 0
    for size in said["sizes"]:
        packets.append(body[offset : offset + size])
        offset += size
    return AudioTrack(
        packets=tuple(packets),
        config=bytes.fromhex(said["config"]),
        priming_samples=said["priming"],
        sample_count=said["samples"],
        sample_rate=said["rate"],
    )


def keep_sound(cache: Cache, key: str, track: AudioTrack) -> None:
    """Keep a track for the row's other formats; where there is no room they mix it again."""
    said = {
        "config": track.config.hex(),
        "priming": track.priming_samples,
        "samples": track.sample_count,
        "rate": track.sample_rate,
        "sizes": [len(packet) for packet in track.packets],
    }
    try:
        cache.put_bytes(SOUND, key, json.dumps(said).encode() + b"\n" + b"".join(track.packets))
    except CacheFault:
        return
