"""The cache folder: what is found is whole and what was put, whatever happens to the folder in between.

Goal: no process, killed, racing or out of space, ever reads another piece than the one that was asked for.
Method: a model beside the folder, damage by hand, and real processes.
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from framepress.cache import Cache, Freed
from framepress.cache_folder import CacheFolder
from framepress.errors import CacheFault, InternalError, StorageFault
from framepress.file_copy import copy_file
from framepress.keys import digest_bytes
from program import until

KEY = digest_bytes(b"one")
OTHER = digest_bytes(b"other")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def aged(cache: Cache, kind: str, key: str, seconds: float) -> None:
    """Make an entry last used so long ago."""
    data = cache.get(kind, key)
    assert data is not None
    os.utime(data, (time.time() - seconds,) * 2)


# ---- one process --------------------------------------------------------------------------------


def test_what_is_put_is_found_by_kind_and_key(cache: Cache) -> None:
    path = cache.put_bytes("plan", KEY, b"the plan")
    assert cache.get("plan", KEY) == path
    assert path.read_bytes() == cache.get_bytes("plan", KEY) == b"the plan"
    assert cache.get("plan", OTHER) is None
    assert cache.get("plate", KEY) is None
    assert Cache(cache.folder).get_bytes("plan", KEY) == b"the plan"
    cache.remove("plan", KEY)
    cache.remove("plan", KEY)
    assert cache.get_bytes("plan", KEY) is None
    assert (cache.counters.hits, cache.counters.misses, cache.counters.stored) == (2, 3, 1)


def test_the_layout_is_as_specified(cache: Cache) -> None:
    cache.put_bytes("plan", KEY, b"")
    place = f"entries/plan/{KEY[:2]}/{KEY}"
    assert names(cache.folder) == ["CACHEDIR.TAG", f"{place}/data", f"{place}/sum", "usage", "version"]
    assert (cache.folder / "version").read_text() == "framepress cache 1\n"
    assert (cache.folder / "CACHEDIR.TAG").read_bytes()[:43] == b"Signature: 8a477f597d28d172789f06886806bc55"
    assert (cache.folder / place / "sum").read_text() == f"sha256 {digest_bytes(b'')}\nsize 0\n"


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        cache = Cache(tmp_path / "cache")
        cache.put_bytes("sound", KEY, b"x")
        with cache.hold("sound", KEY):
            pass
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in cache.folder.rglob("*") if path.is_file()}
    all_folders = [cache.folder, *(path for path in cache.folder.rglob("*") if path.is_dir())]
    folders = {path.stat().st_mode & 0o777 for path in all_folders}
    assert (modes, folders) == ({0o600}, {0o700})


def test_the_first_of_two_that_store_a_key_wins(cache: Cache) -> None:
    def write(target: BinaryIO) -> None:
        Cache(cache.folder).put_bytes("plate", KEY, b"theirs")
        target.write(b"ours")

    path = cache.put("plate", KEY, write)
    assert path.read_bytes() == b"theirs"
    assert names(cache.folder / "tmp") == []


def test_a_piece_may_be_written_in_any_order(cache: Cache) -> None:
    def write(target: BinaryIO) -> None:
        target.write(b"....data")
        target.seek(0)
        target.write(b"head")

    assert cache.put("plate", KEY, write).read_bytes() == b"headdata"


def test_a_file_is_copied_and_not_linked(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(os.urandom(3_000_001))
    before = source.read_bytes()
    path = cache.put_file("artifact", KEY, source)
    assert path.read_bytes() == before
    assert path.stat().st_nlink == source.stat().st_nlink == 1
    source.write_bytes(b"changed")
    assert Cache(cache.folder).get_bytes("artifact", KEY) == before


@pytest.mark.parametrize("refused", ["nothing", "reflinks", "reflinks and kernel copies"])
@pytest.mark.parametrize("size", [0, 1, 1 << 20, (5 << 20) + 7])
def test_every_way_of_copying_copies_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str, size: int
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "refused")

    if "reflinks" in refused:
        monkeypatch.setattr("fcntl.ioctl", refuse)
    if "kernel" in refused:
        monkeypatch.setattr("os.copy_file_range", refuse)
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("xb") as target:
        copy_file(source, target)
    assert (tmp_path / "b").read_bytes() == data


def test_a_maker_that_fails_stores_nothing(cache: Cache) -> None:
    def write(target: BinaryIO) -> None:
        target.write(b"half")
        raise ValueError("no")

    with pytest.raises(ValueError):
        cache.put("plate", KEY, write)
    assert cache.get("plate", KEY) is None
    assert names(cache.folder / "tmp") == names(cache.folder / "entries") == []


def test_a_full_disk_is_a_fault_of_the_cache_and_stores_nothing(cache: Cache) -> None:
    with file_limit(100_000), pytest.raises(CacheFault) as caught:
        cache.put_bytes("plate", KEY, bytes(200_000))
    assert caught.value.rule == "disk-full"
    assert isinstance(caught.value, StorageFault)
    assert (cache.get("plate", KEY), cache.counters.unkept) == (None, 1)
    assert names(cache.folder / "tmp") == []


@contextmanager
def file_limit(size_bytes: int) -> Iterator[None]:
    """Files of this process may not grow beyond this: what a full disk is to the caller."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("kind", ["", "Plan", "a/b", "..", "plan2"])
