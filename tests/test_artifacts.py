"""Rows done before: found by key in the cache, copied whole under any name, and only if they will do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framepress import api
from framepress.artifacts import ARTIFACT, Artifacts
from framepress.cache import Cache
from framepress.cache_options import CacheOptions, cache_options, default_folder, parse_size
from framepress.errors import CacheFault, StorageFault, UsageError
from framepress.keys import digest_bytes
from framepress.provenance import REUSE_LEVELS, Demands, Reuse, parse_provenance, satisfies
from framepress.store import FolderStore
from program import Ended, Program, frames_of
from test_store import make_mp4

ROW_KEY = digest_bytes(b"row")
PLAIN = {"framepress": 1, "row_key": ROW_KEY, "path": "plain", "environment": "e1"}
REUSED = {**PLAIN, "path": "reuse", "plan": "p1", "reuse": "segments"}


# ---- what will do -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provenance", "demands", "will_do"),
    [
        (PLAIN, Demands(), True),
        (PLAIN, Demands(max_reuse="off"), True),
        (PLAIN, Demands(voided=frozenset({"p1", "plain"})), True),
        (PLAIN, Demands(environment="e1"), True),
        (PLAIN, Demands(environment="e2"), False),
        ({**PLAIN, "environment": None}, Demands(environment="e1"), False),
        (REUSED, Demands(), True),
        (REUSED, Demands(max_reuse="frames"), False),
        (REUSED, Demands(max_reuse="off"), False),
        ({**REUSED, "reuse": "frames"}, Demands(max_reuse="frames"), True),
        ({**REUSED, "reuse": "frames"}, Demands(max_reuse="off"), False),
        ({**REUSED, "reuse": "off"}, Demands(max_reuse="off"), True),
        ({**REUSED, "reuse": "bands"}, Demands(), True),
        ({**REUSED, "reuse": "bands"}, Demands(max_reuse="segments"), False),
        ({**REUSED, "reuse": "tiles"}, Demands(), False),
        ({**REUSED, "reuse": None}, Demands(), False),
        (REUSED, Demands(voided=frozenset({"p1"})), False),
        (REUSED, Demands(voided=frozenset({"p2"})), True),
        ({**REUSED, "path": "p1"}, Demands(voided=frozenset({"p1"})), False),
    ],
)
def test_a_file_made_in_a_way_that_is_excluded_will_not_do(
    provenance: dict[str, Any], demands: Demands, will_do: bool
) -> None:
    assert satisfies(provenance, demands) == will_do


@given(st.sampled_from(REUSE_LEVELS), st.sampled_from(REUSE_LEVELS))
def test_what_will_do_for_less_reuse_will_do_for_more(made: Reuse, allowed: Reuse) -> None:
    levels = list(REUSE_LEVELS)
    will_do = satisfies({**REUSED, "reuse": made}, Demands(max_reuse=allowed))
    assert will_do == (levels.index(made) <= levels.index(allowed))


# ---- one clip -----------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "out")


def clip(tmp_path: Path, provenance: dict[str, Any]) -> Path:
    return make_mp4(tmp_path / "made.mp4", json.dumps(provenance))


def test_a_clip_that_is_kept_is_fetched_under_another_name(
    tmp_path: Path, cache: Cache, store: FolderStore
) -> None:
    artifacts = Artifacts(cache, Demands())
    made = clip(tmp_path, PLAIN)
    assert artifacts.fetch(store, "a/b.mp4", ROW_KEY) is None
    artifacts.keep(made, ROW_KEY)
    stored = artifacts.fetch(store, "a/b.mp4", ROW_KEY)
    assert stored is not None
    assert (stored.row_key, stored.provenance) == (ROW_KEY, PLAIN)
    assert stored.path == tmp_path / "out/a/b.mp4"
    assert stored.path.read_bytes() == made.read_bytes()
    kept = cache.get(ARTIFACT, ROW_KEY)
    assert kept is not None
    assert kept.stat().st_nlink == stored.path.stat().st_nlink == 1, "a copy and not a link"
    assert sorted(path.name for path in store.root.rglob("*")) == ["a", "b.mp4"]


def test_what_will_not_do_is_not_fetched_and_gives_way_to_what_is_made_then(
    tmp_path: Path, cache: Cache, store: FolderStore
) -> None:
    Artifacts(cache, Demands()).keep(clip(tmp_path, REUSED), ROW_KEY)
    strict = Artifacts(cache, Demands(voided=frozenset({"p1"})))
    assert strict.fetch(store, "a.mp4", ROW_KEY) is None
    assert not (store.root / "a.mp4").exists()
    strict.keep(clip(tmp_path, PLAIN), ROW_KEY)
    stored = strict.fetch(store, "a.mp4", ROW_KEY)
    assert stored is not None
    assert stored.provenance == PLAIN


def test_a_file_of_another_row_under_this_key_is_not_fetched(
    tmp_path: Path, cache: Cache, store: FolderStore
) -> None:
    cache.put_file(ARTIFACT, ROW_KEY, clip(tmp_path, {**PLAIN, "row_key": digest_bytes(b"else")}))
    assert Artifacts(cache, Demands()).fetch(store, "a.mp4", ROW_KEY) is None


def test_without_a_cache_nothing_is_found_and_nothing_kept(tmp_path: Path, store: FolderStore) -> None:
    artifacts = Artifacts(None, Demands())
    artifacts.keep(clip(tmp_path, PLAIN), ROW_KEY)
    assert artifacts.fetch(store, "a.mp4", ROW_KEY) is None


def test_a_cache_that_cannot_keep_a_clip_stops_nothing(tmp_path: Path, cache: Cache) -> None:
    Artifacts(cache, Demands()).keep(tmp_path / "gone.mp4", ROW_KEY)
    assert (cache.info().count, cache.counters.unkept) == (0, 1)


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path, cache: Cache) -> None:
    artifacts = Artifacts(cache, Demands())
    artifacts.keep(clip(tmp_path, PLAIN), ROW_KEY)
    (tmp_path / "file").touch()
    with pytest.raises(StorageFault):
        artifacts.fetch(FolderStore(tmp_path / "file"), "a.mp4", ROW_KEY)


# ---- which cache --------------------------------------------------------------------------------


def test_the_cache_is_where_options_then_variables_then_xdg_say() -> None:
    home = {"HOME": "/home/a"}
    assert cache_options(home) == CacheOptions(Path("/home/a/.cache/framepress"))
    assert default_folder({**home, "XDG_CACHE_HOME": "/x"}) == Path("/x/framepress")
    assert default_folder({**home, "XDG_CACHE_HOME": "x"}) == Path("/home/a/.cache/framepress")
    assert cache_options({}) is None
    named = {**home, "FRAMEPRESS_CACHE_DIR": "/var/c", "FRAMEPRESS_CACHE_LIMIT": "2GB"}
    assert cache_options(named) == CacheOptions(Path("/var/c"), 2_000_000_000, named=True)
    assert cache_options(named, folder="d", limit="3k") == CacheOptions(Path.cwd() / "d", 3000, named=True)
    assert cache_options(named, folder="none") is None
    assert cache_options({**home, "FRAMEPRESS_CACHE_DIR": ""}) == cache_options(home)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("50GB", 50 * 10**9), ("1.5 T", 1_500_000_000_000), ("8MiB", 8_000_000)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text, "--limit") == size


@pytest.mark.parametrize("text", ["", "x", "-1", "1e9", "5PB", "GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--limit"):
        parse_size(text, "--limit")


# ---- whole runs ---------------------------------------------------------------------------------

PEOPLE: list[dict[str, object]] = [
    {"out": "asha.mp4", "name": "Asha", "points": 12},
    {"out": "ben.mp4", "name": "Ben", "points": 7},
]


@pytest.fixture
def people(program: Program) -> Program:
    program.environ["FRAMEPRESS_CACHE_DIR"] = str(program.folder / "cache")
    program.write("people.json", PEOPLE)
    return program


def many(people: Program, *more: str) -> Ended:
    words = ("render", "page.html", "--variants", "people.json", "--workers", "1", "--json", *more)
    ended = people.run(*words)
    assert ended.code == 0, ended.stderr
    return ended


def paths(ended: Ended) -> list[str]:
    return [one["path"] for _, one in sorted(ended.rows().items())]


def without_browser(people: Program) -> None:
    """From here on a browser that is started ends at once, and the row with it."""
    real = people.environ["FRAMEPRESS_BROWSER"]
    script = f'#!/bin/sh\ncase "$*" in *--version*) exec "{real}" --version;; esac\nexit 1\n'
    broken = people.write("chrome-headless-shell", script)
    broken.chmod(0o755)
    people.environ["FRAMEPRESS_BROWSER"] = str(broken)


def test_a_row_done_before_is_copied_into_another_folder_under_another_name(people: Program) -> None:
    assert paths(many(people)) == ["plain", "plain"]
    people.write("people.json", [{**PEOPLE[1], "out": "sub/b.mp4"}, {**PEOPLE[0], "out": "a.mp4"}])
    without_browser(people)
    ended = many(people, "--out-dir", "other")
    assert paths(ended) == ["stored", "stored"]
    assert (ended.summary()["stored"], ended.summary()["clips_per_hour"]) == (2, 0)
    copies = people.folder / "other"
    assert (copies / "a.mp4").read_bytes() == people.clips()["asha.mp4"]
    assert (copies / "sub/b.mp4").read_bytes() == people.clips()["ben.mp4"]
    assert {one["environment"] for one in ended.rows().values()} != {None}
    people.assert_nothing_left()


@pytest.mark.slow
def test_a_single_clip_and_a_row_of_a_list_are_one_artifact(people: Program) -> None:
    words = ("render", "page.html", "--workers", "2", "--json", "--vars", "name=Asha", "points=12")
    one = people.run(*words, "--out", "one.mp4")
    assert one.objects()[0]["path"] == "plain"
    assert paths(many(people)) == ["stored", "plain"]
    without_browser(people)
    again = people.run(*words, "--out", "two.mp4")
    assert (again.code, again.objects()[0]["path"]) == (0, "stored")
    streamed = people.run("render", "page.html", "--out", "-", "--vars", "name=Ben", "points=7")
    assert streamed.stdout == people.clips()["ben.mp4"]
    people.assert_nothing_left()


@pytest.mark.slow
def test_a_damaged_artifact_is_made_again(people: Program) -> None:
    first = many(people)
    key = first.rows()[1]["row_key"]
    data = people.folder / "cache/entries/artifact" / key[:2] / key / "data"
    data.write_bytes(data.read_bytes()[:-100] + bytes(100))
    ended = many(people, "--out-dir", "other")
    assert paths(ended) == ["plain", "stored"]
    assert (people.folder / "other/asha.mp4").read_bytes() == people.clips()["asha.mp4"]
    assert paths(many(people, "--out-dir", "third")) == ["stored", "stored"]


@pytest.mark.slow
def test_no_cache_renders_again_what_lies_anywhere_and_leaves_the_cache_alone(people: Program) -> None:
    many(people)
    before = {path: path.stat().st_mtime_ns for path in (people.folder / "cache").rglob("*")}
    clips = {name: (people.folder / "out" / name).stat().st_ino for name in people.clips()}
    assert paths(many(people, "--no-cache")) == ["plain", "plain"]
    assert {name: (people.folder / "out" / name).stat().st_ino for name in clips} != clips
    assert paths(many(people, "--no-cache", "--out-dir", "other")) == ["plain", "plain"]
    assert {path: path.stat().st_mtime_ns for path in (people.folder / "cache").rglob("*")} == before


def test_no_cache_is_not_force(people: Program) -> None:
    people.write("out/asha.mp4", "holiday")
    ended = people.run("render", "page.html", "--variants", "people.json", "--json", "--no-cache")
    assert (ended.code, ended.summary()["failed"]) == (1, 1)
    assert ended.rows()[1]["error"]["rule"] == "foreign-file"
    assert (people.folder / "out/asha.mp4").read_text() == "holiday"


@pytest.mark.slow
def test_a_clip_from_the_cache_gets_the_poster_it_lacks(people: Program) -> None:
    many(people)
    ended = many(people, "--out-dir", "other", "--poster", "0")
    assert paths(ended) == ["stored", "stored"]
    assert [Path(one["poster"]).name for _, one in sorted(ended.rows().items())] == ["asha.jpg", "ben.jpg"]
    assert frames_of(people.folder / "other/asha.mp4") == 10
    assert (people.folder / "other/asha.jpg").is_file()


@pytest.mark.slow
def test_a_cache_without_room_costs_the_next_run_time_and_this_one_nothing(people: Program) -> None:
    many(people, "--cache-limit", "1")
    info = Cache(people.folder / "cache").info()
    assert info.count == 1, "the last one put is kept"
    assert sorted(paths(many(people, "--out-dir", "other"))) == ["plain", "stored"]


@pytest.mark.parametrize("chosen", [True, False])
def test_a_folder_that_is_no_cache_stops_only_whoever_chose_it(people: Program, chosen: bool) -> None:
    people.write("cache/holiday.jpg", "x")
    if not chosen:
        people.environ["FRAMEPRESS_CACHE_DIR"] = None
        people.environ["XDG_CACHE_HOME"] = "/proc/1"
    ended = people.run("render", "page.html", "--variants", "people.json", "--workers", "1", "--json")
    if chosen:
        assert ended.code == 3
        assert "--cache-dir" in ended.stderr
        assert ended.stdout == b""
    else:
        assert ended.code == 0
        assert "without a cache" in ended.stderr
        assert paths(ended) == ["plain", "plain"]


def change_environment(path: Path, environment: str) -> None:
    """The clip as if another machine had made it."""
    data = path.read_bytes()
    facts = parse_provenance(data[data.index(b'{"framepress"') :].split(b"}")[0].decode() + "}")
    path.write_bytes(data.replace(facts["environment"].encode(), environment.encode()))


@pytest.mark.slow
def test_refresh_environment_renders_what_another_environment_made(people: Program) -> None:
    first = many(people)
    out = people.folder / "out/asha.mp4"
    other = digest_bytes(b"another browser")
    change_environment(out, other)
    key = first.rows()[1]["row_key"]
    cache = Cache(people.folder / "cache")
    cache.remove(ARTIFACT, key)
    cache.put_file(ARTIFACT, key, out)
    seen = many(people)
    assert paths(seen) == ["stored", "stored"]
    assert seen.rows()[1]["environment"] == other
    fresh = many(people, "--refresh-environment")
    assert paths(fresh) == ["plain", "stored"]
    assert fresh.rows()[1]["environment"] == first.rows()[1]["environment"]
    # The old one is gone from the cache too.
    assert many(people, "--out-dir", "third").rows()[1]["environment"] == first.rows()[1]["environment"]


@pytest.mark.slow
def test_programs_choose_the_cache_and_are_warned_of_one_that_nobody_chose(
    people: Program, monkeypatch: pytest.MonkeyPatch, browser_path: Path
) -> None:
    monkeypatch.chdir(people.folder)
    monkeypatch.setattr("tempfile.tempdir", str(people.temporary))
    common: dict[str, Any] = {"workers": 1, "browser": browser_path}
    rows = [{"name": "Asha", "points": 1, "out": "a.mp4"}]
    (one,) = api.render_many("page.html", rows, out_dir="o1", cache_dir="mine", **common)
    (two,) = api.render_many("page.html", rows, out_dir="o2", cache_dir=Path("mine"), **common)
    assert (one.path, two.path) == ("plain", "stored")
    three = api.render("page.html", "three.mp4", {"name": "Asha", "points": 1},
                       cache_dir="mine", **common)  # fmt: skip
    assert three.path == "stored"
    (four,) = api.render_many("page.html", rows, out_dir="o1", cache_dir="mine", no_cache=True, **common)
    assert four.path == "plain"
    people.write("o1/holiday.jpg", "")
    with pytest.raises(CacheFault):
        list(api.render_many("page.html", rows, out_dir="o3", cache_dir="o1", **common))
    nowhere = {"HOME": "/proc/1", "PATH": os.environ["PATH"]}
    with pytest.warns(RuntimeWarning, match="without a cache"):
        (five,) = api.render_many("page.html", rows, out_dir="o4", environ=nowhere, **common)
    assert five.path == "plain"
