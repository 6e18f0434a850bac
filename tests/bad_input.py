"""The table of mistakes: command line, files, what has to be said. `test_cli_bad_input` makes them.

`CASES` end before a browser starts; `PAGE_CASES` are about what only a browser finds out.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from program import PAGE

#: A value that may appear in a picture and nowhere else.
SECRET = "Zaphod"

#: Files of every case; a case may replace them.
FILES: dict[str, str | bytes] = {
    "page.html": PAGE,
    "people.csv": f"out,name,points\na.mp4,{SECRET},1\nb.mp4,{SECRET} II,2\n",
}

LIST = "render page.html --variants people.csv"
SINGLE = "render page.html --out x.mp4"


@dataclass(frozen=True)
class Case:
    """A command line, the files that differ, and what has to be said.

    Attributes:
        says: each of these stands in the message.
        words: more arguments, which may hold blanks.
    """

    name: str
    command: str
    says: tuple[str, ...]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    code: int = 2
    words: tuple[str, ...] = ()


def page(
    body: str = "", *, root: str = 'data-width="160" data-height="90" data-duration="1"'
) -> dict[str, Any]:
    return {"page.html": f"<!doctype html><body><div {root}>{body}</div>"}


def rows(text: str | bytes) -> dict[str, str | bytes]:
    return {"people.csv": text}


def out_rows(*outs: str) -> dict[str, Any]:
    return {"people.json": json.dumps([{"out": out, "name": SECRET, "points": 1} for out in outs])}


JSON_LIST = "render page.html --variants people.json"


def put(folder: Path, files: Mapping[str, str | bytes]) -> set[str]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return found(folder)


def found(folder: Path) -> set[str]:
    """Files in a folder but for records of runs."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if ".framepress/" not in name}


class Link(str):
    """A symbolic link to this path, in place of a file."""

    __slots__ = ()


