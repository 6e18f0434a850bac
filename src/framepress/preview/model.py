"""What a preview shows: the composition with any values, the rows of a list, what is wrong. No server.

Everything is read anew when a file has changed. Values stay on this machine: the server listens on loopback.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from framepress import runtime, variants
from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.declarations import LOCALE_NAME
from framepress.errors import FramepressError, RowValueError
from framepress.page_facts import AudioElement
from framepress.picture_files import picture_size
from framepress.preflight.facts import read_layout
from framepress.preflight.first_script import with_script
from framepress.preflight.judge import Causes, Judged, judge
from framepress.preflight.rules import RULES
from framepress.preflight.values import check_row
from framepress.preview.listed import ListedRows, ListSource, read_list
from framepress.remote_files import RemoteFiles
from framepress.row_binding import BindingOptions
from framepress.rows import list_name
from framepress.settings import RenderSettings
from framepress.site import Served, Site

#: Where values come from, for messages.
PLACE = "values"

#: Pages that are kept to be served; a browser asks for one right after it was made.
PAGES_MAX = 32


@dataclass
class _Loaded:
    """A composition and a list as they are in their files now."""

    composition: Composition
    listed: ListedRows
    site: Site
    version: str


@dataclass
class PreviewModel:
    """One composition and perhaps one list.

    Attributes:
        source: list of rows; None: only the form.
        remote: gets files of other hosts; None: no host is allowed.
    """

    composition_path: Path
    source: ListSource | None
    settings: RenderSettings
    remote: RemoteFiles | None = None
    _given: ListedRows | None = None
    _loaded: _Loaded | None = None
    _pages: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _names: itertools.count[int] = field(default_factory=itertools.count)

    def version(self) -> str:
        """Changes when a file of the composition, or the list, does."""
        watched = [self.composition_path]
        if self._loaded is not None:
            watched = [self._loaded.composition.path, *self._loaded.composition.files.values()]
        if self.source is not None:
            watched += self.source.files()
        return "-".join(str(_changed(path)) for path in watched)

    def state(self) -> dict[str, Any]:
        """What the page needs to begin with.

        Raises:
            FramepressError: the composition or the list cannot be read.
        """
        loaded = self._fresh()
        composition = loaded.composition
        return {
            "name": composition.name,
            "version": loaded.version,
            "rows": len(loaded.listed.rows),
            "list": list_name(self.source.rows) if self.source is not None else None,
            "variables": [
                {
                    "name": name,
                    "type": declaration.type if declaration else "string",
                    "label": declaration.label if declaration else "",
                    "default": declaration.default if declaration else None,
                    "options": list(declaration.options) if declaration else [],
                    "max_length": declaration.max_length if declaration else None,
                    "longest": self._extreme(loaded, name, longest=True),
                    "shortest": self._extreme(loaded, name, longest=False),
                }
                for name in composition.variables(loaded.listed.columns)
                for declaration in (composition.declarations.get(name),)
            ],
        }

    def row(self, index: int) -> dict[str, Any]:
        """Values of a row, by variable, and what is wrong with them; `index` from 0."""
        loaded = self._fresh()
        row = loaded.listed.rows[index]
        columns = self._binder(loaded).column_of
        values = {name: row.texts.get(column, "") for name, column in columns.items()}
        if self._binding.locale_column is not None:
            values[LOCALE_NAME] = row.texts.get(self._binding.locale_column, "")
        found = check_row(
            row.number, row.texts, columns, loaded.composition.declarations, loaded.listed.table
        )
        return {
            "row": row.number,
            "id": row.texts.get(self._binding.id_column or "", ""),
            "values": values,
            "findings": [
                {
                    "severity": one.severity,
                    "title": RULES[one.rule].title,
                    "field": one.field,
                    "detail": one.detail,
                }
                for one in found
            ],
        }

    def page(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Make the page of some values, to be asked for under the `path` that is returned.

        Raises:
            FramepressError: a value breaks a rule; nothing was made.
        """
        loaded = self._fresh()
        composition = loaded.composition
        binder = variants.Binder(
            composition, columns=tuple(given), column_map={}, use_default=tuple(composition.declarations),
            batch=False,
        )  # fmt: skip
        binder.remote = self.remote
        variant = binder.bind(given, place=PLACE, row_number=None)
        document = composition.instantiate(
            variant.values, columns=loaded.listed.columns, locale=self.settings.locale
        )
        fps = self.settings.fps or document.fps or variants.FPS_DEFAULT
        script = runtime.script(
            runtime.PREVIEW_FILES,
            epoch_ms=_epoch_ms(self.settings.now),
            seed=document.seed or composition.digest,
            preview=True,
        )
        name = f"{loaded.version[-8:]}-{next(self._names)}"
        self._pages[name] = with_script(document.html, script)
        while len(self._pages) > PAGES_MAX:
            self._pages.popitem(last=False)
        rooted = document.duration is not None and document.duration_from == "root"
        return {
            "path": f"/c/{name}/{loaded.site.entry}",
            "width": document.width,
            "height": document.height,
            "fps": [fps.numerator, fps.denominator],
            "duration": float(document.duration) if rooted and document.duration is not None else None,
            "values": dict(variant.values),
            "sounds": [_sound(one, name, loaded.version) for one in document.audio if not one.muted],
        }

    def file(self, name: str, path: str) -> Served | None:
        """A file that a page asked for; None: there is none.

        Args:
            name: of the page, from its address. path: relative to the folder.
        """
        loaded = self._fresh()
        if path == loaded.site.entry and name in self._pages:
            return Served(self._pages[name].encode("utf-8"), "text/html; charset=utf-8", False, False)
        return loaded.site.read(path)

    def judge(self, told: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What is wrong with a layout, compared with that of the defaults.

        Args:
            told: ``layout`` and ``base`` as `layoutFacts` gives them, ``names`` of places, ``values``,
                ``time`` in seconds, ``size``.
        """
        size = int(told["size"][0]), int(told["size"][1])
        judged = Judged(
            read_layout(dict(told["layout"]), size, self._picture_size),
            read_layout(dict(told["base"]), size, self._picture_size) if told.get("base") else None,
            Causes(names=dict(told.get("names") or {})),
            dict(told["values"]),
            None,
            float(told["time"]),
        )
        return [
            {
                "severity": one.severity,
                "title": RULES[one.rule].title,
                "detail": one.detail,
                "cure": RULES[one.rule].cure,
                "element": one.element,
                "box": [one.box.x, one.box.y, one.box.width, one.box.height] if one.box else None,
            }
            for one in judge(judged)
        ]

    # ---- inside ---------------------------------------------------------------------------------

    def _picture_size(self, url: str) -> tuple[int, int] | None:
        """Pixels of a file below the composition's folder, by an address under which a page asked for it."""
        path = unquote(urlsplit(url).path)
        if not path.startswith("/c/"):
            return None
        served = self._fresh().site.read(path.removeprefix("/c/").partition("/")[2])
        return picture_size(served.body) if served is not None else None

    def _fresh(self) -> _Loaded:
        version = self.version()
        if self._loaded is None or self._loaded.version != version:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> _Loaded:
        composition = load_composition(self.composition_path)
        site = Site(
            composition.folder, composition.path.relative_to(composition.folder).as_posix(), "preview"
        )
        loaded = _Loaded(composition, self._listed(), site, "")
        self._loaded = loaded
        loaded.version = self.version()
        return loaded

    def _listed(self) -> ListedRows:
        if self.source is None:
            return ListedRows()
        if self.source.files():
            return read_list(self.source)
        # Standard input is there once, and a database is not asked at every save.
        if self._given is None:
            self._given = read_list(self.source)
        return self._given

    @property
    def _binding(self) -> BindingOptions:
        return self.source.binding if self.source is not None else BindingOptions()

    def _binder(self, loaded: _Loaded) -> variants.Binder:
        return variants.Binder(
            loaded.composition,
            columns=loaded.listed.columns,
            column_map=self._binding.column_map,
            use_default=tuple(loaded.composition.declarations),
            batch=True,
            locale_column=self._binding.locale_column,
        )

    def _extreme(self, loaded: _Loaded, name: str, *, longest: bool) -> int | None:
        """Index of the row with the longest or shortest value of a variable; None: there is none."""
        if not loaded.listed.rows:
            return None
        column = loaded.listed.table.columns.get(self._binder(loaded).column_of.get(name, ""))
        number = (column.longest if longest else column.shortest)[1] if column is not None else 0
        return next((index for index, row in enumerate(loaded.listed.rows) if row.number == number), None)


def _sound(one: AudioElement, page: str, version: str) -> dict[str, Any]:
    """When a file is heard; seconds. `page`: under whose address it is asked for. `version`: of the files."""
    return {
        "key": f"{version}/{one.src}",
        "url": f"/c/{page}/{quote(one.src)}",
        "start": float(one.start),
        "end": float(one.end) if one.end is not None else None,
        "trim": float(one.trim_start),
        "speed": float(one.speed),
        "volume": float(one.volume),
        "loop": one.loop,
    }


def message_of(error: FramepressError) -> dict[str, Any]:
    """An error for the page."""
    field_name = error.field if isinstance(error, RowValueError) else None
    return {"error": error.message.removeprefix(f"{PLACE}: "), "field": field_name}


def _changed(path: Path) -> int:
    try:
        facts = path.stat()
    except OSError:
        return 0
    return facts.st_mtime_ns ^ facts.st_size


def _epoch_ms(now: str) -> int:
    moment = datetime.fromisoformat(now)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
