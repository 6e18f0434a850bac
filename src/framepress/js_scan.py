"""Which kind of place each placeholder has in a piece of JavaScript or JSON. One pass, linear, no recursion.

A full parser is not needed: only strings, templates, comments and regular expressions decide. Whether a
``/`` is a division is told from the token before it; the heads of `if`, `while`, `for` and `with` and the
braces of blocks are kept apart from expressions for that. Where this judges wrongly, the encoders of
`escaping` still keep the value from becoming code.
"""

from __future__ import annotations

import re

from framepress.escaping import Language, Spot, refused

#: Stands for a token while a file is scanned. HTML with NUL characters is refused before.
PLACEHOLDER = "\0"

_BEFORE_REGEX = frozenset(
    [
        "return",
        "typeof",
        "case",
        "in",
        "of",
        "delete",
        "void",
        "throw",
        "new",
        "do",
        "else",
        "instanceof",
        "yield",
        "await",
        "default",
        "extends",
    ]
)
_BEFORE_BLOCK = frozenset(["do", "else", "try", "finally"])
_BEFORE_HEAD = frozenset(["if", "while", "for", "with"])

_CODE = re.compile(
    r"""
    (?P<space>[ \t\n\r\f\v\u00a0\ufeff\u2028\u2029]+)
  | (?P<line>//|<!--)
  | (?P<block>/\*)
  | (?P<close>-->)
  | (?P<word>[\w$#\u200c\u200d\\]+)
  | (?P<string>["'])
  | (?P<step>\+\+|--)
  | (?P<arrow>=>)
  | (?P<other>[\s\S])
    """,
    re.VERBOSE,
)
_LINE_END = re.compile("[\n\r\u2028\u2029]")
_ESCAPE = (
    r"\\(?:u\{[0-9A-Fa-f]*\}?|u[0-9A-Fa-f]{0,4}|x[0-9A-Fa-f]{0,2}|[0-7]{1,3}|\r\n|[^ux0-7\x00]|(?=\x00)|\Z)"
)
_WHOLE_ESCAPE = re.compile(r"\\(?:u\{[0-9A-Fa-f]+\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-7]{3}|\r\n|[^ux0-7])")
_IN_STRING = {
    quote: re.compile(
        rf"(?P<chars>[^{quote}\\\n\r\x00]+)|(?P<escape>{_ESCAPE})|(?P<spot>\x00)|(?P<end>{quote}|[\n\r])"
    )
    for quote in "\"'"
}
_IN_TEMPLATE = re.compile(
    rf"(?P<chars>[^`\\$\x00]+)|(?P<escape>{_ESCAPE})|(?P<spot>\x00)|(?P<end>`)|(?P<code>\$\{{)|(?P<dollar>\$)"
)
_IN_REGEX = re.compile(
    r"(?P<chars>[^/\\\[\n\r\u2028\u2029\x00]+|\\[^\n\r\u2028\u2029\x00]|\\(?=\x00|$)"
    r"|\[(?:[^\]\\\n\r\u2028\u2029\x00]|\\[^\n\r\u2028\u2029\x00])*+)"
    r"|(?P<spot>\x00)|(?P<end>/|[\n\r\u2028\u2029])|(?P<rest>[\s\S])"
)
_GLUE_BEFORE = re.compile(r"[\w$.\\\x00]$")
_GLUE_AFTER = re.compile(r"[\w$\\\x00]")

_STRING = Spot(Language.JS_STRING)
_BARE = Spot(Language.JS_BARE)
_COMMENT = refused("in a comment of a script; remove it there")
_REGEX = refused("in a regular expression; build it with new RegExp() from a string")
_TAGGED = refused("in a tagged template; pass it as ${...} from a constant instead")
_AFTER_BACKSLASH = refused(
    "directly behind a backslash or an unfinished escape; put a character between them"
)
_GLUED = refused("joined to a name or number; put it between operators, as a value of its own")


