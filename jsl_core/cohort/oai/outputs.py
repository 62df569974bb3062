"""The files of a cohort: its table, exclusions, flow, scans and the oddities of the release."""

import io
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from jsl_core.cohort.columns import VISIT
from jsl_core.cohort.oai.consort import draw_flow
from jsl_core.cohort.oai.screening import MILESTONES, Cohort
from jsl_core.system.files import write_atomically

__all__ = ["format_summary", "write_cohort"]

_FILM = ["participant", "file", "barcode", "how", "reason"]
_ORDINARY = ("", "no_film", "another_film_is_used")  # not counted among the oddities


def write_cohort(cohort: Cohort, destination: Path) -> list[Path]:
    """Write `<stem>.csv`, `_excluded.csv`, `_flow.csv`, `_flow.png`, `_scans.csv` and `_problems.csv`.

    Args:
        cohort: What to write.
        destination: The table, which is written last: where it exists, the others do.

    Returns:
        The files.

    Raises:
        StoreError: If a file cannot be written.
    """
    stem = destination.with_suffix("")
    film_columns = [*_FILM, VISIT] if VISIT in cohort.table else _FILM
    films = pd.DataFrame([asdict(film) for film in cohort.films], columns=film_columns)
    problems = pd.DataFrame([asdict(f) for f in cohort.findings], columns=["kind", "where", "sentence"])
    contents = {
        Path(f"{stem}_excluded.csv"): _csv(cohort.excluded),
        Path(f"{stem}_flow.csv"): _csv(cohort.flow),
        Path(f"{stem}_flow.png"): draw_flow(cohort.flow),
        Path(f"{stem}_scans.csv"): _csv(films),
        Path(f"{stem}_problems.csv"): _csv(problems),
        destination: _csv(cohort.table),
    }
    for path, data in contents.items():
        with write_atomically(path) as file:
            file.write(data)
    return list(contents)


def format_summary(cohort: Cohort) -> str:
    """Write the flow, and the number of oddities by kind, as lines of text."""
    lines = [
        f"{remaining if step in MILESTONES else -excluded:>7,}  {step}"
        for step, excluded, remaining in cohort.flow.itertuples(index=False, name=None)
    ]
    rejected = [film.reason for film in cohort.films if film.reason not in _ORDINARY]
    kinds = [*rejected, *(finding.kind for finding in cohort.findings)]
    oddities = [f"{count:>7,}  {kind.replace('_', ' ')}" for kind, count in sorted(Counter(kinds).items())]
    return "\n".join([*lines, *(["", "Odd in the release:", *oddities] if oddities else [])])


def _csv(table: pd.DataFrame) -> bytes:
    text = io.StringIO()
    table.to_csv(text, index=False, lineterminator="\n")
    return text.getvalue().encode()
