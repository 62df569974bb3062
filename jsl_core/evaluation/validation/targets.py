"""What a model can be validated on: an outcome of two kinds, and the risk that the model gives it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK, SOURCES
from jsl_core.evaluation.statistics.calibration import log_odds

__all__ = ["TARGETS", "Target", "rows_of_target"]

_DISEASED = 2  # radiographic osteoarthritis is KL 2 and above (Kohn et al., CORR 474 (2016) 1886)


@dataclass(frozen=True)
class Target:
    """An outcome that models predict.

    Attributes:
        name: In files.
        title: On the page.
        event: What a knee with the outcome has, as the end of a sentence.
        label: The column of the cohort table that tells it.
        predictions: Columns that a model which predicts it has.
    """

    name: str
    title: str
    event: str
    label: str
    predictions: tuple[str, ...]


TARGETS = (
    Target("progression", "Progression", "progressed", PROGRESSION, (RISK,)),
    Target(
        "osteoarthritis", "Osteoarthritis, KL 2 and above", "have KL 2 or above", GRADE,
        tuple(GRADE_PROBABILITIES),
    ),
)  # fmt: skip


def rows_of_target(predictions: pd.DataFrame, target: Target) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """A model's knees with one outcome and one risk, whatever it predicts.

    Args:
        predictions: One row per knee with participant, the label, the predictions, and the risk factors.
        target: What is predicted.

    Returns:
        The rows that have the label, with `JSL_Prog` (0 or 1) and `jsl_risk` standing for outcome and risk,
        without other predictions; and all that the model says of each, N×F as log odds.
    """
    rows = predictions.dropna(subset=[target.label, *target.predictions]).reset_index(drop=True)
    if target.label == GRADE:
        probability = rows[GRADE_PROBABILITIES].to_numpy(float)
        reached = probability[:, ::-1].cumsum(axis=1)[:, ::-1].clip(max=1)  # P(KL ≥ k), k = 0…4
        outcome = (rows[GRADE] >= _DISEASED).astype(float)
        parts, risk = log_odds(reached[:, 1:]), reached[:, _DISEASED]
    else:
        outcome, risk = rows[PROGRESSION].astype(float), rows[RISK].to_numpy(float)
        whole = log_odds(risk)[:, None]
        parts = rows[list(SOURCES)].to_numpy(float) if set(SOURCES) <= set(rows) else whole
    rows = rows.drop(columns=[name for name in rows if name in (*GRADE_PROBABILITIES, *SOURCES)])
    rows[PROGRESSION], rows[RISK] = outcome, risk
    return rows, parts
