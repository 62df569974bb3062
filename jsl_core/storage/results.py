"""The results of tasks, below `results/`: small JSON records, which name artifacts."""

import json
from typing import Any

from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in
from jsl_core.storage.proof import Unproven, seal, unseal

__all__ = ["read_result", "result_artifacts", "result_key", "write_result"]


def result_key(step: str) -> str:
    """Where the result of a step lies."""
    return f"results/{step}"


def write_result(store: Store, step: str, record: Any) -> None:
    """Write a step's result, a JSON value."""
    key = result_key(step)
    store.write(key, seal(key, record))


def read_result(store: Store, step: str, *, or_plain: bool = False) -> Any | None:
    """Read a step's result; None where there is none.

    Args:
        store: Where it lies.
        step: The step's key.
        or_plain: Whether one of an earlier version, which wrote no proof, counts.

    Raises:
        Unproven: It is damaged.
    """
    key = result_key(step)
    data = store.read(key)
    if data is None:
        return None
    record = unseal(key, data, or_plain=or_plain)
    if not (isinstance(record, dict) and record):  # what is left of one that was damaged
        raise Unproven(f"{key} is no result")
    return record


def result_artifacts(record: Any) -> list[Artifact]:
    """The artifacts that a result names.

    Raises:
        Unproven: It is no result.
    """
    # Prefect wraps what it caches, a task's result, and leaves a flow's result as it is.
    wrapped = isinstance(record, dict) and record.keys() == {"metadata", "result"}
    try:
        return artifacts_in(json.loads(record["result"]) if wrapped else record)
    except (ValueError, TypeError, RecursionError):
        raise Unproven("no result of a task") from None
