"""What the figures mean: agreement of KL grades, and what a risk threshold catches and misses."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

__all__ = ["confusion_matrix", "detection_scores", "grade_scores", "recall_by_grade"]

GRADES = 5

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def confusion_matrix(truth: Ints, guess: Ints) -> Ints:
    """Counts 5×5: rows are the true KL grade, columns the predicted one."""
    return np.bincount(truth * GRADES + guess, minlength=GRADES**2).reshape(GRADES, GRADES)


def recall_by_grade(truth: Ints, guess: Ints) -> list[float | None]:
    """The share of each true grade that is recognised; None for a grade that does not occur."""
    table = confusion_matrix(truth, guess)
    return [float(row[grade] / row.sum()) if row.sum() else None for grade, row in enumerate(table)]


def grade_scores(truth: Ints, guess: Ints) -> dict[str, float]:
    """Accuracy, balanced accuracy, quadratic-weighted kappa (Cohen 1968; NaN for one grade), mean error."""
    table = confusion_matrix(truth, guess).astype(float)
    recalls = [recall for recall in recall_by_grade(truth, guess) if recall is not None]
    weights = np.subtract.outer(np.arange(GRADES), np.arange(GRADES)) ** 2
    chance = np.outer(table.sum(1), table.sum(0)) / table.sum()
    expected = float((weights * chance).sum())
    return {
        "accuracy": float(np.trace(table) / table.sum()),
        "balanced_accuracy": float(np.mean(recalls)),
        "kappa": 1 - float((weights * table).sum()) / expected if expected else float("nan"),
        "mae": float(np.abs(truth - guess).mean()),
    }


def detection_scores(positive: Bools, risk: Floats, flagged: Bools) -> dict[str, float]:
    """Average precision of the risk; sensitivity, specificity and precision of what was flagged.

    `precision_balanced` is the precision if as many knees progressed as not, as where the test part was
    balanced. A ratio of nothing is NaN.
    """
    cases, controls = int(positive.sum()), int((~positive).sum())
    sensitivity = _ratio(int((flagged & positive).sum()), cases)
    specificity = _ratio(int((~flagged & ~positive).sum()), controls)
    return {
        "ap": float(average_precision_score(positive, risk)) if cases else float("nan"),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": _ratio(int((flagged & positive).sum()), int(flagged.sum())),
        "precision_balanced": _ratio(sensitivity, sensitivity + 1 - specificity),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
