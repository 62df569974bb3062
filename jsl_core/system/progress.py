"""Progress of long work as log records, so that whoever runs it decides how to show it."""

import logging

__all__ = ["PROGRESS", "report_progress"]

PROGRESS = "jsl.progress"  # the logger


def report_progress(what: str, done: int, total: int, note: str = "") -> None:
    """Log that `done` of `total` of some work is finished."""
    state = {"what": what, "done": done, "total": total, "note": note}
    logging.getLogger(PROGRESS).info("%s: %d of %d %s", what, done, total, note, extra={"progress": state})
