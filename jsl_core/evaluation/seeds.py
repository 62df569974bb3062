"""The spread of figures from seed to seed: what of a figure is luck of the training, and not of the knees."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.called import call_grades
from jsl_core.evaluation.statistics.interval import number_or_none
from jsl_core.evaluation.statistics.metrics import grade_scores, progression_scores

__all__ = ["seed_figures"]


def seed_figures(
    trainings: Sequence[Mapping[str, pd.DataFrame]], split: str, settings: EvaluateSettings
) -> dict[str, dict[str, Any]]:
    """Measure the same trainings with several seeds on the same knees.

    Args:
        trainings: One for each seed: predictions by model, one row per knee with split, and BL_KL_grade and
            kl_0…kl_4, or JSL_Prog and jsl_risk, or all of them.
        split: The value of the column `split` whose knees are measured.
        settings: How grades are called.

    Returns:
        By model and figure (`auc`, `accuracy`, `kappa`): `values` by seed, their `mean` and `deviation` (the
        standard deviation of one training, n − 1), as JSON. A figure that some seed does not define is left
        out.
    """
    figures: dict[str, dict[str, Any]] = {}
    for model in trainings[0] if trainings else ():
        by_seed = [_scores(training[model], split, settings) for training in trainings]
        names = [name for name in by_seed[0] if all(name in scores for scores in by_seed)]
        figures[model] = {name: _spread([scores[name] for scores in by_seed]) for name in names}
    return figures


def _scores(predictions: pd.DataFrame, split: str, settings: EvaluateSettings) -> dict[str, float]:
    rows = predictions[predictions["split"] == split]
    scores: dict[str, float] = {}
    if RISK in rows:
        known = rows.dropna(subset=[PROGRESSION, RISK])
        positive, risk = known[PROGRESSION].to_numpy() == 1, known[RISK].to_numpy(float)
        if 0 < positive.sum() < len(positive):
            scores["auc"] = progression_scores(positive, risk, positive)["auc"]
    if set(GRADE_PROBABILITIES) <= set(rows):
        known = rows.dropna(subset=[GRADE, *GRADE_PROBABILITIES])
        if len(known):
            called = call_grades(known[GRADE_PROBABILITIES].to_numpy(float), settings.call)
            agreement = grade_scores(known[GRADE].to_numpy(np.int64), called)
            scores |= {name: agreement[name] for name in ("accuracy", "kappa")}
    return {name: value for name, value in scores.items() if number_or_none(value) is not None}


def _spread(values: list[float]) -> dict[str, Any]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"values": values, "mean": float(np.mean(values)), "deviation": deviation}
