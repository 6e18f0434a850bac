"""The sound of a row: mixed and encoded once per distinct input, in this process and, for formats, in all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from fractions import Fraction
from pathlib import Path

from framepress import audio
from framepress.cache import Cache
from framepress.clip import Clip
from framepress.sound_pieces import find_sound, keep_sound, sound_key
from framepress.streams import AudioTrack

#: Finished sound tracks kept per worker; lists rarely have more than one.
SOUND_TRACKS_MAX = 4


class SoundTracks:
    """Finished sound tracks of one process.

    Args:
        cache: where formats of a row find the track of another; None: nowhere.
    """

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache
        self._tracks: OrderedDict[Hashable, AudioTrack] = OrderedDict()

    def track(self, clip: Clip, environment: str, *, format_: str | None = None) -> AudioTrack | None:
        """The sound track of a clip, made once per distinct input.

        Args:
            environment: digest.
            format_: of the clip; other formats of the row, in any worker, then find the track in the cache.
        """
        if not clip.document.audio:
            return None
        specs = [
            audio.AudioSpec(
                path=Path(element.src),
                start=element.start,
                end=element.end,
                volume=element.volume,
                muted=element.muted,
                speed=element.speed,
                trim_start=element.trim_start,
                loop=element.loop,
                place=element.place,
            )
            for element in clip.document.audio
            if not element.of_video or audio.has_sound(Path(element.src))
        ]
        duration = clip.frame_count / clip.fps
        key = (duration, *((spec, _version(spec.path)) for spec in specs))
        if key not in self._tracks:
            track = self._mixed(specs, duration, environment, shared=format_ is not None)
            if track is None:
                return None
            self._tracks[key] = track
            if len(self._tracks) > SOUND_TRACKS_MAX:
                self._tracks.popitem(last=False)
        self._tracks.move_to_end(key)
        return self._tracks[key]

    def _mixed(
        self, specs: Sequence[audio.AudioSpec], duration: Fraction, environment: str, *, shared: bool
    ) -> AudioTrack | None:
        cache = self._cache if shared else None
        key = sound_key(specs, duration, environment) if cache is not None else ""
        found = find_sound(cache, key) if cache is not None else None
        if found is not None:
            return found
        pcm = audio.mix_audio(specs, duration)
        track = audio.encode_audio(pcm) if pcm is not None else None
        if cache is not None and track is not None:
            keep_sound(cache, key, track)
        return track


def _version(path: Path) -> tuple[int, int]:
    """Changes when the file does; a row's sound may be replaced while a worker lives."""
    try:
        facts = path.stat()
    except OSError:
        return (0, 0)
    return (facts.st_mtime_ns, facts.st_size)