def test_a_kind_is_a_word(cache: Cache, kind: str) -> None:
    with pytest.raises(InternalError):
        cache.get(kind, KEY)


@pytest.mark.parametrize("key", ["", "x", "../" + "a" * 61, KEY.upper(), KEY + "0", KEY + "\n"])
def test_a_key_is_a_digest(cache: Cache, key: str) -> None:
    for use in (cache.get, cache.remove, cache.hold, lambda kind, key: cache.put_bytes(kind, key, b"")):
        with pytest.raises(InternalError):
            use("plan", key)


def test_a_cache_that_somebody_removed_is_made_again(cache: Cache) -> None:
    cache.put_bytes("plan", KEY, b"x")
    subprocess.run(["rm", "-r", str(cache.folder)], check=True)
    assert cache.get("plan", KEY) is None
    assert cache.put_bytes("plan", KEY, b"y").read_bytes() == b"y"
    assert Cache(cache.folder).get_bytes("plan", KEY) == b"y"


# ---- the folder ---------------------------------------------------------------------------------


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(CacheFault) as caught:
        Cache(tmp_path)
    assert caught.value.rule == "cache-foreign"
    assert names(tmp_path) == ["holiday.jpg"]


def test_a_cache_of_another_version_is_not_used(cache: Cache) -> None:
    cache.put_bytes("plan", KEY, b"x")
    (cache.folder / "version").write_text("framepress cache 99\n")
    with pytest.raises(CacheFault) as caught:
        Cache(cache.folder)
    assert caught.value.rule == "cache-version"
    assert CacheFolder(cache.folder).empty_other_version()
    assert Cache(cache.folder).info().count == 0
    assert not CacheFolder(cache.folder).empty_other_version(), "one of this version is not emptied so"


@pytest.mark.parametrize("there", ["a file", "nothing may be written"])
def test_a_folder_that_cannot_be_used_is_a_fault(tmp_path: Path, there: str) -> None:
    if there == "a file":
        (tmp_path / "cache").touch()
        folder = tmp_path / "cache"
    else:
        folder = Path("/proc/1/cache")
    with pytest.raises(CacheFault, match="--cache-dir") as caught:
        Cache(folder)
    assert caught.value.rule == "cache-folder"


