"""Damaged objects are set aside, so that they count as missing and are made again."""

import secrets
from typing import Protocol

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact

__all__ = ["DAMAGED", "set_aside"]


class _Movable(Protocol):
    """A store, as far as it moves objects."""

    def move(self, key: str, new_key: str) -> None: ...


DAMAGED = "damaged"  # the folder of what was set aside; `jsl verify --mend` clears it


def set_aside(store: _Movable, artifact: Artifact, what: str) -> StoreError:
    """Move an object whose bytes are not the artifact's out of the way.

    Args:
        store: Where it lies.
        artifact: What it should be.
        what: Store and object, for the message.

    Returns:
        The error that tells.
    """
    try:
        store.move(artifact.key, f"{DAMAGED}/{artifact.sha256}-{secrets.token_hex(4)}")
    except StoreError:
        return StoreError(f"{what} is damaged; delete that object and run again")
    return StoreError(f"{what} is damaged and was set aside; run again to make it anew")