def png(width: int, height: int) -> bytes:
    """A black picture of one bit per pixel; a large one is small as a file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    line = bytes(1 + (width + 7) // 8)
    lines = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


ROOT = 'data-width="160" data-height="90" data-duration="1"'


def declared(block: str, body: str = "") -> dict[str, Any]:
    return page(f'<script type="application/hyperframes-vars">{block}</script>{body}')


MARKUP = (
    Case(
        "an attribute that is never closed",
        SINGLE,
        ("page.html:1:", "never closed", "quote"),
        {"page.html": f"<div {ROOT}><p title='x>"},
    ),
    Case(
        "a comment that is never closed",
        SINGLE,
        ("page.html:1:8", "never closed", "-->"),
        {"page.html": f"<p></p><!-- <div {ROOT}></div>"},
    ),
    Case(
        "a style that is never closed",
        SINGLE,
        ("page.html:1:1", "never closed", "</style>"),
        {"page.html": f"<style> p {{}} <div {ROOT}></div>"},
    ),
    Case(
        "declarations that are never closed",
        SINGLE,
        ("page.html:1:", "never closed", "</script>"),
        page('<script type="application/hyperframes-vars">{"NAME": {}}'),
    ),
    Case(
        "declarations twice",
        SINGLE,
        ("page.html:1:", "second block"),
        page('<script type="application/hyperframes-vars">{}</script>' * 2),
    ),
    Case("megabytes of text", SINGLE, ("page.html", "20 MB"), {"page.html": PAGE + "x" * (21 << 20)}),
    Case("a page with NUL", SINGLE, ("page.html", "NUL", "offset"), {"page.html": PAGE + "\0"}),
    Case("a page in UTF-16", SINGLE, ("page.html", "UTF-16", "UTF-8"), {"page.html": PAGE.encode("utf-16")}),
    Case("a page in Latin-1", SINGLE, ("page.html:1:", "UTF-8"), {"page.html": b"<p>\xfc</p>"}),
    Case("an empty page", SINGLE, ("page.html", "empty"), {"page.html": " \n"}),
    Case("a negative start", SINGLE, ("page.html:1:", '"-1"', "0 or more"), page('<p data-start="-1">x</p>')),
    Case(
        "a negative length",
        SINGLE,
        ("page.html:1:", '"-2"', "above 0"),
        page('<p data-start="0" data-duration="-2">x</p>'),
    ),
    Case(
        "an end before its start",
        SINGLE,
        ("page.html:1:", "at or before its start"),
        page('<p data-start="3" data-end="1">x</p>'),
    ),
    Case("a start that is no time", SINGLE, ("page.html:1:", "1:30"), page('<p data-start="1:30">x</p>')),
    Case(
        "starts in a circle",
        SINGLE,
        ("page.html:1:", "data-start"),
        page(
            '<p id="a" data-start="b" data-duration="1"></p><p id="b" data-start="a" data-duration="1"></p>'
        ),
    ),
    Case(
        "a negative duration",
        SINGLE,
        ('"-1"',),
        page(root='data-width="16" data-height="8" data-duration="-1"'),
    ),
    Case("a duration of 0", SINGLE, ('"0"',), page(root='data-width="16" data-height="8" data-duration="0"')),
    Case("a fraction of a pixel", SINGLE, ('"16.5"', "even"), page(root='data-width="16.5" data-height="8"')),
    Case(
        "a rate that is none",
        SINGLE,
        ('"30/0"', "30000/1001"),
        page(root='data-width="16" data-height="8" data-duration="1" data-fps="30/0"'),
    ),
    Case(
        "an attribute with two letters changed about",
        SINGLE,
        ('"data-strat"', '"data-start"'),
        page('<p data-strat="1">'),
    ),
    Case(
        "an attribute with a letter less",
        SINGLE,
        ('"data-duraton"', '"data-duration"'),
        page('<p data-duraton="1">'),
    ),
    Case(
        "an attribute with a letter more",
        SINGLE,
        ('"data-fades"', '"data-fade"'),
        page('<p data-fades="in">'),
    ),
    Case(
        "a volume of 500 %",
        SINGLE,
        ('"5"', "3.98"),
        {**page('<audio src="a.mp3" data-volume="5">'), "a.mp3": "x"},
    ),
    Case("a speed of 0", SINGLE, ('"0"', "16"), {**page('<audio src="a.mp3" data-speed="0">'), "a.mp3": "x"}),
    Case("a sound without a file", SINGLE, ("page.html:1:", "<audio>"), page("<audio></audio>")),
    Case("a sound of another host", SINGLE, ("page.html:1:",), page('<audio src="https://x.example/a.mp3">')),
    Case("a base address", SINGLE, ("page.html:1:", "<base href>"), page('<base href="https://x.example/">')),
    Case(
        "a picture above the folder",
        SINGLE,
        ("page.html:1:", "leaves the folder"),
        page('<img src="../cat.png">'),
    ),
    Case(
        "a picture that is a link out of the folder",
        SINGLE,
        ('"cat.png"', "link"),
        {**page('<img src="cat.png">'), "cat.png": Link("/etc/hostname")},
    ),
    Case(
        "a picture that is a link to itself",
        SINGLE,
        ('"cat.png"', "not there"),
        {**page('<img src="cat.png">'), "cat.png": Link("cat.png")},
    ),
    Case(
        "a picture that is a folder",
        SINGLE,
        ('"pics"', "is not a file"),
        {**page('<img src="pics">'), "pics/x": ""},
    ),
    Case(
        "a composition that is a link to itself",
        "render loop.html",
        ("loop.html",),
        {"loop.html": Link("loop.html")},
    ),
    Case("a composition that is a device", "render /dev/null", ("/dev/null", "not a file")),
)

TOKENS = (
    Case(
        "a token in a tag",
        SINGLE,
        ("page.html:1:", "name of a tag or an attribute"),
        page("<p {{$NAME}}>x</p>"),
    ),
    Case("a token without quotes", SINGLE, ("page.html:1:", "unquoted"), page("<p title={{$NAME}}>x</p>")),
    Case("a token in a comment", SINGLE, ("page.html:1:", "comment"), page("<!-- {{$NAME}} -->")),
    Case(
        "a token in srcdoc", SINGLE, ("page.html:1:", "srcdoc"), page('<iframe srcdoc="{{$NAME}}"></iframe>')
    ),
    Case("a token in small letters", SINGLE, ("page.html:1:", '"name"', "capitals"), page("{{$name}}")),
    Case("a script as an address", SINGLE, ("page.html:1:",), page('<a href="javascript:{{$NAME}}">x</a>')),
    Case(
        "a type that there is not", SINGLE, ("page.html:1:", '"type"'), declared('{"NAME": {"type": "text"}}')
    ),
    Case(
        "a member that there is not",
        SINGLE,
        ('"defualt"', "no such member"),
        declared('{"NAME": {"defualt": ""}}'),
    ),
    Case("a name twice", SINGLE, ('"NAME"', "twice"), declared('{"NAME": {}, "NAME": {}}')),
    Case(
        "a pattern that is none",
        SINGLE,
        ('"pattern"', "regular expression"),
        declared('{"NAME": {"pattern": "("}}'),
    ),
    Case("a minimum above the maximum", SINGLE, ('"min"', '"max"'), declared('{"N": {"min": 2, "max": 1}}')),
    Case(
        "a default that breaks its rule",
        SINGLE,
        ('the default of "N"',),
        declared('{"N": {"type": "number", "default": "x"}}'),
    ),
    Case(
        "a format that there is not",
        SINGLE,
        ('"format"', "currency:EUR"),
        declared('{"N": {"format": "money"}}'),
    ),
    Case("a currency that there is not", SINGLE, ('"XXZ"',), declared('{"N": {"format": "currency:XXZ"}}')),
    Case(
        "a condition that breaks off",
        SINGLE,
        ("page.html:1:", "data-if", "the end"),
        declared('{"N": {}}', '<p data-if="N ==">x</p>'),
    ),
    Case(
        "a condition on no variable",
        SINGLE,
        ('"M"', 'did you mean "NM"'),
        declared('{"NM": {}}', '<p data-if="M">x</p>'),
    ),
    Case(
        "a condition with one =", SINGLE, ("write ==",), declared('{"N": {}}', "<p data-if=\"N = 'x'\">x</p>")
    ),
    Case(
        "a condition that is JavaScript",
        SINGLE,
        ("data-if",),
        declared('{"N": {}}', '<p data-if="alert(1)">x</p>'),
    ),
    Case(
        "a condition on the root",
        SINGLE,
        ("no picture",),
        {"page.html": f'<div {ROOT} data-if="true">x</div>'},
    ),
    Case(
        "a conditional element that is not closed",
        SINGLE,
        ("not closed", "</section>"),
        declared('{"N": {}}', '<section data-if="N">x'),
    ),
)

FORMATTED = declared(
    '{"SUM": {"format": "currency:EUR"}, "DAY": {"type": "string", "format": "date"}}', "{{$SUM}}{{$DAY}}"
)
CELL = f"{SECRET} " * 100

LISTS = (
    Case(
        "a damaged line in UTF-8",
        LIST,
        ("people.csv:3:8", "UTF-8"),
        rows("name,points\nZoë,1\nZaphod ".encode() + b"\xfc,1\n"),
    ),
    Case(
        "Central European letters",
        LIST,
        ("people.csv", "not sure", "--encoding"),
        rows("name,points\nŁukasz,1\n".encode("cp1250")),
    ),
    Case(
        "Cyrillic letters", LIST, ("not sure", "--encoding"), rows("name,points\nИван,1\n".encode("cp1251"))
    ),
    Case(
        "Japanese letters",
        LIST,
        ("not sure", "--encoding"),
        rows("name,points\n山田,1\n".encode("shift_jis")),
    ),
    Case(
        "an old Mac's letters",
        LIST,
        ("not sure", "--encoding"),
        rows("name,points\nJosé,1\n".encode("mac-roman")),
    ),
    Case(
        "UTF-16 with half a character",
        LIST,
        ("people.csv:3", "utf-16"),
        rows("name,points\nA,1\n".encode("utf-16") + b"\x00"),
    ),
    Case(
        "the wrong encoding named",
        f"{LIST} --encoding ascii",
        ("people.csv:2", "ascii"),
        rows("name,points\nZoë,1\n"),
    ),
    Case(
        "an encoding that there is not",
        f"{LIST} --encoding latin-99",
        ("--encoding", '"latin-99"', "windows-1252"),
    ),
    Case("an encoding that is no text", f"{LIST} --encoding base64", ("--encoding", '"base64"')),
    Case("a spreadsheet", LIST, ("people.csv", "spreadsheet", "CSV"), rows(b"PK\x03\x04" + bytes(60))),
    Case("an SQLite file for a list", LIST, ("SQLite",), rows(b"SQLite format 3\0" + bytes(60))),
    Case(
        "a cell of 10 MB",
        LIST,
        ("people.csv:2", "4,000,000 bytes"),
        rows("name,points\n" + "x" * 10_000_000 + ",1\n"),
    ),
    Case(
        "a cell of 2 MB",
        LIST,
        ("people.csv:2", '"name"', "2,000,000 characters", "1 MB"),
        rows("name,points\n" + "x" * 2_000_000 + ",1\n"),
    ),
    Case(
        "a quote that is never closed",
        LIST,
        ("people.csv:2:1", "not closed"),
        rows(f'name,points\n"{SECRET},1\n'),
    ),
    Case(
        "a quote inside quotes",
        LIST,
        ("people.csv:2:1", "Double the quotes"),
        rows(f'name,points\n"{SECRET} "x" y",1\n'),
    ),
    Case(
        "a column without a name",
        LIST,
        ("people.csv:1", "column 2 has no name"),
        rows(f"name,,points\n{SECRET},x,1\n"),
    ),
    Case("a header twice in other spelling", LIST, ("--map",), rows(f"Name,NAme,points\n{SECRET},x,1\n")),
    Case(
        "a formula for a number",
        LIST,
        ("people.csv:2", '"points"', "9 characters", "number"),
        rows(f"name,points\n{SECRET},=SUM(A:A)\n"),
    ),
    Case(
        "a text that runs the other way",
        LIST,
        ("people.csv:2", "U+202E", "character 7"),
        rows(f"name,points\n{SECRET}\u202egpj.exe,1\n"),
    ),
    Case("a control character", LIST, ("people.csv:2", "U+0007"), rows(f"name,points\n{SECRET}\x07,1\n")),
    Case(
        "a date as a spreadsheet shows it",
        LIST,
        ("people.csv:2", '"day"', "2025-01-31"),
        {**FORMATTED, **rows("sum,day\n1,31.12.2024\n")},
    ),
    Case(
        "a number as a spreadsheet shows it",
        LIST,
        ("people.csv:2", '"sum"', "number"),
        {**FORMATTED, **rows('sum,day\n"1.284,50",2024-12-31\n')},
    ),
    Case(
        "a language that there is not",
        f"{LIST} --locale-column lang",
        ("people.csv:2", '"lang"', "de-DE"),
        {**FORMATTED, **rows("sum,day,lang\n1,2024-12-31,klingon\n")},
    ),
    Case(
        "no column for languages", f"{LIST} --locale-column langue", ("--locale-column", '"langue"', '"name"')
    ),
    Case(
        "a condition that cannot compare",
        LIST,
        ("people.csv:2", '"n"', "compares it with one"),
        {**declared('{"N": {"type": "string"}}', '<p data-if="N &gt; 5">x</p>'), **rows(f"n\n{SECRET}\n")},
    ),
    Case(
        "a picture of another host",
        LIST,
        ("people.csv:2", '"p"', "--allow-host"),
        {**page('<img src="{{$P}}">'), **rows(f"p\nhttps://x.example/{SECRET}.png\n")},
    ),
    Case(
        "a picture of a host that is not allowed",
        f"{LIST} --allow-host cdn.example",
        ("people.csv:2", "not allowed"),
        {**page('<img src="{{$P}}">'), **rows(f"p\nhttps://x.example/{SECRET}.png\n")},
    ),
    Case(
        "a picture on the own machine",
        f"{LIST} --allow-host localhost",
        ("people.csv:2", "private, link-local"),
        {**page('<img src="{{$P}}">'), **rows(f"p\nhttps://localhost/{SECRET}.png\n")},
    ),
    Case(
        "a picture without https",
        f"{LIST} --allow-host cdn.example",
        ("people.csv:2", "not https"),
        {**page('<img src="{{$P}}">'), **rows(f"p\nhttp://cdn.example/{SECRET}.png\n")},
    ),
    Case(
        "a script of another host",
        f"{LIST} --allow-host cdn.example",
        ("people.csv:2", "inside the composition's folder"),
        {**page('<iframe src="{{$P}}"></iframe>'), **rows(f"p\nhttps://cdn.example/{SECRET}\n")},
    ),
    Case(
        "a row's picture that is not there",
        LIST,
        ("people.csv:2", '"p"', "not there"),
        {**page('<img src="{{$P}}">'), **rows(f"p\n{SECRET}.png\n")},
    ),
    Case(
        "a row's picture above the folder",
        LIST,
        ("people.csv:2", '"p"'),
        {**page('<img src="{{$P}}">'), **rows(f"p\n../{SECRET}.png\n")},
    ),
    Case(
        "a script in a row's address",
        LIST,
        ("people.csv:2", '"p"'),
        {**page('<a href="{{$P}}">x</a>'), **rows("p\njavascript:alert(1)\n")},
    ),
    Case(
        "a host that is an address",
        f"{LIST} --allow-host https://x.example/",
        ("--allow-host", "without https://"),
    ),
    Case(
        "JSON with a comma too many",
        JSON_LIST,
        ("people.json:1:16", "a comma too many"),
        {"people.json": '[{"name": "x"},]'},
    ),
    Case(
        "JSON with a name twice",
        JSON_LIST,
        ("people.json:1",),
        {"people.json": f'[{{"name": "{SECRET}", "name": "x", "points": 1}}]'},
    ),
    Case(
        "JSON that is one object", JSON_LIST, ("people.json:1:1", "array"), {"people.json": '{"name": "x"}'}
    ),
    Case(
        "a line of JSON that breaks off",
        "render page.html --variants p.jsonl",
        ("p.jsonl:2", "JSON"),
        {"p.jsonl": '{"name": "x", "points": 1}\n{"name": "\n'},
    ),
    Case(
        "brackets without end", JSON_LIST, ("people.json:1:", "nested"), {"people.json": "[" + "[" * 100_000}
    ),
    Case("a row of JSON that is a text", JSON_LIST, ("people.json:1",), {"people.json": f'["{SECRET}"]'}),
    Case(
        "NaN in JSON", JSON_LIST, ("people.json:1", "JSON"), {"people.json": '[{"name": "x", "points": NaN}]'}
    ),
)

SOURCES = (
    Case(
        "a list that is a link to itself",
        "render page.html --variants l.csv",
        ("l.csv cannot be opened",),
        {"l.csv": Link("l.csv")},
    ),
    Case(
        "a list that cannot be read",
        "render page.html --variants /proc/self/mem",
        ("/proc/self/mem cannot be read",),
    ),
    Case(
        "a gzip file cut short",
        "render page.html --variants p.csv.gz",
        ("p.csv.gz", "ends in the middle"),
        {"p.csv.gz": gzip.compress(PAGE.encode() * 9)[:-30]},
    ),
    Case(
        "a gzip file that is none",
        "render page.html --variants p.csv.gz",
        ("p.csv.gz", "damaged"),
        {"p.csv.gz": b"\x1f\x8b\x08\x00" + bytes(40)},
    ),
    Case("a pattern that fits no file", "render page.html --variants part-*.csv", ("part-*.csv", "no file")),
    Case(
        "files whose headers differ",
        "render page.html --variants part-*.csv",
        ("part-2.csv", "part-1.csv", 'lacks "points"'),
        {"part-1.csv": "name,points\nx,1\n", "part-2.csv": "name\nx\n"},
    ),
    Case(
        "a bad row in the second file",
        "render page.html --variants part-*.csv",
        ("part-2.csv:3", "1 cell"),
        {"part-1.csv": "name,points\nx,1\n", "part-2.csv": f"name,points\nx,1\n{SECRET}\n"},
    ),
    Case(
        "a Parquet file that is none",
        "render page.html --variants p.parquet",
        ("p.parquet",),
        {"p.parquet": "x"},
    ),
    Case("no Parquet file", "render page.html --variants none.parquet", ("none.parquet",)),
    Case(
        "a query that is none",
        "",
        ("query result", "Parser Error"),
        words=("render", "page.html", "--variants", "select from where"),
    ),
    Case(
        "a query that deletes",
        "",
        ("one SELECT",),
        words=("render", "page.html", "--variants", "select 1; drop table x"),
    ),
    Case(
        "a query that guesses types",
        "",
        ("guesses types", "all_varchar"),
        words=("render", "page.html", "--variants", "select * from read_csv('people.csv')"),
    ),
    Case(
        "a query of no file",
        "",
        ("query result", "none.csv"),
        words=("render", "page.html", "--variants", "select * from 'none.csv'"),
    ),
    Case(
        "a database without a query",
        "render page.html --variants sqlite:///p.db",
        ("sqlite:///p.db", "--query"),
    ),
    Case(
        "a database that is not there",
        "render page.html --variants sqlite:///p.db --query SELECT",
        ("sqlite:///p.db", "no such file"),
        words=(),
    ),
    Case(
        "a database of another kind",
        "render page.html --variants oracle://x/y --query SELECT",
        ("oracle://", "postgresql://"),
    ),
    Case(
        "a database that does not answer",
        f"render page.html --variants postgresql://me:{SECRET}@127.0.0.1:9/x --query SELECT",
        ("postgresql://127.0.0.1:9/x", "no connection"),
        code=3,
    ),
    Case("a query for a file", f"{LIST} --query SELECT", ("--query", "URL of a database")),
    Case(
        "list options for one clip",
        f"{SINGLE} --encoding utf-8 --query x",
        ("--encoding, --query", "--variants"),
    ),
    Case("a folder that cannot be made", f"{LIST} --out-dir /proc/none", ("/proc/none",), code=3),
    Case("a folder below a file", f"{LIST} --out-dir page.html/x", ("page.html/x",), code=3),
    Case("a clip in no folder", "render page.html --out /proc/none/x.mp4", ("/proc/none",), code=3),
    Case(
        "an out folder that is a link to itself",
        f"{LIST} --out-dir loop",
        ("loop",),
        {"loop": Link("loop")},
        code=3,
    ),
)

CASES = (*MARKUP, *TOKENS, *LISTS, *SOURCES)


def script(text: str) -> dict[str, Any]:
    return page(f"<p>x</p><script>{text}</script>")


#: A frame may take two seconds, or four for loading.
SHORT = f"{SINGLE} --workers 1 --frame-timeout 2"

PAGE_CASES = (
    Case(
        "a picture of 30,000 pixels each way",
        SHORT,
        ('"big.png"', "100 million pixels"),
        {**page('<img src="big.png">'), "big.png": png(30_000, 30_000)},
        code=1,
    ),
    Case(
        "a picture that is cut short",
        SHORT,
        ('"cat.png"', "could not be read"),
        {**page('<img src="cat.png">'), "cat.png": png(64, 64)[:60]},
        code=1,
    ),
    Case(
        "a font that does not parse",
        SHORT,
        ("font", "could not be read"),
        {
            **page("<style>@font-face{font-family:F;src:url(f.woff2)}</style><p style='font-family:F'>x</p>"),
            "f.woff2": "wOF2 not",
        },
        code=1,
    ),
    Case(
        "a sound that is none",
        SHORT,
        ("page.html:1", "the sound cannot be read", "MP3"),
        {**page('<p>x</p><audio src="a.mp3"></audio>'), "a.mp3": "no sound"},
    ),
    Case(
        "a script that throws",
        SHORT,
        ("page.html:1:", "a script threw", "no luck"),
        script("throw new Error('no luck')"),
        code=1,
    ),
    Case(
        "a script that asks for a terabyte",
        SHORT,
        ("a script threw",),
        script("new ArrayBuffer(2 ** 40)"),
        code=1,
    ),
    Case(
        "a script that calls itself", SHORT, ("a script threw",), script("function f() { f(); } f();"), code=1
    ),
    Case("a string without end", SHORT, ("a script threw",), script("let s = 'x'; for (;;) s += s;"), code=1),
    Case("a loop without end", SHORT, ("--frame-timeout",), script("for (;;);"), code=1),
    Case("a navigation", SHORT, ("lies outside",), script("location.href = 'https://x.example/'"), code=1),
    Case("a reload", SHORT, ("navigated away",), script("location.reload()"), code=1),
    Case(
        "a page without an end",
        "render page.html --out x.mp4 --workers 1",
        ("no duration", 'data-duration="6"'),
        page("x", root='data-width="160" data-height="90"'),
    ),
    Case(
        "a picture that a script asks for",
        SHORT,
        ('"none.png"', "not in the folder"),
        script("document.body.append(Object.assign(new Image(), {src: 'none.png'}))"),
        code=1,
    ),
    Case(
        "a frame that is sealed",
        SHORT,
        ("sealed off",),
        page("<iframe sandbox='allow-scripts' srcdoc='<p>x'></iframe>"),
        code=1,
    ),
)

#: What looks like a mistake and is none, or what a browser bears: a clip comes out.
HARMLESS: dict[str, dict[str, Any]] = {
    "tags that are not closed": {"page.html": f"<div {ROOT}><p>one<p>two<b>three<i>"},
    "dialogs and popups": script("alert(1); confirm(2); prompt(3); open('https://x.example/')"),
    "CSS that doubles itself": page(
        "<style>p{--a0:x;"
        + "".join(f"--a{n + 1}:var(--a{n})var(--a{n});" for n in range(40))
        + "content:var(--a40)}</style><p>x</p>"
    ),
    "boxes in boxes": page("<div>" * 3000 + "x"),
    "filters on filters": page("<p style='filter:" + "blur(1px)" * 40 + "'>x</p>"),
    "an attribute of one's own": page("<style>[data-strat]{color:red}</style><p data-strat='1'>x</p>"),
}
