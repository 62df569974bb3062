"""A lock among the processes of a machine: the kernel's, which a killed process does not leave behind."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["locked"]


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of a file: no other process or thread is in a block with it meanwhile.

    `on_wait` is called where another one holds it. A file system that refuses the file or the lock, as one
    that is full or read-only does, costs no more than the work done twice.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError:
        yield
        return
    with file:
        _lock(file.fileno(), on_wait)
        yield


def _lock(file: int, on_wait: Callable[[], None] | None) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if on_wait:
            on_wait()
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:  # not every network file system has locks
        pass
