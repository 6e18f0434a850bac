"""The files that the values of one row name: of the composition's folder, or of other hosts that are allowed.

Messages describe a value by its length and never show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from framepress.column_match import ColumnMatch
from framepress.composition import Composition
from framepress.declarations import Declaration
from framepress.errors import RowValueError
from framepress.escaping import NotFitting, check_address, scheme_of
from framepress.js_scan import PLACEHOLDER
from framepress.references import file_inside, is_remote, relative_path, srcset_addresses
from framepress.remote_addresses import canonical_address
from framepress.remote_source import Fetched, RemoteSource
from framepress.template import Address, Template, filled

#: Types whose value names a file.
_FILE_TYPES = frozenset(("image", "font", "url"))


class RowFindings:
    """What is wrong with the values of one row: collected in `errors`, not raised.

    By itself, so that what works on a row does not refer to itself, and goes with the row.
    """

    def __init__(self, match: ColumnMatch, place: str, number: int | None) -> None:
        self.match = match
        self.place = place
        self.number = number
        self.errors: list[RowValueError] = []

    def find(self, name: str, rule: str, expected: str, length: int | None, found: str = "") -> None:
        column = self.match.column_of.get(name)
        subject = f'column "{column}"' if column is not None and self.match.batch else f'"{name}"'
        what = found or f"has a value of {length} characters"
        into = f' for "{name}"' if column is not None and column != name and self.match.batch else ""
        self.errors.append(
            RowValueError(
                f"{self.place}: {subject} {what}; expected {expected}{into}.",
                rule=rule,
                place=self.place,
                row=self.number,
                field=column or name,
                length=length,
            )
        )


class RowFiles:
    """The work on the files of one row.

    Args:
        found: told what is wrong with a file.
        digest: SHA-256 of a file.
        remote: gets files of other hosts; None: no host is allowed.

    Attributes:
        fell_back: a fallback stands for a file that could not be fetched.
        digests: as `files` in `Variant`, of the files that were found to be right.
    """

    def __init__(
        self,
        composition: Composition,
        found: RowFindings,
        digest: Callable[[Path], str],
        remote: RemoteSource | None,
    ) -> None:
        self.composition = composition
        self.find = found.find
        self.digest = digest
        self.source = remote
        self.fell_back = False
        self.digests: dict[str, str] = {}
        self._remote_seen: set[str] = set()
        self._remote_values: list[tuple[str, str]] = []

    def check_file(self, name: str, declaration: Declaration, text: str) -> None:
        """Take in the file that a value names by itself, if its type says that it names one."""
        if declaration.type not in _FILE_TYPES or not text:
            return
        if declaration.type == "url" and (is_remote(text) or scheme_of(text) == "mailto"):
            return  # to be shown or linked; where it is loaded, the address itself is refused below
        try:
            check_address(text)
        except NotFitting as error:
            self.find(name, error.rule, error.expected, len(text))
            return
        self.file(name, text, len(text))

    def addresses(self, template: Template, values: Mapping[str, str]) -> None:
        """Take in all that the page loads by these values, and what a script may.

        Args:
            values: those that are right; an address that lacks one is left out.
        """
        for address in template.addresses:
            if address.loaded and all(name in values for name in address.names):
                self.address(address, address.finished(values), self.fallback(template, address, values))
        for name, text in self._remote_values:
            # Declared as a file and not loaded by the markup: a script may.
            if text not in self._remote_seen:
                self.remote(name, text, len(text), "", None)

    def address(self, address: Address, finished: str, fallback: str | None) -> None:
        where = f" ({address.label} at {address.place})"
        for part in srcset_addresses(finished) if address.is_list else [finished]:
            if not is_remote(part):
                self.file(address.names[0], part, None, where)
            elif address.scripted:
                self.find(
                    address.names[0],
                    "remote-script",
                    f"a path inside the composition's folder{where}",
                    None,
                    "names another host, from which only pictures and fonts are taken",
                )
            else:
                self.remote(address.names[0], part, None, where, fallback)

    def fallback(self, template: Template, address: Address, values: Mapping[str, str]) -> str | None:
        """What `data-fallback-src` beside an address says for this row."""
        tag = template.page.region_at(address.offset).tag
        attribute = tag.attribute("data-fallback-src") if tag is not None else None
        if attribute is None or attribute.value_start <= address.offset < attribute.value_end:
            return None
        names = template.names_between(attribute.value_start, attribute.value_end)
        if any(name not in values for name in names):
            return None
        return filled(attribute.value.split(PLACEHOLDER), [values[name] for name in names])

    def remote(self, name: str, address: str, length: int | None, where: str, fallback: str | None) -> None:
        """Take in a file of another host, or what stands for it."""
        self._remote_seen.add(address)
        if self.source is None:
            self.find(
                name,
                "remote-host",
                f"a path inside the composition's folder, or a host that --allow-host names{where}",
                length,
                "names another host",
            )
            return
        outcome = self.source.get(address)
        canonical = canonical_address(address) or address
        if isinstance(outcome, Fetched):
            self.digests[canonical] = outcome.digest
            return
        if fallback is not None and outcome.allowed:
            try:
                path = file_inside(self.composition.folder, relative_path(fallback, "") or "")
                digest = self.digest(path)
            except (ValueError, OSError):
                pass  # told below, with what is wrong with the address itself
            else:
                self.source.adopt(path, digest)
                self.digests[canonical] = digest
                self.fell_back = True
                return
        expected = "a file that can be fetched, or data-fallback-src with one of the folder"
        if not outcome.allowed:
            expected = "https: and a host that --allow-host names"
        self.find(name, outcome.rule, f"{expected}{where}", length, f"names a file that {outcome.reason}")

    def file(self, name: str, address: str, length: int | None, where: str = "") -> None:
        """Take in the file that an address means."""
        if is_remote(address):
            self._remote_values.append((name, address))
            return
        folder = self.composition.folder
        try:
            relative = relative_path(address, "")
            if relative is None or relative in self.digests:
                return
            self.digests[relative] = self.digest(file_inside(folder, relative))
        except FileNotFoundError:
            self.find(
                name, "asset-missing", f"a file in {folder}{where}", length, "names a file that is not there"
            )
        except (ValueError, OSError):
            self.find(
                name,
                "asset-outside",
                f"a readable file in {folder}{where}",
                length,
                "names something that is no file inside the folder",
            )
