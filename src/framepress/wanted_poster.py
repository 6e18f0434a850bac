"""The poster that belongs to a clip: which one is wanted, whether it is there, and how it gets there.

Like the clip, a poster says in itself what it is: a JPEG comment with JSON, ``{"framepress": 1, "row_key":
..., "poster": "5/2", "button": false}``. So a poster of other values, or of another moment, is not taken for
it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction

from framepress.errors import InputError
from framepress.poster import COMMENT_HEAD_BYTES, jpeg_comment, poster_jpeg, poster_name
from framepress.provenance import PROVENANCE_VERSION
from framepress.store import Store


@dataclass(frozen=True)
class WantedPoster:
    """What was asked for.

    Attributes:
        row_key: of the clip.
        time_s: which moment, in seconds; one after the end means the last frame.
        button: with a play button.
    """

    row_key: str
    time_s: Fraction
    button: bool

    def publish(self, store: Store, clip_name: str, png: bytes) -> str:
        """Store the poster of a screenshot beside its clip, and return where it is."""
        jpeg = poster_jpeg(png, play_button=self.button, comment=self._comment())
        return str(store.publish_bytes(jpeg, poster_name(clip_name)))

    def stored(self, store: Store, clip_name: str, *, way_out: str) -> str | None:
        """Where the poster is, if it is this one; None: it is to be made.

        Raises:
            InputError: a file that is not ours is in the way; the message ends with `way_out`.
        """
        name = poster_name(clip_name)
        path = store.place_of(name)
        head = store.read_head(name, COMMENT_HEAD_BYTES)
        if head is None:
            return None
        comment = jpeg_comment(head)
        if comment is None or not comment.startswith(_OURS):
            raise InputError(
                f"{path}: a file that framepress did not make is in the way. {way_out}", rule="foreign-file"
            )
        return path if comment == self._comment() else None

    def _comment(self) -> str:
        facts = {
            "framepress": PROVENANCE_VERSION,
            "row_key": self.row_key,
            "poster": str(self.time_s),
            "button": self.button,
        }
        return json.dumps(facts, separators=(",", ":"))


#: How every comment of ours begins.
_OURS = '{"framepress":'
