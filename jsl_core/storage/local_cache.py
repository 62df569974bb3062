"""A folder on this machine with copies of artifacts that lie elsewhere: the newest used, up to a size."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jsl_core.errors import BadSettings, StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.folder import FolderStore
from jsl_core.storage.local_folders import cache_folder
from jsl_core.system.locking import locked

__all__ = ["LocalCache"]

_GB = 20.0
_ROOM = 0.9  # of the limit is what a clearing leaves
_DEAD = 3600.0  # seconds after which what a process was writing is taken for what a killed one left
_STEP = 64  # a clearing is looked into each time a process has added this fraction of the limit


class LocalCache:
    """Copies by digest, checked at every reading; safe with several processes, of which any may be killed."""

    def __init__(self, root: Path, limit: int) -> None:
        """`limit` in bytes."""
        self._store, self._limit = FolderStore(root), limit
        self._added = limit  # so that the first addition looks how much is there
        self._guard = threading.Lock()

    @classmethod
    def of_this_machine(cls) -> "LocalCache":
        """In `cache_folder`, JSL_CACHE_GB large. Raises BadSettings for a size that is none."""
        text = os.environ.get("JSL_CACHE_GB") or str(_GB)
        try:
            limit = int(float(text) * 1e9)
        except ValueError:
            raise BadSettings(f"JSL_CACHE_GB is {text!r}; give a number of gigabytes") from None
        return cls(cache_folder() / "objects", limit)

    def get(self, artifact: Artifact) -> bytes | None:
        """The bytes, or None where they are not kept; a damaged copy is dropped."""
        path = self._store.root / artifact.key
        try:
            data = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):  # another process has just made room; what was read is good all the same
            os.utime(path)  # the time of last use, which many file systems do not keep
        if Artifact.of_bytes(data, artifact.name).sha256 == artifact.sha256:
            return data
        with suppress(StoreError):
            self._store.delete(artifact.key)
        return None

    def has(self, artifact: Artifact) -> bool:
        return self._store.has(artifact)

    def add(self, artifact: Artifact, data: bytes) -> None:
        """Keep a copy; where there is no room on the disk it is done without."""
        if artifact.size > self._limit // _STEP:
            return
        with suppress(StoreError):
            self._store.write(artifact.key, data)
            with self._guard:
                self._added += artifact.size
                due = self._added > self._limit // _STEP
                self._added = 0 if due else self._added
            if due:
                self._clear()

    @contextmanager
    def fetching(self, artifact: Artifact, kind: str = "") -> Iterator[None]:
        """For the time of the block no other process or thread fetches the same (kind of) artifact."""
        with locked(self._lock(kind + artifact.sha256[:3])):
            yield

    def _clear(self) -> None:
        """Remove what was not used for longest until there is room."""
        with locked(self._lock("clear")):
            self._store.abandoned(_DEAD)
            total = sum(size for _, size, _ in self._store.sizes("cas"))
            if total <= self._limit:
                return
            for key, size, _ in sorted(self._store.sizes("cas"), key=lambda entry: -entry[2]):
                if total <= self._limit * _ROOM:
                    return
                self._store.delete(key)
                total -= size

    def _lock(self, name: str) -> Path:
        return self._store.root / "locks" / name
