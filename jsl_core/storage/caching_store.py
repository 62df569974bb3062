"""A store far away, read through copies on this machine, so that each artifact crosses the network once."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jsl_core.storage.archive import members_of, write_archive
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.local_cache import LocalCache
from jsl_core.storage.s3 import S3Store

__all__ = ["CachedStore"]

_HANDS = 16


class CachedStore:
    """A bucket's store with a local cache of what is got and put whole; files go straight to their place."""

    def __init__(self, far: S3Store, cache: LocalCache) -> None:
        self._far, self._cache = far, cache

    def __repr__(self) -> str:
        return f"CachedStore({self.url!r})"

    @property
    def url(self) -> str:
        return self._far.url

    def check(self) -> None:
        self._far.check()

    def put(self, data: bytes, name: str) -> Artifact:
        artifact = self._far.put(data, name)
        self._cache.add(artifact, data)
        return artifact

    def put_file(self, path: Path, name: str = "") -> Artifact:
        return self._far.put_file(path, name)

    def get(self, artifact: Artifact) -> bytes:
        data = self._cache.get(artifact)
        if data is None:
            with self._cache.fetching(artifact):
                data = self._cache.get(artifact)
                if data is None:
                    data = self._far.get(artifact)
                    self._cache.add(artifact, data)
        return data

    def fetch(self, artifact: Artifact, destination: Path) -> Path:
        return self._far.fetch(artifact, destination)

    def has(self, artifact: Artifact) -> bool:
        return self._far.has(artifact)

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        return self._far.missing(artifacts)

    def write(self, key: str, data: bytes) -> None:
        self._far.write(key, data)

    def write_file(self, key: str, path: Path) -> None:
        self._far.write_file(key, path)

    def read(self, key: str) -> bytes | None:
        return self._far.read(key)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        return self._far.read_range(key, start, length)

    def publish(self, artifact: Artifact, key: str) -> str:
        return self._far.publish(artifact, key)

    def link(self, key: str) -> str:
        return self._far.link(key)

    def keys(self, prefix: str) -> Iterator[str]:
        return self._far.keys(prefix)

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        return self._far.sizes(prefix)

    def delete(self, key: str) -> None:
        self._far.delete(key)

    def abandoned(self, seconds: float) -> int:
        return self._far.abandoned(seconds)

    def gather(self, table: Artifact, members: Iterable[Artifact]) -> None:
        write_archive(self, table, members)

    def prefetch(self, table: Artifact, members: Iterable[Artifact]) -> None:
        members = list(members)
        if not self._lacking(members):
            return
        with self._cache.fetching(table, "members-of-"):
            wanted = self._lacking(members)
            if len(wanted) > 2:
                for artifact, data in members_of(self._far.read, table, wanted):
                    self._cache.add(artifact, data)
                    del wanted[artifact.sha256]
            with ThreadPoolExecutor(_HANDS) as pool:  # what no archive holds comes one by one
                for _ in pool.map(self.get, wanted.values()):
                    pass

    def _lacking(self, members: Iterable[Artifact]) -> dict[str, Artifact]:
        """By digest, those of which there is no copy on this machine."""
        return {one.sha256: one for one in members if not self._cache.has(one)}
