"""The lock between runs and garbage collection: each announces itself before it looks for the other.

So at least one of two sees the other. A run that sees a collection waits for its end; a collection that sees
a run stops. Neither waits for one that died: a lock that is not renewed for a minute, by this process's own
clock, counts for nothing. Nothing depends on a listing, which may lag.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jsl_core.storage.interface import Store

__all__ = ["hold_gc_lock", "wait_for_gc"]

_KEY = "gc/at-work.json"
_EXPIRY = 60.0  # seconds without a change of the token after which the collection has died
_POLL_SECONDS = 0.5


@contextmanager
def hold_gc_lock(store: Store) -> Iterator[Callable[[], None]]:
    """Make runs that begin wait until the block ends.

    Yields:
        A function that renews the lock; the block calls it at least once a minute.
    """

    def renew() -> None:
        store.write(_KEY, f'"{secrets.token_hex(8)}"'.encode())

    wait_for_gc(store)
    renew()
    try:
        yield renew
    finally:
        store.delete(_KEY)


def wait_for_gc(store: Store) -> None:
    """Return when no garbage collection is at work."""
    last_token, changed_at = None, time.monotonic()
    while (token := store.read(_KEY)) is not None:
        if token != last_token:
            last_token, changed_at = token, time.monotonic()
        elif time.monotonic() - changed_at >= _EXPIRY:
            store.delete(_KEY)
        else:
            time.sleep(_POLL_SECONDS)
