"""The area under the ROC curve, its variance and the paired test of two models by DeLong's method.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837; computed by midranks as in Sun and Xu,
IEEE Signal Processing Letters 21 (2014) 1389.
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


def auc_interval(positive: ArrayLike, score: ArrayLike) -> Interval:
    """AUC of one model, its interval on the logit scale so that it stays inside (0, 1).

    `positive` bool N, `score` float N. Raises ValueError unless both classes occur.
    """
    auc, covariance = _auc_and_covariance(positive, np.atleast_2d(np.asarray(score, np.float64)))
    value, deviation = float(auc[0]), math.sqrt(max(float(covariance[0, 0]), 0.0))
    if deviation == 0 or value in (0.0, 1.0):
        return Interval(value, value, value)
    logit, spread = math.log(value / (1 - value)), _Z95 * deviation / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-(logit + step))) for step in (-spread, spread))
    return Interval(value, low, high)


def auc_difference(positive: ArrayLike, score: ArrayLike, other: ArrayLike) -> Difference:
    """The paired test of two models on the same knees: `positive` bool N, both scores float N."""
    auc, covariance = _auc_and_covariance(positive, np.stack([np.asarray(score), np.asarray(other)]))
    value = float(auc[0] - auc[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    deviation = math.sqrt(variance)
    p = 2 * NormalDist().cdf(-abs(value) / deviation)
    return Difference(value, value - _Z95 * deviation, value + _Z95 * deviation, p)


def _auc_and_covariance(positive: ArrayLike, scores: Floats) -> tuple[Floats, Floats]:
    """AUC (M) of M models' scores (M×N) and their covariance (M×M)."""
    positive = np.asarray(positive, bool)
    cases, controls = scores[:, positive], scores[:, ~positive]
    m, n = cases.shape[1], controls.shape[1]
    if m == 0 or n == 0:
        raise ValueError("an AUC needs knees of both classes")
    everywhere = rankdata(np.concatenate([cases, controls], axis=1), axis=1)
    of_cases = (everywhere[:, :m] - rankdata(cases, axis=1)) / n
    of_controls = 1 - (everywhere[:, m:] - rankdata(controls, axis=1)) / m
    covariance = np.zeros((len(scores), len(scores)))
    for placements, count in ((of_cases, m), (of_controls, n)):
        if count > 1:
            covariance += np.atleast_2d(np.cov(placements)) / count
    return of_cases.mean(axis=1), covariance
