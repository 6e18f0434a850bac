"""Bundles: the same on every machine, nothing of the list in them, and nothing unsafe comes out."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from framepress.blobs import FolderBlobs
from framepress.bundle import (
    MANIFEST,
    address,
    fetch_bundle,
    file_name,
    pack,
    parse_bundle,
    put_bundle,
    put_row_files,
    unpack,
)
from framepress.bundle_folder import local_composition
from framepress.composition_loading import load_composition
from framepress.errors import AssetError, InputError, UsageError
from framepress.keys import digest_bytes

HTML = """<!doctype html><link rel="stylesheet" href="style.css">
<div data-width="64" data-height="64" data-duration="1">{{$NAME}}</div>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "card"
    (made / "fonts").mkdir(parents=True)
    (made / "card.html").write_text(HTML)
    (made / "style.css").write_text("body { color: red }")
    (made / "fonts" / "a.woff2").write_bytes(b"font")
    (made / "people.csv").write_text("name\nAsha\n")
    (made / "fonts" / ".hidden").write_bytes(b"no")
    return made


def test_a_bundle_holds_the_composition_and_nothing_else(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(pack(load_composition(folder / "card.html")))) as bundle:
        assert bundle.namelist() == [MANIFEST, "card.html", "fonts/a.woff2", "style.css"]


def test_a_bundle_is_the_same_wherever_and_whenever_it_is_made(folder: Path, tmp_path: Path) -> None:
    first = pack(load_composition(folder / "card.html"))
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    for path in moved.rglob("*"):
        path.touch()
    assert pack(load_composition(moved / "card.html")) == first


def test_what_comes_out_is_the_composition_that_went_in(folder: Path, tmp_path: Path) -> None:
    composition = load_composition(folder / "card.html")
    blobs = FolderBlobs(tmp_path / "out")
    ref = put_bundle(blobs, composition)
    assert put_bundle(blobs, composition) == ref
    assert parse_bundle(address(ref)) == ref
    target = tmp_path / "unpacked"
    target.mkdir()
    assert load_composition(fetch_bundle(blobs, ref, target)).digest == composition.digest
    with local_composition(address(ref)) as path:
        assert load_composition(path).digest == composition.digest
    assert not path.exists()


def test_a_bundle_that_is_damaged_or_gone_is_refused(folder: Path, tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "out")
    ref = put_bundle(blobs, load_composition(folder / "card.html"))
    data = blobs.get(ref.name, bytes_max=1 << 20)
    assert data is not None
    blobs.put(ref.name, data.replace(b"red", b"raw"))
    with pytest.raises(AssetError) as caught:
        fetch_bundle(blobs, ref, tmp_path)
    assert caught.value.rule == "bundle-digest"
    blobs.delete(ref.name)
    with pytest.raises(AssetError) as caught:
        fetch_bundle(blobs, ref, tmp_path)
    assert caught.value.rule == "bundle-missing"


def zipped(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as bundle:
        for name, data in members:
            bundle.writestr(name, data)
    return packed.getvalue()


OURS = (MANIFEST, json.dumps({"framepress_bundle": 1, "entry": "a.html"}).encode())


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "bundle-format"),
        (b"PK", "bundle-format"),
        (zipped(("a.html", b"x")), "bundle-format"),
        (zipped(OURS), "bundle-format"),
        (zipped(OURS, ("../a.html", b"x")), "bundle-unsafe"),
        (zipped(OURS, ("/a.html", b"x")), "bundle-unsafe"),
        (zipped(OURS, ("b/../../a.html", b"x")), "bundle-unsafe"),
        (zipped(OURS, ("a\\b.html", b"x")), "bundle-unsafe"),
        (zipped(OURS, (".git/config", b"x")), "bundle-unsafe"),
        (zipped(OURS, ("a.html", b"x" * 1000), compression=zipfile.ZIP_DEFLATED), "bundle-unsafe"),
        (zipped((MANIFEST, b'{"framepress_bundle": 2, "entry": "a"}'), ("a", b"")), "bundle-version"),
        (zipped((MANIFEST, b"[]"), ("a", b"")), "bundle-version"),
    ],
)
def test_what_is_no_bundle_is_refused_and_writes_nothing_outside(
    data: bytes, rule: str, tmp_path: Path
) -> None:
    target = tmp_path / "in" / "target"
    target.mkdir(parents=True)
    with pytest.raises(AssetError) as caught:
        unpack(data, target)
    assert caught.value.rule == rule
    assert [path for path in tmp_path.rglob("*") if path.is_file() and target not in path.parents] == []


def test_files_of_rows_are_stored_once_by_digest_and_as_they_were(folder: Path, tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "out")
    (folder / "a.png").write_bytes(b"picture")
    digest = digest_bytes(b"picture")
    known: set[str] = set()
    put_row_files(blobs, folder, {"a.png": digest}, known)
    (folder / "a.png").unlink()
    put_row_files(blobs, folder, {"a.png": digest}, known)
    assert blobs.get(file_name(digest), bytes_max=10) == b"picture"
    (folder / "b.png").write_bytes(b"changed")
    with pytest.raises(AssetError) as caught:
        put_row_files(blobs, folder, {"b.png": digest_bytes(b"before")}, known)
    assert caught.value.rule == "asset-changed"


def test_a_composition_with_a_hidden_file_is_refused_with_its_name(folder: Path) -> None:
    (folder / ".style.css").write_text("body {}")
    (folder / "card.html").write_text(HTML.replace("style.css", ".style.css"))
    with pytest.raises(InputError, match=r"\.style\.css"):
        pack(load_composition(folder / "card.html"))


def test_an_address_that_is_no_bundle_is_refused() -> None:
    with pytest.raises(UsageError), local_composition("https://h/card.html"):
        pass
    assert parse_bundle("card.html") is None
    assert parse_bundle(f"s3://b/p/.framepress/bundles/{'a' * 63}.zip") is None
