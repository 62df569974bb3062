"""How long a server that is away is waited for, and the one line that says so."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jsl_core.errors import BadSettings
from jsl_core.system.progress import report_wait

__all__ = ["PATIENCE", "Patience", "patience", "set_patience", "without_time_limit"]

PATIENCE = 120.0  # seconds: a server that is started again, or a machine that is
_VARIABLE = "JSL_PATIENCE"  # an environment variable, so that the processes that this one starts have it, too

_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds between attempts; the last one again and again
_UNSAID_SECONDS = 1.0  # of waiting about which nobody needs to know
_MOST_OUTAGES = 10  # of `patience` in one operation, where others succeed meanwhile

_answered: dict[str, float] = {}  # when an operation on a server succeeded last, by the monotonic clock


def patience() -> float:
    """Return for how many seconds a server that is away is waited for.

    Raises:
        BadSettings: If JSL_PATIENCE is no such number.
    """
    text = os.environ.get(_VARIABLE, "") or str(PATIENCE)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadSettings(f"{_VARIABLE}={text[:40]}: is no number of seconds; set it to one, such as 120")
    return seconds


def set_patience(seconds: float) -> None:
    """Choose the patience of this process, and of those that it starts from now on."""
    os.environ[_VARIABLE] = f"{seconds:g}"


class Patience:
    """The patience with one operation: `pause_after` each failure that may pass, `succeed` at its end.

    An outage begins with the operation's first failure, or with the last success of any operation on that
    server since: a server that is killed again and again has come back in between.
    """

    def __init__(self, server: str, seconds: float | None = None) -> None:
        """Have patience with a server.

        Args:
            server: What it is called in the line.
            seconds: How long; as long as `patience` says by default.
        """
        self._server = server
        self._seconds = patience() if seconds is None else seconds
        self._failed_at: float | None = None
        self._failures = 0

    @property
    def waited(self) -> float:
        """Seconds since the operation's first failure; 0 where there was none."""
        return 0.0 if self._failed_at is None else time.monotonic() - self._failed_at

    def pause_after(self, cause: str) -> float | None:
        """Tell how long to wait before the next attempt; None once patience is at its end.

        Args:
            cause: Why the attempt failed, in a few words, for the line.
        """
        now = time.monotonic()
        self._failed_at = now if self._failed_at is None else self._failed_at
        away = now - max(self._failed_at, _answered.get(self._server, 0.0))
        if away >= self._seconds or now - self._failed_at >= _MOST_OUTAGES * self._seconds:
            return None
        if away >= _UNSAID_SECONDS:
            report_wait(self._server, cause, self._seconds)
        pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)] * random.uniform(0.5, 1.5)
        self._failures += 1
        return min(pause, max(self._seconds - away, 0.05))

    def succeed(self) -> None:
        """Note that the server is there."""
        _answered[self._server] = time.monotonic()


@contextmanager
def without_time_limit() -> Iterator[None]:
    """Stop the clock of an item's time limit (`parallel_map`): a server's absence is not the item's fault."""
    remaining, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        if remaining:
            signal.setitimer(signal.ITIMER_REAL, remaining)
