"""Copies of a bucket's artifacts in a folder on this machine: those used last, up to a size."""

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
_FILL = 0.9  # of the limit is what an eviction leaves
_ABANDONED = 3600.0  # seconds after which an unfinished file is taken for one of a killed process
_CHECKS = 64  # per limit: each time a process has added this part of it, the size is checked


class LocalCache:
    """Copies by digest, checked at every reading; safe with several processes, of which any may be killed."""

    def __init__(self, root: Path, limit: int) -> None:
        """Keep up to `limit` bytes below the folder `root`."""
        self._store, self._limit = FolderStore(root), limit
        self._added = limit  # so that the first addition checks the size
        self._guard = threading.Lock()

    @classmethod
    def of_this_machine(cls) -> "LocalCache":
        """The cache in `cache_folder()`, of JSL_CACHE_GB gigabytes; BadSettings if that is no number."""
        text = os.environ.get("JSL_CACHE_GB") or str(_GB)
        try:
            limit = int(float(text) * 1e9)
        except ValueError:
            raise BadSettings(f"JSL_CACHE_GB is {text!r}; give a number of gigabytes") from None
        return cls(cache_folder() / "objects", limit)

    def get(self, artifact: Artifact) -> bytes | None:
        """Return the bytes, or None where there is no copy; a damaged one is deleted."""
        path = self._store.root / artifact.key
        try:
            data = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):  # another process may have evicted it; what was read is good all the same
            os.utime(path)  # the time of last use, which many file systems do not keep
        if Artifact.of_bytes(data, artifact.name).sha256 == artifact.sha256:
            return data
        with suppress(StoreError):
            self._store.delete(artifact.key)
        return None

    def has(self, artifact: Artifact) -> bool:
        """Tell whether there is a copy of the artifact's size."""
        return self._store.has(artifact)

    def add(self, artifact: Artifact, data: bytes) -> None:
        """Store a copy; where the disk is full, none."""
        if artifact.size > self._limit // _CHECKS:
            return
        with suppress(StoreError):
            self._store.write(artifact.key, data)
            with self._guard:
                self._added += artifact.size
                check_size = self._added > self._limit // _CHECKS
                self._added = 0 if check_size else self._added
            if check_size:
                self._evict()

    @contextmanager
    def fetch_lock(self, artifact: Artifact, kind: str = "") -> Iterator[None]:
        """Keep other processes and threads from fetching the same artifact until the block ends.

        Args:
            artifact: The artifact.
            kind: Names another lock for the same artifact, for something else that is fetched by it.
        """
        with locked(self._lock(kind + artifact.sha256[:3])):
            yield

    def _evict(self) -> None:
        """Delete the copies that were not used for longest until the rest is below the limit."""
        with locked(self._lock("clear")):
            self._store.remove_abandoned(_ABANDONED)
            total = sum(size for _, size, _ in self._store.sizes("cas"))
            if total <= self._limit:
                return
            for key, size, _ in sorted(self._store.sizes("cas"), key=lambda entry: -entry[2]):
                if total <= self._limit * _FILL:
                    return
                self._store.delete(key)
                total -= size

    def _lock(self, name: str) -> Path:
        return self._store.root / "locks" / name
