"""`jsl listen`, `jsl pull` and `jsl send`, and the results of `jsl score` as DICOM: JSL beside a PACS."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.cli.terminal import Bars
from jsl_core.config import ConvertSettings
from jsl_core.errors import JslError

if TYPE_CHECKING:  # the libraries of a PACS take a second to import
    from jsl_core.imaging import Pseudonyms

__all__ = ["write_dicom"]


def write_dicom(
    rows: Sequence[dict[str, Any]],
    scans: Path,
    out: Path,
    models: Sequence[Path],
    convert: ConvertSettings,
    pseudonyms: "Pseudonyms | None",
    widths: Path | None,
    jobs: int,
    bars: Bars,
) -> int:
    """Write the results of scored films as DICOM; returns how many objects there are."""
    from jsl_core.detection.look import look_at_film
    from jsl_core.pacs.results import ResultsJob, write_results
    from jsl_core.pacs.widths import read_widths
    from jsl_core.scoring.model_identity import identify_models

    job = ResultsJob(
        source=scans,
        out=out,
        model=identify_models(models),
        look=look_at_film,
        convert=convert,
        pseudonyms=pseudonyms,
        widths=read_widths(widths) if widths else None,
    )
    paths, rejected = write_results(rows, job, jobs, bars.callback("results"))
    if rejected and not paths:
        raise JslError(f"--dicom {out}: no film has results ({rejected[0]['sentence']}); give DICOM films")
    for row in rejected:
        bars.say(f"no results of a film: {row['sentence']}")
    return len(paths)
