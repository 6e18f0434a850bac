"""Compositions that messages name, on this machine's disk: served from a folder, or unpacked from a bundle.

A bundle is unpacked once, and the files of its rows are put into its folder as rows come. What a message may
name: see `intake`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from framepress.blobs import open_blobs
from framepress.bundle import BundleRef, fetch_bundle, fetch_row_file, parse_bundle, safe_member
from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.keys import digest_file
from framepress.messages import Message, MessageError, NotHere
from framepress.references import is_remote
from framepress.remote_folder import remote_path
from framepress.temporary_folders import TEMP_PREFIX, remove_folder

#: Unpacked bundles kept; a queue rarely has more than one run's at a time.
BUNDLES_MAX = 8


@dataclass
class Bundle:
    """An unpacked bundle. `files`: what rows have put into it, path -> digest."""

    folder: Path
    composition: Composition
    files: dict[str, str] = field(default_factory=dict)


class LocalCompositions:
    """Compositions by what messages say, for one thread.

    Args:
        serve: folders whose compositions messages may name.
        remote: folder for files of other hosts.
        stack: removes the folders of bundles when it is closed.
    """

    def __init__(self, serve: tuple[Path, ...], remote: Path, stack: ExitStack) -> None:
        self._serve = serve
        self._remote = remote
        self._stack = stack
        self._bundles: dict[str, list[Bundle]] = {}

    def composition(self, message: Message, place: str) -> Composition:
        """The composition that a message names, with the files of its row.

        Args:
            place: the store of the clip.

        Raises:
            MessageError: the message is wrong. NotHere: this worker does not serve what it names.
        """
        ref = parse_bundle(message.template)
        if ref is None:
            return load_composition(self._served(message.template))
        if ref.base.rstrip("/") != place.rstrip("/"):
            raise MessageError(
                "The message's bundle lies in another store than its clip is to go to.", rule="bundle-store"
            )
        return self.unpacked(ref, message.files).composition

    def _served(self, template: str) -> Path:
        for folder in self._serve:
            root = folder.resolve()
            # An absolute path replaces the folder, and then has to lie in it.
            with contextlib.suppress(OSError, ValueError):
                target = (root / template).resolve(strict=True)
                if target.is_relative_to(root):
                    return target
        raise NotHere(
            "The message's template is no bundle, and no composition in a folder that this worker serves. "
            "Start it with --serve FOLDER, or send bundles with `framepress enqueue`.",
            rule="template-refused",
        )

    def unpacked(self, ref: BundleRef, files: Mapping[str, str]) -> Bundle:
        """The bundle on this disk, with the files of a row in it."""
        known = self._bundles.setdefault(ref.digest, [])
        # Two rows that have different files under one name must not share a folder.
        fit = (b for b in known if all(b.files.get(path, digest) == digest for path, digest in files.items()))
        bundle = next(fit, None)
        blobs = open_blobs(ref.base)
        if bundle is None:
            self._forget_bundles()
            folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-bundle-"))
            self._stack.callback(remove_folder, folder)
            bundle = Bundle(folder, load_composition(fetch_bundle(blobs, ref, folder)))
            known.append(bundle)
        for path, digest in files.items():
            if path in bundle.files:
                continue
            if is_remote(path):
                if not remote_path(self._remote, digest).is_file():
                    fetch_row_file(blobs, digest, remote_path(self._remote, digest))
                bundle.files[path] = digest
                continue
            target = bundle.folder / path
            if not safe_member(path) or not target.resolve().is_relative_to(bundle.folder.resolve()):
                raise MessageError(
                    "A file of the row has a name that leaves the composition's folder.", rule="file-name"
                )
            if not (target.is_file() and digest_file(target) == digest):
                if path in bundle.composition.files:
                    raise MessageError(
                        "A file of the row has the name of a file of the composition and another content.",
                        rule="file-name",
                    )
                fetch_row_file(blobs, digest, target)
            bundle.files[path] = digest
        return bundle

    def _forget_bundles(self) -> None:
        # Their folders stay until the worker ends: rows in work may still read them.
        while sum(map(len, self._bundles.values())) >= BUNDLES_MAX:
            self._bundles.pop(next(iter(self._bundles)))
