"""What every store offers, and the one that a URL names."""

import functools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.folder import FolderStore

__all__ = ["Store", "open_store"]


class Store(Protocol):
    """Bytes by content, and a few readable keys. Keys are relative POSIX paths."""

    @property
    def url(self) -> str:
        """What `open_store` was given; a folder is absolute."""
        ...

    def check(self) -> None:
        """Try the place before a run begins. Raises StoreError if it cannot be written and read."""
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

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        """Those that `has` would deny, asked for together."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Put bytes under a readable key, replacing what was there in one step."""
        ...

    def write_file(self, key: str, path: Path) -> None:
        """As `write`, from a file that need not fit into memory."""
        ...

    def read(self, key: str) -> bytes | None:
        """The bytes under a readable key, or None."""
        ...

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Some of an object's bytes, fewer at its end; the caller checks them. Raises StoreError."""
        ...

    def publish(self, artifact: Artifact, key: str) -> str:
        """Copy an artifact to a readable key, and say where that is."""
        ...

    def link(self, key: str) -> str:
        """Where a browser finds a readable key, for a day where that needs leave."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix, sorted."""
        ...

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """As `keys`, with each object's size in bytes and its age in seconds."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; removing what is not there is no error."""
        ...

    def abandoned(self, seconds: float) -> int:
        """Remove what writers left that were killed at least so long ago; how many they were."""
        ...

    def gather(self, table: Artifact, members: Iterable[Artifact]) -> None:
        """Also keep the small artifacts that a table names as one object, where each costs a request."""
        ...

    def prefetch(self, table: Artifact, members: Iterable[Artifact]) -> None:
        """Bring what `gather` kept of a table near, where that saves requests."""
        ...


def open_store(url: str) -> Store:
    """The store at a folder's path, a `file://` or an `s3://bucket/prefix` URL; nothing is asked of it yet.

    Raises StoreError where the place cannot be a store.
    """
    if url.startswith("file://"):
        return FolderStore(Path(url.removeprefix("file://")))
    if url.startswith("s3://"):
        return _bucket(url.rstrip("/"), os.getpid())
    if "://" in url:
        kind = url.partition("://")[0]
        raise StoreError(f"store {kind}://…: only a folder, file:// or s3://bucket/prefix can be a store")
    return FolderStore(Path(url))


@functools.lru_cache(maxsize=8)
def _bucket(url: str, process: int) -> Store:
    """One per process: connections must not be shared with a forked one, and cost time to make."""
    # The folder store, and all that only trains, does without boto3.
    from jsl_core.storage.cache import LocalCache
    from jsl_core.storage.cached import CachedStore
    from jsl_core.storage.s3 import S3Store

    return CachedStore(S3Store(url), LocalCache.of_this_machine())
