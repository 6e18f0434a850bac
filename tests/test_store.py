"""The folder of finished files: what is found, what is never half-written, what is swept."""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framepress.errors import InternalError, RowValueError, StorageFault, UsageError
from framepress.ledger import Ledger
from framepress.mp4_metadata import Comment, read_comment
from framepress.names import check_out_name, format_out_name, safe_name
from framepress.partial import FOREIGN_AGE_S, is_left_behind, partial_name
from framepress.provenance import Demands
from framepress.rows import Row
from framepress.store import FolderStore, Stored
from framepress.sweeping import SWEEP_S, Sweeping

PROVENANCE = {"framepress": 1, "row_key": "ab" * 32, "path": "plain", "environment": "cd" * 32}


def make_mp4(path: Path, comment: str | None, *, front: bool = True) -> Path:
    """A short clip as FFmpeg writes it."""
    with av.open(str(path), "w", options={"movflags": "+faststart"} if front else {}) as container:
        if comment is not None:
            container.metadata["title"] = "a clip"
            container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for level in range(4):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level * 40, np.uint8))
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_mp4(tmp_path / "made.mp4", json.dumps(PROVENANCE))


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    opened = FolderStore(tmp_path / "out")
    opened.check_writable()
    return opened


def files(store: FolderStore) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())


def test_a_published_file_is_found_with_its_key(store: FolderStore, clip: Path) -> None:
    stored = store.publish(clip, "a/b.mp4")
    assert store.lookup("a/b.mp4") == stored
    assert stored.row_key == PROVENANCE["row_key"]
    assert stored.provenance == PROVENANCE
    assert (stored.whole, stored.foreign) == (True, False)
    assert Path(stored.path).read_bytes() == clip.read_bytes()
    assert stored.size == clip.stat().st_size
    assert files(store) == ["a/b.mp4"]
    assert store.lookup("a/c.mp4") is None


@pytest.mark.parametrize("front", [True, False])
def test_the_comment_is_found_wherever_the_table_stands(
    store: FolderStore, tmp_path: Path, front: bool
) -> None:
    comment = json.dumps({**PROVENANCE, "note": "größe" * 200}, ensure_ascii=False)
    stored = store.publish(make_mp4(tmp_path / "x.mp4", comment, front=front), "x.mp4")
    assert stored.row_key == PROVENANCE["row_key"]
    assert stored.provenance["note"] == "größe" * 200


@pytest.mark.parametrize(
    "comment",
    [None, "holiday 2019", '{"row_key": "x"}', '{"framepress": 2, "row_key": "x"}', "[1]", "[" * 5_000, ""],
)
def test_a_file_that_is_not_ours_is_foreign(store: FolderStore, tmp_path: Path, comment: str | None) -> None:
    stored = store.publish(make_mp4(tmp_path / "x.mp4", comment), "x.mp4")
    assert stored.foreign
    assert stored.row_key is None
    assert stored.whole


@pytest.mark.parametrize(
    "data", [b"", b"x", b"not a video at all", bytes(1_000), b"\0\0\0\1moov" + b"\xff" * 8]
)
def test_a_file_that_is_no_mp4_is_foreign_and_not_whole(store: FolderStore, data: bytes) -> None:
    store.publish_bytes(data, "x.mp4")
    stored = store.lookup("x.mp4")
    assert stored is not None
    assert (stored.row_key, stored.whole, stored.foreign, stored.size) == (None, False, True, len(data))


