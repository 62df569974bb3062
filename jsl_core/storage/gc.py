"""Removing what no kept run reaches, never beside a run: what that will ask for, nobody can know."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.gc_lock import removing
from jsl_core.storage.history import History, Run
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in
from jsl_core.storage.registry import Registry

__all__ = ["Garbage", "collect", "find_garbage"]

_GRACE = 24 * 3600.0  # seconds; what is younger may belong to a run that has not yet said so
_RESUMED = 14 * 24 * 3600.0  # seconds since its last step in which a run without an end may go on
_HANDS = 16
_AT_ONCE = 256  # objects between two looks whether a run has begun


@dataclass(frozen=True)
class Garbage:
    """Keys to remove, in this order, and what they hold in bytes; the runs that go, and those that stay.

    Of those that stay, `at_work` are the ones because of which nothing is removed now.
    """

    keys: tuple[str, ...]
    size: int
    gone: tuple[Run, ...]
    kept: tuple[Run, ...]

    @property
    def at_work(self) -> tuple[Run, ...]:
        return tuple(run for run in self.kept if run.at_work)


def find_garbage(store: Store, keep_last: int, grace: float = _GRACE) -> Garbage:
    """What neither the newest runs, nor runs without an end, nor registered models reach.

    What is younger than `grace` (s) stays: a run stores things before it notes that it needs them.
    Readable copies (`runs/`, `models/`, `datasets/`) are people's business and stay.
    """
    history = History(store)
    runs = history.runs()
    ended = [run for run in runs if run.ended]
    kept = [run for run in runs if run in ended[:keep_last] or (not run.ended and run.age < _RESUMED)]
    gone = [run for run in runs if run not in kept]
    steps = history.steps(kept)
    roots = [one for step in steps.values() for one in step.inputs]
    roots += [one for made in history.results(steps).values() for one in made]
    roots += _registered(store)
    reached = _reached(store, roots)
    old = [
        (key, size)
        for kind in ("results", "memo", "archives", "cas")  # what names others goes before what it names
        for key, size, age in store.sizes(kind)
        if age > grace
    ]
    wanted = {f"results/{key}" for key in steps} | {f"cas/{one[:2]}/{one}" for one in reached}
    wanted |= {f"archives/{one[:2]}/{one}.zip" for one in reached}
    wanted |= _memos(store, [key for key, _ in old if key.startswith("memo/")], reached)
    garbage = [(key, size) for key, size in old if key not in wanted]
    past = [(key, size) for run in gone for key, size, _ in store.sizes(f"history/{run.id}")]
    return Garbage(
        keys=tuple(key for key, _ in [*garbage, *past]),
        size=sum(size for _, size in [*garbage, *past]),
        gone=tuple(gone),
        kept=tuple(kept),
    )


def collect(store: Store, keep_last: int) -> Garbage:
    """Find garbage and remove it; what was removed.

    A removal that is killed leaves whole results or misses, and can be repeated. Raises StoreError where a
    run is at work, and, with what is left still in its place, as soon as one begins.
    """
    with removing(store) as still:
        garbage = find_garbage(store, keep_last)
        known = {run.id for run in (*garbage.gone, *garbage.kept)}
        for kind in dict.fromkeys(key.partition("/")[0] for key in garbage.keys):
            keys = [key for key in garbage.keys if key.startswith(f"{kind}/")]
            for start in range(0, len(keys), _AT_ONCE):
                still()
                _stop_for_runs(store, known)
                with ThreadPoolExecutor(_HANDS) as pool:
                    list(pool.map(store.delete, keys[start : start + _AT_ONCE]))
        _stop_for_runs(store, known)
        store.abandoned(_GRACE)
    return garbage


def _stop_for_runs(store: Store, known: set[str]) -> None:
    for run in History(store).newcomers(known):
        raise StoreError(
            f"store {store.url}: run {run} is at work, and may need what earlier runs made; "
            "run jsl gc again when it has ended"
        )


def _registered(store: Store) -> list[Artifact]:
    registry = Registry(store)
    return [
        one
        for regime in registry.regimes()
        for version in registry.versions(regime)
        for one in artifacts_in(version.model_dump(mode="json"))
    ]


def _reached(store: Store, roots: Iterable[Artifact]) -> set[str]:
    """The digests of all that the roots name, directly or in a table or manifest."""
    reached: set[str] = set()
    layer = {one.sha256: one for one in roots}
    with ThreadPoolExecutor(_HANDS) as pool:
        while layer:
            reached |= layer.keys()
            tables = [one for one in layer.values() if one.name.endswith(".json")]
            absent = {one.sha256 for one in store.missing(tables)}
            there = [one for one in tables if one.sha256 not in absent]
            named = artifacts_in([json.loads(data) for data in pool.map(store.get, there)])
            layer = {one.sha256: one for one in named if one.sha256 not in reached}
    return reached


def _memos(store: Store, keys: list[str], reached: set[str]) -> set[str]:
    """The remembered rows all of whose artifacts stay; rows without any, of rejected scans, are small."""
    with ThreadPoolExecutor(_HANDS) as pool:
        found = zip(keys, pool.map(store.read, keys), strict=True)
        return {
            key
            for key, data in found
            if data and all(one.sha256 in reached for one in artifacts_in(json.loads(data)))
        }
