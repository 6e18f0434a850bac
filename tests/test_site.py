"""The folder behind a page's origin gives out its own files and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from framepress.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "card"
    (folder / ".framepress/runs").mkdir(parents=True)
    (folder / ".framepress/runs/1.sqlite3").write_text("people")
    (folder / "img").mkdir()
    (folder / "img/a.txt").write_text("a")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "way-out").symlink_to(tmp_path)
    return Site(folder, "card.html", "c1", frozenset({"img/a.txt"}))


def test_a_file_of_the_folder_is_given_with_its_type(site: Site) -> None:
    served = site.read("img/a.txt")
    assert served is not None
    assert (served.body, served.content_type) == (b"a", "text/plain")


@pytest.mark.parametrize(
    "path",
    [
        ".framepress/runs/1.sqlite3",
        "img/../.framepress/runs/1.sqlite3",
        "../secret.txt",
        "way-out/secret.txt",
        "/etc/hostname",
        "img",
        "img/b.txt",
        "a\0b",
        "",
    ],
)
def test_hidden_files_and_whatever_lies_outside_are_not_there(site: Site, path: str) -> None:
    assert site.read(path) is None


def test_only_urls_of_its_own_origin_are_its_paths(site: Site) -> None:
    assert site.path_of("https://c1.framepress.invalid/img/a%20b.png?x#y") == "img/a b.png"
    for url in ("https://c2.framepress.invalid/a", "http://c1.framepress.invalid/a", "file:///a", "data:,a"):
        assert site.path_of(url) is None
