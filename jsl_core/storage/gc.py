"""Removal of what no kept run needs; never while a run is at work, as what it will need is not yet known."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.gc_lock import hold_gc_lock
from jsl_core.storage.history import History, Run
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in
from jsl_core.storage.registry import Registry

__all__ = ["Garbage", "collect_garbage", "find_garbage"]

_GRACE = 24 * 3600.0  # seconds; what is younger may belong to a run that has not yet recorded it
_RESUMABLE = 14 * 24 * 3600.0  # seconds since its last step in which a run without an end may go on
_REQUESTS = 16  # at a time
_BATCH = 256  # objects removed between two checks whether a run has begun


@dataclass(frozen=True)
class Garbage:
    """Keys to remove, in this order, their `size` in bytes, the runs that go with them, and the others."""

    keys: tuple[str, ...]
    size: int
    removed_runs: tuple[Run, ...]
    kept_runs: tuple[Run, ...]

    @property
    def running(self) -> tuple[Run, ...]:
        """The runs at work, because of which nothing may be removed now."""
        return tuple(run for run in self.kept_runs if run.at_work)


def find_garbage(store: Store, keep_last: int, grace: float = _GRACE) -> Garbage:
    """Find what neither the newest runs, nor runs without an end, nor registered models need.

    Readable copies (`runs/`, `models/`, `datasets/`) belong to people and stay.

    Args:
        store: The store; nothing in it is changed.
        keep_last: How many of the finished runs to keep.
        grace: What is younger, in seconds, stays: a run stores things before it records that it needs them.

    Returns:
        The garbage.
    """
    history = History(store)
    runs = history.runs()
    newest = [run for run in runs if run.ended][:keep_last]
    kept_runs = [run for run in runs if run in newest or (not run.ended and run.age < _RESUMABLE)]
    removed_runs = [run for run in runs if run not in kept_runs]
    steps = history.steps(kept_runs)
    roots = [one for step in steps.values() for one in step.inputs]
    roots += [one for results in history.results(steps).values() for one in results]
    roots += _registered_artifacts(store)
    needed = _needed_digests(store, roots)
    old = [
        (key, size)
        for kind in ("results", "memo", "archives", "cas")  # what names others goes before what it names
        for key, size, age in store.sizes(kind)
        if age > grace
    ]
    needed_keys = {f"results/{key}" for key in steps} | {f"cas/{digest[:2]}/{digest}" for digest in needed}
    needed_keys |= {f"archives/{digest[:2]}/{digest}.zip" for digest in needed}
    needed_keys |= _needed_memos(store, [key for key, _ in old if key.startswith("memo/")], needed)
    garbage = [(key, size) for key, size in old if key not in needed_keys]
    garbage += [(key, size) for run in removed_runs for key, size, _ in store.sizes(f"history/{run.id}")]
    return Garbage(
        keys=tuple(key for key, _ in garbage),
        size=sum(size for _, size in garbage),
        removed_runs=tuple(removed_runs),
        kept_runs=tuple(kept_runs),
    )


def collect_garbage(store: Store, keep_last: int) -> Garbage:
    """Find garbage and remove it. One that is killed leaves whole results or misses, and can be repeated.

    Args:
        store: The store.
        keep_last: How many of the finished runs to keep.

    Returns:
        What was removed.

    Raises:
        StoreError: If a run is at work, or begins meanwhile; what is left then stays as it was.
    """
    with hold_gc_lock(store) as renew:
        garbage = find_garbage(store, keep_last)
        known = {run.id for run in (*garbage.removed_runs, *garbage.kept_runs)}
        for kind in dict.fromkeys(key.partition("/")[0] for key in garbage.keys):
            keys = [key for key in garbage.keys if key.startswith(f"{kind}/")]
            for start in range(0, len(keys), _BATCH):
                renew()
                _refuse_beside_runs(store, known)
                with ThreadPoolExecutor(_REQUESTS) as pool:
                    list(pool.map(store.delete, keys[start : start + _BATCH]))
        _refuse_beside_runs(store, known)
        store.remove_abandoned(_GRACE)
    return garbage


def _refuse_beside_runs(store: Store, known: set[str]) -> None:
    for run in History(store).running_or_new(known):
        raise StoreError(
            f"store {store.url}: run {run} is at work, and may need what earlier runs made; "
            "run jsl gc again when it has ended"
        )


def _registered_artifacts(store: Store) -> list[Artifact]:
    registry = Registry(store)
    return [
        one
        for regime in registry.regimes()
        for version in registry.versions(regime)
        for one in artifacts_in(version.model_dump(mode="json"))
    ]


def _needed_digests(store: Store, roots: Iterable[Artifact]) -> set[str]:
    """The digests of the roots and of all that they name, directly or in a table or manifest."""
    needed: set[str] = set()
    layer = {one.sha256: one for one in roots}
    with ThreadPoolExecutor(_REQUESTS) as pool:
        while layer:
            needed |= layer.keys()
            tables = [one for one in layer.values() if one.name.endswith(".json")]
            absent = {one.sha256 for one in store.missing(tables)}
            stored = [one for one in tables if one.sha256 not in absent]
            named = artifacts_in([json.loads(data) for data in pool.map(store.get, stored)])
            layer = {one.sha256: one for one in named if one.sha256 not in needed}
    return needed


def _needed_memos(store: Store, keys: list[str], needed: set[str]) -> set[str]:
    """The memos all of whose artifacts stay; those without any, of rejected scans, are small and stay too."""
    with ThreadPoolExecutor(_REQUESTS) as pool:
        contents = zip(keys, pool.map(store.read, keys), strict=True)
        return {
            key
            for key, data in contents
            if data and all(one.sha256 in needed for one in artifacts_in(json.loads(data)))
        }
