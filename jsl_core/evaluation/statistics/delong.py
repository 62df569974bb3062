"""The area under the ROC curve, its variance and the paired test of two models by DeLong's method.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837; computed by midranks as in Sun and Xu,
IEEE Signal Processing Letters 21 (2014) 1389. Where it is said whose knee each is, the variance is that of
Obuchowski, Biometrics 53 (1997) 567, for clustered data: a participant's two knees are not independent. With
one knee each, both are the same.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

__all__ = ["Difference", "Interval", "auc_difference", "auc_interval"]

_Z95 = NormalDist().inv_cdf(0.975)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """AUC of one model less that of another on the same knees, with its 95 % interval and two-sided p."""

    value: float
    low: float
    high: float
    p: float


def auc_interval(positive: ArrayLike, score: ArrayLike, participant: ArrayLike | None = None) -> Interval:
    """AUC of one model, its interval on the logit scale so that it stays inside (0, 1).

    `positive` bool N, `score` float N, `participant` N says whose knee each is; without it knees count as
    independent. Raises ValueError unless both classes occur.
    """
    scores = np.atleast_2d(np.asarray(score, np.float64))
    auc, covariance = _auc_and_covariance(positive, scores, participant)
    value, deviation = float(auc[0]), math.sqrt(max(float(covariance[0, 0]), 0.0))
    if deviation == 0 or value in (0.0, 1.0):
        return Interval(value, value, value)
    logit, spread = math.log(value / (1 - value)), _Z95 * deviation / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-(logit + step))) for step in (-spread, spread))
    return Interval(value, low, high)


def auc_difference(
    positive: ArrayLike, score: ArrayLike, other: ArrayLike, participant: ArrayLike | None = None
) -> Difference:
    """The paired test of two models on the same knees: `positive` bool N, both scores float N.

    `participant` as of `auc_interval`.
    """
    scores = np.stack([np.asarray(score, np.float64), np.asarray(other, np.float64)])
    auc, covariance = _auc_and_covariance(positive, scores, participant)
    value = float(auc[0] - auc[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    deviation = math.sqrt(variance)
    p = 2 * NormalDist().cdf(-abs(value) / deviation)
    return Difference(value, value - _Z95 * deviation, value + _Z95 * deviation, p)


def _auc_and_covariance(
    positive: ArrayLike, scores: Floats, participant: ArrayLike | None
) -> tuple[Floats, Floats]:
    """AUC (M) of M models' scores (M×N) and their covariance (M×M)."""
    positive = np.asarray(positive, bool)
    cases, controls = scores[:, positive], scores[:, ~positive]
    m, n = cases.shape[1], controls.shape[1]
    if m == 0 or n == 0:
        raise ValueError("an AUC needs knees of both classes")
    everywhere = rankdata(np.concatenate([cases, controls], axis=1), axis=1)
    of_cases = (everywhere[:, :m] - rankdata(cases, axis=1)) / n
    of_controls = 1 - (everywhere[:, m:] - rankdata(controls, axis=1)) / m
    auc = of_cases.mean(axis=1)
    names = np.arange(len(positive)) if participant is None else np.asarray(participant)
    whose = np.unique(names, return_inverse=True)[1]
    people = int(whose.max()) + 1
    a, some_case = _by_cluster(of_cases - auc[:, None], whose[positive], people)
    b, some_control = _by_cluster(of_controls - auc[:, None], whose[~positive], people)
    across = (a @ b.T + b @ a.T) / (m * n)
    covariance = (
        _unbiased(some_case) * (a @ a.T) / m**2
        + _unbiased(some_control) * (b @ b.T) / n**2
        + _unbiased(people) * across
    )
    return auc, covariance


def _by_cluster(values: Floats, whose: NDArray[np.intp], people: int) -> tuple[Floats, int]:
    """Sums (M×people) of values (M×K) by cluster, and how many clusters have any."""
    sums = np.stack([np.bincount(whose, row, people).astype(np.float64) for row in values])
    return sums, len(np.unique(whose))


def _unbiased(count: int) -> float:
    return count / (count - 1) if count > 1 else 0.0
