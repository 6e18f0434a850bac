"""Which store a place names: a folder, or a bucket."""

from __future__ import annotations

from pathlib import Path

from framepress.blobs import check_bucket_url, is_bucket_url
from framepress.errors import UsageError
from framepress.object_store import ObjectStore
from framepress.store import FolderStore, Store


def open_store(place: Path | str, *, force: bool = False) -> Store:
    """The store at a place.

    Args:
        place: folder, or the URL of a bucket with a prefix.
        force: it may replace what framepress did not make.
    """
    if isinstance(place, str) and is_bucket_url(place):
        return ObjectStore(place, force=force)
    return FolderStore(Path(place))


def place_option(text: str) -> Path | str:
    """A place as people write it: a URL stays one (a path would lose a slash), all else is a folder.

    Raises:
        UsageError: a URL that is none of ours.
    """
    if is_bucket_url(text):
        return check_bucket_url(text)
    if text.startswith("file://"):
        raise UsageError(
            "A folder is written as a path, not as file://; for example --out-dir out.", rule="store-url"
        )
    return Path(check_bucket_url(text) if "://" in text else text)
