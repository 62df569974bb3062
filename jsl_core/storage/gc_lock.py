"""The turns of runs and removals: each announces itself before it looks for the other, so one sees the other.

A run that sees a removal waits for its end; a removal that sees a run stops. Neither waits for one that died.
No clock but this process's own counts, and no listing, which may lag.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jsl_core.storage.interface import Store

__all__ = ["await_removal", "removing"]

_KEY = "gc/at-work.json"
_DEAD = 60.0  # seconds without a change of the mark after which the removal has died
_POLL_SECONDS = 0.5


@contextmanager
def removing(store: Store) -> Iterator[Callable[[], None]]:
    """While the block is at work runs that begin wait; what it gives is to be called each minute at least."""

    def still() -> None:
        store.write(_KEY, f'"{secrets.token_hex(8)}"'.encode())

    await_removal(store)
    still()
    try:
        yield still
    finally:
        store.delete(_KEY)


def await_removal(store: Store) -> None:
    """Return when no removal is at work."""
    seen, since = None, time.monotonic()
    while (mark := store.read(_KEY)) is not None:
        if mark != seen:
            seen, since = mark, time.monotonic()
        elif time.monotonic() - since >= _DEAD:
            store.delete(_KEY)
        else:
            time.sleep(_POLL_SECONDS)
