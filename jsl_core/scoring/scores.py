"""Scores of joint crops: one row each, with a reason instead where a knee cannot be scored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE_PROBABILITIES, KL2_RISK, RISK, RISK_INTERVAL, STRANGE, risk_months
from jsl_core.cohort.persons import normalise_knee
from jsl_core.errors import BadScan, BadTable
from jsl_core.imaging import Pseudonyms
from jsl_core.learning.model.calibration import called_grades
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.scans.rows import Row, rejection
from jsl_core.system.spreadsheet import format_csv

__all__ = [
    "COLUMNS",
    "NOT_FINITE",
    "JointCrop",
    "encode_scores",
    "is_finite",
    "pseudonymise_row",
    "score_crops",
]

_UNUSUAL = "unlike what the grader learned from; look at this one"
NOT_FINITE = BadScan("not_finite", "the models give this joint no finite score")

COLUMNS = (
    *("participant", "ID", "side"),
    *GRADE_PROBABILITIES,
    *("kl_grade", "kl_expected", KL2_RISK, RISK, *RISK_INTERVAL, "progresses", STRANGE),
    *("file", "side_from", "polarity_from", "note", "reason", "sentence"),
)

_BATCH = 64


@dataclass(frozen=True)
class JointCrop:
    """One joint ready to be scored.

    `pixels` are uint8 H×W as on the film, `file` the film or picture it was cut from, `side` 1 for right and
    2 for left. `side_from`, `polarity_from` and `note` are those of the split stage, `visit` that of a table
    with several.
    """

    file: str
    participant: str
    ID: str
    side: int
    pixels: NDArray[np.uint8] = field(repr=False, compare=False)
    side_from: str = ""
    polarity_from: str = ""
    note: str = ""
    visit: str = ""

    @property
    def names(self) -> Row:
        """The columns that tell which knee it is, and how that is known."""
        names = ("participant", "ID", "side", "file", "side_from", "polarity_from", "note")
        return {name: getattr(self, name) for name in names}


def score_crops(
    ensemble: Ensemble,
    crops: Iterable[JointCrop | Row],
    factors: pd.DataFrame | None = None,
    flip: Literal["auto", "on", "off"] = "auto",
    after: Callable[[Sequence[JointCrop], pd.DataFrame], None] = lambda crops, table: None,
    *,
    every_film: bool = False,
) -> Iterator[Row]:
    """Score joint crops in batches; of crops of the same knee the first is scored.

    Args:
        ensemble: The models.
        crops: Joint crops, and the rows of rejected ones, which are passed on.
        factors: From `read_cohort`, for models that need risk factors.
        flip: Whether each crop is averaged with its mirror image; `auto`: where validation favoured it.
        after: Called with every batch of scored crops and their rows of the table.
        every_film: Whether a knee is scored on each film that shows it.

    Yields:
        One row, in `COLUMNS`, for each crop in their order. `kl_expected` is the mean grade, `kl2_risk` the
        probability of KL 2 or above, `progresses` whether the risk reaches the models' threshold, `strange`
        how far the picture is from what a grader learned from: above 1 a note says that it should be looked
        at.

    Raises:
        BadTable: Where the table of factors has several visits of a knee.
    """
    needed = any(member.factors for member in ensemble.members)
    if factors is not None and factors["ID"].duplicated().any():
        raise BadTable(
            "the table of risk factors has several visits of a knee; keep the rows of the visit scored"
        )
    by_knee = factors.set_index("ID", drop=False) if factors is not None else None
    file_of: dict[str, str] = {}
    stream = iter(crops)
    while batch := list(islice(stream, _BATCH)):
        rejections = [
            _reject(item, by_knee if needed else None, {} if every_film else file_of)
            if isinstance(item, JointCrop)
            else item
            for item in batch
        ]
        accepted = [
            item
            for item, row in zip(batch, rejections, strict=True)
            if isinstance(item, JointCrop) and row is None
        ]
        scores: Iterator[Row] = iter(())
        if accepted:
            table = _join_factors(accepted, by_knee)
            scores = _score_batch(ensemble, accepted, table, flip)
            after(accepted, table)
        yield from (next(scores) if row is None else row for row in rejections)


def encode_scores(rows: Iterable[Row]) -> bytes:
    """Write the rows of `score_crops` as `scores.csv`, with empty cells where no model predicts a column.

    Risks by month have columns where a model of times tells them.
    """
    cells = [{name: _format_cell(value) for name, value in row.items()} for row in rows]
    table = pd.DataFrame(cells, dtype=object)
    place = COLUMNS.index(RISK) + 1
    columns = [*COLUMNS[:place], *risk_months(table).values(), *COLUMNS[place:]]
    return format_csv(table.reindex(columns=columns)).encode()


def pseudonymise_row(row: Row, pseudonyms: Pseudonyms) -> Row:
    """The row with pseudonyms for participant and file, and under `stand_for` whose they are."""
    names = {name: pseudonyms(row[name]) for name in ("participant", "file") if row.get(name)}
    knee = {"ID": f"{names['participant']}_{row['side']}"} if "participant" in names else {}
    return row | names | knee | {"stand_for": {alias: row[name] for name, alias in names.items()}}


def _format_cell(value: Any) -> Any:
    return f"{value:.6f}" if isinstance(value, float) else value


def _reject(crop: JointCrop, factors: pd.DataFrame | None, file_of: dict[str, str]) -> Row | None:
    """The row of a crop that is not scored, or None; `file_of` collects the first file of each knee."""
    first = file_of.setdefault(normalise_knee(crop.ID), crop.file)
    if first != crop.file:
        return rejection(crop.names, BadScan("duplicate", f"{first} already gave this knee, which is scored"))
    if factors is not None and normalise_knee(crop.ID) not in factors.index:
        sentence = "the table of risk factors has no row for this knee; add one"
        return rejection(crop.names, BadScan("no_row", sentence))
    return None


def _join_factors(crops: Sequence[JointCrop], factors: pd.DataFrame | None) -> pd.DataFrame:
    """A row per crop, with the columns of the table of factors where there is one."""
    table = pd.DataFrame([crop.names for crop in crops])
    if factors is not None:
        columns = factors.reindex([normalise_knee(crop.ID) for crop in crops]).reset_index(drop=True)
        table = table.join(columns.drop(columns=[column for column in columns if column in table]))
    return table


def _score_batch(
    ensemble: Ensemble, crops: Sequence[JointCrop], table: pd.DataFrame, flip: Literal["auto", "on", "off"]
) -> Iterator[Row]:
    mirrored = None if flip == "auto" else flip == "on"
    scores = ensemble.average(ensemble.predict_each([crop.pixels for crop in crops], table, mirrored))
    if GRADE_PROBABILITIES[0] in scores:
        grades = scores[GRADE_PROBABILITIES].to_numpy()
        scores["kl_grade"] = called_grades(grades)
        scores["kl_expected"] = grades @ np.arange(len(GRADE_PROBABILITIES))
        scores[KL2_RISK] = grades[:, 2:].sum(axis=1)
    if RISK in scores and ensemble.threshold is not None:
        scores["progresses"] = (scores[RISK] >= ensemble.threshold).astype(int)
    for crop, row, ok in zip(crops, scores.to_dict("records"), is_finite(scores), strict=True):
        if ok:
            scored = crop.names | {str(name): value for name, value in row.items()}
            yield scored | {"note": _join_notes(crop.note, _UNUSUAL if row.get(STRANGE, 0) > 1 else "")}
        else:
            yield rejection(crop.names, NOT_FINITE)


def _join_notes(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def is_finite(scores: pd.DataFrame) -> NDArray[np.bool_]:
    """Which of N rows of predictions are numbers throughout, bool N."""
    return np.isfinite(scores.to_numpy(float)).all(axis=1)
