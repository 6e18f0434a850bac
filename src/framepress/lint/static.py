"""What the text of a composition and of its scripts and style sheets says by itself. No browser. Pure but for
the reading of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from framepress.composition import Composition
from framepress.escaping import Language
from framepress.fontconfig import FALLBACK_ORDER, FAMILIES
from framepress.html_parts import Kind, Scan, placer
from framepress.html_scan import scan
from framepress.lint.advice import Advice
from framepress.lint.blank import css_code, js_code

#: Rule, pattern, severity, problem, cure; in scripts.
_IN_SCRIPTS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "clock",
        r"\bnew\s+Date\s*(?:\(\s*\)|(?![\s(\w.]))|\bDate\s*\.\s*now\b|\bTemporal\s*\.\s*Now\b",
        "warning",
        "the date is read from the clock, which stands at --now while rendering",
        "take the date from a column, or set --now",
    ),
    (
        "random",
        r"\bMath\s*\.\s*random\b|\bgetRandomValues\b|\brandomUUID\b",
        "note",
        "random numbers are the same for every row and every run",
        "data-seed on the root gives others; for each row its own, take them from a column",
    ),
    (
        "network",
        r"\bfetch\s*\(|\bXMLHttpRequest\b|\bnew\s+(?:WebSocket|EventSource|RTCPeerConnection)\b"
        r"|\bsendBeacon\s*\(|\bimportScripts\s*\(",
        "warning",
        "a request is made while the page renders; only files of its folder are there",
        "put what it asks for into the folder, or into the list",
    ),
    (
        "stateful",
        r"\bsetInterval\s*\(|\brequestAnimationFrame\s*\(",
        "note",
        "a page that goes on by timers or animation frames is stepped through every frame by one worker",
        "draw from the time that hf-seek brings, with CSS or with a registered timeline",
    ),
)

#: The same in style sheets: what makes parts of a page one picture, or the whole page personal.
_IN_STYLES: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "reuse-backdrop",
        r"\bbackdrop-filter\s*:\s*+(?!none)[^;}]+",
        "note",
        "a backdrop filter mixes with what is behind it, so what rows share there is drawn for each row",
        "keep personal elements away from it, or draw the blur into a picture",
    ),
    (
        "reuse-blend",
        r"\bmix-blend-mode\s*:\s*+(?!normal)[^;}]+",
        "note",
        "blending mixes with what is behind it, so what rows share there is drawn for each row",
        "keep personal elements out of blended ones",
    ),
)

_GENERIC = frozenset(
    ("serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui", "math", "emoji", "ui-serif",
     "ui-sans-serif", "ui-monospace", "ui-rounded", "inherit", "initial", "unset", "revert", "-apple-system",
     "blinkmacsystemfont")
)  # fmt: skip
_FAMILY = re.compile(
    r"(?<![\w-])font-family\s*:\s*([^;}\"']*(?:\"[^\"]*\"|'[^']*'|[^;}\"'])*)", re.IGNORECASE
)
_FONT = re.compile(
    r"(?<![\w-])font\s*:[^;}]*?\d(?:px|em|rem|pt|%|vw|vh)(?:\s*/\s*[\w.%]+)?\s+([^;}]+)", re.IGNORECASE
)
_FACE = re.compile(r"@font-face\s*\{[^}]*\}", re.IGNORECASE)
_INFINITE = re.compile(r"\banimation(?:-iteration-count)?\s*:[^;}]*\binfinite\b", re.IGNORECASE)
_REMOTE = re.compile(r"(?:https?:)?//[\w.-]+\.\w{2,}", re.IGNORECASE)
_BARE = re.compile(r"(?<!\{)\{\{\s*([A-Za-z_][\w .-]{0,40}?)\s*\}\}")


@dataclass(frozen=True)
class _Text:
    """A piece of source with its place."""

    text: str
    start: int
    place: Callable[[int], str]

    def at(self, offset: int) -> str:
        return self.place(self.start + offset)


class Linter:
    """Looks through one composition."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        self._source = composition.source
        self._page: Scan = scan(self._source)
        self._place = placer(composition.name, self._source)

    def run(self) -> list[Advice]:
        """All that is found, in no order."""
        return [
            *self._scripts(),
            *self._styles(),
            *self._fonts(),
            *self._remote(),
            *self._variables(),
            *self._endless(),
            *self._text_options(),
        ]

    # ---- pieces ---------------------------------------------------------------------------------

    @cached_property
    def _script_texts(self) -> list[_Text]:
        found = [
            _Text(self._source[region.start : region.end], region.start, self._place)
            for region in self._page.regions
            if region.kind is Kind.SCRIPT and region.tag is not None and _is_script(region.tag.get("type"))
        ]
        return found + self._files((".js", ".mjs"))

    @cached_property
    def _style_texts(self) -> list[_Text]:
        found = [
            _Text(self._source[region.start : region.end], region.start, self._place)
            for region in self._page.regions
            if region.kind is Kind.STYLE
        ]
        for tag in self._page.tags:
            style = tag.attribute("style")
            if style is not None:
                text = self._source[style.value_start : style.value_end]
                found.append(_Text(text, style.value_start, self._place))
        return found + self._files((".css",))

    def _files(self, suffixes: tuple[str, ...]) -> list[_Text]:
        found = []
        for relative, path in self._composition.files.items():
            if path.suffix.lower() in suffixes:
                text = path.read_text(encoding="utf-8", errors="replace")
                found.append(_Text(text, 0, placer(relative, text)))
        return found

    # ---- rules ----------------------------------------------------------------------------------

    def _scripts(self) -> Iterator[Advice]:
        for piece in self._script_texts:
            code = js_code(piece.text)
            for rule, pattern, severity, problem, cure in _IN_SCRIPTS:
                for match in re.finditer(pattern, code):
                    yield Advice(severity, piece.at(match.start()), rule, problem, cure)  # type: ignore[arg-type]

    def _styles(self) -> Iterator[Advice]:
        for piece in self._style_texts:
            code = css_code(piece.text)
            for rule, pattern, severity, problem, cure in _IN_STYLES:
                for match in re.finditer(pattern, code, re.IGNORECASE):
                    yield Advice(severity, piece.at(match.start()), rule, problem, cure)  # type: ignore[arg-type]
        template = self._composition.template()
        shared = {Language.CSS_BARE, Language.CSS_STRING, Language.CSS_URL}
        inside = [region for region in template.page.regions if region.kind is Kind.STYLE]
        for slot in template.slots:
            in_sheet = any(region.start <= slot.offset < region.end for region in inside)
            if slot.spot.language in shared and in_sheet:
                yield Advice(
                    "note",
                    slot.place,
                    "reuse-global",
                    f'"{slot.name}" stands in a style sheet, so rows share only with rows of the same value',
                    "where it has many values, put it into the style attribute of the element that needs it",
                )

    def _fonts(self) -> Iterator[Advice]:
        brought = {"emoji"}
        for piece in self._style_texts:
            for face in _FACE.findall(css_code(piece.text)):
                brought |= {name.casefold() for match in _FAMILY.finditer(face) for name in _names(match[1])}
        bundled = {name.casefold() for family, _, names in FAMILIES for name in (family, *names)}
        bundled |= {name.casefold() for name in FALLBACK_ORDER}
        folder = self._composition.folder / "fonts"
        has_folder = folder.is_dir() and any(
            path.suffix.lower() in (".ttf", ".otf", ".ttc") for path in folder.rglob("*")
        )
        for piece in self._style_texts:
            code = _FACE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), css_code(piece.text))
            for match in (*_FAMILY.finditer(code), *_FONT.finditer(code)):
                first = next(iter(_names(match[1])), "")
                name = first.casefold()
                if not name or name in _GENERIC | brought | bundled or "var(" in name or "{" in name:
                    continue
                where = "unless fonts/ has it, " if has_folder else ""
                yield Advice(
                    "note" if has_folder else "warning",
                    piece.at(match.start()),
                    "machine-font",
                    f'{where}the font "{first}" is one of this machine, and is not used while rendering',
                    "put its file into fonts/, or bring it along with @font-face",
                )

    def _remote(self) -> Iterator[Advice]:
        cure = "put the file into the folder of the composition"
        for tag in self._page.tags:
            for name in ("src", "href", "poster", "data"):
                attribute = tag.attribute(name)
                loads = tag.name not in ("a", "area") and (
                    name != "href" or tag.name in ("link", "image", "use")
                )
                if attribute is not None and loads and _REMOTE.match(attribute.value.strip()):
                    problem = f"<{tag.name} {name}> is on another host, which is not asked while rendering"
                    yield Advice("error", self._place(attribute.start), "network", problem, cure)
        for piece in self._style_texts:
            code = css_code(piece.text)
            for match in re.finditer(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//)", code, re.IGNORECASE):
                problem = "a file of another host, which is not asked while rendering"
                yield Advice("error", piece.at(match.start()), "network", problem, cure)

    def _variables(self) -> Iterator[Advice]:
        composition = self._composition
        template = composition.template()
        first: dict[str, str] = {}
        for slot in template.slots:
            first.setdefault(slot.name, slot.place)
        if composition.declarations:
            for name, place in first.items():
                if name not in composition.declarations:
                    yield Advice(
                        "warning", place, "undeclared", f'"{name}" is used and not declared', "declare it"
                    )
        for name in composition.declarations:
            if name not in first and not self._is_read(name):
                line = self._place(max(0, self._source.find(f'"{name}"')))
                yield Advice(
                    "warning", line, "unused", f'"{name}" is declared and not used', "use it, or remove it"
                )
        for match in _BARE.finditer(self._source):
            if match[1] not in first and match[1].casefold() not in {name.casefold() for name in first}:
                yield Advice(
                    "note",
                    self._place(match.start()),
                    "undeclared",
                    f'"{match[1]}" in double braces is text unless the list has a column of that name',
                    "declare it, or write four braces if text is meant",
                )

    def _is_read(self, name: str) -> bool:
        """Whether markup or scripts may read a variable in another way than by a token."""
        mark = re.escape(name)
        pattern = rf"data-var-(?:text|src)\s*=\s*[\"']?{mark}\b|var\(\s*--{mark}\b|getVariables"
        return any(
            re.search(pattern, text) for text in (self._source, *(one.text for one in self._script_texts))
        )

    def _endless(self) -> Iterator[Advice]:
        root = next((tag for tag in self._page.tags if tag.get("data-width") is not None), None)
        if root is not None and root.get("data-duration") is not None:
            return
        for piece in self._style_texts:
            for match in _INFINITE.finditer(css_code(piece.text)):
                yield Advice(
                    "warning",
                    piece.at(match.start()),
                    "endless",
                    "an animation without end, and the root does not say how long the clip is",
                    'add data-duration="6" (seconds) to the root',
                )

    def _text_options(self) -> Iterator[Advice]:
        for tag in self._page.tags:
            fit = tag.attribute("data-fit")
            if fit is not None and not re.fullmatch(r"\s*shrink(?:\s+(?:0?\.\d+|1(?:\.0*)?))?\s*", fit.value):
                yield Advice(
                    "error",
                    self._place(fit.start),
                    "fit",
                    "data-fit is not understood",
                    'write data-fit="shrink 0.6": down to that part of the size',
                )


def _is_script(kind: str | None) -> bool:
    return kind is None or kind.strip().lower() in ("", "module", "text/javascript", "application/javascript")


def _names(families: str) -> Iterator[str]:
    for family in families.split(","):
        name = family.strip().strip("\"'").strip()
        if name and not name.startswith("!"):
            yield name.removesuffix("!important").strip()
