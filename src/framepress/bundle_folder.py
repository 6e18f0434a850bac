"""A bundle as a composition on this disk, for as long as it is needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framepress.blobs import is_bucket_url, open_blobs
from framepress.bundle import fetch_bundle, parse_bundle
from framepress.errors import UsageError
from framepress.temporary_folders import TEMP_PREFIX, remove_folder


@contextmanager
def local_composition(place: str) -> Iterator[Path]:
    """The composition at a place: a path is itself, a bundle is unpacked into a temporary folder.

    Raises:
        UsageError: a URL that names no bundle. AssetError, StoreUnavailable: the bundle cannot be had.
    """
    ref = parse_bundle(place)
    if ref is None:
        if is_bucket_url(place) or "://" in place:
            raise UsageError(
                "The composition is a URL that names no bundle; expected a file, a folder, or "
                "s3://BUCKET/PREFIX/.framepress/bundles/DIGEST.zip as `framepress enqueue` makes it.",
                rule="composition-url",
            )
        yield Path(place)
        return
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-bundle-"))
    try:
        yield fetch_bundle(open_blobs(ref.base or "."), ref, folder)
    finally:
        remove_folder(folder)