def test_a_file_cut_or_lengthened_anywhere_satisfies_nothing(store: FolderStore, clip: Path) -> None:
    data = clip.read_bytes()
    for size in range(0, len(data), 7):
        store.publish_bytes(data[:size], "x.mp4")
        stored = store.lookup("x.mp4")
        assert stored is not None
        assert stored.row_key is None, size
    assert stored is not None
    assert not stored.foreign, "a half-written file of ours may be written again"
    store.publish_bytes(data + b"\0", "x.mp4")
    stored = store.lookup("x.mp4")
    assert stored is not None
    assert stored.row_key is None


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_no_bytes_make_the_reader_fail(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    made = folder / "made.mp4"
    if not made.exists():
        folder.mkdir()
        make_mp4(made, json.dumps(PROVENANCE))
    content = bytearray(made.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "x.mp4").write_bytes(content)
    assert FolderStore(folder).lookup("x.mp4") is not None


def test_publishing_replaces_what_stood_there(store: FolderStore, clip: Path) -> None:
    store.publish_bytes(b"old", "x.mp4")
    assert store.publish(clip, "x.mp4").row_key == PROVENANCE["row_key"]
    assert files(store) == ["x.mp4"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_of_the_same_key_that_somebody_else_has_published_stays(
    store: FolderStore, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    assert not store.publish(clip, "x.mp4").was_there
    first = (store.root / "x.mp4").stat()
    assert first.st_nlink == 1
    again = store.publish(clip, "x.mp4")
    assert (again.was_there, again.row_key) == (True, PROVENANCE["row_key"])
    assert (store.root / "x.mp4").stat().st_ino == first.st_ino
    # Another key, one that will not do, and one that is not to stay are replaced.
    other = make_mp4(tmp_path / "other.mp4", json.dumps(PROVENANCE | {"row_key": "ef" * 32}))
    for local, stays in (
        (other, Demands()),
        (clip, Demands()),
        (clip, Demands(environment="e")),
        (clip, None),
    ):
        before = (store.root / "x.mp4").stat().st_ino
        assert not store.publish(local, "x.mp4", stays=stays).was_there
        assert (store.root / "x.mp4").stat().st_ino != before
    assert files(store) == ["x.mp4"]


def test_of_two_who_publish_at_once_one_does(
    store: FolderStore, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = FolderStore.lookup
    others: list[Stored] = []

    def other_comes_between(self: FolderStore, name: str) -> Stored | None:
        found = lookup(self, name)
        if self is store and not others:
            others.append(FolderStore(store.root).publish(clip, name))
        return found

    monkeypatch.setattr(FolderStore, "lookup", other_comes_between)
    ours = store.publish(clip, "x.mp4")
    assert sorted((ours.was_there, others[0].was_there)) == [False, True]


def test_a_pipe_under_the_name_is_said_and_not_waited_for(store: FolderStore) -> None:
    os.mkfifo(store.root / "x.mp4")
    with pytest.raises(StorageFault, match="is not a file"):
        store.lookup("x.mp4")


def test_a_box_that_is_longer_than_what_it_lies_in_holds_no_comment() -> None:
    def box(kind: bytes, content: bytes, *, more: int = 0) -> bytes:
        return (len(content) + 8 + more).to_bytes(4) + kind + content

    for more, text in ((0, "hello"), (1, None)):
        comment = box(b"\xa9cmt", box(b"data", b"\0\0\0\1\0\0\0\0hello", more=more))
        table = box(b"moov", box(b"udta", box(b"meta", b"\0\0\0\0" + box(b"ilst", comment))))
        file = box(b"ftyp", b"") + table + box(b"mdat", b"")
        assert read_comment(io.BytesIO(file), len(file)) == Comment(text, whole=True)


def test_a_folder_under_the_name_is_said(store: FolderStore, clip: Path) -> None:
    (store.root / "x.mp4").mkdir()
    with pytest.raises(StorageFault, match=r"x\.mp4") as caught:
        store.lookup("x.mp4")
    assert caught.value.rule == "kind"
    with pytest.raises(StorageFault, match=r"x\.mp4") as caught:
        store.publish(clip, "x.mp4")
    assert caught.value.rule == "kind"
    store.publish_bytes(b"", "file")
    with pytest.raises(StorageFault, match="the other way round"):
        store.publish(clip, "file/x.mp4")
    assert files(store) == ["file"]


@pytest.mark.parametrize("name", ["/etc/x.mp4", "../x.mp4", "a/../../x.mp4", "", "a\0b"])
def test_a_name_that_leaves_the_folder_is_our_mistake(store: FolderStore, name: str) -> None:
    with pytest.raises(InternalError):
        store.path_of(name)


@contextmanager
def mounted(root: Path, options: str) -> Iterator[None]:
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path, clip: Path) -> None:
    with mounted(tmp_path / "small", "size=64k"):
        store = FolderStore(tmp_path / "small")
        store.check_writable()
        store.publish(clip, "x.mp4")
        big = tmp_path / "big"
        big.write_bytes(bytes(200_000))
        with pytest.raises(StorageFault, match="disk is full") as caught:
            store.publish(big, "x.mp4")
        assert caught.value.rule == "disk-full"
        assert files(store) == ["x.mp4"]
        assert (store.root / "x.mp4").read_bytes() == clip.read_bytes()
        with pytest.raises(StorageFault, match="disk"), Ledger.open(store.root, "run") as ledger:
            ledger.add_rows(Row(n, n, {"a": "x" * 100}) for n in range(1, 5_000))


def test_a_read_only_disk_is_said_with_a_way_out(tmp_path: Path, clip: Path) -> None:
    with mounted(tmp_path / "fixed", "ro"):
        store = FolderStore(tmp_path / "fixed")
        with pytest.raises(StorageFault, match="--out-dir") as caught:
            store.check_writable()
        assert caught.value.rule == "not-writable"
        with pytest.raises(StorageFault, match="--out-dir"):
            store.publish(clip, "x.mp4")
        with pytest.raises(StorageFault, match="--out-dir"):
            Ledger.open(store.root, "run")


def test_a_reached_file_size_limit_is_said_and_nothing_is_left(store: FolderStore, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(3_000_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for renames in (True, False):
        store.renames = renames
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
        try:
            with pytest.raises(StorageFault, match="Make room"):
                store.publish(big, "x.mp4")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert files(store) == []


def test_a_folder_that_may_not_be_written_is_said_before_the_first_row(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFault):
        FolderStore(tmp_path / "file").check_writable()
    with pytest.raises(StorageFault, match="--out-dir"):
        FolderStore(Path("/proc/out")).check_writable()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM, errno.EXDEV])
def test_where_renaming_is_refused_the_final_name_is_written(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(os, "link", refuse)
    probed = FolderStore(tmp_path / "probed")
    probed.check_writable()
    assert not probed.renames
    for store in (probed, FolderStore(tmp_path / "unprobed")):
        assert store.publish(clip, "a/x.mp4").row_key == PROVENANCE["row_key"]
        assert files(store) == ["a/x.mp4"]
        assert not store.renames


_PUBLISHER = """
import errno, fcntl, os, signal, sys
from pathlib import Path
from framepress.store import FolderStore

store = FolderStore(Path(sys.argv[1]))
store.renames = sys.argv[3] == "renames"
whole = os.copy_file_range

def die_half_way(source, target, count):
    if os.lseek(source, 0, os.SEEK_CUR) > 600:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(source, target, 300)

def refuse(*_):
    raise OSError(errno.EOPNOTSUPP, "no reflinks here")

os.copy_file_range = die_half_way
fcntl.ioctl = refuse
store.publish(Path(sys.argv[2]), "x.mp4")
"""


@pytest.mark.parametrize("way", ["renames", "direct"])
def test_a_writer_killed_half_way_leaves_no_file_that_satisfies_a_row(
    store: FolderStore, clip: Path, way: str
) -> None:
    if way == "renames":
        store.publish_bytes(b"what stood there", "x.mp4")
    command = [sys.executable, "-c", _PUBLISHER, str(store.root), str(clip), way]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    stored = store.lookup("x.mp4")
    assert stored is not None
    assert stored.row_key is None
    if way == "renames":
        assert Path(stored.path).read_bytes() == b"what stood there"
        assert len(files(store)) == 2
        assert store.sweep() == 1
    assert files(store) == ["x.mp4"]


def test_a_sweep_spares_living_writers_and_all_that_is_not_a_partial(store: FolderStore) -> None:
    mine = partial_name("x.mp4")
    machine, pid, start, tail = mine.removeprefix(".x.mp4.").removesuffix(".partial").split("-")
    dead = f".x.mp4.{machine}-{pid}-{int(start) - 1}-{tail}.partial"
    gone = f".y.mp4.{machine}-4194305-1-{tail}.partial"
    far, far_old = (f".{letter}.mp4.0123abcd-{pid}-{start}-{tail}.partial" for letter in "pq")
    others = ["x.partial", ".x.partial", "x.mp4", "a.0123abcd-1-1-00000000.partial"]
    for name in (mine, dead, gone, far, far_old, *others):
        store.publish_bytes(b"", f"sub/{name}")
    now = (store.root / "sub" / far).stat().st_mtime
    os.utime(store.root / "sub" / far_old, (0, now - FOREIGN_AGE_S - 60))
    assert store.sweep() == 3
    assert files(store) == sorted(f"sub/{name}" for name in (mine, far, *others))


def test_what_killed_workers_left_goes_with_the_first_job_and_after_one_that_comes_again(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("framepress.sweeping.time.monotonic", lambda: now[0])

    def leave() -> None:
        mine = partial_name("x.mp4")
        store.publish_bytes(b"", mine.replace(f"-{os.getpid()}-", "-4194305-"))

    sweeping = Sweeping(store)
    leave()
    sweeping.on_job(again=False)
    assert files(store) == []
    leave()
    now[0] += SWEEP_S
    # Nobody was killed.
    sweeping.on_job(again=False)
    sweeping.sweep()
    assert len(files(store)) == 1
    sweeping.on_job(again=True)
    assert files(store) == []
    leave()
    # Too soon; but it is not forgotten.
    sweeping.on_job(again=True)
    assert len(files(store)) == 1
    now[0] += SWEEP_S
    sweeping.on_job(again=False)
    assert files(store) == []
    leave()
    sweeping.on_job(again=True)
    sweeping.sweep()
    assert files(store) == []


def test_a_partial_of_a_long_name_has_a_name_that_fits() -> None:
    for name in ("x" * 255, "日" * 85, "\udcff" * 255):
        made = partial_name(name)
        assert len(made.encode("utf-8")) <= 255
        assert not is_left_behind(Path(made))


@pytest.mark.parametrize(
    ("given_name", "stored_name"),
    [
        ("a", "a.mp4"),
        ("a.mp4", "a.mp4"),
        ("A.MP4", "A.MP4"),
        ("./clips/a.mp4", "clips/a.mp4"),
        ("J. Smith", "J. Smith.mp4"),
        ("ada@example.com", "ada@example.com.mp4"),
        ("v1.2", "v1.2.mp4"),
        ("Ko\u0308ln", "K\u00f6ln.mp4"),
        ("x" * 251, "x" * 251 + ".mp4"),
    ],
)
def test_names_are_completed_and_composed(given_name: str, stored_name: str) -> None:
    assert safe_name(given_name) == stored_name
    assert safe_name(stored_name) == stored_name


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "out-empty"),
        ("  ", "out-empty"),
        (".", "out-empty"),
        ("a//b", "out-empty"),
        ("a/", "out-empty"),
        ("/a", "out-absolute"),
        ("C:/a", "out-absolute"),
        ("..", "out-leaves"),
        ("a/../b", "out-leaves"),
        (".mp4", "out-hidden"),
        (".framepress/x", "out-hidden"),
        ("a\\b", "out-character"),
        ("a\0b", "out-character"),
        ("a\nb", "out-character"),
        ("a\u2028b", "out-character"),
        ("a\ud800", "out-character"),
        ("a.", "out-ending"),
        ("a /b", "out-ending"),
        ("a.mov", "out-suffix"),
        ("a.JPG", "out-suffix"),
        ("x" * 252, "out-length"),
        ("é" * 127, "out-length"),
        ("/".join(["x" * 200] * 6), "out-length"),
    ],
)
def test_names_that_could_harm_are_refused_without_being_shown(name: str, rule: str) -> None:
    with pytest.raises(RowValueError) as caught:
        safe_name(name)
    assert (caught.value.rule, caught.value.field, caught.value.length) == (rule, "out", len(name))
    assert len(name) < 3 or name not in caught.value.message


def test_a_poster_has_its_own_ending() -> None:
    assert safe_name("a", suffix=".jpg") == "a.jpg"
    with pytest.raises(RowValueError):
        safe_name("a.mp4", suffix=".jpg")


@settings(deadline=None)
@given(st.text(max_size=30))
def test_a_safe_name_stays_in_its_folder_and_is_safe_again(name: str) -> None:
    try:
        safe = safe_name(name)
    except RowValueError:
        return
    assert safe_name(safe) == safe
    path = FolderStore(Path("/out")).path_of(safe)
    assert Path(os.path.normpath(path)) == path


def test_a_pattern_takes_columns_the_row_number_and_the_key() -> None:
    columns = {"user_id": "7", "first name": "a/b\\c\nd"}
    assert format_out_name("{user_id}.mp4", columns, 3, "k") == "7.mp4"
    assert format_out_name("clips/{@row}-{@key}", columns, 3, "k") == "clips/3-k"
    assert format_out_name("{first name}", columns, 3, "k") == "a_b_c_d"
    assert format_out_name("{{{user_id}}}", columns, 3, "k") == "{7}"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{userid}.mp4", 'no column "userid". Did you mean "user_id"'),
        ("{@rows}", 'Did you mean "@row"'),
        ("{}", "no column"),
        ("{user_id", "brace"),
        ("user_id}", "brace"),
    ],
)
def test_a_pattern_that_no_row_can_fill_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_out_name(pattern, ["name", "user_id"])
    assert message in caught.value.message
    with pytest.raises(UsageError):
        format_out_name(pattern, {"user_id": ""}, 1, "k")
