"""Progress of long work as log records, so that whoever runs it decides how to show it."""

import logging

__all__ = ["PROGRESS", "tell"]

PROGRESS = "jsl.progress"


def tell(what: str, done: int, total: int, note: str = "") -> None:
    """Say that `done` of `total` of some work is finished."""
    state = {"what": what, "done": done, "total": total, "note": note}
    logging.getLogger(PROGRESS).info("%s: %d of %d %s", what, done, total, note, extra={"progress": state})
