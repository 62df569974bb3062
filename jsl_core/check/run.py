"""All checks of a run, in the order in which it would meet the trouble."""

from typing import Literal

from jsl_core.check.corrections import check_corrections
from jsl_core.check.finding import Finding, Findings
from jsl_core.check.inputs import check_scans, check_table, check_truth
from jsl_core.check.networks import check_detector, check_device, check_weights
from jsl_core.check.places import check_disks, check_servers, check_stores
from jsl_core.config import PipelineSettings
from jsl_core.evaluation.trackers import open_tracker
from jsl_core.imaging import load_pseudonyms

__all__ = ["check_run", "raise_first"]


Depth = Literal["files", "run", "all"]


def check_run(settings: PipelineSettings, depth: Depth = "all") -> Findings:
    """Find what would stop or thin a run, without working on anything.

    Args:
        settings: The run's.
        depth: `files` reads the table and looks for every file that is named; `run` also reads the headers of
            some films, opens some pictures, asks servers, and loads the networks that the user brings; `all`
            loads whatever a run would.

    Returns:
        All that was found, and facts about what was read.
    """
    findings, deep = Findings(), depth != "files"
    table = check_table(settings, findings, deep)
    films = check_scans(settings, table, findings, deep)
    check_truth(settings, findings)
    check_corrections(settings, findings)
    if settings.pseudonymise:
        findings.attempt(lambda: load_pseudonyms(settings.pseudonym_key))
    if settings.tracker:
        findings.attempt(lambda: open_tracker(settings.tracker))
    check_stores(settings, findings, deep)
    check_disks(settings, films, findings)
    if settings.scans:
        check_detector(settings.crop, findings, deep)
    own = settings.training.backbone != "jslnet" or settings.training.weights != "none"
    check_weights(settings, findings, depth == "all" or (deep and own), remembered=depth == "run")
    if depth == "all" or (deep and settings.training.device == "cuda"):
        check_device(settings, findings)
    if deep:
        check_servers(settings, findings)
    return findings


def raise_first(findings: Findings) -> list[Finding]:
    """Raise the first of what stops a run; returns what thins it where nothing does.

    Raises:
        JslError: What would stop the run.
    """
    for finding in findings.found:
        if finding.stops:
            raise finding.error
    return findings.found
