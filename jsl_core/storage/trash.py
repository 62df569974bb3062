"""The trash: what garbage collection removes lies there for a day, and can be brought back.

trash/<time>-<token>/begun.json      written first; its age is the trash's
trash/<time>-<token>/objects/<key>   what lay under a key
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.concurrent import map_requests, request_all
from jsl_core.storage.interface import Store

__all__ = ["Trash"]

_TRASH = "trash"
_GRACE = 24 * 3600.0  # seconds that trash is kept
# What names others comes back after what it names, so that an undo that is killed leaves no broken result.
_ORDER = ("cas", "archives", "memo", "results", "history")


class Trash:
    """The trash of a store: one folder for each collection."""

    def __init__(self, store: Store) -> None:
        """Throw away, and bring back, objects of this store."""
        self._store = store

    def begin(self) -> Callable[[Sequence[str]], None]:
        """Begin a new folder of trash; returns the function that moves keys there."""
        name = f"{_TRASH}/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        self._store.write(f"{name}/begun.json", b"{}")

        def throw_away(keys: Sequence[str]) -> None:
            request_all(lambda key: self._store.move(key, f"{name}/objects/{key}"), keys)

        return throw_away

    def empty(self, older_than: float = _GRACE) -> tuple[int, int]:
        """Delete for good what was thrown away so many seconds ago; returns the objects and their bytes."""
        entries = list(self._store.sizes(_TRASH))
        young = {_folder(key) for key, _, age in entries if key.endswith("/begun.json") and age < older_than}
        old = [(key, size) for key, size, _ in entries if _folder(key) not in young]
        old.sort(key=lambda entry: entry[0].endswith("/begun.json"))  # its age goes last
        request_all(lambda entry: self._store.delete(entry[0]), old)
        objects = [size for key, size in old if not key.endswith("/begun.json")]
        return len(objects), sum(objects)

    def undo(self) -> int:
        """Bring back what was thrown away last; what has been made again meanwhile stays as it is.

        Returns:
            How many objects came back.

        Raises:
            StoreError: If the trash is empty.
        """
        entries = list(self._store.sizes(_TRASH))
        ages = {_folder(key): age for key, _, age in entries if key.endswith("/begun.json")}
        if not ages:
            raise StoreError(f"store {self._store.url}: the trash is empty; there is nothing to bring back")
        folder = min(ages, key=lambda name: ages[name])
        prefix = f"{folder}/objects/"
        thrown = [(key, size) for key, size, _ in entries if key.startswith(prefix)]
        thrown.sort(key=lambda entry: _rank(entry[0].removeprefix(prefix)))
        back = sum(map_requests(lambda entry: self._bring_back(entry[0], entry[1], prefix), thrown))
        self._store.delete(f"{folder}/begun.json")
        return back

    def _bring_back(self, trashed: str, size: int, prefix: str) -> bool:
        key = trashed.removeprefix(prefix)
        if key.startswith("cas/"):
            there = self._store.has(Artifact(sha256=key[-64:], size=size, name="trashed"))
        else:
            there = self._store.read(key) is not None
        if there:
            self._store.delete(trashed)
        else:
            self._store.move(trashed, key)
        return not there


def _folder(key: str) -> str:
    return "/".join(key.split("/")[:2])


def _rank(key: str) -> int:
    kind = key.partition("/")[0]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
