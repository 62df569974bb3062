"""One stored record per item and stage, so that a new scan in a bucket costs one scan, not the bucket."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store

__all__ = ["Memo", "artifacts_in", "digest_of"]

_HANDS = 16  # requests at a time, where the store is far away


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON-able value in its canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def artifacts_in(value: Any) -> list[Artifact]:
    """Every artifact named anywhere in a JSON value."""
    if isinstance(value, dict):
        if value.keys() == Artifact.model_fields.keys():
            return [Artifact.model_validate(value)]
        value = list(value.values())
    if isinstance(value, list):
        return [one for item in value if isinstance(item, dict | list) for one in artifacts_in(item)]
    return []


class Memo:
    """Results of one stage (its code and settings: `stage_key`) by the item they were made from."""

    def __init__(self, store: Store, stage_key: str) -> None:
        self._store, self._stage_key = store, stage_key

    def _key(self, item: Any) -> str:
        digest = digest_of([self._stage_key, item])
        return f"memo/{digest[:2]}/{digest}.json"

    def get(self, item: Any) -> Any | None:
        """What was stored for the item; None where there is none, or an artifact it names is gone."""
        return self.get_all([item])[0]

    def get_all(self, items: Sequence[Any]) -> list[Any | None]:
        """The same of many items at once."""
        with ThreadPoolExecutor(_HANDS) as pool:
            found = list(pool.map(self._store.read, map(self._key, items)))
        values = [_parsed(data) for data in found]
        gone = set(self._store.missing(artifacts_in(values)))
        return [None if gone.intersection(artifacts_in(value)) else value for value in values]

    def put(self, item: Any, value: Any) -> None:
        self._store.write(self._key(item), json.dumps(value, sort_keys=True).encode())


def _parsed(data: bytes | None) -> Any | None:
    try:
        return json.loads(data) if data else None
    except ValueError:  # a power cut may leave a file's name without its bytes
        return None
