"""How scans are dealt into buckets: in the order in which a store has met them.

A scan keeps its place for good. So new ones fill the last bucket and open others, and all that came before
lies in buckets that are what they were, whose results are cached. Later buckets are larger: each costs a task
of every stage, even where nothing is to be done.
"""

import json
from collections.abc import Sequence

from jsl_core.storage import Artifact, Store

__all__ = ["in_buckets"]

_FIRST, _LARGEST = 96, 768  # scans of a bucket: a task's own cost vanishes, progress stays visible
_ALIKE = 8  # buckets of one size, before those of the double size
_ORDER = "scans/order.json"
_DIGITS = 16  # of a digest: two scans that share them share a place, which does no harm


def in_buckets(scans: Sequence[Artifact], store: Store) -> list[list[Artifact]]:
    """The scans in buckets by their places; those that the store does not know yet come last, as listed.

    Of two runs that add to the order at once one is forgotten: its scans find other places the next time.
    That costs the reading of their records, as a lost order does, and no more.
    """
    known = _order(store)
    order = list(dict.fromkeys([*known, *(scan.sha256[:_DIGITS] for scan in scans)]))
    if len(order) > len(known):
        store.write(_ORDER, json.dumps(order).encode())
    place = {name: number for number, name in enumerate(order)}
    buckets: dict[int, list[Artifact]] = {}
    for scan in scans:
        buckets.setdefault(_bucket_at(place[scan.sha256[:_DIGITS]]), []).append(scan)
    return [buckets[number] for number in sorted(buckets)]


def _bucket_at(place: int) -> int:
    """The number of the bucket that holds a place."""
    number, size = 0, _FIRST
    while size < _LARGEST and place >= _ALIKE * size:
        number, place, size = number + _ALIKE, place - _ALIKE * size, 2 * size
    return number + place // size


def _order(store: Store) -> list[str]:
    try:
        told = json.loads(store.read(_ORDER) or b"[]")
    except ValueError:  # a power cut may leave a file's name without its bytes
        return []
    return told if isinstance(told, list) and all(isinstance(name, str) for name in told) else []
