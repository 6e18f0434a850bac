"""Names of output files: what a row may ask for, and patterns over its columns.

A name comes from a row, so no message here shows it, only its rule and length. A pattern comes from the
command line and is shown.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping

from framepress.errors import RowValueError, UsageError

#: Bytes of one component: what common file systems take.
COMPONENT_BYTES_MAX = 255
#: Bytes of a whole name: what S3 takes as a key.
NAME_BYTES_MAX = 1024

#: Endings that promise another kind of file than we write.
_MEDIA_SUFFIX = re.compile(
    r"\.(mp4|m4v|mov|webm|mkv|avi|wmv|flv|mpe?g|m2?ts|ogv|3gp|gif|a?png|jpe?g|webp|avif|mp3|m4a|wav|aac|ogg)\Z",
    re.IGNORECASE,
)

#: What a pattern may name besides columns.
_OWN_NAMES = ("@row", "@index", "@key", "@format")
_PATTERN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

#: Most names of a long list are such, and have nothing to be looked for.
_SURELY_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_-]{0,99}\.mp4", re.ASCII)


def safe_name(name: str, *, suffix: str = ".mp4") -> str:
    """The name of an output file, relative to the out folder, with ``/`` between components, NFC.

    `suffix` is added unless the name has it already, in any case. ``./`` in front is dropped.

    Raises:
        RowValueError: with ``rule`` "out-…", ``field="out"`` and the length; place and row are the caller's
            to add. Refused are: nothing, absolute names, ``..`` and hidden files, backslashes, control
            characters, components that end in a dot or space (some systems drop these, and two names
            become one), too long ones, and endings of other kinds of media.
    """
    if suffix == ".mp4" and _SURELY_SAFE.fullmatch(name):
        return name
    parts = [part for part in unicodedata.normalize("NFC", name).split("/") if part != "."]
    ending = _MEDIA_SUFFIX.search(parts[-1]) if parts else None
    wrong_kind = ending is not None and ending[0].lower() != suffix
    fault = _name_fault(name) or (_WRONG_KIND if wrong_kind else None) or _parts_fault(parts)
    if not fault and ending is None:
        parts[-1] += suffix
        fault = _parts_fault(parts)
    if fault:
        rule, problem = fault
        raise RowValueError(f"The file's name {problem}", rule=rule, field="out", length=len(name))
    return "/".join(parts)


def _name_fault(name: str) -> tuple[str, str] | None:
    if not name.strip():
        return "out-empty", "is empty."
    if name.startswith("/") or re.match(r"[A-Za-z]:[\\/]", name):
        return "out-absolute", "is absolute; it is taken relative to the out folder. Use --out-dir for that."
    if "\\" in name:
        return "out-character", "has a backslash; folders are separated by /."
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        return "out-character", "has a control character or a line end; remove it."
    return None


def _parts_fault(parts: list[str]) -> tuple[str, str] | None:
    if not parts:
        return "out-empty", "is empty."
    for breaks, rule, problem in _PART_RULES:
        if any(map(breaks, parts)):
            return rule, problem
    if len("/".join(parts).encode()) > NAME_BYTES_MAX:
        return "out-length", f"has more than {NAME_BYTES_MAX:,} bytes."
    return None


_WRONG_KIND = ("out-suffix", "ends like another kind of file than is written; the ending may be left out.")

_PART_RULES: tuple[tuple[Callable[[str], bool], str, str], ...] = (
    (lambda part: not part, "out-empty", "has an empty part."),
    (lambda part: part == "..", "out-leaves", "leaves the out folder with two dots."),
    (
        lambda part: part.startswith("."),
        "out-hidden",
        "has a part that begins with a dot; such files are hidden.",
    ),
    (lambda part: part[-1] in ". ", "out-ending", "has a part that ends with a dot or a space."),
    (
        lambda part: len(part.encode()) > COMPONENT_BYTES_MAX,
        "out-length",
        f"has a part of more than {COMPONENT_BYTES_MAX} bytes.",
    ),
)


def check_out_name(pattern: str, columns: Iterable[str], *, formats: bool = True) -> None:
    """Refuse a pattern that no row could use; before the first row, `columns` being those of the list.

    Args:
        formats: rows have a format to name.

    Raises:
        UsageError: a brace without its other half, or a column that the list does not have.
    """
    names = tuple(columns)
    if not formats and names_format(pattern):
        raise UsageError(
            "--out-name has {@format}; name the formats with --formats, such as --formats 16:9,9:16.",
            rule="out-name",
        )
    for match in _PATTERN.finditer(pattern):
        if match[0] in ("{", "}"):
            raise UsageError(
                f'--out-name "{pattern}": a brace stands alone. Write {{column}}, or {{{{ for the brace.',
                rule="out-name",
            )
        if match[0] not in ("{{", "}}") and match[1] not in _OWN_NAMES and match[1] not in names:
            near = difflib.get_close_matches(match[1], [*names, *_OWN_NAMES], n=1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise UsageError(f'--out-name: the list has no column "{match[1]}".{hint}', rule="out-name")


def names_format(pattern: str) -> bool:
    """Whether a pattern says where the format of a clip stands in its name."""
    return any(match[1] == "@format" for match in _PATTERN.finditer(pattern))


def with_format(name: str, slug: str) -> str:
    """A file's name with its format, such as ``asha-9x16.mp4``.

    Raises:
        RowValueError: it is too long then; see `safe_name`.
    """
    stem, dot, ending = name.rpartition(".")
    return safe_name(f"{stem}-{slug}{dot}{ending}", suffix=f".{ending}".lower())


def format_out_name(pattern: str, columns: Mapping[str, str], row: int, key: str, slug: str = "") -> str:
    """A file's name by a pattern such as ``{user_id}.mp4``; `safe_name` still has to judge it.

    Args:
        columns: the row's values as text. Slashes, backslashes and control characters in them become
            ``_``, so that a value cannot make a folder; those of the pattern itself may.
        row: ``{@row}``, from 1; ``{@index}`` counts from 0. key: ``{@key}``. slug: ``{@format}``.

    Raises:
        UsageError: as `check_out_name`.
    """
    check_out_name(pattern, columns)

    def replacement(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match[1] in _OWN_NAMES:
            return {"@row": str(row), "@index": str(row - 1), "@key": key, "@format": slug}[match[1]]
        return re.sub(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]", "_", columns[match[1]])

    return _PATTERN.sub(replacement, pattern)
