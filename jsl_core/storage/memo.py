"""One stored record per item and stage, so that a new scan in a bucket costs one scan, not the bucket."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store

__all__ = ["Memo", "artifacts_in", "digest_of"]

_REQUESTS = 16  # at a time


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON-able value in its canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def artifacts_in(value: Any) -> list[Artifact]:
    """Every artifact that stands anywhere in a JSON value."""
    if isinstance(value, dict):
        if value.keys() == Artifact.model_fields.keys():
            return [Artifact.model_validate(value)]
        value = list(value.values())
    if isinstance(value, list):
        return [one for item in value if isinstance(item, dict | list) for one in artifacts_in(item)]
    return []


class Memo:
    """Results of one stage by the item they were made from. Items and results are JSON values."""

    def __init__(self, store: Store, stage_key: str) -> None:
        """Keep the results of a stage; `stage_key` is a digest of its code and settings."""
        self._store, self._stage_key = store, stage_key

    def _key(self, item: Any) -> str:
        digest = digest_of([self._stage_key, item])
        return f"memo/{digest[:2]}/{digest}.json"

    def get(self, item: Any) -> Any | None:
        """Return the item's result; None where there is none, or an artifact in it is no longer stored."""
        return self.get_all([item])[0]

    def get_all(self, items: Sequence[Any]) -> list[Any | None]:
        """Return the results of many items, as `get` does, with few requests."""
        with ThreadPoolExecutor(_REQUESTS) as pool:
            records = list(pool.map(self._store.read, map(self._key, items)))
        values = [_parse(record) for record in records]
        missing = set(self._store.missing(artifacts_in(values)))
        return [None if missing.intersection(artifacts_in(value)) else value for value in values]

    def put(self, item: Any, value: Any) -> None:
        """Store the item's result, replacing an earlier one."""
        self._store.write(self._key(item), json.dumps(value, sort_keys=True).encode())


def _parse(data: bytes | None) -> Any | None:
    try:
        return json.loads(data) if data else None
    except ValueError:  # a power cut may leave a file's name without its bytes
        return None
