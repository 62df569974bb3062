"""Progress of long work as log records, so that whoever runs it decides how to show it."""

import logging
import threading
import time

__all__ = ["PROGRESS", "format_seconds", "report_progress", "report_wait"]

PROGRESS = "jsl.progress"  # the logger
_SAME_OUTAGE = 60.0  # seconds between two reports of the same outage at most

_reported: dict[str, float] = {}  # when a wait for a server was reported last, by the monotonic clock
_lock = threading.Lock()


def report_progress(what: str, done: int, total: int, note: str = "") -> None:
    """Log that `done` of `total` of some work is finished."""
    state = {"what": what, "done": done, "total": total, "note": note}
    logging.getLogger(PROGRESS).info("%s: %d of %d %s", what, done, total, note, extra={"progress": state})


def report_wait(server: str, cause: str, seconds: float) -> None:
    """Log once, however often this is called meanwhile, that a server is waited for.

    Args:
        server: Which.
        cause: Why, in a few words.
        seconds: For how long at most.
    """
    now = time.monotonic()
    with _lock:
        is_news = now - _reported.get(server, -_SAME_OUTAGE) >= _SAME_OUTAGE
        _reported[server] = now
    if is_news:
        logging.getLogger(PROGRESS).warning(
            "waiting for %s (%s), up to %s",
            server,
            cause,
            format_seconds(seconds),
            extra={"wait": (server, cause, seconds)},
        )


def format_seconds(seconds: float) -> str:
    """`2 min`, or `45 s` where it is less than two minutes."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
