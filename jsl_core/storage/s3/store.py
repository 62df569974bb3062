"""The store in a bucket. Keys by content make every write safe to repeat; no conditional write is needed."""

import math
import mimetypes
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from boto3.s3.transfer import TransferConfig, create_transfer_manager

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact, sha256_of
from jsl_core.storage.interface import check_key
from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.client import connect
from jsl_core.storage.s3.errors import NotAnS3Server, ObjectNotFound
from jsl_core.storage.s3.object_index import ListingPage, ObjectIndex
from jsl_core.storage.s3.requests import send
from jsl_core.storage.s3.retries import with_retries
from jsl_core.storage.s3.server_check import AT_ONCE, check_server
from jsl_core.storage.set_aside import set_aside
from jsl_core.system.files import write_atomically

__all__ = ["S3Store"]

T = TypeVar("T")

_PART = 16 << 20  # bytes; larger objects travel in parallel parts of this size
_LINK_SECONDS = 24 * 3600
_CHEAP_TO_SEND = 256 << 10  # bytes up to which an object is sent again rather than asked for
_RECENT = 12 * 3600.0  # seconds; `jsl gc` spares what is younger than a day
_LARGEST_COPY = 4 << 30  # bytes; S3 copies up to 5 GiB in one request
_TRANSFER = TransferConfig(
    multipart_threshold=_PART,
    multipart_chunksize=_PART,
    max_concurrency=10,
    preferred_transfer_client="classic",
)


