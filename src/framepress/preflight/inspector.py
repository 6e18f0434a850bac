"""Lays one row after the other out and says what is wrong with each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from framepress.errors import BrowserCrash, FramepressError, FrameTimeout, InputError, PageError
from framepress.preflight.backdrop import Pixels, low_contrast
from framepress.preflight.basis import Basis
from framepress.preflight.facts import Box, Layout, TextFact, overlap
from framepress.preflight.framed_page import FramedPage, NotFramed
from framepress.preflight.glyphs import GlyphBook, code_points
from framepress.preflight.judge import Judged, about, judge, known_of
from framepress.preflight.rules import Finding, RowReport, finding
from framepress.preflight.scripts import has_emoji
from framepress.preflight.small_page import SmallPage
from framepress.preflight.view import RowView
from framepress.remote_addresses import canonical_address
from framepress.renderer import Renderer
from framepress.variants import Variant

#: Scale of the ground that contrast is measured on.
GROUND_SCALE = 0.5

#: Text fainter than this is on its way in or out; what it will be is seen at another moment.
FAINT = 0.5


@dataclass(frozen=True)
class Looked:
    """What was seen of one row: its report, and its layout at every moment."""

    report: RowReport
    layouts: tuple[Layout, ...]


class Inspector:
    """Inspects the rows of one list in one renderer."""

    def __init__(self, renderer: Renderer, basis: Basis) -> None:
        self._renderer = renderer
        self._basis = basis
        self._page = SmallPage(renderer, jumps=not basis.stateful)
        self._frame = FramedPage(renderer, basis.frames, basis.fps)
        self._glyphs = GlyphBook()
        #: What is behind text with the defaults, per frame.
        self._grounds: dict[int, Pixels] = {}
        #: Digest of a file of rows -> whether it is no whole picture.
        self._broken: dict[str, bool] = {}
        self._known = [known_of(layout, basis.causes) for layout in basis.layouts]

    def inspect(self, row: int, variant: Variant) -> Looked:
        """Everything that is wrong with the pictures of one row, from a page of its own.

        Raises:
            EnvironmentFault: no browser. BrowserCrash, FrameTimeout: worth another try.
        """
        broken = list(self._broken_files(row, variant))
        if broken:
            return Looked(RowReport(row, tuple(broken), failed=True), ())
        self._frame.leave()
        try:
            return self._look(self._page, row, variant)
        except (PageError, InputError) as error:
            return Looked(RowReport(row, (_failure(row, error),), failed=True), ())

    def inspect_framed(self, row: int, variant: Variant) -> Looked | None:
        """The same from a frame; None: that does not work for this row.

        Raises:
            EnvironmentFault: no browser.
        """
        if self._basis.unframed is not None or any(self._broken_files(row, variant)):
            return None
        if not self._grounds:
            self._draw_grounds()
        try:
            return self._look(self._frame, row, variant)
        except (NotFramed, PageError, BrowserCrash, FrameTimeout):
            self._frame.leave()
            return None

    def _look(self, view: RowView, row: int, variant: Variant) -> Looked:
        basis = self._basis
        if not self._grounds:
            self._draw_grounds()
        clip = view.open(variant, basis.size)
        frames = tuple(sorted({min(frame, clip.frame_count - 1) for frame in basis.frames}))
        findings: dict[tuple[str, str | None, str], Finding] = {}
        widths: dict[str, float] = {}
        layouts: list[Layout] = []
        for frame, layout in view.layouts(frames):
            layouts.append(layout)
            nearest = _nearest(basis.frames, frame)
            base = basis.layouts[nearest]
            judged = Judged(layout, base, basis.causes, variant.values, row, basis.time_s(frame))
            found = [
                *judge(judged, self._known[nearest]),
                *self._glyph_findings(view, judged),
                *self._contrast_findings(view, judged, frame),
            ]
            for one in found:
                findings.setdefault((one.rule, one.field, one.element), one)
            _note_widths(judged, widths)
        return Looked(RowReport(row, tuple(findings.values()), widths), tuple(layouts))

    # ---- files ----------------------------------------------------------------------------------

    def _broken_files(self, row: int, variant: Variant) -> Iterator[Finding]:
        composition = self._renderer.composition
        for name, declaration in composition.declarations.items():
            value = variant.values.get(name, "")
            path = canonical_address(value) or value
            if declaration.type != "image" or path not in variant.files:
                continue
            if self._is_broken(path, variant.files[path]):
                yield finding(
                    "image-broken", "the file ends too early, or is no picture", row=row, field=name
                )

    def _is_broken(self, path: str, digest: str) -> bool:
        if digest not in self._broken:
            served = self._renderer.contents.served(path, digest)
            self._broken[digest] = served is not None and served.broken
        return self._broken[digest]

    # ---- characters -----------------------------------------------------------------------------

    def _glyph_findings(self, view: RowView, judged: Judged) -> Iterator[Finding]:
        for text in judged.layout.texts:
            if not judged.is_personal(text):
                continue
            glyphs = self._glyphs.look_up(view, text.font, text.text)
            if glyphs.missing:
                yield self._glyph_finding(judged, text, "glyph-missing", glyphs.missing)
            if glyphs.fallback:
                found = self._glyph_finding(judged, text, "glyph-fallback", glyphs.fallback)
                mild = not glyphs.author_chose or all(map(has_emoji, glyphs.fallback))
                yield replace(found, severity="note") if mild else found

    def _glyph_finding(self, judged: Judged, text: TextFact, rule: str, clusters: tuple[str, ...]) -> Finding:
        able = judged.causes.texts.get(text.place, ())
        name = next((one for one in able if clusters[0] in judged.values.get(one, "")), None)
        told = list(code_points(clusters))
        more = f" and {len(told) - 4} more" if len(told) > 4 else ""
        return about(judged, rule, text.place, text.box, ", ".join(told[:4]) + more, name=name)

    # ---- contrast -------------------------------------------------------------------------------

    def _contrast_findings(self, view: RowView, judged: Judged, frame: int) -> Iterator[Finding]:
        for text in judged.layout.texts:
            if text.opacity < FAINT or text.colour[3] < 32:
                continue
            grounds = self._own_grounds(judged, text)
            if not grounds and not judged.is_personal(text):
                continue
            ground = self._ground(view, judged, text, frame, drawn_anew=bool(grounds))
            ratio = low_contrast(ground, text.colour, text.opacity) if ground is not None else None
            if ratio is not None:
                name = self._blamed(judged, (text.place, *grounds))
                yield about(judged, "contrast-low", text.place, text.box, f"{ratio:.1f}:1", name=name)

    def _blamed(self, judged: Judged, places: tuple[str, ...]) -> str | None:
        """The variable that changes one of these and is not as with the defaults."""
        default = self._basis.default.values
        able = [name for place in places for name in judged.causes.looks.get(place, ())]
        return next((name for name in able if judged.values.get(name) != default.get(name)), None)

    def _ground(
        self, view: RowView, judged: Judged, text: TextFact, frame: int, *, drawn_anew: bool
    ) -> Pixels | None:
        """What is behind a text. None: nothing of it is in the picture.

        Where nothing behind it is the row's own, the picture with the defaults shows it; only else is the row
        drawn.
        """
        root = judged.layout.root
        left, top = max(text.box[0], root[0]), max(text.box[1], root[1])
        right, bottom = min(text.box[2], root[2]), min(text.box[3], root[3])
        if right - left < 4 or bottom - top < 4:
            return None
        box = (left, top, right, bottom)
        if text.plain and frame in self._grounds and not drawn_anew:
            return _part(self._grounds[frame], box, 0, 0)
        hidden = tuple(one.place for one in judged.layout.texts)
        pixels, shown = view.picture(box, GROUND_SCALE, behind=hidden)
        return _part(pixels, box, shown.x, shown.y)

    def _own_grounds(self, judged: Judged, text: TextFact) -> tuple[str, ...]:
        """Places of what is painted at a text and is not as with the defaults."""
        layout, base = judged.layout, judged.base
        assert base is not None
        return tuple(
            place
            for place, box in layout.boxes.items()
            if min(overlap(box, text.box)) > 0
            and (
                place in judged.causes.looks
                or base.boxes.get(place) != box
                or layout.grounds[place] is None
                or base.grounds.get(place) != layout.grounds[place]
            )
        )

    def _draw_grounds(self) -> None:
        """What is behind text with the defaults, at every moment."""
        basis = self._basis
        self._page.open(basis.default, basis.size)
        for frame, layout in self._page.layouts(basis.frames):
            places = tuple(text.place for text in layout.texts)
            self._grounds[frame] = self._page.picture(None, GROUND_SCALE, behind=places)[0]


def _part(pixels: Pixels, box: Box, x: int, y: int) -> Pixels:
    """What a picture, whose corner is at `x`, `y`, shows of a box; CSS pixels."""
    left, top, right, bottom = box
    scale = GROUND_SCALE
    rows = slice(max(0, int((top - y) * scale)), max(0, int((bottom - y) * scale)))
    return pixels[rows, max(0, int((left - x) * scale)) : max(0, int((right - x) * scale))]


def _nearest(frames: tuple[int, ...], frame: int) -> int:
    return min(range(len(frames)), key=lambda index: abs(frames[index] - frame))


def _note_widths(judged: Judged, widths: dict[str, float]) -> None:
    assert judged.base is not None
    for text in judged.layout.texts:
        before = judged.base.text_at(text.place)
        size = before.size if before is not None else text.size
        for name in judged.causes.texts.get(text.place, ()):
            widths[name] = max(widths.get(name, 0.0), text.width * size / max(text.size, 1.0))


def _failure(row: int, error: FramepressError) -> Finding:
    """A page that cannot be laid out. Messages of errors hold no values."""
    missing = "is missing" in error.message and "image" in error.message
    return finding(
        "image-missing" if missing else "row-broken",
        error.message,
        row=row,
        field=getattr(error, "field", None),
    )
