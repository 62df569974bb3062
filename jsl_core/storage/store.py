"""The store: bytes by content, and a few readable keys, in a folder.

Every write is atomic (a temporary file in the same folder, then a rename), so that a process killed at any
moment leaves nothing half-written under a final name. Every read of an artifact checks its digest.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact, sha256_of

__all__ = ["FolderStore", "Store", "open_store", "write_atomically"]


class Store(Protocol):
    """What every back end offers. Keys are relative POSIX paths."""

    @property
    def url(self) -> str:
        """What `open_store` was given."""
        ...

    def put(self, data: bytes, name: str) -> Artifact:
        """Store bytes by their digest; storing the same bytes twice is storing them once."""
        ...

    def put_file(self, path: Path, name: str = "") -> Artifact:
        """Store a file by its digest without reading it into memory."""
        ...

    def get(self, artifact: Artifact) -> bytes:
        """The artifact's bytes, checked. Raises StoreError if they are missing or damaged."""
        ...

    def fetch(self, artifact: Artifact, destination: Path) -> Path:
        """Copy the artifact's bytes, checked, to a file. Raises StoreError as `get` does."""
        ...

    def has(self, artifact: Artifact) -> bool:
        """Whether an object of the artifact's digest and size is there; its bytes are not read."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Put bytes under a readable key, replacing what was there in one step."""
        ...

    def read(self, key: str) -> bytes | None:
        """The bytes under a readable key, or None."""
        ...

    def publish(self, artifact: Artifact, key: str) -> str:
        """Copy an artifact to a readable key, and say where that is."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix, sorted."""
        ...


def open_store(url: str) -> Store:
    """The store at a folder's path or `file://` URL.

    Raises StoreError where the place cannot be a store.
    """
    if url.startswith("file://"):
        return FolderStore(Path(url.removeprefix("file://")))
    if "://" in url:
        raise StoreError(f"store {url}: only a folder or a file:// URL can be a store so far")
    return FolderStore(Path(url))


class FolderStore:
    """A store in a folder, which is made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"store {self.root}: is a file; name a folder")

    @property
    def url(self) -> str:
        return str(self.root)

    def put(self, data: bytes, name: str) -> Artifact:
        artifact = Artifact.of_bytes(data, name)
        if not self.has(artifact):
            self.write(artifact.key, data)
        return artifact

    def put_file(self, path: Path, name: str = "") -> Artifact:
        artifact = Artifact.of_file(path, name)
        if not self.has(artifact):
            with write_atomically(self._path(artifact.key)) as target, path.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
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
        with source, write_atomically(destination) as target:
            digest, _ = sha256_of(_Tee(source, target))
            if digest != artifact.sha256:
                raise self._damaged(artifact)
        return destination

    def has(self, artifact: Artifact) -> bool:
        try:
            return self._path(artifact.key).stat().st_size == artifact.size
        except FileNotFoundError:
            return False

    def write(self, key: str, data: bytes) -> None:
        with write_atomically(self._path(key)) as file:
            file.write(data)

    def read(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def publish(self, artifact: Artifact, key: str) -> str:
        return str(self.fetch(artifact, self._path(key)))

    def keys(self, prefix: str) -> Iterator[str]:
        for path in sorted(self._path(prefix).rglob("*")):
            if path.is_file() and not path.name.startswith(".tmp-"):
                yield path.relative_to(self.root).as_posix()

    def _path(self, key: str) -> Path:
        path = self.root / key
        if ".." in path.parts:
            raise StoreError(f"store {self.root}: {key!r} is no key of a store")
        return path

    def _missing(self, artifact: Artifact) -> StoreError:
        what = f"{artifact.name} ({artifact.key})"
        return StoreError(f"store {self.root}: {what} is missing; run again to make it")

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


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name only when the block ends without an error.

    Raises StoreError, with the place and the cause, where the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = "the disk is full; free some space and run again (what is done is kept)"
        return StoreError(f"{path.parent}: {what}")
    what = f"cannot be written ({error.strerror}); choose another place or mend its permissions"
    return StoreError(f"{path}: {what}")
