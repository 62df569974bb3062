"""The corrections of a run: whether they can be read, and of what they are."""

from jsl_core.check.finding import Findings
from jsl_core.config import PipelineSettings
from jsl_core.review.corrections import load_corrections
from jsl_core.storage import open_store

__all__ = ["check_corrections"]


def check_corrections(settings: PipelineSettings, findings: Findings) -> None:
    """Check that the corrections that a run is to lay over can be read.

    Args:
        settings: The run's.
        findings: Gets what is wrong, and how many there are.
    """
    if not settings.corrections:
        return
    found = findings.attempt(lambda: load_corrections(settings.corrections, open_store(settings.store)))
    if found is not None:
        findings.facts.append(f"corrections of {len(found.films)} films and {len(found.grades)} grades")
