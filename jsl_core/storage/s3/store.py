"""The store in a bucket. Keys by content make every write safe to repeat; no conditional write is needed."""

import math
import mimetypes
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from boto3.s3.transfer import TransferConfig, create_transfer_manager

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact, sha256_of
from jsl_core.storage.keys import checked
from jsl_core.storage.s3.bucket_location import Place
from jsl_core.storage.s3.client import connect
from jsl_core.storage.s3.object_index import Presence
from jsl_core.storage.s3.retries import NotFound, Strange, attempt
from jsl_core.storage.s3.server_check import probe
from jsl_core.system.files import write_atomically

__all__ = ["S3Store"]

T = TypeVar("T")

_PART = 16 << 20  # bytes; larger objects travel in parallel parts of this size
_LINK_SECONDS = 24 * 3600
_UNASKED = 256 << 10  # bytes up to which an object is sent again rather than asked for
_YOUNG = 12 * 3600.0  # seconds; `jsl gc` spares what is younger than a day
_COPY_AT_ONCE = 4 << 30  # bytes; S3 copies up to 5 GiB in one request
_TRANSFER = TransferConfig(
    multipart_threshold=_PART,
    multipart_chunksize=_PART,
    max_concurrency=10,
    preferred_transfer_client="classic",
)
_SAID = {  # by every server
    "head_object": "LastModified",
    "get_object": "LastModified",
    "put_object": "ETag",
    "copy_object": "CopyObjectResult",
}


