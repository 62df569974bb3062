"""What the figures mean: agreement of KL grades, and what a risk threshold catches and misses."""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "confusion_matrix",
    "detection_scores",
    "grade_scores",
    "operating_curve",
    "recall_by_grade",
    "sensitivity_at",
]

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


def operating_curve(positive: Bools, risk: Floats) -> tuple[Ints, Ints]:
    """True and false positives (K + 1 each) at the K distinct risks as thresholds, none flagged first."""
    order = np.argsort(-risk, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(risk[order])), len(risk) - 1)
    true = np.cumsum(positive[order])[last_of_ties]
    return np.append(0, true), np.append(0, last_of_ties + 1 - true)


def sensitivity_at(positive: Bools, risk: Floats, false_rates: Floats) -> Floats:
    """The ROC curve's height at 1 − specificity = `false_rates`; NaN unless both classes occur."""
    true, false = operating_curve(positive, risk)
    if not true[-1] or not false[-1]:
        return np.full(len(false_rates), np.nan)
    return np.interp(false_rates, false / false[-1], true / true[-1])


def detection_scores(positive: Bools, risk: Floats, flagged: Bools) -> dict[str, float]:
    """AUC and average precision of the risk; sensitivity, specificity and precision of what was flagged.

    `precision_balanced` is the precision if as many knees progressed as not, as where the test part was
    balanced. A ratio of nothing is NaN.
    """
    true, false = operating_curve(positive, risk)
    cases, controls = int(true[-1]), int(false[-1])
    sensitivity = _ratio(int((flagged & positive).sum()), cases)
    specificity = _ratio(int((~flagged & ~positive).sum()), controls)
    return {
        "auc": _ratio(float((np.diff(false) * (true[1:] + true[:-1])).sum() / 2), cases * controls),
        "ap": _ratio(float((np.diff(true) * true[1:] / (true[1:] + false[1:])).sum()), cases),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": _ratio(int((flagged & positive).sum()), int(flagged.sum())),
        "precision_balanced": _ratio(sensitivity, sensitivity + 1 - specificity),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
