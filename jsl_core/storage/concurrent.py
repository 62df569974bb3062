"""Many requests to a store at a time, and few results in memory, however many there are."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["map_requests", "request_all"]

T = TypeVar("T")
R = TypeVar("R")

_REQUESTS = 16  # at a time
_TOGETHER = 32  # items at most that one thread works on in a row: handing over costs as much as a small file
_WAITING = 4 * _REQUESTS  # portions begun beyond the next to be yielded


def map_requests(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Do the work, which is a request to a store, on all items.

    Args:
        work: Done in threads.
        items: What to work on.

    Yields:
        The outcomes in the items' order.

    Raises:
        Exception: The first that `work` raises; what has not begun then does not begin.
    """
    together = max(1, min(_TOGETHER, len(items) // _WAITING))
    waiting: deque[Future[list[R]]] = deque()
    pool = ThreadPoolExecutor(_REQUESTS)
    try:
        for start in range(0, len(items), together):
            waiting.append(pool.submit(_work_on, work, items[start : start + together]))
            if len(waiting) >= _WAITING:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def request_all(work: Callable[[T], object], items: Sequence[T]) -> None:
    """Do the work on all items as `map_requests` does, where it has no outcome."""
    for _ in map_requests(work, items):
        pass


def _work_on(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [work(item) for item in items]
