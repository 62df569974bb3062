"""The store that a URL names."""

import functools
import os
from pathlib import Path

from jsl_core.errors import StoreError
from jsl_core.storage.folder import FolderStore
from jsl_core.storage.interface import Store

__all__ = ["open_store"]


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
    from jsl_core.storage.caching_store import CachedStore
    from jsl_core.storage.local_cache import LocalCache
    from jsl_core.storage.s3 import S3Store

    return CachedStore(S3Store(url), LocalCache.of_this_machine())
