"""How every run begins: what its preset took the place of, and what would stop or thin it."""

from prefect import get_run_logger

from jsl_core.check import check_run, raise_first
from jsl_core.config import PipelineSettings, describe_overrides
from jsl_core.errors import BadSettings, BadTable, BundleError, DetectorError, JslError, StoreError
from jsl_core.system.patience import set_patience

__all__ = ["begin_run"]


def begin_run(settings: PipelineSettings) -> None:
    """Log which settings went before others and what will be missing, and stop what cannot end well.

    With pseudonyms nothing is named.

    Args:
        settings: The run's, with its preset applied.

    Raises:
        JslError: The first of what would stop the run.
    """
    logger = get_run_logger()
    if settings.patience is not None:
        set_patience(settings.patience)
    for line in describe_overrides(settings):
        logger.info(line)
    try:
        thins = [str(finding) for finding in raise_first(check_run(settings, "files"))]
    except (BadSettings, BundleError, DetectorError, StoreError):
        raise
    except JslError:
        if not settings.pseudonymise:  # Prefect keeps messages and logs
            raise
        raise BadTable(
            "cohort: the table or what it names stops the run; why may name somebody, see it with jsl check"
        ) from None
    if thins and settings.pseudonymise:
        thins = [f"thins: {len(thins)} findings, which may name somebody; see them with jsl check"]
    for line in thins:
        logger.warning(line)
