"""Which encoding a list is in: told by its marks, judged by its bytes, and asked for where that is not sure.

UTF-8 is checked, so it needs no guess. UTF-16 is told by its byte order mark, or by where its zero bytes are.
Bytes that are no UTF-8 are Windows-1252 only if all of them are letters and marks of Western European
languages that stand where such languages have them; anything else could as well be Windows-1250, Mac Roman
or Shift JIS, whose names would come out wrong in every clip. Then the user is asked.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import BinaryIO

from framepress.errors import RowsError, UsageError
from framepress.rows.base import CHUNK_BYTES

#: Bytes that tell UTF-16 without a mark: eight characters. More would keep a slow stream waiting.
LOOK_BYTES = 16

#: Bytes of lines with letters beyond ASCII that are judged; a list's first few thousand names.
EVIDENCE_BYTES_MAX = 1 << 18

ASK = "Say which one it is: --encoding windows-1252 (or windows-1250, utf-16, shift_jis, ...)."

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

#: Codecs of Python that are encodings of text files.
_TEXT_CODEC = re.compile(
    r"ascii|utf-(?:8|16|32)(?:-(?:le|be|sig))?|cp\d+|iso8859-\d+|koi8-\w+|mac-\w+|big5\w*|gb\w+|shift_ji\w+"
    r"|euc_\w+|tis-620|ptcp154"
)

#: Groups of languages and those of their letters whose bytes mean another letter in Windows-1250.
_GROUPS = (
    frozenset("àèêïùû"),  # French
    frozenset("àèìòù"),  # Italian
    frozenset("ñàèòï"),  # Spanish, Catalan
    frozenset("ãõàê"),  # Portuguese
    frozenset("åæø"),  # Danish, Norwegian, Swedish
)
_DIFFERENT = frozenset("".join(map("".join, _GROUPS)))
#: Letters that Windows-1250 has at the same place, and those of Western Europe that it lacks.
_LETTERS = _DIFFERENT | frozenset("áâäçéëíîóôöœúüýß")
_MARKS = frozenset("‘’‚“”„–—…€£§©®™°·«»¡¿ªº²³½¼¾´•\xa0")
#: Where Western languages do not have a letter, but a misread one is: Czech č before a vowel, Romanian ă
#: before most consonants, Hungarian ő not before e.
_MISREAD = re.compile(r"[èê][aeiouyáéíóúý]|ã(?![oe\W]|s?\b)|õ(?!e)", re.IGNORECASE)
_WORD_MARK = re.compile(r"(?<=[^\W\d_])[^\w\s’‘´·\x00-\x7f](?=[^\W\d_])")
#: A sign before a letter, or behind a word: "£ukasz" and "Pawe³" are Polish. A degree sign may stand
#: before one.
_SIGN = re.compile(r"[£€§©®™¡ª²³¹º½¼¾•](?=[^\W\d_])(?<!¡)|(?<=[^\W\d_]{2})[£³¹¿¥¼¾]")
_RUN = re.compile(r"[^\x00-\x7f]{3}")
_CAPITAL_INSIDE = re.compile(r"[a-zß-öø-ÿ][À-ÖØ-ÞŒŸ]")


def named(encoding: str) -> str:
    """Python's name of an encoding that the user named.

    Raises:
        UsageError: there is none of that name, or it is no encoding of text.
    """
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        name = ""
    if not _TEXT_CODEC.fullmatch(name):
        raise UsageError(
            f'--encoding: there is no encoding "{encoding[:40]}"; expected one such as utf-8, utf-16, '
            "windows-1252, iso-8859-15 or shift_jis.",
            rule="encoding-name",
        )
    return name


def by_head(head: bytes) -> str | None:
    """The encoding that the first `LOOK_BYTES` bytes show; None: some other than UTF-16 or UTF-32."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    for name, zeros, others in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if pairs >= 2 and zeros.count(0) >= pairs * 0.75 and not others.count(0):
            return name
    return None


def judge(chunks: Iterable[bytes], name: str) -> str:
    """The encoding of a whole file that is not UTF-16 by its head: ``"utf-8"`` or ``"cp1252"``.

    UTF-8 is also the answer where only some of the bytes are none: reading then stops at the first of them,
    with its place.

    Raises:
        RowsError: it is not UTF-8, and it is not sure what else it is.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")()
    evidence: list[bytes] = []
    size, valid, rest = 0, True, b""
    line = 1
    for chunk in chunks:
        if valid:
            try:
                utf8.decode(chunk)
                line += chunk.count(b"\n")
            except UnicodeDecodeError as exc:
                valid = False
                line += exc.object[: exc.start].count(b"\n")
        if size < EVIDENCE_BYTES_MAX and not (chunk + rest).isascii():
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()[-CHUNK_BYTES:]
            found = [line for line in lines if not line.isascii()]
            evidence += found
            size += sum(map(len, found))
        else:
            rest = chunk.rpartition(b"\n")[2][-CHUNK_BYTES:]
        if not valid and size >= EVIDENCE_BYTES_MAX:
            break
    if valid:
        try:
            utf8.decode(b"", final=True)
        except UnicodeDecodeError:
            valid = False
    data = b"\n".join((*evidence, rest))
    if valid or _is_partly_utf8(data):
        return "utf-8"
    if _is_surely_1252(data):
        return "cp1252"
    raise RowsError(
        f"{name}:{line}: this is not UTF-8, and what else it is is not sure. {ASK}", rule="encoding-unsure"
    )


def _is_partly_utf8(data: bytes) -> bool:
    """Whether as many letters are in UTF-8 as bytes are none: then a part was damaged.

    In Windows-1252 such a letter would be "Ã©", "â€™" and the like, which no text has; in Chinese encodings
    one in a few letters looks like UTF-8 by chance.
    """
    text = data.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    return 0 < damaged <= sum(character > "\x7f" for character in text) - damaged


def _is_surely_1252(data: bytes) -> bool:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    high = {character for character in text if character > "\x7f"}
    letters = {character.lower() for character in high} & _LETTERS
    if {character.lower() for character in high} - _LETTERS - _MARKS or "\0" in text:
        return False
    if any(pattern.search(text) for pattern in (_RUN, _WORD_MARK, _SIGN, _CAPITAL_INSIDE, _MISREAD)):
        return False
    different = letters & _DIFFERENT
    return not different or any(different <= group for group in _GROUPS)


class Transcoded:
    """A stream in some encoding, read as UTF-8 with its line ends as they are."""

    def __init__(self, stream: BinaryIO, encoding: str, name: str) -> None:
        self._stream = stream
        self._read = getattr(stream, "read1", stream.read)
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._encoding = encoding
        self._name = name
        self._line = 1
        self._ended = False

    def read1(self, size: int) -> bytes:
        """Some bytes of UTF-8; none at the end.

        Raises:
            RowsError: bytes that mean nothing in the encoding, with their line. OSError: as the stream.
        """
        while not self._ended:
            data = self._read(size) or b""
            self._ended = not data
            try:
                text = self._decoder.decode(data, final=self._ended)
            except UnicodeDecodeError as exc:
                good = exc.object[: exc.start].decode(self._encoding, errors="ignore")
                line = self._line + good.count("\n")
                raise RowsError(
                    f"{self._name}:{line}: this is not {self._encoding}: there are bytes that mean nothing "
                    f"in it. {ASK}",
                    rule="encoding",
                ) from exc
            if text:
                self._line += text.count("\n")
                return text.encode()
        return b""

    read = read1

    def close(self) -> None:
        self._stream.close()
