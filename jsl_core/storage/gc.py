"""Removal of what no kept run needs; never while a run is at work, as what it will need is not yet known.

What is removed lies in the trash for a day.
"""

import math
import time
from dataclasses import dataclass

from jsl_core.errors import StoreError
from jsl_core.storage.concurrent import map_requests
from jsl_core.storage.gc_lock import hold_gc_lock
from jsl_core.storage.history import History, Run
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in
from jsl_core.storage.needed import find_needed
from jsl_core.storage.proof import Unproven, unseal
from jsl_core.storage.trash import Trash

__all__ = ["Garbage", "collect_garbage", "empty_trash_of", "find_garbage", "undo_collection"]

_GRACE = 24 * 3600.0  # seconds; what is younger may belong to a run that has not yet recorded it
_RESUMABLE = 14 * 24 * 3600.0  # seconds since its last step in which a run without an end may go on
_BATCH = 256  # objects removed between two renewals of the lock
_LOOK_SECONDS = 1.0  # at least between two looks for runs that have begun
_LOOK_PAUSES = 10  # times as long as a look took: a removal is no slower for a long history
_NAMED = 5  # records that a message names


@dataclass(frozen=True)
class Garbage:
    """What may be removed.

    Attributes:
        keys: In this order.
        size: Of all of them, in bytes.
        removed_runs: The runs that go with them.
        kept_runs: The other runs.
        unreadable: Keys of records that may name something needed and cannot be read: nothing may be removed.
    """

    keys: tuple[str, ...]
    size: int
    removed_runs: tuple[Run, ...]
    kept_runs: tuple[Run, ...]
    unreadable: tuple[str, ...] = ()

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
    kept_ids = {run.id for run in newest} | {run.id for run in runs if not run.ended and run.age < _RESUMABLE}
    kept_runs = [run for run in runs if run.id in kept_ids]
    removed_runs = [run for run in runs if run.id not in kept_ids]
    needed = find_needed(store, kept_runs)
    old = [
        (key, size)
        for kind in ("results", "memo", "archives", "cas")  # what names others goes before what it names
        for key, size, age in store.sizes(kind)
        if age > grace
    ]
    needed_keys = {f"results/{key}" for run in kept_runs for key in run.keys}
    needed_keys |= {f"cas/{digest[:2]}/{digest}" for digest in needed.digests}
    needed_keys |= {f"archives/{digest[:2]}/{digest}.zip" for digest in needed.digests}
    needed_keys |= _needed_memos(store, [key for key, _ in old if key.startswith("memo/")], needed.digests)
    garbage = [(key, size) for key, size in old if key not in needed_keys]
    garbage += [(key, size) for run in removed_runs for key, size, _ in store.sizes(f"history/{run.id}")]
    return Garbage(
        keys=tuple(key for key, _ in garbage),
        size=sum(size for _, size in garbage),
        removed_runs=tuple(removed_runs),
        kept_runs=tuple(kept_runs),
        unreadable=needed.unreadable,
    )


def collect_garbage(store: Store, keep_last: int) -> Garbage:
    """Find garbage and move it to the trash, and delete for good what lies there for a day.

    One that is killed leaves whole results or misses, and can be repeated.

    Args:
        store: The store.
        keep_last: How many of the finished runs to keep.

    Returns:
        What was removed.

    Raises:
        StoreError: If a record that may name something needed cannot be read, or a run is at work, or begins
            meanwhile; what is left then stays as it was.
    """
    with hold_gc_lock(store) as renew:
        garbage = find_garbage(store, keep_last)
        _refuse_on_doubt(store, garbage)
        known = {run.id for run in (*garbage.removed_runs, *garbage.kept_runs)}
        trash = Trash(store)
        lookout = _Lookout(store, known)
        throw_away = trash.begin() if garbage.keys else None
        for kind in dict.fromkeys(key.partition("/")[0] for key in garbage.keys):
            keys = [key for key in garbage.keys if key.startswith(f"{kind}/")]
            for start in range(0, len(keys), _BATCH):
                renew()
                lookout.look_again()
                if throw_away:
                    throw_away(keys[start : start + _BATCH])
        lookout.look()
        renew()
        trash.empty()
        store.remove_abandoned(_GRACE)
    return garbage


def undo_collection(store: Store) -> int:
    """Bring back what the last collection moved to the trash; returns how many objects.

    Raises:
        StoreError: If the trash is empty.
    """
    with hold_gc_lock(store):
        return Trash(store).undo()


def empty_trash_of(store: Store) -> tuple[int, int]:
    """Delete for good all that lies in the trash; returns the objects and their bytes."""
    with hold_gc_lock(store):
        return Trash(store).empty(older_than=-math.inf)


def _refuse_on_doubt(store: Store, garbage: Garbage) -> None:
    if garbage.unreadable:
        count = len(garbage.unreadable)
        named = ", ".join(garbage.unreadable[:_NAMED]) + (
            f" and {count - _NAMED} more" if count > _NAMED else ""
        )
        raise StoreError(
            f"store {store.url}: nothing is removed, as what may name something needed cannot be read: "
            f"{named}; run jsl verify {store.url} --mend, or restore it from a backup"
        )


class _Lookout:
    """Looks for runs that begin beside a removal, and stops it. A look lists the history, however long it is.

    A run that begins waits for the end of the removal, so looking now and then is enough.
    """

    def __init__(self, store: Store, known: set[str]) -> None:
        self._store, self._known = store, known
        self.look()

    def look(self) -> None:
        """Raise StoreError if a run is at work that is not known, or not known to be."""
        began = time.monotonic()
        for run in History(self._store).running_or_new(self._known):
            raise StoreError(
                f"store {self._store.url}: run {run} is at work, and may need what earlier runs made; "
                "run jsl gc again when it has ended"
            )
        ended = time.monotonic()
        self._next = ended + max(_LOOK_SECONDS, _LOOK_PAUSES * (ended - began))

    def look_again(self) -> None:
        """Look if the last time was long enough ago."""
        if time.monotonic() >= self._next:
            self.look()


def _needed_memos(store: Store, keys: list[str], needed: frozenset[str]) -> set[str]:
    """The memos all of whose artifacts stay; those without any, of rejected scans, are small and stay too."""
    contents = zip(keys, map_requests(store.read, keys), strict=True)
    return {key for key, data in contents if data and _names_only(key, data, needed)}


def _names_only(key: str, data: bytes, needed: frozenset[str]) -> bool:
    """Whether a memo is whole and names nothing but what is needed; a damaged one is used by nobody."""
    try:
        return all(one.sha256 in needed for one in artifacts_in(unseal(key, data)))
    except Unproven:
        return False
