"""Finished files and small objects in a bucket: the protocols of S3, Azure and Google, on loopback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
import obstore.store
import pytest

from framepress.artifacts import Artifacts
from framepress.blobs import BucketBlobs, FolderBlobs, open_blobs
from framepress.cache import Cache
from framepress.errors import InputError, StoreUnavailable, UsageError
from framepress.object_store import ObjectStore
from framepress.provenance import Demands
from framepress.store import FolderStore, read_provenance
from framepress.stores import open_store, place_option
from gcs_server import account
from servers import AZURITE_ACCOUNT, AZURITE_KEY, Server, make_container
from test_store import make_mp4


@dataclass(frozen=True)
class Seen:
    """An object as somebody else sees it."""

    body: bytes
    content_type: str
    metadata: dict[str, str]


@dataclass
class Bucket:
    """A prefix in a bucket; `root` is the bucket as other programs see it. `dash`: in names of metadata."""

    url: str
    root: Any
    dash: str = "-"

    def names(self) -> list[str]:
        return [str(one["path"]) for page in obstore.list(self.root) for one in page]

    def write(self, name: str, body: bytes) -> None:
        obstore.put(self.root, f"run-7/{name}", body)

    def read(self, name: str) -> Seen:
        found = obstore.get(self.root, f"run-7/{name}")
        attributes = {str(key): str(value) for key, value in found.attributes.items()}
        return Seen(bytes(found.bytes()), attributes.pop("Content-Type", ""), attributes)


class S3Bucket(Bucket):
    """Seen by Amazon's own client."""

    def names(self) -> list[str]:
        found = self.root.list_objects_v2(Bucket=self._name).get("Contents", ())
        return [one["Key"] for one in found]

    def write(self, name: str, body: bytes) -> None:
        self.root.put_object(Bucket=self._name, Key=f"run-7/{name}", Body=body)

    def read(self, name: str) -> Seen:
        seen = self.root.get_object(Bucket=self._name, Key=f"run-7/{name}")
        return Seen(seen["Body"].read(), seen["ContentType"], seen["Metadata"])

    @property
    def _name(self) -> str:
        return self.url.split("/")[2]


Setenv = Callable[[str, str], None]


def s3_bucket(server: Server, setenv: Setenv, folder: Path) -> Bucket:
    setenv("AWS_ENDPOINT_URL", server.url)
    return make_bucket(server)


def make_bucket(server: Server) -> Bucket:
    import boto3  # noqa: PLC0415

    client = boto3.client("s3", endpoint_url=server.url)
    name = f"b{uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return S3Bucket(f"s3://{name}/run-7", client)


def azure_bucket(server: Server, setenv: Setenv, folder: Path) -> Bucket:
    name = f"b{uuid4().hex[:12]}"
    setenv("AZURE_STORAGE_ACCOUNT_NAME", AZURITE_ACCOUNT)
    setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURITE_KEY)
    setenv("AZURE_STORAGE_ENDPOINT", f"{server.url}/{AZURITE_ACCOUNT}")
    make_container(server, name)
    root = obstore.store.from_url(f"az://{name}", client_options={"allow_http": True})
    return Bucket(f"az://{name}/run-7", root, dash="_")


def google_bucket(server: Server, setenv: Setenv, folder: Path) -> Bucket:
    name = f"b{uuid4().hex[:12]}"
    setenv("GOOGLE_SERVICE_ACCOUNT", str(account(server.url, folder)))
    root = obstore.store.from_url(f"gs://{name}", client_options={"allow_http": True})
    return Bucket(f"gs://{name}/run-7", root)


BUCKETS = {"azurite": azure_bucket, "google": google_bucket}


