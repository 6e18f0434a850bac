"""Unpacks a zip that may be hostile: plain files and folders only, all inside one folder, with limits.

`zipfile.extractall` repairs bad names instead of refusing them, drops the executable bits, and has no
limit; an archive that needs repair is not the one that was wanted.
"""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from framepress.errors import EnvironmentFault, StorageFault

#: Entries, and bytes when unpacked. A headless shell has 290 entries and 280 MB.
ENTRIES_MAX = 5_000
UNPACKED_BYTES_MAX = 1_500_000_000


def unzip(archive: Path, folder: Path, *, bytes_max: int = UNPACKED_BYTES_MAX) -> None:
    """Unpack into `folder`, which must not exist yet. Every name is checked before the first is written.

    Executable bits are kept, all other permissions are the usual ones.

    Raises:
        EnvironmentFault: not a zip, damaged, or an entry leaves the folder, is a link or a device,
            or the limits are passed. `folder` may hold a part then; it is the caller's to remove.
        StorageFault: the disk.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _refuse_hostile(archive, entries, bytes_max)
            folder.mkdir(parents=True)
            for entry in entries:
                _write(opened, entry, folder / entry.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as exc:
        raise EnvironmentFault(f"{archive} is not a sound zip: {exc}.", rule="zip-damaged") from exc
    except OSError as exc:
        raise StorageFault(f"{folder} cannot be written: {exc.strerror or exc}.", rule="disk") from exc


def _refuse_hostile(archive: Path, entries: list[zipfile.ZipInfo], bytes_max: int) -> None:
    if len(entries) > ENTRIES_MAX or sum(entry.file_size for entry in entries) > bytes_max:
        raise EnvironmentFault(f"{archive} unpacks to more than {bytes_max} bytes.", rule="zip-limit")
    seen: set[str] = set()
    for entry in entries:
        problem = _problem(entry)
        if entry.filename.casefold() in seen:
            problem = "is there twice"
        seen.add(entry.filename.casefold())
        if problem:
            raise EnvironmentFault(
                f"{archive}: the entry {entry.orig_filename!r} {problem}; nothing was unpacked.",
                rule="zip-hostile",
            )


def _problem(entry: zipfile.ZipInfo) -> str | None:
    # orig_filename, because zipfile cuts names at a NUL and turns the separators of the machine round.
    name = entry.orig_filename
    if not name or "\\" in name or ":" in name or any(ord(character) < 32 for character in name):
        return "has a name that is not portable"
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return "leaves the folder"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if (kind == stat.S_IFDIR) != entry.is_dir() and kind:
        return "is a folder by one record and a file by another"
    return None


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    if entry.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o755 if (entry.external_attr >> 16) & 0o111 else 0o644
    # ZipFile stops at the announced size and checks the CRC, so the limit above holds for real bytes too.
    with opened.open(entry) as source, path.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    path.chmod(mode)
