"""The KL figures of one model: agreement with the expert, and how far its probabilities can be believed."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.calibration import expected_calibration_error
from jsl_core.evaluation.statistics.delong import auc_interval
from jsl_core.evaluation.statistics.json_figures import shown
from jsl_core.evaluation.statistics.metrics import confusion_matrix, grade_scores, recall_by_grade
from jsl_core.learning.model.calibration import called_grades

__all__ = ["grade_figures", "probability_scores"]

_OSTEOARTHRITIS = 2  # radiographic osteoarthritis is KL 2 and above (Kohn et al., CORR 474 (2016) 1886)
_LEAST = 1e-15

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def grade_figures(rows: pd.DataFrame, settings: EvaluateSettings) -> dict[str, Any]:
    """All KL figures of rows that have a grade and kl_0…kl_4, as JSON, intervals by participant.

    `osteoarthritis` is the AUC of the probability of KL ≥ 2 for KL ≥ 2, None where all or none have it.
    """
    if rows.empty:
        return {"reason": "no knee of this part has a KL grade"}
    truth, chances = rows[GRADE].to_numpy(np.int64), rows[GRADE_PROBABILITIES].to_numpy(float)
    guess, participant = called_grades(chances), rows["participant"].to_numpy()
    intervals = bootstrap_intervals(grade_scores, participant, truth, guess, resamples=settings.bootstrap)
    diseased = truth >= _OSTEOARTHRITIS
    both = 0 < diseased.sum() < len(rows)
    area = auc_interval(diseased, chances[:, _OSTEOARTHRITIS:].sum(axis=1), participant) if both else None
    return {
        "n": len(rows),
        "participants": int(rows["participant"].nunique()),
        **{name: shown(interval) for name, interval in intervals.items()},
        "osteoarthritis": shown(area) if area else None,
        "recall": recall_by_grade(truth, guess),
        "confusion": confusion_matrix(truth, guess).tolist(),
        **probability_scores(truth, chances),
    }


def probability_scores(truth: Ints, chances: Floats) -> dict[str, float]:
    """Log loss, Brier score (0 to 2, summed over grades) and ECE of the likeliest grade; less is better."""
    of_truth = np.clip(chances[np.arange(len(truth)), truth], _LEAST, 1)
    told = np.eye(chances.shape[1])[truth]
    return {
        "log_loss": float(-np.log(of_truth).mean()),
        "brier": float(((chances - told) ** 2).sum(axis=1).mean()),
        "ece": expected_calibration_error(chances.argmax(axis=1) == truth, chances.max(axis=1)),
    }
