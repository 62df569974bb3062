"""One stored record per item and stage, so that a new scan in a bucket costs one scan, not the bucket."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from jsl_core.storage.artifact import Artifact
from jsl_core.storage.concurrent import map_requests
from jsl_core.storage.interface import Store
from jsl_core.storage.proof import Unproven, seal, unseal

__all__ = ["Memo", "artifacts_in", "digest_of", "named_in"]

_FIELDS = Artifact.model_fields.keys()  # pydantic puts them together each time it is asked


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON-able value in its canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def artifacts_in(value: Any) -> list[Artifact]:
    """Every artifact that stands anywhere in a JSON value.

    Raises:
        ValueError: One of them cannot be one.
    """
    if isinstance(value, dict):
        if value.keys() == _FIELDS:
            return [Artifact.model_validate(value)]
        value = list(value.values())
    if isinstance(value, list):
        return [one for item in value if isinstance(item, dict | list) for one in artifacts_in(item)]
    return []


def named_in(data: bytes) -> list[Artifact]:
    """Every artifact that a table or manifest names; none where the bytes are neither."""
    try:
        return artifacts_in(json.loads(data))
    except (ValueError, RecursionError):
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
        key = self._key(item)  # without the threads of `get_all`, which cost more than reading a file
        value = _unseal(key, self._store.read(key))
        return None if value is None or self._store.missing(artifacts_in(value)) else value

    def get_all(self, items: Sequence[Any]) -> list[Any | None]:
        """Return the results of many items, as `get` does, with few requests."""
        keys = [self._key(item) for item in items]
        records = map_requests(self._store.read, keys)
        values = [_unseal(key, record) for key, record in zip(keys, records, strict=True)]
        missing = set(self._store.missing(artifacts_in(values)))
        return [None if missing.intersection(artifacts_in(value)) else value for value in values]

    def put(self, item: Any, value: Any) -> None:
        """Store the item's result, replacing an earlier one."""
        key = self._key(item)
        self._store.write(key, seal(key, value))


def _unseal(key: str, data: bytes | None) -> Any | None:
    """The record; None where there is none, or it is not the one that was written."""
    try:
        return None if data is None else unseal(key, data)
    except Unproven:
        return None
