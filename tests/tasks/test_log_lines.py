"""A run's log names its steps, and has each error once: a user's as a line, a fault with its traceback."""

import logging

import pytest
from prefect import flow, task

from jsl_core.errors import BadTable, JslError
from tasks.log_lines import name_log_lines

pytestmark = pytest.mark.usefixtures("prefect")

LINE = "JSL.csv, row 2: BL_KL_grade is 9; it must be 0, 1, 2, 3, 4 or blank"


@task(task_run_name="pack")
def fail(error: Exception) -> None:
    raise error


@task(task_run_name="gather")
def succeed() -> int:
    return 1


@flow(name="prepare")
def inner(error: Exception) -> None:
    succeed()
    fail(error)


@flow(name="pipeline")
def outer(error: Exception) -> None:
    inner(error)


class Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def said(error: Exception) -> list[logging.LogRecord]:
    """What the loggers of runs say of a pipeline that ends with an error."""
    name_log_lines()
    name_log_lines()
    listener = Listener()
    loggers = [logging.getLogger(name) for name in ("prefect.task_runs", "prefect.flow_runs")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
    try:
        with pytest.raises(type(error)):
            outer(error)
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(listener)
            logger.setLevel(level)
    return listener.records


@pytest.mark.parametrize("error", [BadTable(LINE), ValueError("a fault of the program")])
def test_an_error_that_passes_a_task_and_two_flows_is_told_once(error: Exception) -> None:
    records = said(error)
    telling = [record for record in records if str(error) in f"{record.getMessage()} {record.exc_info}"]
    assert len(telling) == 1
    assert (telling[0].exc_info is None) == isinstance(error, JslError)
    if isinstance(error, JslError):
        assert telling[0].getMessage() == LINE


def test_steps_are_called_by_their_names() -> None:
    lines = [record.getMessage() for record in said(BadTable(LINE))]
    ends = [line for line in lines if not line.startswith(("Beginning", "View at"))]
    assert ends == ["gather: done", LINE, "pack: failed", "prepare: failed", "pipeline: failed"]
