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
from jsl_core.storage.keys import checked
from jsl_core.system.files import TEMPORARY, write_atomically

__all__ = ["FolderStore"]


_COPY = 1 << 20  # bytes at a time
_KINDS = ("archives", "cas", "datasets", "history", "memo", "models", "registry", "results", "runs")


class FolderStore:
    """A store in a folder, which is made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"store {self.root}: is a file; name a folder")

    @property
    def url(self) -> str:
        return str(self.root)

    def check(self) -> None:
        """Nothing to try: every write tells a folder's trouble as clearly."""

    def put(self, data: bytes, name: str) -> Artifact:
        artifact = Artifact.of_bytes(data, name)
        if not self._renewed(artifact):
            self.write(artifact.key, data)
        return artifact

    def put_file(self, path: Path, name: str = "") -> Artifact:
        artifact = Artifact.of_file(path, name)
        if not self._renewed(artifact):
            with write_atomically(self._path(artifact.key)) as target, path.open("rb") as source:
                shutil.copyfileobj(source, target, _COPY)
        return artifact

    def get(self, artifact: Artifact) -> bytes:
        data = self.read(artifact.key)
        if data is None:
            raise self._missing(artifact)
        if Artifact.of_bytes(data, artifact.name).sha256 != artifact.sha256:
            raise self._damaged(artifact)
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
                raise self._damaged(artifact)
        return destination

    def has(self, artifact: Artifact) -> bool:
        try:  # a run that finds all done asks this of every artifact; a Path costs ten times the call
            return os.stat(f"{self.root}/{artifact.key}").st_size == artifact.size
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unreadable(artifact.key, error) from error

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        return [artifact for artifact in artifacts if not self.has(artifact)]

    def write(self, key: str, data: bytes) -> None:
        with write_atomically(self._path(key)) as file:
            file.write(data)

    def write_file(self, key: str, path: Path) -> None:
        with path.open("rb") as source, write_atomically(self._path(key)) as file:
            shutil.copyfileobj(source, file, _COPY)

    def read(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
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
            raise StoreError(f"store {self.root}: {key} is missing") from None
        except OSError as error:
            raise self._unreadable(key, error) from error

    def publish(self, artifact: Artifact, key: str) -> str:
        return str(self.fetch(artifact, self._path(key)))

    def link(self, key: str) -> str:
        return self._path(key).as_uri()

    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key, _, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        now, found = time.time(), []
        for path in self._path(prefix).rglob("*"):
            with suppress(FileNotFoundError):  # deleted, or renamed to its name, a moment ago
                stat = path.stat()
                if path.is_file() and not path.name.startswith(TEMPORARY):
                    found.append((path.relative_to(self.root).as_posix(), stat.st_size, now - stat.st_mtime))
        yield from sorted(found)

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{path}: cannot be removed ({error.strerror}); mend its permissions") from error

    def abandoned(self, seconds: float) -> int:
        now, old = time.time(), []
        for kind in _KINDS:
            for path in self._path(kind).rglob(f"{TEMPORARY}*"):
                with suppress(FileNotFoundError):  # renamed to its name a moment ago
                    if now - path.stat().st_mtime >= seconds:
                        path.unlink()
                        old.append(path)
        return len(old)

    def gather(self, table: Artifact, members: Iterable[Artifact]) -> None:
        """Nothing: a folder's small files are near enough."""

    def prefetch(self, table: Artifact, members: Iterable[Artifact]) -> None:
        """Nothing: a folder's small files are near enough."""

    def _renewed(self, artifact: Artifact) -> bool:
        """Whether it is there; if so, it is as young as if it had just been stored."""
        there = self.has(artifact)
        if there:
            with suppress(OSError):  # another user's file in a shared store has its age from them
                os.utime(self._path(artifact.key))
        return there

    def _path(self, key: str) -> Path:
        return self.root / checked(key, self.url)

    def _missing(self, artifact: Artifact) -> StoreError:
        what = f"{artifact.name} ({artifact.key})"
        return StoreError(f"store {self.root}: {what} is missing; run again to make it")

    def _unreadable(self, key: str, error: OSError) -> StoreError:
        what = f"cannot be read ({error.strerror}); mend its permissions, or the disk or share it lies on"
        return StoreError(f"store {self.root}: {key} {what}")

    def _damaged(self, artifact: Artifact) -> StoreError:
        return StoreError(
            f"store {self.root}: {artifact.name} ({artifact.key}) is damaged; delete that file and run again"
        )


class _Tee:
    """A reader that copies all it reads to a second file, so that copying and hashing are one pass."""

    def __init__(self, source: IO[bytes], target: IO[bytes]) -> None:
        self._source, self._target = source, target

    def read(self, size: int) -> bytes:
        chunk = self._source.read(size)
        self._target.write(chunk)
        return chunk
