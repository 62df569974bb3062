"""What every store offers, what its keys may be, and how plain facts are read from it."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact

__all__ = ["Store", "check_key", "read_facts"]


class Store(Protocol):
    """Bytes by content, and some under readable keys. Keys are relative POSIX paths.

    Every method may raise StoreError, with one line that says what to do, where the folder or server fails.
    """

    @property
    def url(self) -> str:
        """What `open_store` opens it by; a folder's is its absolute path."""
        ...

    def check(self, seconds: float = ...) -> None:
        """Write and read something before a run begins, so that trouble shows early.

        A server that is away is waited for `seconds`; by default so few that a wrong address shows at once.
        """
        ...

    def check_access(self) -> None:
        """Ask for one key, so that a wrong address, secret or bucket shows at once; nothing is written."""
        ...

    def put(self, data: bytes, name: str) -> Artifact:
        """Store bytes by their digest; storing the same bytes twice is storing them once."""
        ...

    def put_file(self, path: Path, name: str = "") -> Artifact:
        """Store a file by its digest without reading it into memory; `name` is the file's by default."""
        ...

    def get(self, artifact: Artifact) -> bytes:
        """Return the artifact's bytes, checked against its digest; StoreError if missing or damaged.

        A damaged object is set aside, below `damaged/`, and so is missing from then on.
        """
        ...

    def fetch(self, artifact: Artifact, destination: Path) -> Path:
        """Copy the artifact's bytes, checked, to a file, and return its path; errors as for `get`."""
        ...

    def has(self, artifact: Artifact) -> bool:
        """Tell whether an object of the artifact's digest and size is stored; its bytes are not read."""
        ...

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        """Return those that are not stored, in their order; cheaper than `has` for each."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Put bytes under a readable key, replacing in one step what was there."""
        ...

    def write_file(self, key: str, path: Path) -> None:
        """Put a file under a readable key as `write` does; it need not fit into memory."""
        ...

    def read(self, key: str) -> bytes | None:
        """Return the bytes under a readable key, or None."""
        ...

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return some of an object's bytes, unchecked, fewer at its end; StoreError if it is missing."""
        ...

    def publish(self, artifact: Artifact, key: str) -> str:
        """Copy an artifact to a readable key, and return its path or URL."""
        ...

    def link(self, key: str) -> str:
        """Return a URL by which a browser gets the object under a key; a bucket's is good for a day."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield all keys below a prefix, sorted."""
        ...

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """Yield each key below a prefix, sorted, with its object's size in bytes and age in seconds."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; removing one that is not there is no error."""
        ...

    def move(self, key: str, new_key: str) -> None:
        """Move an object to another key, replacing what is there; one that is not there stays away."""
        ...

    def digest(self, key: str) -> str | None:
        """Read an object in pieces and return the SHA-256 of its bytes; None where there is none."""
        ...

    def remove_abandoned(self, seconds: float) -> int:
        """Remove what killed writers left at least so long ago, and return how many they were."""
        ...

    def write_archive(self, table: Artifact, members: Iterable[Artifact]) -> None:
        """Also store the small artifacts that a table names as one object, where each costs a request."""
        ...

    def prefetch(self, table: Artifact, members: Iterable[Artifact]) -> None:
        """Copy the artifacts that a table names into the local cache, where that saves requests."""
        ...


def check_key(key: str, url: str) -> str:
    """Return a key of the store at `url` as it is.

    Raises:
        StoreError: If the key leads out of the store.
    """
    if key.startswith("/") or ".." in key.split("/"):
        raise StoreError(f"store {url}: {key!r} is no key of a store; give a path within the store")
    return key


def read_facts(store: Store, key: str) -> dict[str, Any]:
    """Read a JSON object; an empty one where it is missing, damaged or no object."""
    try:
        facts = json.loads(store.read(key) or b"{}")
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}
