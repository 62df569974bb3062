"""Every two models on the knees that both have: is the difference more than chance?"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.delong import auc_difference
from jsl_core.evaluation.statistics.json_figures import shown
from jsl_core.evaluation.statistics.metrics import grade_scores
from jsl_core.evaluation.statistics.reclassification import reclassification
from jsl_core.learning.model.calibration import called_grades

__all__ = ["compare_grades", "compare_models"]

Predictions = Mapping[str, pd.DataFrame]


def compare_models(
    predictions: Predictions, thresholds: Mapping[str, float | None], settings: EvaluateSettings, split: str
) -> list[dict[str, Any]]:
    """Every two models' AUC by DeLong's paired test, and what the first reclassifies better.

    `difference`, `low`, `high` and `p` take knees as independent, those of `by_participant` do not
    (Obuchowski 1997). `idi`, `nri` and `nri_at_threshold` (of `reclassification`) have intervals by
    participant; a model without a threshold counts as flagging at 0.5.
    """
    pairs = []
    for a, b, both in _pairs(predictions, PROGRESSION, [RISK], split):
        positive = both[PROGRESSION].to_numpy() == 1
        if not 0 < positive.sum() < len(positive):
            continue
        participant = both["participant"].to_numpy()
        one, two = (both[f"jsl_risk_{side}"].to_numpy(float) for side in "ab")
        flagged = [one >= _cut(thresholds.get(a)), two >= _cut(thresholds.get(b))]
        knees, people = auc_difference(positive, one, two), auc_difference(positive, one, two, participant)
        moved = bootstrap_intervals(
            reclassification, participant, positive, one, two, *flagged, resamples=settings.bootstrap
        )
        pairs.append(
            {"a": a, "b": b, "n": len(both), "difference": knees.value}
            | {name: getattr(knees, name) for name in ("low", "high", "p")}
            | {"by_participant": {name: getattr(people, name) for name in ("low", "high", "p")}}
            | {name: shown(interval) for name, interval in moved.items()}
        )
    return pairs


def compare_grades(predictions: Predictions, settings: EvaluateSettings, split: str) -> list[dict[str, Any]]:
    """Every two models' accuracy, kappa and mean error of the KL grade: the first's less the second's.

    Intervals are of the paired difference, resampling participants.
    """

    def differences(truth: Any, one: Any, other: Any) -> dict[str, float]:
        first, second = grade_scores(truth, one), grade_scores(truth, other)
        return {name: first[name] - second[name] for name in first}

    pairs = []
    for a, b, both in _pairs(predictions, GRADE, GRADE_PROBABILITIES, split):
        columns = ([f"{name}_{side}" for name in GRADE_PROBABILITIES] for side in "ab")
        guesses = [called_grades(both[names].to_numpy()) for names in columns]
        truth = both[GRADE].to_numpy(np.int64)
        participant = both["participant"].to_numpy()
        drawn = bootstrap_intervals(differences, participant, truth, *guesses, resamples=settings.bootstrap)
        told = {name: shown(interval) for name, interval in drawn.items()}
        pairs.append({"a": a, "b": b, "n": len(both)} | told)
    return pairs


def _pairs(
    predictions: Predictions, label: str, columns: list[str], split: str
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Two models' names and the knees both have, with the label and both `columns`, of _a and of _b."""
    told = {
        name: rows[(rows["split"] == split) & rows[label].notna()].dropna(subset=columns)
        for name, rows in predictions.items()
        if set(columns) <= set(rows)
    }
    for a, b in combinations(told, 2):
        both = told[a].merge(told[b][["ID", *columns]], on="ID", suffixes=("_a", "_b"))
        if len(both):
            yield a, b, both


def _cut(threshold: float | None) -> float:
    return 0.5 if threshold is None else threshold
