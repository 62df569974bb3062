"""Scans that land in a bucket: each is copied once to this machine, and read from there."""

from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from jsl_core.imaging.names import encode_name
from jsl_core.landing.folder import scans_in
from jsl_core.landing.ledger import LandedFile
from jsl_core.storage import Artifact
from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.client import connect
from jsl_core.storage.s3.errors import ObjectNotFound
from jsl_core.storage.s3.requests import send
from jsl_core.storage.s3.retries import with_retries
from jsl_core.system.archives import printable
from jsl_core.system.files import write_atomically

__all__ = ["BucketLanding"]

_DOWNLOADS = 16  # at a time
_LONGEST = 255  # bytes of a name on a disk


class BucketLanding:
    """The objects below a prefix of a bucket; copies of them lie below the folder `mirror`.

    An object is stamped with its ETag, which changes with its content, and with its date.
    """

    def __init__(self, url: str, mirror: Path) -> None:
        location = BucketLocation.parse(url)
        self._client = connect(location)
        self._location = BucketLocation(location.bucket, location.prefix, self._client.meta.endpoint_url)
        self._mirror, self._stamps = mirror, mirror.with_name(f"{mirror.name}-stamps")
        self._keys: dict[str, str] = {}  # of objects whose name no file can have

    @property
    def url(self) -> str:
        """The bucket, the prefix and the server."""
        return self._location.url

    def files(self) -> list[LandedFile]:
        """The objects there now, by name."""
        files = list(self._list_objects())
        folders = {str(folder) for file in files for folder in PurePosixPath(file.name).parents}
        taken = [file for file in files if file.name in folders]  # what is an object and a folder, too
        files = [file for file in files if file.name not in folders]
        files += [self._renamed(file, f"{file.name}~") for file in taken]
        return sorted(files, key=lambda file: file.name)

    def scans(self, file: LandedFile) -> list[Artifact] | None:
        """The scans in an object by their content; None if it is another by now."""
        copy = self.download(file)
        return scans_in(copy, file.name) if copy else None

    def download_all(self) -> None:
        """Make the mirror show what the bucket has, and nothing else."""
        files = self.files()
        names = {file.name for file in files}
        for path in self._mirror.rglob("*"):
            if path.is_file() and path.relative_to(self._mirror).as_posix() not in names:
                path.unlink()
        self._download_each(files)

    def download_named(self, names: Set[str]) -> None:
        """Copy these objects into the mirror, as far as the bucket still has them."""
        self._download_each([file for file in self.files() if file.name in names])

    def download(self, file: LandedFile) -> Path | None:
        """Copy an object, unless it has been copied; None if the object is another by now."""
        copy, stamp = self._mirror / file.name, self._stamps / file.name
        if copy.is_file() and stamp.is_file() and stamp.read_text() == file.stamp:
            return copy
        key = self._location.prefix + self._keys.get(file.name, file.name)
        get = partial(send, self._client, "get_object", Bucket=self._location.bucket, Key=key)
        try:
            answer, data = with_retries(lambda: _with_body(get()), self._location, file.name)
        except ObjectNotFound:
            return None
        if _stamp(answer) != file.stamp:
            return None
        # The stamp is written last, so that a copy with a stamp is whole and of that stamp.
        stamp.unlink(missing_ok=True)
        for path, content in ((copy, data), (stamp, file.stamp.encode())):
            with write_atomically(path) as target:
                target.write(content)
        return copy

    def _download_each(self, files: Sequence[LandedFile]) -> None:
        with ThreadPoolExecutor(_DOWNLOADS) as pool:
            list(pool.map(self.download, files))

    def _list_objects(self) -> Iterator[LandedFile]:
        page: dict[str, str] = {}
        while True:
            query = {"Bucket": self._location.bucket, "Prefix": self._location.prefix} | page
            answer = with_retries(partial(send, self._client, "list_objects_v2", **query), self._location)
            for entry in answer.get("Contents", ()):
                name = entry["Key"].removeprefix(self._location.prefix)
                file = LandedFile(name=name, size=entry["Size"], stamp=_stamp(entry))
                if name and not name.endswith("/") and not _is_hidden(name):
                    yield file if _can_be_a_file(name) else self._renamed(file, _encoded(name))
            if not answer.get("IsTruncated"):
                return
            page = {"ContinuationToken": answer["NextContinuationToken"]}

    def _renamed(self, file: LandedFile, name: str) -> LandedFile:
        self._keys[name] = self._keys.get(file.name, file.name)
        return file.model_copy(update={"name": name})


def _with_body(answer: Any) -> tuple[dict[str, Any], bytes]:
    return answer, answer["Body"].read()


def _stamp(entry: dict[str, Any]) -> str:
    return f"{entry['ETag']}-{entry['LastModified']:%Y%m%dT%H%M%S}"


def _is_hidden(name: str) -> bool:
    """Whether an object is one that is still being copied, by its name."""
    return any(part.startswith(".") and part.strip(".") for part in name.split("/"))


def _can_be_a_file(name: str) -> bool:
    """Whether an object's name can be a file's below a folder."""
    parts = PurePosixPath(name).parts
    inside = name == "/".join(parts) and not name.startswith("/") and ".." not in parts
    return inside and printable(name) == name and all(len(part.encode()) <= _LONGEST for part in parts)


def _encoded(name: str) -> str:
    """An object's name as a file's that lies in the folder."""
    return "/".join(encode_name(part) if part else "_" for part in name.split("/"))
