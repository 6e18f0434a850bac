"""JSON rows: one array of objects, or JSON Lines (one object per line)."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from framepress.errors import RowsError
from framepress.rows.base import ROW_BYTES_MAX, BadRow, Row, RowSource
from framepress.rows.json_element import ElementParser
from framepress.rows.lines import Line, Peekable, decode_line, read_lines

_BLANK = re.compile(r"[ \t\r\n]*")
#: Characters at the end of the buffer within which a parser's complaint may be due to the missing rest:
#: the longest literal and an escape with its quote are shorter.
_TAIL = 16

#: The head of ``{"rows": [...]}``, and how many characters are looked at for it.
_ROWS_MEMBER = re.compile(r'\{[ \t\r\n]*"rows"[ \t\r\n]*:[ \t\r\n]*(?=\[)')
_HEAD_CHARACTERS = 200


class JsonLines(RowSource):
    """One object per line; blank lines are passed over. Every fault is its line's own."""

    def __init__(self, name: str, stream: BinaryIO, peekable: Peekable) -> None:
        super().__init__(name, stream)
        self._peekable = peekable

    def _rows(self) -> Iterator[Row | BadRow]:
        element = ElementParser()
        number = 0
        for line in read_lines(self._peekable, self.name):
            if line.data.strip(b" \t\r\n"):
                number += 1
                yield self._row(element, number, line)

    def _row(self, element: ElementParser, number: int, line: Line) -> Row | BadRow:
        try:
            # Without its end, which inside an open string would be the fault that is reported.
            text = decode_line(line, self.name).rstrip("\r\n")
        except RowsError as exc:
            problem = exc.message.removeprefix(f"{self.name}:{line.number}:")
            return self.bad(number, line.number, f"column {problem}", rule=exc.rule)
        start = _blanks_end(text, 0)
        try:
            value, end = element.parse(text, start)
        except json.JSONDecodeError as exc:
            problem = f"column {exc.pos + 1}: not JSON ({exc.msg}). Expected one object on the line."
            return self.bad(number, line.number, problem, rule="json")
        except RecursionError:
            return self.bad(number, line.number, "brackets are nested too deeply.", rule="json")
        if (rest := _blanks_end(text, end)) < len(text):
            problem = f"column {rest + 1}: there is more after the value. Expected one object on the line."
            return self.bad(number, line.number, problem, rule="json")
        if fault := element.fault(value, text):
            return self.bad(
                number, line.number, fault.problem, rule=fault.rule, field=fault.field, length=fault.length
            )
        assert isinstance(value, dict)
        return Row(number, line.number, value)


