"""What knees without an outcome could change: weights for those that have one, and the bounds of an AUC."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

__all__ = ["auc_bounds", "follow_up_weights", "weighted_auc"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_MOST = 10.0  # a weight above stands for too many knees that were not seen (Cole and Hernán 2008)
_ASSIGNMENTS = 200  # of outcomes to knees without one, at most, that are tried for the bounds


def follow_up_weights(baseline: Floats, followed: Bools) -> Floats:
    """Weigh each knee by how unlikely one like it was to be followed up.

    Stabilised inverse-probability weights (Robins, Rotnitzky and Zhao, JASA 89 (1994) 846), from a logistic
    regression of being followed on baseline values, standardised, under a weak ridge; at most 10.

    Args:
        baseline: N×F, NaN where missing, which counts as the mean and is itself an input.
        followed: bool N, of both kinds.

    Returns:
        N weights; those of followed knees are 1 on average where the model holds.
    """
    missing = np.isnan(baseline)
    filled = np.where(missing, np.nanmean(np.where(missing.all(axis=0), 0.0, baseline), axis=0), baseline)
    inputs = np.column_stack([filled, missing[:, missing.any(axis=0)]])
    spread = inputs.std(axis=0)
    inputs = (inputs - inputs.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if not inputs.shape[1]:
        return np.ones(len(followed))
    chance = LogisticRegression(max_iter=2000).fit(inputs, followed).predict_proba(inputs)[:, 1]
    return np.minimum(followed.mean() / chance, _MOST)


def weighted_auc(positive: Bools, risk: Floats, weight: Floats) -> float:
    """The AUC where each knee counts as `weight` knees; NaN unless both classes occur.

    Args:
        positive: bool N, the knees that progressed.
        risk: float N.
        weight: float N, above 0.
    """
    if not 0 < positive.sum() < len(positive):
        return float("nan")
    levels, place = np.unique(risk, return_inverse=True)
    cases, controls = (
        np.bincount(place, weight * kind, minlength=len(levels)) for kind in (positive, ~positive)
    )
    below = np.cumsum(controls) - controls / 2
    return float((cases * below).sum() / (cases.sum() * controls.sum()))


def auc_bounds(positive: Bools, risk: Floats, lost: Floats) -> tuple[float, float]:
    """The least and the greatest AUC, whatever became of the knees without an outcome.

    The greatest is where some number of the highest risks among them progressed, the least where as many of
    the lowest did; all numbers, or 200 evenly spread ones, are tried.

    Args:
        positive: bool N, the followed knees that progressed.
        risk: float N, theirs.
        lost: float M, the risks of the knees without an outcome.
    """
    ordered, whole = np.sort(lost), np.append(risk, np.sort(lost))
    counts = np.unique(np.linspace(0, len(ordered), _ASSIGNMENTS + 1).round().astype(int))
    ones = np.ones(len(whole))
    rank = np.arange(len(ordered))
    worst = [weighted_auc(np.append(positive, rank < count), whole, ones) for count in counts]
    best = [weighted_auc(np.append(positive, rank >= len(rank) - count), whole, ones) for count in counts]
    return float(np.nanmin(worst)), float(np.nanmax(best))
