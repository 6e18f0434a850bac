"""Small named objects beside the artifacts (bundles, records, marks) in a folder or a bucket.

Names are relative, with ``/`` between parts. `FolderBlobs` writes files that appear whole; `BucketBlobs` is
any store that obstore knows: ``s3://``, ``gs://``, ``az://``. Credentials and endpoints come from where those
services' own tools look (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS,
AZURE_STORAGE_ACCOUNT_NAME, the machine's role, ...), never from a URL.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from framepress.errors import InternalError, StorageFault, StoreUnavailable, UsageError
from framepress.partial import replacing

if TYPE_CHECKING:
    import obstore.store

SCHEMES = ("s3", "gs", "az")

#: Seconds for one request, and for all repetitions of one that failed; a bucket that answers 500 for longer
#: is down, and the job is better given back.
REQUEST_S, RETRIES_S = 30, 30

#: Repetitions of a request that failed.
RETRIES_MAX = 5


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """What a listing says. `version` changes whenever the content does."""

    name: str
    size: int
    version: str
    modified_s: float


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an object without its content.

    Attributes:
        version: what `put_with` takes as `mode`, to replace just this one: S3 and Azure go by the entity tag,
            Google by the generation.
        metadata: what its writer said of it, by the names that he gave (`put_with`).
    """

    size: int
    version: Mapping[str, str]
    metadata: Mapping[str, str]


