"""Lists of buckets of scans as artifacts: a million names are no parameter of a run."""

from collections.abc import Sequence

from pydantic import TypeAdapter

from jsl_core.storage import Artifact, Store

__all__ = ["get_list", "put_list"]

_BUCKETS = TypeAdapter(list[list[Artifact]])


def put_list(store: Store, buckets: Sequence[Sequence[Artifact]]) -> Artifact:
    """The buckets as one artifact, not as a table of records: what they name need not be in the store."""
    return store.put(_BUCKETS.dump_json([list(bucket) for bucket in buckets]), "buckets.txt")


def get_list(store: Store, buckets: Artifact) -> list[list[Artifact]]:
    """The buckets again. Raises StoreError."""
    return _BUCKETS.validate_json(store.get(buckets))
