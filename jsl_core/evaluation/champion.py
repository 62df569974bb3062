"""The paired comparison of champion and challenger, which decides whether the champion is replaced."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK
from jsl_core.cohort.persons import person_key, person_keys
from jsl_core.errors import JslError
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.delong import auc_difference, auc_interval
from jsl_core.evaluation.statistics.metrics import grade_scores
from jsl_core.learning.model.calibration import called_grades

__all__ = ["Comparison", "compare_with_champion"]


@dataclass(frozen=True)
class Comparison:
    """A figure (larger is better) of both models on the same knees.

    `low` and `high` are the 95 % interval of `difference`, the challenger's figure less the champion's.
    """

    figure: Literal["AUC", "quadratic kappa"]
    challenger: float
    champion: float
    difference: float
    low: float
    high: float
    margin: float
    knees: int
    participants: int

    @property
    def not_worse(self) -> bool:
        """Non-inferiority: the whole interval of the difference lies above -`margin`."""
        return self.low >= -self.margin


def compare_with_champion(
    challenger: pd.DataFrame, champion: pd.DataFrame, frozen: Set[str], margin: float
) -> Comparison:
    """Compare two models on the knees of the frozen participants that both predicted.

    AUC by DeLong's paired test with both knees of a participant as one cluster; kappa by 2,000 bootstrap
    samples of participants.

    Args:
        challenger: Predictions with ID, participant, BL_KL_grade, JSL_Prog and jsl_risk, or kl_0…kl_4 where
            the model predicts no risk.
        champion: The same of the champion.
        frozen: Participants that neither model was trained or chosen on.
        margin: The loss of AUC or kappa that is accepted.

    Raises:
        JslError: If these knees allow no comparison.
    """
    by_risk = RISK in challenger and RISK in champion
    columns = [RISK] if by_risk else GRADE_PROBABILITIES
    label = PROGRESSION if by_risk else GRADE
    if not set(columns) <= set(challenger) & set(champion):
        raise JslError("champion and challenger predict different things; choose another regime to retrain")
    both = challenger.merge(champion[["ID", *columns]], on="ID", suffixes=("", "_champion"))
    of_frozen = both["participant"].map(person_key).isin(person_keys(frozen))
    both = both[of_frozen & both[label].notna()].dropna(subset=columns)
    truth = both[label].to_numpy()
    if len(np.unique(truth)) < 2:
        raise JslError(
            f"the frozen test part has {len(both)} knees with {label}, not of two classes, so models cannot "
            "be compared; check that its participants are still in the cohort table"
        )
    participants = both["participant"].to_numpy()
    return (_compare_auc if by_risk else _compare_kappa)(both, truth, participants, margin)


def _compare_auc(
    both: pd.DataFrame, truth: np.ndarray, participants: np.ndarray, margin: float
) -> Comparison:
    new, old = both[RISK].to_numpy(float), both[f"{RISK}_champion"].to_numpy(float)
    test = auc_difference(truth == 1, new, old, participants)
    return Comparison(
        "AUC",
        auc_interval(truth == 1, new).value,
        auc_interval(truth == 1, old).value,
        test.value,
        test.low,
        test.high,
        margin,
        len(both),
        len(np.unique(participants)),
    )


def _compare_kappa(
    both: pd.DataFrame, truth: np.ndarray, participants: np.ndarray, margin: float
) -> Comparison:
    def kappas(truth: np.ndarray, new: np.ndarray, old: np.ndarray) -> dict[str, float]:
        a, b = grade_scores(truth, new)["kappa"], grade_scores(truth, old)["kappa"]
        return {"new": a, "old": b, "difference": a - b}

    new = called_grades(both[GRADE_PROBABILITIES].to_numpy())
    old = called_grades(both[[f"{name}_champion" for name in GRADE_PROBABILITIES]].to_numpy())
    intervals = bootstrap_intervals(kappas, participants, truth.astype(np.int64), new, old, resamples=2000)
    difference = intervals["difference"]
    return Comparison(
        "quadratic kappa",
        intervals["new"].value,
        intervals["old"].value,
        difference.value,
        difference.low,
        difference.high,
        margin,
        len(both),
        len(np.unique(participants)),
    )
