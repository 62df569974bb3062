"""Records that nothing could make again: each is written twice; where one is damaged the other is read."""

from collections.abc import Callable
from typing import Any, TypeVar

from jsl_core.errors import StoreError
from jsl_core.storage.interface import Store
from jsl_core.storage.proof import seal, unseal

__all__ = ["COPIES", "Damaged", "copy_key", "read_record", "write_record"]

T = TypeVar("T")

COPIES = "copies"  # the folder of the second copies


class Damaged(StoreError):
    """A record is damaged that nothing but a backup can bring back."""

    def __init__(self, store: Store, key: str) -> None:
        """Say which record of which store it is."""
        super().__init__(f"store {store.url}: {key} is damaged; restore it from a backup of the store")


def copy_key(key: str) -> str:
    """Where the second copy of a record lies."""
    return f"{COPIES}/{key}"


def write_record(store: Store, key: str, value: Any) -> None:
    """Write a JSON value under a key, with its proof, and before that its copy."""
    data = seal(key, value)
    store.write(copy_key(key), data)
    store.write(key, data)


def read_record(store: Store, key: str, parse: Callable[[Any], T]) -> T | None:
    """Read a record; its copy where it is damaged; None where there is none.

    A record of an earlier version has neither proof nor copy.

    Args:
        store: Where it lies.
        key: Its key.
        parse: Makes of the JSON value what the record is; ValueError where it is none.

    Raises:
        Damaged: If both are.
    """
    data = store.read(key)
    if data is None:
        return None
    try:
        return parse(unseal(key, data, or_plain=True))
    except ValueError:
        copy = store.read(copy_key(key))
    try:
        return parse(unseal(key, copy or b""))
    except ValueError:
        raise Damaged(store, key) from None
