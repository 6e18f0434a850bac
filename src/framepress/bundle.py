"""Bundles: a composition with all that it refers to by itself, in one file, named by its digest.

A bundle is a ZIP file without compression: ``bundle.json`` first, ``{"framepress_bundle": 1, "entry":
"card.html", "composition": <composition digest>}``, then the HTML file, the files of the composition, and its
folder ``fonts/``, by name, all dated 1980-01-01; so one composition gives one digest on every machine. It
lies in a store as ``.framepress/bundles/<SHA-256 of the file>.zip``. The list of rows is never in it, nor are
files that only rows refer to: those lie as ``.framepress/files/<SHA-256>`` beside it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from framepress.blobs import Blobs
from framepress.composition import Composition
from framepress.errors import AssetError, InputError, UsageError
from framepress.keys import digest_bytes
from framepress.partial import replacing
from framepress.references import is_remote
from framepress.remote_folder import remote_path

VERSION = 1

#: Bytes of a bundle and of one file of a row. Both pass through memory.
BUNDLE_BYTES_MAX = 512 << 20
FILE_BYTES_MAX = 256 << 20

#: Files in a bundle.
FILES_MAX = 10_000

MANIFEST = "bundle.json"

_NAME = re.compile(r"(?P<base>.*?)/?\.framepress/bundles/(?P<digest>[0-9a-f]{64})\.zip", re.DOTALL)


@dataclass(frozen=True)
class BundleRef:
    """A bundle by its address. `base`: folder or URL of the store; `digest`: of the file."""

    base: str
    digest: str

    @property
    def name(self) -> str:
        return f".framepress/bundles/{self.digest}.zip"


def parse_bundle(template: str) -> BundleRef | None:
    """The bundle that an address names; None: it names none."""
    match = _NAME.fullmatch(template)
    return BundleRef(match["base"], match["digest"]) if match else None


def file_name(digest: str) -> str:
    """Name in the store of a file that a row refers to."""
    return f".framepress/files/{digest}"


def pack(composition: Composition) -> bytes:
    """The bundle of a composition.

    Raises:
        AssetError: a file is gone or cannot be read. UsageError: it would be too large.
    """
    entry = composition.path.relative_to(composition.folder).as_posix()
    files = {entry: composition.path, **composition.files}
    files |= {path.relative_to(composition.folder).as_posix(): path for path in _fonts(composition.folder)}
    manifest = {"framepress_bundle": VERSION, "entry": entry, "composition": composition.digest}
    packed = io.BytesIO()
    size = 0
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as bundle:
        bundle.writestr(_member(MANIFEST), json.dumps(manifest, sort_keys=True))
        for name, path in sorted(files.items()):
            try:
                data = path.read_bytes()
            except OSError as exc:
                raise AssetError(f"{path} cannot be read: {exc.strerror}.", rule="asset-unreadable") from exc
            size += len(data)
            if size > BUNDLE_BYTES_MAX or len(files) > FILES_MAX:
                raise UsageError(
                    f"{composition.name}: it refers to more than {BUNDLE_BYTES_MAX >> 20} MB or "
                    f"{FILES_MAX:,} files; expected less in a bundle. Serve the folder to the "
                    "workers with --serve instead.",
                    rule="bundle-size",
                )
            bundle.writestr(_member(name), data)
    return packed.getvalue()


def put_bundle(blobs: Blobs, composition: Composition) -> BundleRef:
    """Store a composition's bundle, unless it is there, and return its address."""
    data = pack(composition)
    ref = BundleRef("", digest_bytes(data))
    if not blobs.exists(ref.name):
        blobs.put(ref.name, data, content_type="application/zip")
    # Either way the address is that of this store.
    return BundleRef(blobs.place_of(ref.name).removesuffix(ref.name).rstrip("/"), ref.digest)


def address(ref: BundleRef) -> str:
    """How a message names a bundle, and what `framepress render` takes in place of a composition."""
    return f"{ref.base}/{ref.name}"