class Blobs(Protocol):
    """Every method raises `StoreUnavailable` or `StorageFault` if the store does not do it."""

    def place_of(self, name: str) -> str:
        """A URL or path for people and other programs."""

    def get(self, name: str, *, bytes_max: int) -> bytes | None:
        """The content; None: there is no such object. `UsageError` if it is larger than `bytes_max`."""

    def put(self, name: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
        """Store, whole or not at all; what was there is replaced."""

    def exists(self, name: str) -> bool: ...

    def list(self, prefix: str) -> Iterator[BlobFacts]:
        """Objects below a folder-like prefix (without ``/`` at its end), in no particular order."""

    def delete(self, name: str) -> None:
        """Remove; harmless if there is none."""


def is_bucket_url(text: str) -> bool:
    """Whether text names a bucket rather than a folder."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def open_blobs(place: str | Path) -> Blobs:
    """The store at a folder or URL; nothing is asked of it yet.

    Raises:
        UsageError: a URL that is none of ours.
    """
    if isinstance(place, Path) or "://" not in place:
        return FolderBlobs(Path(place))
    return BucketBlobs(check_bucket_url(place))


def check_bucket_url(url: str) -> str:
    """The URL without ``/`` at its end.

    Raises:
        UsageError: another scheme, no bucket, or credentials in it.
    """
    try:
        parts = urlsplit(url)
        bucket, secret = parts.hostname, parts.username or parts.password or parts.query
    except ValueError:
        parts, bucket, secret = urlsplit(""), None, None
    if parts.scheme not in SCHEMES or not bucket:
        raise UsageError(
            f"{url.partition('://')[0]}://: not a store; expected a folder, s3://BUCKET/PREFIX, "
            "gs://BUCKET/PREFIX or az://CONTAINER/PREFIX.",
            rule="store-url",
        )
    if secret:
        raise UsageError(
            "A store's URL holds neither credentials nor options: they would be read by everybody on this "
            "machine. Use the environment, such as AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL.",
            rule="store-credentials",
        )
    return url.rstrip("/")


class FolderBlobs:
    """Objects as files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place_of(self, name: str) -> str:
        return str(self._path(name))

    def get(self, name: str, *, bytes_max: int) -> bytes | None:
        path = self._path(name)
        with _file_faults(path):
            try:
                with path.open("rb") as stream:
                    data = stream.read(bytes_max + 1)
            except FileNotFoundError:
                return None
        return _checked(data, name, bytes_max)

    def put(self, name: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
        path = self._path(name)
        with _file_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as stream:
                stream.write(data)

    def exists(self, name: str) -> bool:
        return self._path(name).is_file()

    def list(self, prefix: str) -> Iterator[BlobFacts]:
        for folder, _, files in os.walk(self._path(prefix)):
            for file in files:
                path = Path(folder, file)
                with suppress(FileNotFoundError):
                    facts = path.stat()
                    if not file.endswith(".partial"):
                        name = path.relative_to(self.root).as_posix()
                        version = f"{facts.st_mtime_ns}-{facts.st_size}-{facts.st_ino}"
                        yield BlobFacts(name, facts.st_size, version, facts.st_mtime)

    def delete(self, name: str) -> None:
        path = self._path(name)
        with _file_faults(path), suppress(FileNotFoundError):
            path.unlink()

    def _path(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\0" in name:
            raise InternalError("The store was given a name that leaves its folder.")
        return self.root.joinpath(*parts)


class BucketBlobs:
    """Objects in a bucket, below a prefix. The client is made on first use, one per process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client: obstore.store.ObjectStore | None = None

    @property
    def client(self) -> obstore.store.ObjectStore:
        if self._client is None:
            self._client = _bucket(self.url)
        return self._client

    def place_of(self, name: str) -> str:
        return f"{self.url}/{name}"

    def get(self, name: str, *, bytes_max: int) -> bytes | None:
        import obstore  # noqa: PLC0415 - a tenth of a second that folders do not need

        with self.faults():
            try:
                found = obstore.get(self.client, name)
                size = int(found.meta["size"])
                data = bytes(found.bytes()) if size <= bytes_max else b"\0" * (bytes_max + 1)
            except FileNotFoundError:
                return None
        return _checked(data, name, bytes_max)

    def put(self, name: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
        self.put_with(name, data, {"Content-Type": content_type}, "overwrite")

    def put_with(self, name: str, data: bytes, attributes: Mapping[str, str], mode: Any) -> bool:
        """Store under a condition; False: it was not met, and nothing changed.

        Args:
            attributes: ``Content-Type``, and what else is to be said of it; names with dashes, in lower case.
            mode: "overwrite"; "create": only if there is nothing; the `version` of a `Head`: only if that is
                there.
        """
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        with self.faults():
            try:
                named = {self._metadata_name(key): value for key, value in attributes.items()}
                obstore.put(self.client, name, data, attributes=named, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def head(self, name: str) -> Head | None:
        """One HEAD; None: there is no such object."""
        import obstore  # noqa: PLC0415

        with self.faults():
            try:
                found = obstore.get(self.client, name, options={"head": True})
            except FileNotFoundError:
                return None
            kept = {name: found.meta.get(name) for name in ("e_tag", "version")}
            version = {name: str(value) for name, value in kept.items() if value}
            attributes = {str(key).replace("_", "-"): str(value) for key, value in found.attributes.items()}
            return Head(int(found.meta["size"]), version, attributes)

    def _metadata_name(self, name: str) -> str:
        # Azure takes identifiers only, and refuses the whole put for a dash.
        return name.replace("-", "_") if self.url.startswith("az://") and name != "Content-Type" else name

    def exists(self, name: str) -> bool:
        return self.head(name) is not None

    def list(self, prefix: str) -> Iterator[BlobFacts]:
        import obstore  # noqa: PLC0415

        with self.faults():
            for page in obstore.list(self.client, prefix):
                for meta in page:
                    version = str(meta.get("e_tag") or meta["last_modified"].isoformat())
                    modified_s = meta["last_modified"].timestamp()
                    yield BlobFacts(str(meta["path"]), int(meta["size"]), version, modified_s)

    def delete(self, name: str) -> None:
        import obstore  # noqa: PLC0415

        with self.faults(), suppress(FileNotFoundError):
            obstore.delete(self.client, name)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """The errors of a bucket in our words. The text of its own may name people's files."""
        try:
            yield
        except Exception as exc:
            # obstore has one class per cause and no common one that can be told from Python's own.
            if not type(exc).__module__.startswith("obstore") and not isinstance(exc, OSError | ValueError):
                raise
            raise StoreUnavailable(
                f"{self.url} did not do what it was asked ({type(exc).__name__}). Check the bucket's name, "
                "the credentials and endpoint of the environment, and whether it can be reached from here.",
                rule="store",
            ) from exc


def _bucket(url: str) -> obstore.store.ObjectStore:
    from datetime import timedelta  # noqa: PLC0415

    import obstore.store  # noqa: PLC0415

    settings: dict[str, Any] = {
        # Plain HTTP only if the endpoint that the user names says so.
        "client_options": {"allow_http": True, "timeout": timedelta(seconds=REQUEST_S)},
        "retry_config": {"max_retries": RETRIES_MAX, "retry_timeout": timedelta(seconds=RETRIES_S)},
    }
    if url.startswith("s3://"):
        # A checksum that the server compares with what arrived. Some compatible ones know no other.
        settings["config"] = {"checksum_algorithm": "SHA256"}
    try:
        return obstore.store.from_url(url, **settings)
    except Exception as exc:
        raise StoreUnavailable(
            f"{url} cannot be used: {type(exc).__name__}. Check region, endpoint and credentials in the "
            "environment.",
            rule="store",
        ) from exc


def _checked(data: bytes, name: str, bytes_max: int) -> bytes:
    if len(data) > bytes_max:
        raise UsageError(f"An object of the store is larger than {bytes_max:,} bytes.", rule="object-size")
    return data


@contextmanager
def _file_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        full = exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        problem = "the disk is full. Make room." if full else f"{exc.strerror}."
        raise StorageFault(f"{path}: {problem}", rule="disk-full" if full else "storage") from exc