# ---- damage -------------------------------------------------------------------------------------

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda data: data[:50] + bytes([data[50] ^ 1]) + data[51:],
    "cut": lambda data: data[:-1],
    "grown": lambda data: data + b"\0",
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("file", ["data", "sum"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_dropped_and_made_again(cache: Cache, file: str, damage: str) -> None:
    path = cache.put_bytes("plate", KEY, os.urandom(1000))
    # A byte of another process's disk or hand, never of ours: this process has checked it already.
    target = path.with_name(file)
    target.write_bytes(DAMAGE[damage](target.read_bytes()))
    later = Cache(cache.folder)
    assert later.get_bytes("plate", KEY) is None
    assert later.counters.damaged == 1
    assert names(cache.folder / "entries") == []
    later.put_bytes("plate", KEY, b"again")
    assert later.get_bytes("plate", KEY) == b"again"


@pytest.mark.parametrize("file", ["data", "sum"])
def test_an_entry_that_lost_a_file_is_dropped(cache: Cache, file: str) -> None:
    cache.put_bytes("plate", KEY, b"x").with_name(file).unlink()
    assert cache.get("plate", KEY) is None
    assert cache.counters.damaged == 1
    assert cache.put_bytes("plate", KEY, b"y").read_bytes() == b"y"


def test_a_damaged_entry_in_the_way_of_a_put_is_replaced(cache: Cache) -> None:
    cache.put_bytes("plate", KEY, b"good").write_bytes(b"baad")
    later = Cache(cache.folder)
    assert later.put_bytes("plate", KEY, b"good").read_bytes() == b"good"
    assert later.counters.damaged == 1


def test_an_entry_is_read_for_its_digest_once_per_process(cache: Cache) -> None:
    cache.put_bytes("plate", KEY, b"good")
    later = Cache(cache.folder)
    path = later.get("plate", KEY)
    assert path is not None
    facts = path.stat()
    path.write_bytes(b"baad")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert later.get("plate", KEY) == path, "it was not read again"
    later.remove("plate", KEY)
    later.put_bytes("plate", KEY, b"else")
    path.write_bytes(b"bad.")
    assert Cache(cache.folder).get("plate", KEY) is None, "another process reads it"


def test_verify_drops_what_is_damaged_and_tells_how_far_it_is(cache: Cache) -> None:
    paths = [cache.put_bytes("plate", digest_bytes(b"%d" % n), bytes(100 + n)) for n in range(10)]
    paths[3].write_bytes(b"x")
    paths[7].with_name("sum").unlink()
    told: list[tuple[int, int]] = []
    verified = Cache(cache.folder).verify(lambda done, total: told.append((done, total)))
    assert (verified.count, verified.damaged_count) == (10, 2)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == verified.size_bytes
    assert cache.info().count == 8
    assert cache.verify().damaged_count == 0


# ---- limits -------------------------------------------------------------------------------------


def digests(count: int) -> list[str]:
    return [digest_bytes(b"%d" % n) for n in range(count)]


def test_what_was_used_longest_ago_goes_first_and_layers_and_artifacts_before_all(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=10_000)
    one, two, three, four, five = digests(5)
    for kind, key, age in (
        ("plate", one, 900),
        ("plate", two, 800),
        ("artifact", three, 10),
        ("layer", five, 5),
        ("plan", four, 990),
    ):
        cache.put_bytes(kind, key, bytes(1000))
        aged(cache, kind, key, age)
    assert cache.get("plan", four) is not None, "using it makes it young"

    def left() -> set[str]:
        return {entry.key for entry in CacheFolder(cache.folder).entries()}

    assert cache.prune(limit_bytes=4000).count == 1
    assert left() == {one, two, three, four}
    assert cache.prune(limit_bytes=3000).count == 1
    assert left() == {one, two, four}
    assert cache.prune(limit_bytes=2999).size_bytes == 1000
    assert left() == {two, four}
    assert cache.prune(older_than_s=700).count == 1
    assert left() == {four}
    assert cache.clear().count == 1
    assert left() == set()


def test_a_cache_keeps_to_its_limit_by_itself(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=10_000)
    for key in digests(60):
        assert cache.put_bytes("segment", key, bytes(1000)).exists(), "the newest is never the one to go"
        assert cache.info().size_bytes <= 10_000
    assert cache.info().size_bytes >= 8_000
    assert cache.put_bytes("plate", KEY, bytes(20_000)).exists(), "also one that is over it alone"


def test_processes_keep_to_the_limit_together(tmp_path: Path) -> None:
    """Each knows of the others by counting again now and then."""
    caches = [Cache(tmp_path / "cache", limit_bytes=100_000) for _ in range(3)]
    for turn, key in enumerate(digests(250)):
        caches[turn % 3].put_bytes("segment", key, bytes(1000))
        assert turn < 90 or turn % 5 or caches[0].info().size_bytes <= 100_000 * (1 + 3 / 20)


def test_what_is_held_stays(cache: Cache) -> None:
    one, two, three = digests(3)
    cache.put_bytes("plate", one, b"1")
    cache.put_bytes("plate", two, b"2")
    with cache.hold("plate", one), cache.hold("plate", three):
        with cache.hold("plate", one):
            pass
        cache.put_bytes("plate", three, b"3")
        assert cache.clear() == Freed(1, 1, 2)
        assert cache.get("plate", one) is not None
        assert cache.get("plate", three) is not None
    assert Cache(cache.folder).clear().count == 2


def test_a_file_in_use_is_readable_after_it_was_pruned(cache: Cache) -> None:
    path = cache.put_bytes("plate", KEY, bytes(range(256)) * 100)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        cache.clear()
        assert not path.exists()
        assert mapped[:] == stream.read() == bytes(range(256)) * 100


def test_the_default_limit_is_a_tenth_of_a_small_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disk:
        total = 50_000_000_000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk)
    assert Cache(tmp_path / "a").limit_bytes == 5_000_000_000
    Disk.total = 500_000_000_000
    assert Cache(tmp_path / "a").limit_bytes == 10_000_000_000


# ---- any order of events ------------------------------------------------------------------------

KINDS = st.sampled_from(["artifact", "plate", "plan"])
KEYS = st.sampled_from(digests(4))


class CacheModel(RuleBasedStateMachine):
    """A cache and a dictionary; two objects on one folder, as two processes have them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(f"{os.environ['CACHE_MODEL']}/{time.monotonic_ns()}")
        self.caches = [Cache(self.folder, limit_bytes=3000) for _ in range(2)]
        self.put: dict[tuple[str, str], bytes] = {}
        self.sure: set[tuple[str, str]] = set()
        self.holds: dict[tuple[str, str], AbstractContextManager[None]] = {}

    @rule(which=st.integers(0, 1), kind=KINDS, key=KEYS, data=st.binary(max_size=1500))
    def store(self, which: int, kind: str, key: str, data: bytes) -> None:
        there = self.caches[which].put_bytes(kind, key, data).read_bytes()
        if (kind, key) in self.sure:
            assert there == self.put[kind, key], "the first is kept"
        assert there in (data, self.put.get((kind, key)))
        self.put[kind, key] = there
        # Others may have been pruned for it.
        self.sure = (self.sure & set(self.holds)) | {(kind, key)}

    @rule(which=st.integers(0, 1), kind=KINDS, key=KEYS)
    def look(self, which: int, kind: str, key: str) -> None:
        found = self.caches[which].get_bytes(kind, key)
        if (kind, key) in self.sure:
            assert found is not None
        if found is not None:
            assert found == self.put[kind, key]

    @rule(kind=KINDS, key=KEYS)
    def take_out(self, kind: str, key: str) -> None:
        self.caches[0].remove(kind, key)
        self.sure.discard((kind, key))
        assert self.caches[1].get(kind, key) is None

    @rule(kind=KINDS, key=KEYS)
    def hold(self, kind: str, key: str) -> None:
        if (kind, key) not in self.holds:
            self.holds[kind, key] = held = self.caches[0].hold(kind, key)
            held.__enter__()

    @rule()
    def let_go(self) -> None:
        for held in self.holds.values():
            held.__exit__(None, None, None)
        self.holds.clear()

    @rule(limit=st.integers(-1, 3000))
    def prune(self, limit: int) -> None:
        freed = self.caches[1].prune(limit_bytes=limit)
        if freed.count:
            self.sure &= set(self.holds)
        if not freed.held_count:
            assert self.caches[0].info().size_bytes <= max(limit, 0)

    @rule(kind=KINDS, key=KEYS, place=st.floats(0, 1, exclude_max=True), cut=st.booleans())
    def damage(self, kind: str, key: str, place: float, cut: bool) -> None:
        path = self.folder / "entries" / kind / key[:2] / key / "data"
        if not path.is_file() or not (data := path.read_bytes()):
            return
        at = int(place * len(data))
        path.write_bytes(data[:at] if cut else data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :])
        self.sure.discard((kind, key))
        # What a process has checked it does not check again: those that come later do.
        self.caches = [Cache(self.folder, limit_bytes=3000) for _ in range(2)]

    @invariant()
    def nothing_is_left_in_the_making(self) -> None:
        assert list((self.folder / "tmp").iterdir()) == []

    def teardown(self) -> None:
        self.let_go()


def test_in_any_order_of_events_what_is_found_is_what_was_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_MODEL", str(tmp_path))
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415

    run_state_machine_as_test(
        CacheModel, settings=settings(max_examples=40, stateful_step_count=30, deadline=None)
    )


# ---- many processes -----------------------------------------------------------------------------


def python(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
    )


CROWD = """
    import os, random, sys
    from pathlib import Path
    from framepress.cache import Cache
    from framepress.keys import digest_bytes

    cache = Cache(Path(sys.argv[1]), limit_bytes=300_000)
    chance = random.Random(int(sys.argv[2]))
    made = 0
    for _ in range(150):
        number = chance.randrange(40)
        key = digest_bytes(b"%d" % number)
        wanted = digest_bytes(b"piece %d" % number).encode() * (number * 5 + 1)
        with cache.hold("segment", key):
            found = cache.get_bytes("segment", key)
            if found is None:
                cache.put_bytes("segment", key, wanted)
                made += 1
                found = cache.get_bytes("segment", key)
            # Somebody may take it out by force, never change it.
            if found != wanted and not (found is None and sys.argv[3] == "rough"):
                sys.exit(f"{number}: {found and len(found)} of {len(wanted)}")
        if sys.argv[3] == "rough" and chance.random() < 0.1:
            cache.remove("segment", key)
        if chance.random() < 0.02:
            cache.prune(limit_bytes=100_000)
    print(made)
"""


@pytest.mark.parametrize("manner", ["gentle", "rough"])
def test_many_processes_share_a_cache_and_none_reads_a_wrong_piece(tmp_path: Path, manner: str) -> None:
    crowd = [python(CROWD, str(tmp_path / "cache"), str(number), manner) for number in range(4)]
    ends = [(one.communicate(timeout=60)[0], one.returncode) for one in crowd]
    assert [code for _, code in ends] == [0] * 4
    assert all(int(made) > 0 for made, _ in ends)
    cache = Cache(tmp_path / "cache")
    assert cache.verify().damaged_count == 0
    assert names(cache.folder / "tmp") == []


@pytest.mark.parametrize("moment", ["in the middle of the data", "before the sum"])
def test_a_process_killed_in_mid_put_leaves_nothing(tmp_path: Path, moment: str) -> None:
    code = """
        import os, sys, time
        from pathlib import Path
        from framepress import cache_entries
        from framepress.cache import Cache
        from framepress.keys import digest_bytes

        def wait(*_):
            print("there", flush=True)
            time.sleep(600)

        def write(target):
            target.write(bytes(100_000))
            target.flush()
            if sys.argv[2] == "in the middle of the data":
                wait()

        cache_entries.write_sum = wait
        Cache(Path(sys.argv[1])).put("plate", digest_bytes(b"one"), write)
    """
    cache = Cache(tmp_path / "cache")
    process = python(code, str(cache.folder), moment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"there\n"
    assert Cache(cache.folder).put_bytes("plan", KEY, b"x"), "a living maker is not in the way"
    assert len(list((cache.folder / "tmp").iterdir())) == 1, "and keeps what it makes"
    process.kill()
    process.communicate()
    later = Cache(cache.folder)
    assert list((cache.folder / "tmp").iterdir()) == []
    assert later.get("plate", KEY) is None
    assert later.counters.damaged == 0
    assert later.put_bytes("plate", KEY, b"x").read_bytes() == b"x"


def test_a_hold_ends_with_its_process(cache: Cache) -> None:
    code = """
        import sys, time
        from pathlib import Path
        from framepress.cache import Cache
        from framepress.keys import digest_bytes

        with Cache(Path(sys.argv[1])).hold("plate", digest_bytes(b"one")):
            print("held", flush=True)
            time.sleep(600)
    """
    cache.put_bytes("plate", KEY, b"x")
    process = python(code, str(cache.folder))
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert (cache.clear().held_count, cache.info().count) == (1, 1)
    process.kill()
    process.communicate()
    until(lambda: cache.clear().count == 1, "the hold to end")
