"""The KL figures of one model: agreement with the expert, and the quality of its probabilities."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.called import call_grades
from jsl_core.evaluation.doubts import grade_doubts
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.calibration import expected_calibration_error
from jsl_core.evaluation.statistics.delong import auc_interval
from jsl_core.evaluation.statistics.metrics import confusion_matrix, grade_scores, recall_by_grade
from jsl_core.evaluation.statistics.proportion import proportion_interval

__all__ = ["grade_figures", "probability_scores"]

_OSTEOARTHRITIS = 2  # radiographic osteoarthritis is KL 2 and above (Kohn et al., CORR 474 (2016) 1886)
_LEAST = 1e-15  # probabilities below are raised to it: a log loss is finite

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def grade_figures(rows: pd.DataFrame, settings: EvaluateSettings) -> dict[str, Any]:
    """Compute all KL figures of one model, with intervals by participant.

    Args:
        rows: One per knee, with participant, BL_KL_grade and kl_0…kl_4.
        settings: How many resamples an interval is made from.

    Returns:
        The figures as JSON, or a `reason` where there is no knee. `osteoarthritis` is the AUC of the
        probability of KL ≥ 2 for KL ≥ 2, None where all or none have it.
    """
    if rows.empty:
        return {"reason": "no knee of this part has a KL grade"}
    truth, probability = rows[GRADE].to_numpy(np.int64), rows[GRADE_PROBABILITIES].to_numpy(float)
    guess, participant = call_grades(probability, settings.call), rows["participant"].to_numpy()
    intervals = bootstrap_intervals(grade_scores, participant, truth, guess, resamples=settings.bootstrap)
    intervals["accuracy"] = proportion_interval(truth == guess, participant)
    diseased = truth >= _OSTEOARTHRITIS
    both = 0 < diseased.sum() < len(rows)
    area = auc_interval(diseased, probability[:, _OSTEOARTHRITIS:].sum(axis=1), participant) if both else None
    figures: dict[str, Any] = {
        "n": len(rows),
        "participants": int(rows["participant"].nunique()),
        **{name: interval.to_json() for name, interval in intervals.items()},
        "osteoarthritis": area.to_json() if area else None,
        "recall": recall_by_grade(truth, guess),
        "confusion": confusion_matrix(truth, guess).tolist(),
        **probability_scores(truth, probability),
    }
    return figures | {"doubts": grade_doubts(figures, guess)}


def probability_scores(truth: Ints, probability: Floats) -> dict[str, float]:
    """Log loss, Brier score (0 to 2, summed over grades) and ECE of the likeliest grade; less is better.

    Args:
        truth: int N, grades 0 to 4.
        probability: float N×5.
    """
    of_truth = np.clip(probability[np.arange(len(truth)), truth], _LEAST, 1)
    one_hot = np.eye(probability.shape[1])[truth]
    return {
        "log_loss": float(-np.log(of_truth).mean()),
        "brier": float(((probability - one_hot) ** 2).sum(axis=1).mean()),
        "ece": expected_calibration_error(probability.argmax(axis=1) == truth, probability.max(axis=1)),
    }