class S3Store:
    """A store in a bucket; objects below its prefix."""

    def __init__(self, url: str) -> None:
        place = Place.of(url)
        self._client = connect(place)
        self._place = Place(place.bucket, place.prefix, self._client.meta.endpoint_url)
        self._presence = Presence(self._head, self._list)

    def __repr__(self) -> str:
        return f"S3Store({self.url!r})"

    @property
    def url(self) -> str:
        return self._place.url

    def check(self) -> None:
        probe(connect(self._place, attempts=3, silence=15), self._place)

    def put(self, data: bytes, name: str) -> Artifact:
        artifact = Artifact.of_bytes(data, name)
        if artifact.size <= _UNASKED or not self._young(artifact):
            self._upload(artifact.key, data)
            self._presence.add(artifact)
        return artifact

    def put_file(self, path: Path, name: str = "") -> Artifact:
        before = path.stat()
        artifact = Artifact.of_file(path, name)
        if self._young(artifact):
            return artifact
        if artifact.size <= _PART:
            return self.put(path.read_bytes(), artifact.name)
        self._do(lambda: self._transfer("upload", str(path), artifact.key), artifact.key)
        if (path.stat().st_size, path.stat().st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            self.delete(artifact.key)  # what was sent may not be what was digested
            raise StoreError(f"{path}: changed while it was being stored; run again")
        self._presence.add(artifact)
        return artifact

    def get(self, artifact: Artifact) -> bytes:
        for _ in range(2):  # damage on the way here is gone the second time
            data = self.read(artifact.key)
            if data is None:
                raise self._missing(artifact)
            if Artifact.of_bytes(data, artifact.name).sha256 == artifact.sha256:
                return data
        raise self._damaged(artifact)

    def fetch(self, artifact: Artifact, destination: Path) -> Path:
        with write_atomically(destination) as file:
            if artifact.size <= _PART:
                file.write(self.get(artifact))
                return destination
            try:
                self._do(lambda: self._transfer("download", file, artifact.key), artifact.key)
            except NotFound:
                raise self._missing(artifact) from None
            file.seek(0)
            if sha256_of(file) != (artifact.sha256, artifact.size):
                raise self._damaged(artifact)
        return destination

    def has(self, artifact: Artifact) -> bool:
        return self._head(artifact)

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        return self._presence.missing(list(artifacts))

    def write(self, key: str, data: bytes) -> None:
        self._upload(key, data)

    def write_file(self, key: str, path: Path) -> None:
        if path.stat().st_size <= _PART:
            self._upload(key, path.read_bytes())
        else:
            self._do(lambda: self._transfer("upload", str(path), key), key)

    def read(self, key: str) -> bytes | None:
        try:
            return self._do(lambda: self._request("get_object", key)["Body"].read(), key)
        except NotFound:
            return None

    def read_range(self, key: str, start: int, length: int) -> bytes:
        wanted = f"bytes={start}-{start + length - 1}"
        try:
            answer, data = self._do(lambda: _with_body(self._request("get_object", key, Range=wanted)), key)
        except NotFound:
            raise StoreError(f"store {self._place.told(key)}: is missing") from None
        # A server that knows no ranges sends everything.
        return data if "ContentRange" in answer else data[start : start + length]

    def publish(self, artifact: Artifact, key: str) -> str:
        source = {"Bucket": self._place.bucket, "Key": self._full(artifact.key)}
        extra = {"MetadataDirective": "REPLACE", "ContentType": _content_type(key)}
        try:
            if artifact.size <= _COPY_AT_ONCE:
                self._do(lambda: self._request("copy_object", key, CopySource=source, **extra), key)
            else:
                self._do(lambda: self._copy_in_parts(source, key, extra), key)
        except NotFound:
            raise self._missing(artifact) from None
        return f"{self.url}/{key}"

    def link(self, key: str) -> str:
        wanted = {"Bucket": self._place.bucket, "Key": self._full(key)}
        return self._do(
            lambda: self._client.generate_presigned_url("get_object", wanted, ExpiresIn=_LINK_SECONDS), key
        )

    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key, _, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        yield from sorted(entry for page in self._list(f"{prefix}/" if prefix else "") for entry in page)

    def delete(self, key: str) -> None:
        self._presence.forget(key)
        self._do(lambda: self._request("delete_object", key), key)

    def abandoned(self, seconds: float) -> int:
        pages = self._client.get_paginator("list_multipart_uploads")
        where = {"Bucket": self._place.bucket, "Prefix": self._place.prefix}
        try:
            found = self._do(
                lambda: [one for page in pages.paginate(**where) for one in page.get("Uploads", ())]
            )
        except (NotFound, StoreError):  # not every server lists them, or lets one
            return 0
        old = [one for one in found if (datetime.now(UTC) - one["Initiated"]).total_seconds() >= seconds]
        for one in old:
            key = one["Key"].removeprefix(self._place.prefix)
            abort = partial(self._request, "abort_multipart_upload", key, UploadId=one["UploadId"])
            self._do(abort, key)
        return len(old)

    def _upload(self, key: str, data: bytes) -> None:
        # The signature covers the bytes' digest, so that a server takes them whole or not at all.
        self._do(
            lambda: self._request("put_object", key, Body=data, ContentType=_content_type(key)),
            key,
        )

    def _transfer(self, direction: str, file: Any, key: str) -> None:
        with create_transfer_manager(self._client, _TRANSFER) as manager:
            if direction == "download":
                file.seek(0)
                file.truncate()
                manager.download(self._place.bucket, self._full(key), file).result()
            else:
                extra = {"ContentType": _content_type(key)}
                try:
                    manager.upload(file, self._place.bucket, self._full(key), extra).result()
                except KeyError:  # the upload's number, or a part's tag
                    raise Strange from None

    def _copy_in_parts(self, source: dict[str, str], key: str, extra: dict[str, str]) -> None:
        with create_transfer_manager(self._client, _TRANSFER) as manager:
            manager.copy(source, self._place.bucket, self._full(key), extra).result()

    def _head(self, artifact: Artifact, younger_than: float = math.inf) -> bool:
        try:
            answer = self._do(lambda: self._request("head_object", artifact.key), artifact.key)
        except NotFound:
            return False
        age = (_date_of(answer) - answer["LastModified"]).total_seconds()
        return bool(answer["ContentLength"] == artifact.size and age < younger_than)

    def _young(self, artifact: Artifact) -> bool:
        """Whether it is there and need not be sent again to be as young as what has just been stored."""
        return self._head(artifact, _YOUNG)

    def _list(self, prefix: str) -> Iterator[list[tuple[str, int, float]]]:
        """Pages of keys below a prefix, with size and age; a thousand keys to a request."""
        more: dict[str, str] = {}
        full = self._place.prefix + checked(prefix, self.url)
        while True:
            answer = self._do(partial(self._page, Prefix=full, **more), prefix)
            now = _date_of(answer)
            yield [
                (
                    entry["Key"].removeprefix(self._place.prefix),
                    entry["Size"],
                    (now - entry["LastModified"]).total_seconds(),
                )
                for entry in answer.get("Contents", ())
            ]
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def _request(self, name: str, key: str, **arguments: Any) -> Any:
        answer = getattr(self._client, name)(Bucket=self._place.bucket, Key=self._full(key), **arguments)
        if name in _SAID and not answer.get(_SAID[name]):
            raise Strange
        return answer

    def _page(self, **arguments: Any) -> Any:
        answer = self._client.list_objects_v2(Bucket=self._place.bucket, **arguments)
        if answer.keys() == {"ResponseMetadata"}:
            raise Strange
        return answer

    def _do(self, operation: Callable[[], T], key: str = "") -> T:
        return attempt(operation, self._place, key)

    def _full(self, key: str) -> str:
        return self._place.prefix + checked(key, self.url)

    def _missing(self, artifact: Artifact) -> StoreError:
        what = f"{artifact.name} is missing; run again to make it"
        return StoreError(f"store {self._place.told(artifact.key)}: {what}")

    def _damaged(self, artifact: Artifact) -> StoreError:
        what = f"{artifact.name} is damaged; delete that object and run again"
        return StoreError(f"store {self._place.told(artifact.key)}: {what}")


def _date_of(answer: dict[str, Any]) -> datetime:
    """Ages are by the server's clock, as its dates are; where it does not tell it, by this machine's."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _with_body(answer: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    return answer, answer["Body"].read()


def _content_type(key: str) -> str:
    kind = _KINDS.get(os.path.splitext(key)[1]) or mimetypes.guess_type(key)[0]
    return kind or "application/octet-stream"


_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".toml": "application/toml",
}
