"""The HTML file of a composition: found, read, and refused where it is no HTML in UTF-8."""

from __future__ import annotations

from pathlib import Path

from framepress.errors import CompositionError

#: Bytes of an HTML file. A page with many inlined pictures stays below; more is a mistake.
HTML_BYTES_MAX = 20 * 1024 * 1024


def find_file(path: Path) -> Path:
    """The file itself, or ``index.html`` of a folder.

    Raises:
        CompositionError: there is none.
    """
    if path.is_dir():
        file = path / "index.html"
        if not file.is_file():
            raise CompositionError(
                f"{path}: the folder has no index.html; name the HTML file itself.",
                rule="composition-missing",
            )
        return file
    if not path.exists():
        raise CompositionError(
            f"{path}: there is no such file; expected an HTML file, or a folder with index.html.",
            rule="composition-missing",
        )
    if not path.is_file():
        raise CompositionError(f"{path}: not a file; expected an HTML file.", rule="composition-missing")
    return path


def read_html(path: Path) -> tuple[bytes, str]:
    """The bytes of the file and their text, without a byte order mark.

    Raises:
        CompositionError: too large, unreadable, empty, binary, or not UTF-8.
    """
    try:
        if path.stat().st_size > HTML_BYTES_MAX:
            raise CompositionError(
                f"{path}: larger than {HTML_BYTES_MAX // 1024**2} MB; keep pictures in files beside it.",
                rule="html-size",
            )
        data = path.read_bytes()
    except OSError as error:
        raise CompositionError(f"{path} cannot be read: {error.strerror}.", rule="html-unreadable") from error
    if not data.strip():
        raise CompositionError(f"{path}: the file is empty; expected HTML.", rule="html-empty")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CompositionError(f"{path}: the file is UTF-16; save it as UTF-8.", rule="html-encoding")
    zero = data.find(b"\0")
    if zero >= 0:
        raise CompositionError(
            f"{path}: not HTML: there is a NUL byte at offset {zero}; expected text in UTF-8.",
            rule="html-binary",
        )
    try:
        return data, data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise CompositionError(
            f"{path.name}:{line}:{column}: not UTF-8 (byte {column} of the line); save the file as UTF-8.",
            rule="html-encoding",
        ) from error
