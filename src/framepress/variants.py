"""Rows into variants, and the row key of a variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path

from framepress import keys
from framepress.column_match import ColumnMatch
from framepress.composition import Composition
from framepress.errors import RowValueError, UsageError
from framepress.formats import canonical_locale
from framepress.js_scan import PLACEHOLDER
from framepress.remote_source import Wanted
from framepress.row_values import RowValues, canonical_text
from framepress.settings import RenderSettings
from framepress.timing import scaled_size

__all__ = ["FPS_DEFAULT", "Binder", "Variant", "all_findings", "canonical_text", "row_key_of"]

#: Frames per second where neither an option nor the composition says.
FPS_DEFAULT = Fraction(30)

#: Rows that a message about fallbacks names.
FALLBACKS_NAMED = 10


@dataclass(frozen=True)
class Variant:
    """One row, validated and completed.

    Attributes:
        values: every variable -> canonical text.
        files: POSIX path relative to the composition's folder -> SHA-256, of the files the row refers to.
    """

    values: Mapping[str, str]
    files: Mapping[str, str]


class Binder(ColumnMatch):
    """Binds the rows of a batch, whose columns it has matched first; arguments and errors: `ColumnMatch`."""

    #: Rows in which a fallback stands for a file that could not be fetched, and the numbers of the first.
    fell_back = 0

    @cached_property
    def fell_back_rows(self) -> list[int]:
        return []

    @cached_property
    def _digests(self) -> dict[tuple[str, int, int], str]:
        return {}

    @cached_property
    def _times_vary(self) -> bool:
        """Whether a row can break what is read from attributes: then each row is tried out."""
        if self.template.conditions:
            return True
        relevant = ("data-", "src", "muted", "loop")
        for tag in self.template.page.tags:
            for attribute in tag.attributes:
                if PLACEHOLDER in attribute.value and attribute.name.startswith(relevant):
                    return True
        return "html" in self.composition.types.values()

    def bind(
        self,
        row: Mapping[str, object],
        *,
        place: str,
        row_number: int | None,
        format_: str | None = None,
    ) -> Variant:
        """One row into a variant.

        Args:
            row: column -> str, `Lexeme`, bool or None. Not changed.
            place: ``file:line`` of the row, or ``--vars``.
            format_: in which it is rendered; None: as composed, or as a single row says under `FORMAT_NAME`.

        Raises:
            RowValueError: its message is the first finding; `findings` holds all, each a RowValueError.
        """
        if self.remote is not None:
            self.remote.fetch_all(self.wanted(row))
        work = RowValues(self, row, place, row_number, self.digest, self.remote)
        values = work.complete()
        work.format(values, format_)
        if self._times_vary and not work.findings:
            work.try_out(values)
        if work.findings:
            first = work.findings[0]
            error = RowValueError(
                first.message,
                rule=first.rule,
                place=place,
                row=row_number,
                field=first.field,
                length=first.length,
            )
            error.__dict__["findings"] = tuple(work.findings)
            raise error
        if work.files.fell_back:
            self.fell_back += 1
            if len(self.fell_back_rows) < FALLBACKS_NAMED:
                self.fell_back_rows.append(row_number or 1)
        return Variant(values, dict(sorted(work.files.digests.items())))

    def wanted(self, row: Mapping[str, object]) -> list[str]:
        """Addresses of other hosts that a row asks for; rows that break a rule may be told fewer."""
        noted = Wanted()
        RowValues(self, row, "", None, self.digest, noted).complete()
        return noted.addresses

    def digest(self, path: Path) -> str:
        """The digest of a file, computed again only when its size or time changed."""
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size)
        if key not in self._digests:
            self._digests[key] = keys.digest_file(path)
        return self._digests[key]


def all_findings(error: RowValueError) -> Iterator[RowValueError]:
    """Every finding of a refused row; the error itself if it is the only one."""
    yield from error.__dict__.get("findings", (error,))


def row_key_of(composition: Composition, variant: Variant, settings: RenderSettings) -> str:
    """The row key of a variant. Options that lead to the same size and rate give the same key.

    Raises:
        UsageError: `settings.scale` does not fit the size, or values have formats and there is no such
        locale. CompositionError: size or rate, with this row's values, break a rule.
    """
    if any(declaration.format for declaration in composition.declarations.values()):
        try:
            canonical_locale(settings.locale)
        except ValueError as error:
            raise UsageError(
                "--locale: there is no such locale; expected one such as de-DE.", rule="locale"
            ) from error
    facts = composition.facts(variant.values)
    described = _described(settings, facts.width, facts.height, facts.fps)
    return keys.row_key(
        composition=composition.digest, values=variant.values, files=variant.files, settings=described
    )


@lru_cache(maxsize=64)
def _described(settings: RenderSettings, width: int, height: int, fps: Fraction | None) -> bytes:
    """The settings of a row key in canonical bytes. Most rows of a list share size and rate.

    Args:
        width, height, fps: as composed.
    """
    width, height = scaled_size(width, height, settings.scale)
    described: dict[str, object] = dict(settings)
    del described["scale"]
    described |= {"width": width, "height": height, "fps": settings.fps or fps or FPS_DEFAULT}
    return keys.canonical_json(described)
