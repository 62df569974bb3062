"""What every store offers."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from jsl_core.storage.artifact import Artifact

__all__ = ["Store"]


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
