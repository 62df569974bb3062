"""Knees in, a row of scores each; a knee that cannot be scored is a row with its reason."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE_PROBABILITIES, RISK, RISK_INTERVAL
from jsl_core.errors import BadScan
from jsl_core.learning.model.calibration import called_grades
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.scans.rows import Row, rejection

__all__ = ["COLUMNS", "Knee", "score_knees", "scores_csv"]

COLUMNS = (
    *("participant", "ID", "side"),
    *GRADE_PROBABILITIES,
    *("kl_grade", "kl_expected", RISK, *RISK_INTERVAL, "progresses"),
    *("file", "reason", "sentence"),
)

_BATCH = 64


@dataclass(frozen=True)
class Knee:
    """One joint ready to be scored: `crop` uint8 H×W as on the film; `file` is where it came from.

    `side` is 1 for right and 2 for left.
    """

    file: str
    participant: str
    ID: str
    side: int
    crop: NDArray[np.uint8] = field(repr=False, compare=False)

    @property
    def names(self) -> Row:
        return {"participant": self.participant, "ID": self.ID, "side": self.side, "file": self.file}


def score_knees(
    ensemble: Ensemble,
    knees: Iterable[Knee | Row],
    factors: pd.DataFrame | None = None,
    flip: Literal["auto", "on", "off"] = "auto",
    after: Callable[[Sequence[Knee], pd.DataFrame], None] = lambda knees, table: None,
) -> Iterator[Row]:
    """One row, in `COLUMNS`, of each knee in their order; rows that come in (rejections) are passed on.

    `factors` is what `read_cohort` returns, for models that need risk factors; of knees of the same ID the
    first is scored. `after` is called with every batch of scored knees and their rows of the table.
    `kl_expected` is the mean grade, `progresses` whether the risk reaches the models' threshold.
    """
    needed = any(member.factors for member in ensemble.members)
    known = factors.set_index("ID", drop=False) if factors is not None else None
    seen: dict[str, str] = {}
    stream = iter(knees)
    while batch := list(islice(stream, _BATCH)):
        rows = [
            _refused(one, known if needed else None, seen) if isinstance(one, Knee) else one for one in batch
        ]
        good = [one for one, row in zip(batch, rows, strict=True) if isinstance(one, Knee) and row is None]
        scored: Iterator[Row] = iter(())
        if good:
            table = _table(good, known)
            scored = _scored(ensemble, good, table, flip)
            after(good, table)
        yield from (next(scored) if row is None else row for row in rows)


def scores_csv(rows: Iterable[Row]) -> bytes:
    """`scores.csv`: what `score_knees` yields, blank where a model says nothing."""
    text = io.StringIO()
    short = ({name: _short(value) for name, value in row.items()} for row in rows)
    pd.DataFrame(list(short), dtype=object).reindex(columns=COLUMNS).to_csv(
        text, index=False, lineterminator="\n"
    )
    return text.getvalue().encode()


def _short(value: Any) -> Any:
    return f"{value:.6f}" if isinstance(value, float) else value


def _refused(knee: Knee, factors: pd.DataFrame | None, seen: dict[str, str]) -> Row | None:
    """The row of a knee that is not to be scored, or None."""
    first = seen.setdefault(knee.ID, knee.file)
    if first != knee.file:
        return rejection(knee.names, BadScan("duplicate", f"{first} already gave this knee, which is scored"))
    if factors is not None and knee.ID not in factors.index:
        why = "the table of risk factors has no row for this knee; add one"
        return rejection(knee.names, BadScan("no_row", why))
    return None


def _table(knees: Sequence[Knee], factors: pd.DataFrame | None) -> pd.DataFrame:
    """A row per knee, with its factors where there is a table of them."""
    table = pd.DataFrame([knee.names for knee in knees])
    if factors is not None:
        others = factors.reindex([knee.ID for knee in knees]).reset_index(drop=True)
        table = table.join(others.drop(columns=[column for column in others if column in table]))
    return table


def _scored(
    ensemble: Ensemble, knees: Sequence[Knee], table: pd.DataFrame, flip: Literal["auto", "on", "off"]
) -> Iterator[Row]:
    asked = None if flip == "auto" else flip == "on"
    told = ensemble.average(ensemble.predict_each([knee.crop for knee in knees], table, asked))
    if GRADE_PROBABILITIES[0] in told:
        grades = told[GRADE_PROBABILITIES].to_numpy()
        told["kl_grade"] = called_grades(grades)
        told["kl_expected"] = grades @ np.arange(len(GRADE_PROBABILITIES))
    if RISK in told and ensemble.threshold is not None:
        told["progresses"] = (told[RISK] >= ensemble.threshold).astype(int)
    for knee, row in zip(knees, told.to_dict("records"), strict=True):
        yield knee.names | {str(name): value for name, value in row.items()}
