"""How every run begins: what its preset took the place of, and what would stop or thin it."""

from prefect import get_run_logger

from jsl_core.check import check_run, raise_first
from jsl_core.config import PipelineSettings, describe_overrides

__all__ = ["begin_run"]


def begin_run(settings: PipelineSettings) -> None:
    """Log which settings went before others and what will be missing, and stop what cannot end well.

    Args:
        settings: The run's, with its preset applied.

    Raises:
        JslError: The first of what would stop the run.
    """
    logger = get_run_logger()
    for line in describe_overrides(settings):
        logger.info(line)
    for finding in raise_first(check_run(settings, "files")):
        logger.warning(str(finding))
