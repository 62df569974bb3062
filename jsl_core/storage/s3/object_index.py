"""Which of many artifacts are stored, without a request for each."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from jsl_core.storage.artifact import Artifact

__all__ = ["ListingPage", "ObjectIndex"]

_WORTH_LISTING = 40  # artifacts from which a listing is cheaper than a request for each
_LISTING_SECONDS = 30.0  # for which a listing is believed
_REQUESTS = 16  # at a time

ListingPage = list[tuple[str, int, float]]
"""Key, size in bytes and age in seconds of some objects."""


class ObjectIndex:
    """Finds missing artifacts by a recent listing of `cas/` where that is cheaper, else one by one.

    What a listing shows is stored; what it does not show is asked for, as a listing may lag.
    """

    def __init__(
        self, is_stored: Callable[[Artifact], bool], list_pages: Callable[[str], Iterator[ListingPage]]
    ) -> None:
        """Keep the two kinds of request: for one artifact, and for the pages of keys below a prefix."""
        self._is_stored, self._list_pages = is_stored, list_pages
        self._sizes: dict[str, int] = {}
        self._listed_at = -_LISTING_SECONDS
        self._page_count = 1

    def missing(self, artifacts: list[Artifact]) -> list[Artifact]:
        """Return the artifacts that are not stored, in their order."""
        if len(artifacts) > max(_WORTH_LISTING, 4 * self._page_count):
            self._refresh()
        unlisted = [one for one in artifacts if self._current_sizes().get(one.key) != one.size]
        if len(unlisted) < 2:
            return [one for one in unlisted if not self._is_stored(one)]
        with ThreadPoolExecutor(_REQUESTS) as pool:
            stored = list(pool.map(self._is_stored, unlisted))
        return [one for one, is_stored in zip(unlisted, stored, strict=True) if not is_stored]

    def add(self, artifact: Artifact) -> None:
        """Note an artifact that has just been stored."""
        self._sizes[artifact.key] = artifact.size

    def remove(self, key: str) -> None:
        """Drop an object that is about to be deleted."""
        self._sizes.pop(key, None)

    def _current_sizes(self) -> dict[str, int]:
        return self._sizes if time.monotonic() - self._listed_at < _LISTING_SECONDS else {}

    def _refresh(self) -> None:
        if self._current_sizes():
            return
        with ThreadPoolExecutor(_REQUESTS) as pool:  # digests are spread evenly over their first digit
            per_digit = list(
                pool.map(lambda digit: list(self._list_pages(f"cas/{digit}")), "0123456789abcdef")
            )
        pages = list(itertools.chain.from_iterable(per_digit))
        self._sizes = {key: size for key, size, _ in itertools.chain.from_iterable(pages)}
        self._listed_at, self._page_count = time.monotonic(), len(pages)
