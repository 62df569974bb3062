"""`jsl check`: what would stop or thin a run, in seconds, before it begins."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from flows.cli.options import Flat, RunOptions
from jsl_core.config import PipelineSettings, Preset, describe_overrides, load_pipeline
from jsl_core.config.any_file import load_any_file
from jsl_core.errors import JslError

__all__ = ["check", "check_before_run"]


def check(
    file: Path | None = None,
    *,
    preset: Preset | None = None,
    settings: Annotated[RunOptions | None, Flat] = None,
) -> None:
    """Print what would stop or thin a run, a line each; exit code 1 if anything would stop it.

    It reads the table, looks for every file that is named, reads the headers of some films, and asks disks,
    servers, networks and the GPU. Nothing is worked on.

    Args:
        file: The settings of a run, a lab or a sweep in TOML, as for jsl run. Options override it.
        preset: The settings to start from; `preset = "…"` in the file does the same.
    """
    from jsl_core.check import check_run

    options: Mapping[str, Any] = settings.model_dump(exclude_unset=True) if settings else {}
    chosen = load_any_file(file, preset, options) if file else load_pipeline(None, preset, options)
    findings = check_run(chosen, "all")
    for line in [*map(str, findings.found), *describe_overrides(chosen)]:
        print(line)
    print(f"read: {'; '.join(findings.facts) or 'nothing'}")
    count = sum(finding.stops for finding in findings.found)
    if count:
        where = f"{file}: " if file else ""
        faults = "1 fault stops" if count == 1 else f"{count} faults stop"
        raise JslError(f"{where}{faults} this run; mend what the lines above name")
    print("nothing stops this run")


def check_before_run(settings: PipelineSettings) -> None:
    """Check a run that is about to begin: what thins it becomes a line, what stops it an error.

    Raises:
        JslError: The last of what would stop the run; others are printed before it.
    """
    from jsl_core.check import check_run

    findings = check_run(settings, "run")
    stops = [finding for finding in findings.found if finding.stops]
    thins = [finding for finding in findings.found if not finding.stops]
    for line in describe_overrides(settings):
        print(f"jsl: {line}", file=sys.stderr)
    for finding in [*thins, *stops[:-1]]:
        print(f"jsl: {finding.error}", file=sys.stderr)
    if stops:
        raise stops[-1].error
