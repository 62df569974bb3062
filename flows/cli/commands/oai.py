"""`jsl oai`: from the OAI release, or another cohort's table, to the cohort table."""

from pathlib import Path
from typing import Annotated

from flows.cli.options import FlatSeveral
from flows.cli.terminal import Bars
from jsl_core.config import OaiSettings

__all__ = ["oai"]


def oai(
    release: Path,
    dst: Path,
    *,
    mapping: Path | None = None,
    settings: Annotated[OaiSettings | None, FlatSeveral] = None,
) -> None:
    """Make the cohort table of an OAI release; beside it, who fell out and why, the flow, and the scans.

    Args:
        release: The release: a folder or zip with the text tables and, if at hand, the images; nothing is
            unpacked. With --mapping: another cohort's table, or a folder of its tables.
        dst: The table to write, DST.csv; the other files take its name and `_excluded.csv`, `_flow.csv`,
            `_flow.png`, `_scans.csv` and `_problems.csv`.
        mapping: TOML file that says how the other cohort's columns and codes read; or the name of one that
            ships with the program: most, check, hospital.
    """
    from jsl_core.cohort.oai import format_summary, read_mapped, read_release, write_cohort

    chosen = settings or OaiSettings()
    if mapping:
        cohort = read_mapped(release, mapping, chosen)
    else:
        with Bars() as bars:
            cohort = read_release(release, chosen, progress=bars.callback("film headers"))
    written = write_cohort(cohort, dst)
    print(
        f"{format_summary(cohort)}\n\n{', '.join(path.name for path in written)} in {dst.absolute().parent}"
    )
