"""What a run's log says: which step has ended and how, and each error once, as its one line.

Prefect writes `Finished in state Completed()` for each step, and an error's traceback wherever it passes:
once for the task, once for each flow around it, and once for the process.
"""

import logging
import re

from jsl_core.errors import JslError

__all__ = ["name_log_lines"]

_LOGGERS = ("prefect.task_runs", "prefect.flow_runs", "prefect.engine")
_FINISHED = re.compile(r"Finished in state (\w+)\(")
_LOGGED = "_jsl_said"  # marks an error whose line is in the log

_OUTCOMES = {
    "Completed": "done",
    "Cached": "nothing has changed, the earlier result is used",
    "Failed": "failed",
    "Crashed": "its process has died",
    "Cancelled": "cancelled",
}


def name_log_lines() -> None:
    """Have Prefect's loggers of runs, in this process, name steps and tell an error once; repeatable."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _NamedLines) for one in logger.filters):
            logger.addFilter(_NamedLines())


class _NamedLines(logging.Filter):
    """Rewrites records before any handler has them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record; tell whether it is to be logged."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            if getattr(error, _LOGGED, False):
                return False
            setattr(error, _LOGGED, True)
            if isinstance(error, JslError):  # its line says where and what to do; no traceback says more
                record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        elif finished := _FINISHED.match(record.getMessage()):
            what = getattr(record, "task_run_name", None) or getattr(record, "flow_name", "run")
            record.msg, record.args = f"{what}: {_OUTCOMES.get(finished[1], finished[1])}", ()
        return True