@pytest.fixture(
    params=[
        "ministack",
        "google",
        pytest.param("moto", marks=pytest.mark.slow),
        pytest.param("azurite", marks=pytest.mark.slow),
    ]
)
def bucket(
    request: pytest.FixtureRequest,
    server_of: Callable[[str], Server],
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Bucket:
    server = server_of(request.param)
    return BUCKETS.get(request.param, s3_bucket)(server, monkeypatch.setenv, tmp_path)


def clip(folder: Path, key: str, environment: str = "e", **made: str) -> Path:
    facts = {"framepress": 1, "row_key": key, "path": "plain", "environment": environment, **made}
    return make_mp4(folder / f"{uuid4().hex}.mp4", json.dumps(facts))


def test_a_clip_is_published_with_type_checksum_and_facts(bucket: Bucket, tmp_path: Path) -> None:
    store = open_store(bucket.url)
    local = clip(tmp_path, "k1")
    stored = store.publish(local, "a/b.mp4")
    assert str(stored.path) == f"{bucket.url}/a/b.mp4"
    seen = bucket.read("a/b.mp4")
    assert seen.body == local.read_bytes()
    assert seen.content_type == "video/mp4"
    assert len(seen.metadata.pop("put")) == 16
    assert seen.metadata == {
        "framepress": "1",
        f"row{bucket.dash}key": "k1",
        "environment": "e",
        "path": "plain",
        "sha256": hashlib.sha256(local.read_bytes()).hexdigest(),
    }
    found = store.find("a/b.mp4", "k1", way_out="")
    assert found is not None
    assert (found.size, found.environment) == (local.stat().st_size, "e")
    assert store.find("a/b.mp4", "k2", way_out="") is None
    assert store.find("other.mp4", "k1", way_out="") is None


def test_an_object_of_the_same_key_stays_and_one_of_another_key_is_replaced(
    bucket: Bucket, tmp_path: Path
) -> None:
    store = ObjectStore(bucket.url)
    first = clip(tmp_path, "k1", "first")
    assert not store.publish(first, "1.mp4").was_there
    again = store.publish(clip(tmp_path, "k1", "second"), "1.mp4")
    assert (again.was_there, again.environment) == (True, "first")
    stored = store.lookup("1.mp4")
    assert stored is not None
    assert stored.environment == "first"
    assert not store.publish(clip(tmp_path, "k2", "third"), "1.mp4").was_there
    stored = store.lookup("1.mp4")
    assert stored is not None
    assert (stored.row_key, stored.environment) == ("k2", "third")
    # What a repeated render is for.
    ObjectStore(bucket.url, force=True).publish(clip(tmp_path, "k2", "fourth"), "1.mp4")
    stored = store.lookup("1.mp4")
    assert stored is not None
    assert stored.environment == "fourth"


def test_an_answer_that_is_lost_makes_no_object_somebody_elses(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(bucket.url)
    put_with = store.blobs.put_with

    def repeated(*args: Any) -> bool:
        # What the client does if a connection ends before the answer to a put that has arrived.
        put_with(*args)
        return put_with(*args)

    monkeypatch.setattr(store.blobs, "put_with", repeated)
    assert not store.publish(clip(tmp_path, "k1"), "1.mp4").was_there
    assert store.publish(clip(tmp_path, "k1"), "1.mp4").was_there


BY_PLAN = {"path": "reuse", "plan": "p1", "reuse": "segments"}


@pytest.mark.parametrize(
    ("demands", "fits"),
    [
        (Demands(), True),
        (Demands(environment="e", voided=frozenset({"p2"})), True),
        (Demands(max_reuse="frames"), False),
        (Demands(voided=frozenset({"p1"})), False),
        (Demands(environment="another"), False),
    ],
)
def test_how_an_object_was_made_decides_whether_it_will_do_and_whether_it_stays(
    bucket: Bucket, tmp_path: Path, demands: Demands, *, fits: bool
) -> None:
    store = ObjectStore(bucket.url)
    made = clip(tmp_path, "k1", **BY_PLAN)
    store.publish(made, "1.mp4")
    stored = store.lookup("1.mp4")
    assert stored is not None
    assert dict(stored.provenance) == read_provenance(made)
    assert (store.find("1.mp4", "k1", way_out="", demands=demands) is not None) == fits
    store.publish(clip(tmp_path, "k1", "e"), "1.mp4", stays=demands)
    after = store.lookup("1.mp4")
    assert after is not None
    assert after.provenance["path"] == ("reuse" if fits else "plain")


def test_an_object_of_the_same_key_is_replaced_if_nothing_is_to_stay(bucket: Bucket, tmp_path: Path) -> None:
    store = ObjectStore(bucket.url)
    store.publish(clip(tmp_path, "k1", "first"), "1.mp4")
    store.publish(clip(tmp_path, "k1", "second"), "1.mp4", stays=None)
    stored = store.lookup("1.mp4")
    assert stored is not None
    assert stored.environment == "second"


def test_a_clip_of_the_cache_is_published_into_a_bucket_with_its_facts(
    bucket: Bucket, tmp_path: Path
) -> None:
    store, key = ObjectStore(bucket.url), "1" * 64
    cache = Cache(tmp_path / "cache")
    artifacts = Artifacts(cache, Demands())
    made = clip(tmp_path, key, **BY_PLAN)
    artifacts.keep(made, key)
    assert artifacts.fetch(store, "2.mp4", "2" * 64) is None
    assert artifacts.fetch(store, "1.mp4", key) is not None
    stored = store.lookup("1.mp4")
    assert stored is not None
    assert dict(stored.provenance) == read_provenance(made)
    # What will not do is neither fetched nor left standing.
    artifacts.refuse("p1")
    assert artifacts.fetch(store, "1.mp4", key) is None
    artifacts.keep(clip(tmp_path, key, "plain"), key)
    assert artifacts.fetch(store, "1.mp4", key) is not None
    stored = store.lookup("1.mp4")
    assert stored is not None
    assert stored.environment == "plain"
    artifacts.close()


def test_an_object_of_somebody_else_is_left_alone_unless_forced(bucket: Bucket, tmp_path: Path) -> None:
    bucket.write("1.mp4", b"theirs")
    store = ObjectStore(bucket.url)
    with pytest.raises(InputError, match="way out"):
        store.find("1.mp4", "k1", way_out="way out")
    with pytest.raises(InputError, match="--force"):
        store.publish(clip(tmp_path, "k1"), "1.mp4")
    assert bucket.read("1.mp4").body == b"theirs"
    forced = ObjectStore(bucket.url, force=True)
    assert forced.find("1.mp4", "k1", way_out="") is None
    forced.publish(clip(tmp_path, "k1"), "1.mp4")
    assert store.find("1.mp4", "k1", way_out="") is not None


def test_a_small_file_is_replaced_and_its_beginning_can_be_read(bucket: Bucket) -> None:
    store = ObjectStore(bucket.url)
    assert store.publish_bytes(b"one", "1.jpg") == f"{bucket.url}/1.jpg"
    store.publish_bytes(b"second", "1.jpg")
    assert store.read_head("1.jpg", 3) == b"sec"
    assert store.read_head("2.jpg", 3) is None
    assert bucket.read("1.jpg").content_type == "image/jpeg"


def test_a_store_that_can_be_written_is_left_as_it_was(bucket: Bucket) -> None:
    ObjectStore(bucket.url).check_writable()
    assert bucket.names() == []


@pytest.mark.parametrize("what", ["no bucket", "nobody there"])
def test_a_store_that_does_not_answer_is_told_as_that(
    what: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framepress.blobs.RETRIES_MAX", 0)
    if what == "nobody there":
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreUnavailable) as caught:
        ObjectStore("s3://no-such-bucket-here/x").check_writable()
    assert caught.value.retryable


def test_small_objects_are_the_same_in_a_folder_and_a_bucket(bucket: Bucket, tmp_path: Path) -> None:
    for blobs in (open_blobs(bucket.url), open_blobs(tmp_path / "run-7")):
        assert blobs.get("r/a.json", bytes_max=10) is None
        assert list(blobs.list("r")) == []
        assert not blobs.exists("r/a.json")
        blobs.put("r/a.json", b"1")
        (before,) = blobs.list("r")
        blobs.put("r/a.json", b"22")
        blobs.put("other/b.json", b"3")
        (after,) = blobs.list("r")
        assert (after.name, after.size) == ("r/a.json", 2)
        assert before.version != after.version
        assert blobs.get("r/a.json", bytes_max=2) == b"22"
        with pytest.raises(UsageError, match="larger"):
            blobs.get("r/a.json", bytes_max=1)
        blobs.delete("r/a.json")
        blobs.delete("r/a.json")
        assert not blobs.exists("r/a.json")


def test_places_are_folders_or_buckets() -> None:
    assert place_option("out") == Path("out")
    assert place_option("s3://b/p/") == "s3://b/p"
    assert isinstance(open_store(Path("out")), FolderStore)
    assert isinstance(open_store("gs://b/p"), ObjectStore)
    assert isinstance(open_blobs("out"), FolderBlobs)
    assert isinstance(open_blobs("az://c/p"), BucketBlobs)


@pytest.mark.parametrize(
    "text", ["http://h/b", "s3://", "s3://key:secret@b/p", "file:///out", "s3://b/p?aws_secret=secret"]
)
def test_a_place_that_is_none_or_holds_credentials_is_refused_without_showing_them(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        place_option(text)
    assert "secret" not in caught.value.message.lower().replace("aws_access_key_id", "")
