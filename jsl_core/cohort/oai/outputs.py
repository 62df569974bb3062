"""The cohort on disk: the table, and beside it who fell out, the flow, the scans and the oddities."""

import io
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from jsl_core.cohort.oai.consort import draw_flow
from jsl_core.cohort.oai.screening import MILESTONES, Cohort
from jsl_core.system.files import write_atomically

__all__ = ["summary", "write_cohort"]

_FILM = ["participant", "file", "barcode", "how", "reason"]
_ORDINARY = ("", "no_film", "another_film_is_used")  # said elsewhere, or nothing odd


def write_cohort(cohort: Cohort, destination: Path) -> list[Path]:
    """Write `<stem>.csv`, `_excluded.csv`, `_flow.csv`, `_flow.png`, `_scans.csv` and `_problems.csv`.

    The table is written last, so that where it is, the others are. Raises StoreError.
    """
    stem = destination.with_suffix("")
    films = pd.DataFrame([asdict(film) for film in cohort.films], columns=_FILM)
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


def summary(cohort: Cohort) -> str:
    """The flow and the oddities by number and kind, for people."""
    lines = [
        f"{remaining if step in MILESTONES else -excluded:>7,}  {step}"
        for step, excluded, remaining in cohort.flow.itertuples(index=False, name=None)
    ]
    rejected = [film.reason for film in cohort.films if film.reason not in _ORDINARY]
    kinds = [*rejected, *(finding.kind for finding in cohort.findings)]
    odd = [f"{count:>7,}  {kind.replace('_', ' ')}" for kind, count in sorted(Counter(kinds).items())]
    return "\n".join([*lines, *(["", "Odd in the release:", *odd] if odd else [])])


def _csv(table: pd.DataFrame) -> bytes:
    text = io.StringIO()
    table.to_csv(text, index=False, lineterminator="\n")
    return text.getvalue().encode()
