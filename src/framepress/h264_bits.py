"""Bits of H.264 byte streams: Exp-Golomb numbers and emulation prevention. Pure.

Source of all of it: ITU-T H.264, clauses 7.2, 7.3.1, 7.4.1.1 and 9.1.
"""

from __future__ import annotations

import re

#: 7.4.1.1: inside of a NAL unit, two zero bytes before a byte of 0 to 3 are held apart by a byte of 3.
_MUST_BE_ESCAPED = re.compile(rb"\x00\x00(?=[\x00-\x03])")
_ESCAPE = re.compile(rb"\x00\x00\x03")

#: Digits of the longest Exp-Golomb number that a header may hold (`offset_for_ref_frame` and others have
#: 32 bits). Keeps damaged bytes from being read as a number of a thousand digits.
_GOLOMB_ZEROS_MAX = 32


class BadStream(Exception):
    """The bytes are not the H.264 that this package reads and writes. The message says where and why."""


def escaped(payload: bytes) -> bytes:
    """A payload with emulation prevention, as it stands in a NAL unit (7.4.1.1)."""
    data = _MUST_BE_ESCAPED.sub(b"\x00\x00\x03", payload)
    # A NAL unit never ends in a zero byte.
    return data + b"\x03" if data.endswith(b"\x00") else data


def unescaped(data: bytes) -> bytes:
    """What `escaped` was given (7.3.1).

    Raises:
        BadStream: it could not stand in a NAL unit.
    """
    if _START_CODE_LIKE.search(data) or data.endswith(b"\x00"):
        raise BadStream("bytes that cannot stand inside a NAL unit")
    return _ESCAPE.sub(b"\x00\x00", data)


#: What 7.4.1.1 forbids inside of a NAL unit: a start code, and an escape before what needs none.
_START_CODE_LIKE = re.compile(rb"\x00\x00[\x00-\x02]|\x00\x00\x03[^\x00-\x03]")


class BitReader:
    """Reads numbers from the front of a payload (without emulation prevention)."""

    def __init__(self, payload: bytes) -> None:
        self._value = int.from_bytes(payload)
        self._length = len(payload) * 8
        self.position = 0

    @property
    def left(self) -> int:
        """Bits that are left."""
        return self._length - self.position

    def u(self, count: int) -> int:
        """Unsigned, of so many bits, most significant first.

        Raises:
            BadStream: the payload ends before.
        """
        end = self.position + count
        if end > self._length:
            raise BadStream(f"cut off after {self._length} bits")
        self.position = end
        return (self._value >> (self._length - end)) & ((1 << count) - 1)

    def ue(self) -> int:
        """Unsigned Exp-Golomb (9.1). Raises `BadStream` like `u`, and for a number that no header has."""
        rest = self._value & ((1 << self.left) - 1)
        zeros = self.left - rest.bit_length()
        if not rest or zeros > _GOLOMB_ZEROS_MAX:
            raise BadStream(f"no Exp-Golomb number at bit {self.position} of {self._length}")
        self.position += zeros
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        """Signed Exp-Golomb (9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def more_data(self) -> bool:
        """Whether anything stands before the bits at the end of a payload (7.2, more_rbsp_data)."""
        rest = self._value & ((1 << self.left) - 1)
        if not rest:
            raise BadStream("no stop bit at the end of a payload")
        return self.left - rest.bit_length() > 0 or rest & (rest - 1) != 0

    def end(self) -> None:
        """Read the bits at the end of a payload (7.3.2.11).

        Raises:
            BadStream: something else is there.
        """
        left = self.left
        if not 1 <= left <= 8 or self.u(left) != 1 << (left - 1):
            raise BadStream(f"{left} bits where a payload should end")


class BitWriter:
    """Puts numbers one after the other."""

    def __init__(self) -> None:
        self._value = 0
        self.length = 0

    def u(self, value: int, count: int) -> None:
        """Unsigned, of so many bits. Raises `BadStream` for a value that does not fit."""
        if not 0 <= value < 1 << count:
            raise BadStream(f"{value} does not fit into {count} bits")
        self._value = self._value << count | value
        self.length += count

    def ue(self, value: int) -> None:
        """Unsigned Exp-Golomb (9.1)."""
        if value < 0:
            raise BadStream(f"{value} is not unsigned")
        self.u(value + 1, 2 * (value + 1).bit_length() - 1)

    def se(self, value: int) -> None:
        """Signed Exp-Golomb (9.1.1)."""
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def align(self, bit: int) -> None:
        """Fill up to a whole byte."""
        missing = -self.length % 8
        self.u((1 << missing) - 1 if bit else 0, missing)

    def end(self) -> bytes:
        """All of it with the bits at the end of a payload (7.3.2.11)."""
        self.u(1, 1)
        self.align(0)
        return self.whole()

    def whole(self) -> bytes:
        """All of it. Raises `BadStream` if it is not whole bytes."""
        if self.length % 8:
            raise BadStream(f"{self.length} bits are not whole bytes")
        return self._value.to_bytes(self.length // 8)
