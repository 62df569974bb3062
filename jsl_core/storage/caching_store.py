"""A bucket's store read through copies on this machine, so that each artifact crosses the network once."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jsl_core.storage.archive import read_members, write_archive
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.local_cache import LocalCache
from jsl_core.storage.s3 import S3Store
from jsl_core.storage.s3.server_check import AT_ONCE

__all__ = ["CachingStore"]

_REQUESTS = 16  # at a time


class CachingStore:
    """A bucket's store with a local cache of what `get` and `put` move; files pass it by.

    What each method does stands in `Store`.
    """

    def __init__(self, remote: S3Store, cache: LocalCache) -> None:
        """Read `remote` through `cache`."""
        self._remote, self._cache = remote, cache

    def __repr__(self) -> str:
        return f"CachingStore({self.url!r})"

    @property
    def url(self) -> str:
        return self._remote.url

    def check(self, seconds: float = AT_ONCE) -> None:
        self._remote.check(seconds)

    def check_access(self) -> None:
        self._remote.check_access()

    def put(self, data: bytes, name: str) -> Artifact:
        artifact = self._remote.put(data, name)
        self._cache.add(artifact, data)
        return artifact

    def put_file(self, path: Path, name: str = "") -> Artifact:
        return self._remote.put_file(path, name)

    def get(self, artifact: Artifact) -> bytes:
        data = self._cache.get(artifact)
        if data is None:
            with self._cache.fetch_lock(artifact):
                data = self._cache.get(artifact)
                if data is None:
                    data = self._remote.get(artifact)
                    self._cache.add(artifact, data)
        return data

    def fetch(self, artifact: Artifact, destination: Path) -> Path:
        return self._remote.fetch(artifact, destination)

    def has(self, artifact: Artifact) -> bool:
        return self._remote.has(artifact)

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        return self._remote.missing(artifacts)

    def write(self, key: str, data: bytes) -> None:
        self._remote.write(key, data)

    def write_file(self, key: str, path: Path) -> None:
        self._remote.write_file(key, path)

    def read(self, key: str) -> bytes | None:
        return self._remote.read(key)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        return self._remote.read_range(key, start, length)

    def publish(self, artifact: Artifact, key: str) -> str:
        data = self._cache.get(artifact)
        if data is None:
            return self._remote.publish(artifact, key)
        self._remote.write(key, data)  # checked already
        return f"{self.url}/{key}"

    def link(self, key: str) -> str:
        return self._remote.link(key)

    def keys(self, prefix: str) -> Iterator[str]:
        return self._remote.keys(prefix)

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        return self._remote.sizes(prefix)

    def delete(self, key: str) -> None:
        self._remote.delete(key)

    def move(self, key: str, new_key: str) -> None:
        self._remote.move(key, new_key)

    def digest(self, key: str) -> str | None:
        return self._remote.digest(key)

    def remove_abandoned(self, seconds: float) -> int:
        return self._remote.remove_abandoned(seconds)

    def write_archive(self, table: Artifact, members: Iterable[Artifact]) -> None:
        write_archive(self, table, members)

    def prefetch(self, table: Artifact, members: Iterable[Artifact]) -> None:
        members = list(members)
        if not self._uncached(members):
            return
        with self._cache.fetch_lock(table, "members-of-"):
            uncached = self._uncached(members)
            if len(uncached) > 2:
                for artifact, data in read_members(self._remote.read, table, uncached):
                    self._cache.add(artifact, data)
                    del uncached[artifact.sha256]
            with ThreadPoolExecutor(_REQUESTS) as pool:  # what no archive holds comes one by one
                for _ in pool.map(self.get, uncached.values()):
                    pass

    def _uncached(self, members: Iterable[Artifact]) -> dict[str, Artifact]:
        """Those of which there is no copy on this machine, by digest."""
        return {one.sha256: one for one in members if not self._cache.has(one)}