class _JsScanner:
    """`operand`: the last token ends an operand, so a ``/`` divides. `nest` holds open brackets, each
    with the flag that its closing token needs."""

    def __init__(self, code: str, module: bool) -> None:
        self.code = code
        self.module = module
        self.spots: list[Spot] = []
        self.nest: list[tuple[str, bool]] = []
        self.operand = False
        self.word = ""  # the last token if it was a word
        self.last = ""  # the last token otherwise
        self.line_start = True

    def run(self) -> list[Spot]:
        code, position = self.code, 0
        if code.startswith("#!"):
            position = self.comment(_line_end(code, 0), 0)
        while position < len(code):
            match = _CODE.match(code, position)
            assert match is not None
            kind, text = match.lastgroup, match.group()
            if kind == "space":
                self.line_start = self.line_start or _LINE_END.search(text) is not None
                position = match.end()
                continue
            at_line_start, self.line_start = self.line_start, False
            position = self.token(kind or "", text, match.start(), at_line_start)
        return self.spots

    def token(self, kind: str, text: str, start: int, at_line_start: bool) -> int:
        code, end = self.code, start + len(text)
        if kind == "block":
            close = code.find("*/", end)
            self.line_start = at_line_start
            return self.comment(len(code) if close < 0 else close + 2, start)
        if kind in ("line", "close"):
            # Marks of HTML comments are comments in classic scripts, the closing one only first in its line.
            html_mark = not self.module and (kind == "line" or at_line_start)
            if text == "//" or html_mark:
                return self.comment(_line_end(code, start), start)
            return self.punctuator(text[0], start)
        if kind == "string":
            return self.after_operand(self.string(text, end))
        if kind == "other":
            return self.punctuator(text, start)
        if kind == "word":
            self.operand = text not in _BEFORE_REGEX or self.last == "."
        elif kind == "arrow":
            self.operand = False
        self.word, self.last = (text, "") if kind == "word" else ("", text)
        return end

    def after_operand(self, end: int) -> int:
        self.operand, self.word, self.last = True, "", "value"
        return end

    def comment(self, end: int, start: int) -> int:
        self.spots.extend([_COMMENT] * self.code.count(PLACEHOLDER, start, end))
        return end

    def punctuator(self, text: str, start: int) -> int:
        end = start + 1
        if text == PLACEHOLDER:
            glued = _GLUE_BEFORE.search(self.code[max(0, start - 1) : start]) or _GLUE_AFTER.match(
                self.code, end
            )
            self.spots.append(_GLUED if glued else _BARE)
            return self.after_operand(end)
        if text == "`":
            return self.template(end, tagged=self.operand)
        if text == "/" and not self.operand:
            return self.after_operand(self.regex(end))
        if text in "([{":
            self.open(text)
        elif text in ")]}":
            template = self.close()
            if template is not None:
                return self.template(end, tagged=template)
        else:
            self.operand = False
        self.word, self.last = "", text
        return end

    def open(self, text: str) -> None:
        if text == "(":
            flag = self.word in _BEFORE_HEAD  # behind its ")" an expression begins
        elif text == "{":
            after_word = self.word in _BEFORE_BLOCK
            starts = self.last in ("", ";", "{", "}", "=>", ")") and not self.word
            flag = not (self.operand or after_word or starts)  # an object, so its "}" ends an operand
        else:
            flag = False
        self.nest.append((text, flag))
        self.operand = False

    def close(self) -> bool | None:
        """Leave a bracket. Not None: a template literal goes on, and whether it is tagged."""
        mark, flag = self.nest.pop() if self.nest else ("", False)
        if mark == "`":
            return flag
        self.operand = {"(": not flag, "[": True, "{": flag}.get(mark, True)
        return None

    def string(self, quote: str, position: int) -> int:
        return self.literal(_IN_STRING[quote], position, _STRING)[1]

    def template(self, position: int, *, tagged: bool) -> int:
        kind, end = self.literal(_IN_TEMPLATE, position, _TAGGED if tagged else _STRING)
        if kind == "code":
            self.nest.append(("`", tagged))
            self.operand, self.word, self.last = False, "", "("
            return end
        return self.after_operand(end)

    def literal(self, pattern: re.Pattern[str], position: int, spot: Spot) -> tuple[str, int]:
        """Run through a literal; what ended it (empty: the text ended) and the offset behind that."""
        code, open_escape = self.code, False
        while match := pattern.match(code, position):
            position = match.end()
            if match.lastgroup == "spot":
                self.spots.append(_AFTER_BACKSLASH if open_escape else spot)
            elif match.lastgroup in ("end", "code"):
                return match.lastgroup, position
            open_escape = match.lastgroup == "escape" and not _WHOLE_ESCAPE.fullmatch(match.group())
        return "", len(code)

    def regex(self, position: int) -> int:
        code = self.code
        while match := _IN_REGEX.match(code, position):
            position = match.end()
            if match.lastgroup == "spot":
                self.spots.append(_REGEX)
            elif match.lastgroup == "end":
                return position
        return len(code)


def _line_end(code: str, start: int) -> int:
    end = _LINE_END.search(code, start)
    return end.start() if end else len(code)


def js_spots(code: str, *, module: bool = False) -> list[Spot]:
    """One `Spot` for each placeholder of a script, in order."""
    return _JsScanner(code, module).run()


def json_spots(text: str) -> list[Spot]:
    """One `Spot` for each placeholder of a JSON document, in order."""
    spots: list[Spot] = []
    position = 0
    pattern = re.compile(r'"|\x00')
    scanner = _JsScanner(text, True)
    while match := pattern.search(text, position):
        if match.group() == '"':
            position = scanner.string('"', match.end())
            spots.extend(scanner.spots)
            scanner.spots.clear()
        else:
            spots.append(_BARE)
            position = match.end()
    return spots
