"""A store in a folder, on a disk or a share.

Every write is atomic (a temporary file in the same folder, then a rename), so that a process killed at any
moment leaves nothing half-written under a final name. Every read of an artifact checks its digest.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact, sha256_of
from jsl_core.storage.interface import check_key
from jsl_core.storage.set_aside import set_aside
from jsl_core.system.files import TEMPORARY, write_atomically

__all__ = ["TOP_FOLDERS", "FolderStore"]

_CHUNK = 1 << 20  # bytes copied at a time
TOP_FOLDERS = (
    *("archives", "cas", "copies", "corrections", "damaged", "datasets", "history", "joints", "landing"),
    *("memo", "models", "registry", "results", "runs", "scans", "trash"),
)
# What nothing could make again after a power cut.
_DURABLE = ("copies/", "corrections/", "landing/", "registry/")


class FolderStore:
    """A store in a folder, which is made when first written to. What each method does stands in `Store`."""

    def __init__(self, root: Path) -> None:
        """Name the folder; StoreError if it is a file."""
        self.root = root.expanduser().absolute()
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"store {self.root}: is a file; name a folder")

    @property
    def url(self) -> str:
        return str(self.root)

    def check(self, seconds: float = 0.0) -> None:
        """Do nothing: the first write shows a folder's trouble as clearly."""

    def check_access(self) -> None:
        """Do nothing: the first read shows it."""

    def put(self, data: bytes, name: str) -> Artifact:
        artifact = Artifact.of_bytes(data, name)
        if not self._renew(artifact):
            self.write(artifact.key, data)
        return artifact

    def put_file(self, path: Path, name: str = "") -> Artifact:
        artifact = Artifact.of_file(path, name)
        if not self._renew(artifact):
            with write_atomically(self._path(artifact.key)) as target, path.open("rb") as source:
                shutil.copyfileobj(source, target, _CHUNK)
        return artifact

    def get(self, artifact: Artifact) -> bytes:
        data = self.read(artifact.key)
        if data is None:
            raise self._missing(artifact)
        if Artifact.of_bytes(data, artifact.name).sha256 != artifact.sha256:
            raise self._set_aside(artifact)
        return data

    def fetch(self, artifact: Artifact, destination: Path) -> Path:
        try:
            source = self._path(artifact.key).open("rb")
        except FileNotFoundError:
            raise self._missing(artifact) from None
        except OSError as error:
            raise self._unreadable(artifact.key, error) from error
        with source, write_atomically(destination) as target:
            digest, _ = sha256_of(_Tee(source, target))
            if digest != artifact.sha256:
                raise self._set_aside(artifact)
        return destination

    def has(self, artifact: Artifact) -> bool:
        try:  # a run whose results are all cached calls this for every artifact; a Path costs ten times that
            return os.stat(f"{self.root}/{artifact.key}").st_size == artifact.size
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unreadable(artifact.key, error) from error

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        return [artifact for artifact in artifacts if not self.has(artifact)]

    def write(self, key: str, data: bytes) -> None:
        with write_atomically(self._path(key), durable=key.startswith(_DURABLE)) as file:
            file.write(data)

    def write_file(self, key: str, path: Path) -> None:
        with path.open("rb") as source, write_atomically(self._path(key)) as file:
            shutil.copyfileobj(source, file, _CHUNK)

    def read(self, key: str) -> bytes | None:
        try:
            with open(f"{self.root}/{check_key(key, self.url)}", "rb", buffering=0) as file:
                return file.readall()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(key, error) from error

    def read_range(self, key: str, start: int, length: int) -> bytes:
        try:
            with self._path(key).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            raise StoreError(f"store {self.root}: {key} is missing; run again to make it") from None
        except OSError as error:
            raise self._unreadable(key, error) from error

    def publish(self, artifact: Artifact, key: str) -> str:
        return str(self.fetch(artifact, self._path(key)))

    def link(self, key: str) -> str:
        return self._path(key).as_uri()

    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key, _, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        now, skipped = time.time(), len(f"{self.root}/")
        for file in self._walk(prefix):
            if not file.name.startswith(TEMPORARY):
                with suppress(FileNotFoundError):  # deleted, or renamed to its name, a moment ago
                    status = file.stat()
                    yield file.path[skipped:], status.st_size, now - status.st_mtime

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{path}: cannot be removed ({error.strerror}); mend its permissions") from error

    def move(self, key: str, new_key: str) -> None:
        target = self._path(new_key)
        source = self._path(key)
        try:
            with suppress(FileNotFoundError):
                os.utime(source)  # its age is that of the move, as in a bucket
                try:
                    os.replace(source, target)
                except FileNotFoundError:  # its new folder is not there yet
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(source, target)
        except OSError as error:
            raise StoreError(f"{source}: cannot be moved ({error.strerror}); mend its permissions") from error

    def digest(self, key: str) -> str | None:
        try:
            with self._path(key).open("rb") as file:
                return sha256_of(file)[0]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(key, error) from error

    def remove_abandoned(self, seconds: float) -> int:
        now, count = time.time(), 0
        for file in (file for folder in TOP_FOLDERS for file in self._walk(folder)):
            if file.name.startswith(TEMPORARY):
                with suppress(FileNotFoundError):  # renamed to its name a moment ago
                    if now - file.stat().st_mtime >= seconds:
                        os.unlink(file.path)
                        count += 1
        return count

    def write_archive(self, table: Artifact, members: Iterable[Artifact]) -> None:
        """Do nothing: a folder's small files cost no requests."""

    def prefetch(self, table: Artifact, members: Iterable[Artifact]) -> None:
        """Do nothing: a folder's small files cost no requests."""

    def _renew(self, artifact: Artifact) -> bool:
        """Whether the artifact is stored; if so, its age becomes that of one stored just now."""
        stored = self.has(artifact)
        if stored:
            with suppress(OSError):  # a file of another user of a shared store keeps its age
                os.utime(self._path(artifact.key))
        return stored

    def _walk(self, prefix: str) -> Iterator["os.DirEntry[str]"]:
        """The files below a prefix in the order of their keys; a million of them are never in memory at once.

        Raises:
            StoreError: If a folder cannot be opened: what is not seen would count as missing.
        """
        try:
            with os.scandir(self._path(prefix)) as entries:
                found = list(entries)
                folders = {entry.name: entry.is_dir(follow_symlinks=False) for entry in found}
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._unreadable(prefix, error) from error
        # With its slash a folder stands where its files' keys do: `a.b` comes before `a/b`.
        for entry in sorted(found, key=lambda entry: entry.name + "/" * folders[entry.name]):
            if folders[entry.name]:
                yield from self._walk(f"{prefix}/{entry.name}" if prefix else entry.name)
            elif entry.is_file():
                yield entry

    def _path(self, key: str) -> Path:
        return self.root / check_key(key, self.url)

    def _missing(self, artifact: Artifact) -> StoreError:
        what = f"{artifact.name} ({artifact.key})"
        return StoreError(f"store {self.root}: {what} is missing; run again to make it")

    def _set_aside(self, artifact: Artifact) -> StoreError:
        return set_aside(self, artifact, f"store {self.root}: {artifact.name} ({artifact.key})")

    def _unreadable(self, key: str, error: OSError) -> StoreError:
        what = f"cannot be read ({error.strerror}); mend its permissions, or the disk or share it lies on"
        return StoreError(f"store {self.root}: {key} {what}")


class _Tee:
    """A reader that copies all it reads to a second file, so that copying and hashing are one pass."""

    def __init__(self, source: IO[bytes], target: IO[bytes]) -> None:
        self._source, self._target = source, target

    def read(self, size: int) -> bytes:
        chunk = self._source.read(size)
        self._target.write(chunk)
        return chunk
