"""What of a store must stay: what kept runs and registered models name, directly or in a table or manifest.

A record that cannot be read could name anything, so it is listed: nothing may be removed while there is one.
The digests that stand in the registry's records are also found as plain text, whatever state the records are
in, so that a model stays by two ways that share no code.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.concurrent import map_requests
from jsl_core.storage.history import History, Run
from jsl_core.storage.interface import Store
from jsl_core.storage.kept_twice import COPIES, read_record
from jsl_core.storage.memo import named_in
from jsl_core.storage.registry import Registry

__all__ = ["Needed", "find_needed", "needed_by_run"]

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_LARGEST_MANIFEST = 4 << 20  # bytes of an object that is searched for digests


@dataclass(frozen=True)
class Needed:
    """The `digests` of artifacts that must stay, and the keys of records that are `unreadable`."""

    digests: frozenset[str]
    unreadable: tuple[str, ...]


def find_needed(store: Store, runs: Iterable[Run]) -> Needed:
    """Find what the kept runs, the registry and the ledgers of landings need."""
    runs, history = list(runs), History(store)
    steps = history.read_steps(runs)
    results = history.read_results(steps)
    unreadable = [
        f"history/{run.id}/{key}.json" for run in runs for key in run.keys if steps.get(key) is None
    ]
    unreadable += [f"results/{key}" for key, artifacts in results.items() if artifacts is None]
    registered, unreadable_registry = Registry(store).protected()
    unreadable += unreadable_registry
    landed = list(_landed_tables(store, unreadable))
    inputs = [one for step in steps.values() if step for one in step.inputs]
    made = [one for artifacts in results.values() for one in artifacts or ()]
    digests = _reach(store, [*registered, *made], inputs, unreadable)
    digests |= {one.sha256 for one in landed} | _digests_in_registry(store)
    return Needed(frozenset(digests), tuple(sorted(set(unreadable))))


def needed_by_run(store: Store, run: Run) -> set[str]:
    """The digests of all artifacts that the steps of a run name, directly or in a table or manifest."""
    history = History(store)
    steps = history.steps([run])
    made = [one for artifacts in history.results(steps).values() for one in artifacts]
    return _reach(store, [], [*made, *(one for step in steps.values() for one in step.inputs)], [])


def _reach(
    store: Store, roots: Iterable[Artifact], uncertain: Iterable[Artifact], unreadable: list[str]
) -> set[str]:
    """The digests of artifacts and of all that they name.

    Args:
        store: Where they lie.
        roots: What must be stored; a table among them, or below, that cannot be read joins `unreadable`.
        uncertain: What may never have been, as scans.
        unreadable: Gets keys.
    """
    needed: set[str] = set()
    tables: dict[str, tuple[Artifact, bool]] = {}

    def need(artifacts: Iterable[Artifact], sure: bool) -> None:
        for one in artifacts:
            if one.name.endswith(".json") and (sure or one.sha256 not in tables) and one.sha256 not in read:
                tables[one.sha256] = (one, sure)
            needed.add(one.sha256)

    read: set[str] = set()
    need(uncertain, sure=False)
    need(roots, sure=True)
    while tables:
        layer = list(tables.values())
        read |= tables.keys()
        tables.clear()
        contents = map_requests(lambda entry: _read_table(store, entry[0]), layer)
        for (table, sure), data in zip(layer, contents, strict=True):
            if data is None and sure:
                unreadable.append(table.key)
            need(named_in(data or b""), sure=True)
    return needed


def _read_table(store: Store, table: Artifact) -> bytes | None:
    """A table's bytes; None where it is missing or damaged. It stays where it is: `get` would move it."""
    data = store.read(table.key)
    whole = data is not None and hashlib.sha256(data).hexdigest() == table.sha256
    return data if whole else None


def _landed_tables(store: Store, unreadable: list[str]) -> Iterator[Artifact]:
    """The tables of joints that the ledgers of landings name; unreadable entries join the list."""
    for key in store.keys("landing"):
        if "/joints/" not in key:
            continue
        try:
            table = read_record(store, key, Artifact.model_validate)
            if table is not None:
                yield table
        except StoreError:
            unreadable.append(key)


def _digests_in_registry(store: Store) -> set[str]:
    """Every digest that stands as text in a record of the registry, or in an object that one names."""
    keys = [*store.keys("registry"), *store.keys(f"{COPIES}/registry")]
    named = {digest for data in map_requests(store.read, keys) for digest in _digests(data)}
    stored = store.sizes("cas") if named else ()
    small = [key for key, size, _ in stored if key[-64:] in named and size < _LARGEST_MANIFEST]
    manifests = map_requests(store.read, small)
    return named | {digest for data in manifests for digest in _digests(data)}


def _digests(data: bytes | None) -> Iterator[str]:
    yield from (match.decode() for match in _DIGEST.findall(data or b""))
