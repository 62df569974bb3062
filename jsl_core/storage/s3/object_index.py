"""Which of many artifacts are there, without a request for each."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from jsl_core.storage.artifact import Artifact

__all__ = ["Presence"]

_ENOUGH = 40  # artifacts from which a listing is worth trying
_SECONDS = 30.0  # for which a listing is believed
_HANDS = 16

Page = list[tuple[str, int, float]]


class Presence:
    """Answers from a recent listing of `cas/` where that is cheaper, else from one request for each artifact.

    What a listing shows was there; what it does not show is asked for, as a listing may lag.
    """

    def __init__(self, ask: Callable[[Artifact], bool], pages: Callable[[str], Iterator[Page]]) -> None:
        self._ask, self._pages = ask, pages
        self._sizes: dict[str, int] = {}
        self._listed = -_SECONDS
        self._pages_needed = 1

    def missing(self, artifacts: list[Artifact]) -> list[Artifact]:
        """The artifacts that are not there, in their order."""
        if len(artifacts) > max(_ENOUGH, 4 * self._pages_needed):
            self._refresh()
        unknown = [one for one in artifacts if self._fresh().get(one.key) != one.size]
        if len(unknown) < 2:
            return [one for one in unknown if not self._ask(one)]
        with ThreadPoolExecutor(_HANDS) as pool:
            there = list(pool.map(self._ask, unknown))
        return [one for one, found in zip(unknown, there, strict=True) if not found]

    def add(self, artifact: Artifact) -> None:
        self._sizes[artifact.key] = artifact.size

    def forget(self, key: str) -> None:
        self._sizes.pop(key, None)

    def _fresh(self) -> dict[str, int]:
        return self._sizes if time.monotonic() - self._listed < _SECONDS else {}

    def _refresh(self) -> None:
        if self._fresh():
            return
        with ThreadPoolExecutor(_HANDS) as pool:  # digests are spread evenly over their first digit
            shares = list(pool.map(lambda digit: list(self._pages(f"cas/{digit}")), "0123456789abcdef"))
        pages = list(itertools.chain.from_iterable(shares))
        self._sizes = {key: size for key, size, _ in itertools.chain.from_iterable(pages)}
        self._listed, self._pages_needed = time.monotonic(), len(pages)
