"""One thing that would stop or thin a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from jsl_core.errors import JslError

__all__ = ["Finding", "Findings"]

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, and what to do.

    Attributes:
        error: As the run would raise it; its message is one line.
        stops: Whether the run cannot come to its end so; else it goes on with less than it was given.
    """

    error: JslError
    stops: bool = True

    def __str__(self) -> str:
        return f"{'stops' if self.stops else 'thins'}: {self.error}"


class Findings:
    """What was found so far, and facts to tell where nothing is wrong."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.found: list[Finding] = []
        self.facts: list[str] = []

    def stop(self, error: JslError) -> None:
        """Add what stops the run; the same is added once."""
        self._add(Finding(error))

    def thin(self, error: JslError) -> None:
        """Add what leaves the run less than it was given."""
        self._add(Finding(error, stops=False))

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Do something, and return what it gives; an error becomes what stops the run."""
        try:
            return work()
        except JslError as error:
            self.stop(error)
            return None

    @contextmanager
    def catch(self) -> Iterator[None]:
        """Turn an error within the block into what stops the run."""
        try:
            yield
        except JslError as error:
            self.stop(error)

    def _add(self, finding: Finding) -> None:
        if str(finding) not in map(str, self.found):
            self.found.append(finding)
