"""The paired comparison of champion and challenger, which decides whether the champion is replaced."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK, key_columns
from jsl_core.cohort.persons import person_key, person_keys
from jsl_core.errors import JslError
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.delong import Difference, auc_difference, auc_interval
from jsl_core.evaluation.statistics.metrics import grade_scores
from jsl_core.evaluation.statistics.reuse import EarlierDecision, expected_optimism, interval_level
from jsl_core.learning.model.calibration import called_grades

__all__ = ["Comparison", "compare_with_champion", "earlier_decision"]


@dataclass(frozen=True)
class Comparison:
    """A figure (larger is better) of both models on the same knees.

    `low` and `high` are the interval of `difference`, the challenger's figure less the champion's, at
    `level`: that of this decision, number `decisions` on these knees. `optimism` is by how much the figure of
    the champion, after this decision, is expected to flatter it (see `expected_optimism`).
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
    level: float
    decisions: int
    optimism: float

    @property
    def not_worse(self) -> bool:
        """Non-inferiority: the whole interval of the difference lies above -`margin`."""
        return self.low >= -self.margin


def compare_with_champion(
    challenger: pd.DataFrame,
    champion: pd.DataFrame,
    frozen: Set[str],
    margin: float,
    earlier: Sequence[EarlierDecision] = (),
) -> Comparison:
    """Compare two models on the knees of the frozen participants that both predicted.

    AUC by the paired test with both knees of a participant as one cluster; kappa by 2,000 bootstrap samples
    of participants. The same knees were asked before, and the more often they are, the surer a decision must
    be: see `interval_level`.

    Args:
        challenger: Predictions with ID, participant, BL_KL_grade, JSL_Prog and jsl_risk, or kl_0…kl_4 where
            the model predicts no risk.
        champion: The same of the champion.
        frozen: Participants that neither model was trained or chosen on.
        margin: The loss of AUC or kappa that is accepted.
        earlier: What was decided on these knees before, oldest first.

    Raises:
        JslError: If these knees allow no comparison.
    """
    by_risk = RISK in challenger and RISK in champion
    columns = [RISK] if by_risk else GRADE_PROBABILITIES
    label = PROGRESSION if by_risk else GRADE
    if not set(columns) <= set(challenger) & set(champion):
        raise JslError("champion and challenger predict different things; choose another regime to retrain")
    keys = key_columns(challenger)
    both = challenger.merge(champion[[*keys, *columns]], on=keys, suffixes=("", "_champion"))
    of_frozen = both["participant"].map(person_key).isin(person_keys(frozen))
    both = both[of_frozen & both[label].notna()].dropna(subset=columns)
    truth = both[label].to_numpy()
    if len(np.unique(truth)) < 2:
        raise JslError(
            f"the frozen test part has {len(both)} knees with {label}, not of two classes, so models cannot "
            "be compared; check that its participants are still in the cohort table"
        )
    participants = both["participant"].to_numpy()
    decisions = len(earlier) + 1
    level = interval_level(decisions)
    new, old, test = (_auc_difference if by_risk else _kappa_difference)(both, truth, participants, level)
    comparison = Comparison(
        figure="AUC" if by_risk else "quadratic kappa",
        challenger=new,
        champion=old,
        difference=test.value,
        low=test.low,
        high=test.high,
        margin=margin,
        knees=len(both),
        participants=len(np.unique(participants)),
        level=level,
        decisions=decisions,
        optimism=0.0,
    )
    this = earlier_decision(comparison.not_worse, asdict(comparison))
    return replace(comparison, optimism=expected_optimism([*earlier, this]))


def earlier_decision(promoted: bool, figures: Mapping[str, Any]) -> EarlierDecision:
    """A decision as `expected_optimism` takes it.

    Args:
        promoted: Whether the challenger became champion.
        figures: Of its comparison, as the registry keeps them; records of earlier versions are of level 0.95.
    """
    width = NormalDist().inv_cdf(0.5 + figures.get("level", 0.95) / 2)
    return EarlierDecision(
        promoted=promoted,
        error=(figures["high"] - figures["low"]) / (2 * width),
        bar=figures["difference"] - figures["low"] - figures["margin"],
    )


def _auc_difference(
    both: pd.DataFrame, truth: np.ndarray, participants: np.ndarray, level: float
) -> tuple[float, float, Difference]:
    """The challenger's AUC, the champion's, and their difference."""
    new, old = both[RISK].to_numpy(float), both[f"{RISK}_champion"].to_numpy(float)
    first, second = (auc_interval(truth == 1, risk).value for risk in (new, old))
    return first, second, auc_difference(truth == 1, new, old, participants, level)


def _kappa_difference(
    both: pd.DataFrame, truth: np.ndarray, participants: np.ndarray, level: float
) -> tuple[float, float, Difference]:
    """The challenger's kappa, the champion's, and their difference with its interval."""

    def kappas(truth: np.ndarray, new: np.ndarray, old: np.ndarray) -> dict[str, float]:
        a, b = grade_scores(truth, new)["kappa"], grade_scores(truth, old)["kappa"]
        return {"new": a, "old": b, "difference": a - b}

    new = called_grades(both[GRADE_PROBABILITIES].to_numpy())
    old = called_grades(both[[f"{name}_champion" for name in GRADE_PROBABILITIES]].to_numpy())
    intervals = bootstrap_intervals(kappas, participants, truth.astype(np.int64), new, old, resamples=2000)
    difference = intervals["difference"]
    if np.array_equal(new, old):
        test = Difference(0.0, 0.0, 0.0, 1.0)
    else:  # 2,000 samples tell 95 %, not the far tails: wider as the normal distribution is
        wider = NormalDist().inv_cdf(0.5 + level / 2) / NormalDist().inv_cdf(0.975)
        low, high = (
            difference.value + wider * (end - difference.value) for end in (difference.low, difference.high)
        )
        test = Difference(difference.value, low, high, float("nan"))
    return intervals["new"].value, intervals["old"].value, test
