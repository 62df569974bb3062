"""The store that a URL names."""

import functools
import os
from pathlib import Path

from jsl_core.errors import StoreError
from jsl_core.storage.folder import TOP_FOLDERS, FolderStore
from jsl_core.storage.interface import Store
from jsl_core.system.paths import expand_path

__all__ = ["forget_stores", "open_existing_store", "open_store"]


def open_store(url: str) -> Store:
    """Open the store that a URL names; nothing is read or sent yet.

    Args:
        url: A folder's path, `file://…` or `s3://bucket/prefix`.

    Returns:
        A `FolderStore`, or a bucket's store with a cache on this machine, one per process.

    Raises:
        StoreError: If the URL cannot name a store.
    """
    try:
        url = expand_path(url)
    except ValueError as error:
        raise StoreError(f"store {error}") from None
    if url.startswith("s3://"):
        return _open_bucket(url if url == "s3://" else url.rstrip("/"), os.getpid())
    if "://" in url:
        kind = url.partition("://")[0]
        raise StoreError(
            f"store {kind}://…: only a folder, file:// or s3://bucket/prefix can be a store; use one of these"
        )
    return FolderStore(Path(url))


def open_existing_store(url: str) -> Store:
    """Open a store to ask what is in it; nothing is made.

    Args:
        url: As for `open_store`.

    Raises:
        StoreError: If there is no such folder, or it holds nothing that a run stores, or the bucket's server
            refuses or does not answer.
    """
    store = open_store(url)
    store.check_access()
    if isinstance(store, FolderStore):
        if not store.root.is_dir():
            raise StoreError(
                f"store {store.url}: there is no such folder; name the store of your runs (--store)"
            )
        if not any((store.root / name).is_dir() for name in TOP_FOLDERS):
            raise StoreError(
                f"store {store.url}: no run has stored anything here; name the store of your runs"
            )
    return store


def forget_stores() -> None:
    """Open buckets anew from now on: what was listed, and known to be stored, may have gone."""
    _open_bucket.cache_clear()


@functools.lru_cache(maxsize=8)
def _open_bucket(url: str, process: int) -> Store:
    """One store per process: connections cost time, and a forked process must not share them."""
    # Imported here: folder stores, and processes that only train, need no boto3.
    from jsl_core.storage.caching_store import CachingStore
    from jsl_core.storage.local_cache import LocalCache
    from jsl_core.storage.s3 import S3Store

    return CachingStore(S3Store(url), LocalCache.of_this_machine())
