"""What a store's key may be."""

from pathlib import PurePosixPath

from jsl_core.errors import StoreError

__all__ = ["checked"]


def checked(key: str, url: str) -> str:
    """The key. Raises StoreError if it leads out of the store."""
    if key.startswith("/") or ".." in PurePosixPath(key).parts:
        raise StoreError(f"store {url}: {key!r} is no key of a store")
    return key
