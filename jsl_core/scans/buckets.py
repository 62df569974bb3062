"""Scans are assigned to buckets in the order in which a store has met them.

A scan keeps its position for good. So new ones fill the last bucket and open others, and all that came before
lies in buckets that are what they were, whose results are cached. Later buckets are larger: each costs a task
of every stage, even where nothing is to be done.
"""

from collections.abc import Sequence

from jsl_core.storage import Artifact, Store
from jsl_core.storage.proof import Unproven, seal, unseal

__all__ = ["assign_buckets"]

_SMALLEST, _LARGEST = 96, 768  # scans of a bucket: a task's own cost vanishes, progress stays visible
_PER_SIZE = 8  # buckets of one size, before those of the double size
_ORDER = "scans/order.json"
_DIGITS = 16  # of a digest: two scans that share them share a position, which does no harm


def assign_buckets(scans: Sequence[Artifact], store: Store) -> list[list[Artifact]]:
    """Assign scans to buckets by position; those that the store does not know yet come last, as listed.

    Of two runs that add to the order at once one is forgotten: its scans find other positions the next time.
    That costs the reading of their records, as a lost order does, and no more.
    """
    old_order = _read_order(store)
    order = list(dict.fromkeys([*old_order, *(scan.sha256[:_DIGITS] for scan in scans)]))
    if len(order) > len(old_order):
        store.write(_ORDER, seal(_ORDER, order))
    positions = {digest: position for position, digest in enumerate(order)}
    buckets: dict[int, list[Artifact]] = {}
    for scan in scans:
        buckets.setdefault(_bucket_at(positions[scan.sha256[:_DIGITS]]), []).append(scan)
    return [buckets[number] for number in sorted(buckets)]


def _bucket_at(position: int) -> int:
    """The number of the bucket that holds a position."""
    number, size = 0, _SMALLEST
    while size < _LARGEST and position >= _PER_SIZE * size:
        number, position, size = number + _PER_SIZE, position - _PER_SIZE * size, 2 * size
    return number + position // size


def _read_order(store: Store) -> list[str]:
    """The order; an empty one where it is damaged, which costs the reading of the scans' records."""
    try:
        order = unseal(_ORDER, store.read(_ORDER) or b"", or_plain=True)
    except Unproven:
        return []
    is_order = isinstance(order, list) and all(isinstance(digest, str) for digest in order)
    return order if is_order else []