def fetch_bundle(blobs: Blobs, ref: BundleRef, folder: Path) -> Path:
    """Unpack a bundle of a store into an empty folder, and return the HTML file.

    Raises:
        AssetError: it is not there, is not what its name says, or holds what a bundle may not hold.
    """
    data = blobs.get(ref.name, bytes_max=BUNDLE_BYTES_MAX + (1 << 20) + FILES_MAX * 1024)
    if data is None:
        raise AssetError(
            f"The bundle {ref.digest[:12]} is not in the store. Run `framepress enqueue` again.",
            rule="bundle-missing",
        )
    if digest_bytes(data) != ref.digest:
        raise AssetError(
            f"The bundle {ref.digest[:12]} is damaged: its digest differs.", rule="bundle-digest"
        )
    return unpack(data, folder)


def unpack(data: bytes, folder: Path) -> Path:
    """Write the files of a bundle into an empty folder, and return the HTML file.

    Raises:
        AssetError: it holds what a bundle may not hold; some files may have been written.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            members = bundle.infolist()
            _check(members)
            manifest = json.loads(bundle.read(MANIFEST))
            for member in members:
                if member.filename != MANIFEST:
                    target = folder / member.filename
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(bundle.read(member))
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError) as exc:
        raise AssetError(
            "The bundle cannot be read: it is no ZIP file of ours.", rule="bundle-format"
        ) from exc
    if not isinstance(manifest, dict) or manifest.get("framepress_bundle") != VERSION:
        raise AssetError("The bundle is of another version of framepress.", rule="bundle-version")
    entry = str(manifest.get("entry"))
    if entry not in {member.filename for member in members}:
        raise AssetError("The bundle lacks its HTML file.", rule="bundle-format")
    return folder / entry


def put_row_files(
    blobs: Blobs, folder: Path, files: Mapping[str, str], known: set[str], remote: Path | None = None
) -> None:
    """Store files that a row refers to, each under its digest, once.

    Args:
        known: digests that are stored; grows.
        remote: folder of files of other hosts.

    Raises:
        AssetError: a file has changed since the row was read, or is gone.
    """
    for path, digest in files.items():
        if digest in known:
            continue
        try:
            source = folder / path
            if remote is not None and is_remote(path):
                source = remote_path(remote, digest)
            data = source.read_bytes()
        except OSError as exc:
            raise AssetError(
                f"A file of a row cannot be read: {exc.strerror}.", rule="asset-unreadable"
            ) from exc
        if digest_bytes(data) != digest:
            raise AssetError(
                "A file of a row changed while the list was sent. Run the command again.",
                rule="asset-changed",
            )
        if not blobs.exists(file_name(digest)):
            blobs.put(file_name(digest), data)
        known.add(digest)


def fetch_row_file(blobs: Blobs, digest: str, target: Path) -> None:
    """Get a file of a row from the store; it appears whole.

    Raises:
        AssetError: it is not there, or is not what its name says.
    """
    data = blobs.get(file_name(digest), bytes_max=FILE_BYTES_MAX)
    if data is None or digest_bytes(data) != digest:
        what = "is not in the store" if data is None else "is damaged in the store"
        raise AssetError(f"A file of the row {what}. Run `framepress enqueue` again.", rule="row-file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as stream:
        stream.write(data)


def safe_member(name: str) -> bool:
    """Whether a relative name stays below its folder and hides nothing."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and not name.startswith("/")
        and "\\" not in name
        and "\0" not in name
        and PurePosixPath(name).as_posix() == name
        and not any(part.startswith(".") for part in parts)
    )


def _check(members: list[zipfile.ZipInfo]) -> None:
    sizes = sum(member.file_size for member in members)
    odd = [m for m in members if not safe_member(m.filename) or m.compress_type != zipfile.ZIP_STORED]
    if odd or len(members) > FILES_MAX + 1 or sizes > BUNDLE_BYTES_MAX + (1 << 20):
        raise AssetError(
            "The bundle holds a name that leaves its folder, or too much. It is not unpacked.",
            rule="bundle-unsafe",
        )


def _member(name: str) -> zipfile.ZipInfo:
    if not safe_member(name):
        raise InputError(
            f'"{name}" cannot be put into a bundle: a part of it begins with a dot. Rename it.',
            rule="bundle-name",
        )
    member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    member.external_attr = 0o644 << 16
    member.create_system = 3
    return member


def _fonts(folder: Path) -> Iterator[Path]:
    """Files of ``fonts/``: Chromium may take any of them, referred to or not."""
    for path in sorted((folder / "fonts").rglob("*")):
        if path.is_file() and safe_member(path.relative_to(folder).as_posix()):
            yield path
