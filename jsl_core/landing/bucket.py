"""Scans that land in a bucket. They are read from a copy on this machine, which is made once for each."""

from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from jsl_core.landing.folder import scans_in
from jsl_core.landing.ledger import Landed
from jsl_core.storage import Artifact
from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.client import connect
from jsl_core.storage.s3.errors import ObjectNotFound
from jsl_core.storage.s3.retries import with_retries
from jsl_core.system.archives import printable
from jsl_core.system.files import write_atomically

__all__ = ["BucketLanding"]

_AT_ONCE = 16  # downloads


class BucketLanding:
    """The objects below a prefix of a bucket; copies of them lie below the folder `mirror`.

    An object is stamped with its ETag, which changes with its content, and with its date.
    """

    def __init__(self, url: str, mirror: Path) -> None:
        place = BucketLocation.parse(url)
        self._client = connect(place)
        self._place = BucketLocation(place.bucket, place.prefix, self._client.meta.endpoint_url)
        self._mirror, self._marks = mirror, mirror.with_name(f"{mirror.name}-stamps")

    @property
    def url(self) -> str:
        return self._place.url

    def files(self) -> list[Landed]:
        return sorted(self._listed(), key=lambda file: file.name)

    def scans(self, file: Landed) -> list[Artifact] | None:
        copy = self.bring(file)
        return scans_in(copy, file.name) if copy else None

    def bring_all(self) -> None:
        """Make the mirror show what the bucket has, and nothing else."""
        files = self.files()
        names = {file.name for file in files}
        for path in self._mirror.rglob("*"):
            if path.is_file() and path.relative_to(self._mirror).as_posix() not in names:
                path.unlink()
        self._bring_each(files)

    def bring_named(self, names: Set[str]) -> None:
        """Have these objects in the mirror, those of them that the bucket still has."""
        self._bring_each([file for file in self.files() if file.name in names])

    def bring(self, file: Landed) -> Path | None:
        """The copy of an object, made now if it is not there; None if the object is another by now."""
        copy, mark = self._mirror / file.name, self._marks / file.name
        if copy.is_file() and mark.is_file() and mark.read_text() == file.stamp:
            return copy
        ask = partial(self._client.get_object, Bucket=self._place.bucket, Key=self._place.prefix + file.name)
        try:
            answer, data = with_retries(lambda: _with_body(ask()), self._place, file.name)
        except ObjectNotFound:
            return None
        if _stamp(answer) != file.stamp:
            return None
        # The mark comes last, so that a copy with a mark is whole and of that stamp.
        mark.unlink(missing_ok=True)
        for path, content in ((copy, data), (mark, file.stamp.encode())):
            with write_atomically(path) as target:
                target.write(content)
        return copy

    def _bring_each(self, files: Sequence[Landed]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self.bring, files))

    def _listed(self) -> Iterator[Landed]:
        more: dict[str, str] = {}
        while True:
            where = {"Bucket": self._place.bucket, "Prefix": self._place.prefix} | more
            answer = with_retries(partial(self._client.list_objects_v2, **where), self._place)
            for entry in answer.get("Contents", ()):
                name = entry["Key"].removeprefix(self._place.prefix)
                if _can_be_a_file(name):
                    yield Landed(name=name, size=entry["Size"], stamp=_stamp(entry))
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}


def _with_body(answer: Any) -> tuple[dict[str, Any], bytes]:
    return answer, answer["Body"].read()


def _stamp(entry: dict[str, Any]) -> str:
    return f"{entry['ETag']}-{entry['LastModified']:%Y%m%dT%H%M%S}"


def _can_be_a_file(name: str) -> bool:
    """Whether an object's name can be a file's below a folder: no folder's marker, no hidden part."""
    parts = PurePosixPath(name).parts
    tidy = bool(parts) and name == "/".join(parts) and not name.startswith("/") and printable(name) == name
    return tidy and not any(part.startswith(".") for part in parts)