class JsonArray(RowSource):
    """The objects of one array, parsed one at a time over a buffer that slides along the file."""

    def __init__(self, name: str, stream: BinaryIO, peekable: Peekable) -> None:
        super().__init__(name, stream)
        self._peekable = peekable
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._ended = False
        self._undecodable = False
        self._line, self._column = 1, 1  # of self._text[self._counted]
        self._counted = 0

    def _rows(self) -> Iterator[Row | BadRow]:
        wrapped = self._opens_object()
        if self._next_sign() != "[":
            raise self._error(
                "expected an array of rows, [{...}, ...]; one object per line belongs in a file named .jsonl."
            )
        self._at += 1
        element = ElementParser()
        number = 0
        if self._next_sign() == "]":
            self._at += 1
        else:
            while True:
                number += 1
                yield self._element(element, number)
                sign = self._next_sign()
                if sign not in (",", "]"):
                    raise self._error(
                        "expected , or ] after a row" + (", found the end." if not sign else ".")
                    )
                self._at += 1
                if sign == "]":
                    break
        if wrapped:
            if self._next_sign() != "}":
                raise self._error('expected } after the array of "rows"; other members are not known.')
            self._at += 1
        if self._next_sign():
            raise self._error("there is more after the array's closing bracket.")

    def _opens_object(self) -> bool:
        """Whether the array is the member "rows" of an object, as HyperFrames has it; steps into it then."""
        if self._next_sign() != "{":
            return False
        while len(self._text) - self._at < _HEAD_CHARACTERS and self._fill():
            pass
        head = _ROWS_MEMBER.match(self._text, self._at)
        if head is not None:
            self._at = head.end()
        return head is not None

    def _element(self, element: ElementParser, number: int) -> Row | BadRow:
        sign = self._next_sign()
        if sign in ("", "]", ","):
            raise self._error(
                "expected a row"
                + (", found the end." if not sign else f", found {sign} (is there a comma too many?)")
            )
        line, _ = self._place(self._at)
        value, end = self._parse(element, closing="}" if sign == "{" else "")
        source = self._text[self._at : end]
        self._at = end
        if fault := element.fault(value, source):
            return self.bad(
                number, line, fault.problem, rule=fault.rule, field=fault.field, length=fault.length
            )
        assert isinstance(value, dict)
        return Row(number, line, value)

    def _parse(self, element: ElementParser, *, closing: str) -> tuple[object, int]:
        """The value at the cursor and the index after it, reading on until it is whole."""
        self._slide()
        while True:
            try:
                value, end = element.parse(self._text, self._at)
                # A number goes on as long as there are digits; only what follows shows its end.
                if closing or end < len(self._text) or self._ended:
                    return value, end
            except json.JSONDecodeError as exc:
                unfinished = exc.msg.startswith("Unterminated string") or exc.pos >= len(self._text) - _TAIL
                if self._ended or not unfinished:
                    raise self._error(f"not JSON ({exc.msg}).", exc.pos) from exc
            except RecursionError as exc:
                raise self._error("brackets are nested too deeply.") from exc
            # An object cannot become whole without a closing brace: trying sooner would cost the square
            # of its length when it comes in small pieces.
            seen = len(self._text)
            while self._fill() and self._text.find(closing, seen) < 0:
                self._check_size()
            self._check_size()

    def _check_size(self) -> None:
        if len(self._text) - self._at > ROW_BYTES_MAX:
            raise self._error(f"the row that begins here is longer than {ROW_BYTES_MAX:,} characters.")

    def _next_sign(self) -> str:
        """The next character that is not a blank, where the cursor then stands; "" at the end."""
        while True:
            self._at = _blanks_end(self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            self._slide()
            if not self._fill():
                return ""

    def _fill(self) -> bool:
        """Read on; False: that was all. An undecodable byte is an error only once all before it is used."""
        if self._undecodable:
            raise self._error(
                "this is not UTF-8. Export the list again as UTF-8, or say --encoding.", len(self._text)
            )
        if self._ended:
            return False
        data = self._peekable.read()
        self._ended = not data
        pending = len(self._decode.getstate()[0])
        try:
            self._text += self._decode.decode(data, final=self._ended)
        except UnicodeDecodeError as exc:
            # The decoder's object is what it still held plus the new data.
            assert len(exc.object) == pending + len(data)
            self._text += exc.object[: exc.start].decode("utf-8")
            self._undecodable, self._ended = True, False
        return True

    def _slide(self) -> None:
        """Drop what is read. Only large amounts, since the rest is copied."""
        if self._at > 1 << 16 or self._at == len(self._text):
            self._place(self._at)
            self._text = self._text[self._at :]
            self._at = self._counted = 0

    def _place(self, index: int) -> tuple[int, int]:
        """Line and column of an index that is not before the last one asked for."""
        passed = self._text.count("\n", self._counted, index)
        if passed:
            self._line += passed
            self._column = index - self._text.rfind("\n", self._counted, index)
        else:
            self._column += index - self._counted
        self._counted = index
        return self._line, self._column

    def _error(self, problem: str, index: int | None = None) -> RowsError:
        line, column = self._place(self._at if index is None else index)
        rule = "encoding" if self._undecodable and index == len(self._text) else "json"
        return RowsError(f"{self.name}:{line}:{column}: {problem}", rule=rule)


def _blanks_end(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    assert match is not None
    return match.end()