class S3Store:
    """A store in a bucket: objects below its prefix. What each method does stands in `Store`."""

    def __init__(self, url: str) -> None:
        """Set up a client for `s3://bucket/prefix`; no request is sent yet."""
        location = BucketLocation.parse(url)
        self._client = connect(location)
        self._location = BucketLocation(location.bucket, location.prefix, self._client.meta.endpoint_url)
        self._index = ObjectIndex(self._head, self._list_pages)

    def __repr__(self) -> str:
        return f"S3Store({self.url!r})"

    @property
    def url(self) -> str:
        return self._location.url

    def check(self, seconds: float = AT_ONCE) -> None:
        check_server(connect(self._location, read_timeout=15), self._location, seconds)

    def check_access(self) -> None:
        query = {"Bucket": self._location.bucket, "Prefix": self._location.prefix, "MaxKeys": 1}
        client = connect(self._location, read_timeout=15)
        with_retries(partial(send, client, "list_objects_v2", **query), self._location, seconds=AT_ONCE)

    def put(self, data: bytes, name: str) -> Artifact:
        artifact = Artifact.of_bytes(data, name)
        if artifact.size <= _CHEAP_TO_SEND or not self._is_recent(artifact):
            self._upload(artifact.key, data)
            self._index.add(artifact)
        return artifact

    def put_file(self, path: Path, name: str = "") -> Artifact:
        before = path.stat()
        artifact = Artifact.of_file(path, name)
        if self._is_recent(artifact):
            return artifact
        if artifact.size <= _PART:
            return self.put(path.read_bytes(), artifact.name)
        self._retry(lambda: self._transfer("upload", str(path), artifact.key), artifact.key)
        if (path.stat().st_size, path.stat().st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            self.delete(artifact.key)  # what was sent may not be what was digested
            raise StoreError(f"{path}: changed while it was being stored; run again")
        self._index.add(artifact)
        return artifact

    def get(self, artifact: Artifact) -> bytes:
        for _ in range(2):  # damage on the way here is gone the second time
            data = self.read(artifact.key)
            if data is None:
                raise self._missing(artifact)
            if Artifact.of_bytes(data, artifact.name).sha256 == artifact.sha256:
                return data
        raise self._set_aside(artifact)

    def fetch(self, artifact: Artifact, destination: Path) -> Path:
        with write_atomically(destination) as file:
            if artifact.size <= _PART:
                file.write(self.get(artifact))
                return destination
            try:
                self._retry(lambda: self._transfer("download", file, artifact.key), artifact.key)
            except ObjectNotFound:
                raise self._missing(artifact) from None
            file.seek(0)
            if sha256_of(file) != (artifact.sha256, artifact.size):
                raise self._set_aside(artifact)
        return destination

    def has(self, artifact: Artifact) -> bool:
        return self._head(artifact)

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        return self._index.missing(list(artifacts))

    def write(self, key: str, data: bytes) -> None:
        self._upload(key, data)

    def write_file(self, key: str, path: Path) -> None:
        if path.stat().st_size <= _PART:
            self._upload(key, path.read_bytes())
        else:
            self._retry(lambda: self._transfer("upload", str(path), key), key)

    def read(self, key: str) -> bytes | None:
        try:
            return self._retry(lambda: self._request("get_object", key)["Body"].read(), key)
        except ObjectNotFound:
            return None

    def read_range(self, key: str, start: int, length: int) -> bytes:
        byte_range = f"bytes={start}-{start + length - 1}"
        try:
            answer, data = self._retry(
                lambda: _read_body(self._request("get_object", key, Range=byte_range)), key
            )
        except ObjectNotFound:
            raise StoreError(
                f"store {self._location.describe(key)}: is missing; run again to make it"
            ) from None
        # A server that knows no ranges sends everything.
        return data if "ContentRange" in answer else data[start : start + length]

    def publish(self, artifact: Artifact, key: str) -> str:
        # The copy is the server's, which copies damage, too. What is wrong twice is not wrong on the way.
        digests = (self.digest(artifact.key) for _ in range(2))
        if all(digest not in (None, artifact.sha256) for digest in digests):
            raise self._set_aside(artifact)
        extra = {"MetadataDirective": "REPLACE", "ContentType": _content_type(key)}
        try:
            self._copy(artifact.key, artifact.size, key, extra)
        except ObjectNotFound:
            raise self._missing(artifact) from None
        return f"{self.url}/{key}"

    def link(self, key: str) -> str:
        target = {"Bucket": self._location.bucket, "Key": self._full_key(key)}
        return self._retry(
            lambda: self._client.generate_presigned_url("get_object", target, ExpiresIn=_LINK_SECONDS), key
        )

    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key, _, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        yield from sorted(
            entry for page in self._list_pages(f"{prefix}/" if prefix else "") for entry in page
        )

    def delete(self, key: str) -> None:
        self._index.remove(key)
        with suppress(ObjectNotFound):
            self._retry(lambda: self._request("delete_object", key), key)

    def move(self, key: str, new_key: str) -> None:
        try:
            answer = self._retry(lambda: self._request("head_object", key), key)
            self._copy(key, answer["ContentLength"], new_key, {})
        except ObjectNotFound:
            return
        self.delete(key)

    def digest(self, key: str) -> str | None:
        try:
            return self._retry(lambda: sha256_of(self._request("get_object", key)["Body"])[0], key)
        except ObjectNotFound:
            return None

    def remove_abandoned(self, seconds: float) -> int:
        pages = self._client.get_paginator("list_multipart_uploads")
        target = {"Bucket": self._location.bucket, "Prefix": self._location.prefix}
        try:
            uploads = self._retry(
                lambda: [upload for page in pages.paginate(**target) for upload in page.get("Uploads", ())]
            )
        except StoreError:  # not every server lists them, or lets one
            return 0
        now = datetime.now(UTC)
        old = [upload for upload in uploads if (now - upload["Initiated"]).total_seconds() >= seconds]
        for upload in old:
            key = upload["Key"].removeprefix(self._location.prefix)
            abort = partial(self._request, "abort_multipart_upload", key, UploadId=upload["UploadId"])
            self._retry(abort, key)
        return len(old)

    def _upload(self, key: str, data: bytes) -> None:
        # The signature covers the bytes' digest, so that a server takes them whole or not at all.
        self._retry(
            lambda: self._request("put_object", key, Body=data, ContentType=_content_type(key)),
            key,
        )

    def _transfer(self, direction: str, file: Any, key: str) -> None:
        with create_transfer_manager(self._client, _TRANSFER) as manager:
            if direction == "download":
                self._request("head_object", key)  # what else answers would be taken for the object
                file.seek(0)
                file.truncate()
                manager.download(self._location.bucket, self._full_key(key), file).result()
            else:
                extra = {"ContentType": _content_type(key)}
                try:
                    manager.upload(file, self._location.bucket, self._full_key(key), extra).result()
                except KeyError:  # the upload's number, or a part's tag
                    raise NotAnS3Server from None

    def _copy(self, key: str, size: int, new_key: str, extra: dict[str, str]) -> None:
        source = {"Bucket": self._location.bucket, "Key": self._full_key(key)}
        if size <= _LARGEST_COPY:
            self._retry(lambda: self._request("copy_object", new_key, CopySource=source, **extra), new_key)
        else:
            self._retry(lambda: self._copy_in_parts(source, new_key, extra), new_key)

    def _copy_in_parts(self, source: dict[str, str], key: str, extra: dict[str, str]) -> None:
        with create_transfer_manager(self._client, _TRANSFER) as manager:
            manager.copy(source, self._location.bucket, self._full_key(key), extra).result()

    def _head(self, artifact: Artifact, max_age: float = math.inf) -> bool:
        try:
            answer = self._retry(lambda: self._request("head_object", artifact.key), artifact.key)
        except ObjectNotFound:
            return False
        age = (_server_time(answer) - answer["LastModified"]).total_seconds()
        return bool(answer["ContentLength"] == artifact.size and age < max_age)

    def _is_recent(self, artifact: Artifact) -> bool:
        """Whether it is stored and so young that `jsl gc` spares it, so that it need not be sent again."""
        return self._head(artifact, _RECENT)

    def _list_pages(self, prefix: str) -> Iterator[ListingPage]:
        """List the keys below a prefix, with size and age; a thousand keys to a request."""
        more: dict[str, str] = {}
        full = self._location.prefix + check_key(prefix, self.url)
        while True:
            query = {"Bucket": self._location.bucket, "Prefix": full} | more
            answer = self._retry(partial(send, self._client, "list_objects_v2", **query), prefix)
            now = _server_time(answer)
            yield [
                (
                    entry["Key"].removeprefix(self._location.prefix),
                    entry["Size"],
                    (now - entry["LastModified"]).total_seconds(),
                )
                for entry in answer.get("Contents", ())
            ]
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def _request(self, name: str, key: str, **arguments: Any) -> Any:
        return send(self._client, name, Bucket=self._location.bucket, Key=self._full_key(key), **arguments)

    def _retry(self, operation: Callable[[], T], key: str = "") -> T:
        return with_retries(operation, self._location, key)

    def _full_key(self, key: str) -> str:
        return self._location.prefix + check_key(key, self.url)

    def _set_aside(self, artifact: Artifact) -> StoreError:
        return set_aside(self, artifact, f"store {self._location.describe(artifact.key)}: {artifact.name}")

    def _missing(self, artifact: Artifact) -> StoreError:
        what = f"{artifact.name} is missing; run again to make it"
        return StoreError(f"store {self._location.describe(artifact.key)}: {what}")


def _server_time(answer: dict[str, Any]) -> datetime:
    """The server's time, by which its dates are; where an answer lacks it, this machine's."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _read_body(answer: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    return answer, answer["Body"].read()


def _content_type(key: str) -> str:
    content_type = _CONTENT_TYPES.get(os.path.splitext(key)[1]) or mimetypes.guess_type(key)[0]
    return content_type or "application/octet-stream"


_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".toml": "application/toml",
}
