"""Agreement of KL grades with the expert, and what a risk and its threshold catch and miss."""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "confusion_matrix",
    "grade_scores",
    "operating_curve",
    "progression_scores",
    "recall_by_grade",
    "sensitivity_at",
]

_GRADES = 5  # KL 0 to 4

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def confusion_matrix(truth: Ints, guess: Ints) -> Ints:
    """Count knees by true and predicted KL grade.

    Args:
        truth: int N, grades 0 to 4.
        guess: int N.

    Returns:
        int 5×5, the true grade by row, the predicted one by column.
    """
    return np.bincount(truth * _GRADES + guess, minlength=_GRADES**2).reshape(_GRADES, _GRADES)


def recall_by_grade(truth: Ints, guess: Ints) -> list[float | None]:
    """The share of each true grade that is recognised.

    Args:
        truth: int N, grades 0 to 4.
        guess: int N.

    Returns:
        Five shares, None for a grade that does not occur.
    """
    table = confusion_matrix(truth, guess)
    return [float(row[grade] / row.sum()) if row.sum() else None for grade, row in enumerate(table)]


def grade_scores(truth: Ints, guess: Ints) -> dict[str, float]:
    """Accuracy, balanced accuracy, quadratic-weighted kappa and mean absolute error of KL grades.

    Args:
        truth: int N, grades 0 to 4.
        guess: int N.

    Returns:
        `accuracy`, `balanced_accuracy`, `kappa` (Cohen, Psychological Bulletin 70 (1968) 213; NaN where one
        grade alone occurs) and `mae`.
    """
    table = confusion_matrix(truth, guess).astype(float)
    recalls = [recall for recall in recall_by_grade(truth, guess) if recall is not None]
    weights = np.subtract.outer(np.arange(_GRADES), np.arange(_GRADES)) ** 2
    chance = np.outer(table.sum(1), table.sum(0)) / table.sum()
    expected = float((weights * chance).sum())
    return {
        "accuracy": float(np.trace(table) / table.sum()),
        "balanced_accuracy": float(np.mean(recalls)),
        "kappa": 1 - float((weights * table).sum()) / expected if expected else float("nan"),
        "mae": float(np.abs(truth - guess).mean()),
    }


def operating_curve(positive: Bools, risk: Floats) -> tuple[Ints, Ints]:
    """Count true and false positives at every threshold.

    Args:
        positive: bool N, the knees that progressed.
        risk: float N.

    Returns:
        True and false positives, int K + 1 each: first with no knee flagged, then at each of the K distinct
        risks as the threshold, from the highest down.
    """
    order = np.argsort(-risk, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(risk[order])), len(risk) - 1)
    true = np.cumsum(positive[order])[last_of_ties]
    return np.append(0, true), np.append(0, last_of_ties + 1 - true)


def sensitivity_at(positive: Bools, risk: Floats, false_rates: Floats) -> Floats:
    """The ROC curve's height at given false positive rates.

    Args:
        positive: bool N, the knees that progressed.
        risk: float N.
        false_rates: float K, 1 − specificity.

    Returns:
        Sensitivities, float K; NaN unless both classes occur.
    """
    true, false = operating_curve(positive, risk)
    if not true[-1] or not false[-1]:
        return np.full(len(false_rates), np.nan)
    return np.interp(false_rates, false / false[-1], true / true[-1])


def progression_scores(positive: Bools, risk: Floats, flagged: Bools) -> dict[str, float]:
    """AUC and average precision of a risk; sensitivity, specificity and precision of the flagged knees.

    Args:
        positive: bool N, the knees that progressed.
        risk: float N.
        flagged: bool N, the knees at and above the threshold.

    Returns:
        Scores by name, NaN for a ratio of nothing. `precision_balanced` is the precision if as many knees
        progressed as not, for comparison with studies that balanced their test part.
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
