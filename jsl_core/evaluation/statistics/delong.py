"""The area under the ROC curve, its variance and the paired test of two models by DeLong's method.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837; computed by midranks as in Sun and Xu,
IEEE Signal Processing Letters 21 (2014) 1389. Where the participant of each knee is known, the variance is
that of Obuchowski, Biometrics 53 (1997) 567, for clustered data: a participant's two knees are not
independent. With one knee each, both are the same.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from jsl_core.evaluation.statistics.interval import Interval

__all__ = ["Difference", "auc_difference", "auc_interval"]

_Z95 = NormalDist().inv_cdf(0.975)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """AUC of one model less that of another on the same knees, with its 95 % interval and two-sided p."""

    value: float
    low: float
    high: float
    p: float


def auc_interval(positive: ArrayLike, score: ArrayLike, participant: ArrayLike | None = None) -> Interval:
    """The AUC of one model with its interval, which is made on the logit scale to stay inside (0, 1).

    Args:
        positive: bool N, the knees that progressed.
        score: float N, the higher the likelier.
        participant: N names; a participant's knees are one cluster. Without it knees count as independent.

    Raises:
        ValueError: Unless both classes occur.
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
    """The paired test of two models on the same knees.

    Args:
        positive: bool N, the knees that progressed.
        score: float N, of the first model.
        other: float N, of the model it is compared with.
        participant: N names, as for `auc_interval`.

    Returns:
        The first model's AUC less the other's.

    Raises:
        ValueError: Unless both classes occur.
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
    ranks = rankdata(np.concatenate([cases, controls], axis=1), axis=1)
    of_cases = (ranks[:, :m] - rankdata(cases, axis=1)) / n
    of_controls = 1 - (ranks[:, m:] - rankdata(controls, axis=1)) / m
    auc = of_cases.mean(axis=1)
    names = np.arange(len(positive)) if participant is None else np.asarray(participant)
    cluster = np.unique(names, return_inverse=True)[1]
    clusters = int(cluster.max()) + 1
    a, case_clusters = _by_cluster(of_cases - auc[:, None], cluster[positive], clusters)
    b, control_clusters = _by_cluster(of_controls - auc[:, None], cluster[~positive], clusters)
    cross = (a @ b.T + b @ a.T) / (m * n)
    covariance = (
        _unbiased(case_clusters) * (a @ a.T) / m**2
        + _unbiased(control_clusters) * (b @ b.T) / n**2
        + _unbiased(clusters) * cross
    )
    return auc, covariance


def _by_cluster(values: Floats, cluster: NDArray[np.intp], clusters: int) -> tuple[Floats, int]:
    """Sums (M×clusters) of values (M×K) by cluster, and how many clusters have any."""
    sums = np.stack([np.bincount(cluster, row, clusters).astype(np.float64) for row in values])
    return sums, len(np.unique(cluster))


def _unbiased(count: int) -> float:
    """The factor that makes the variance of `count` clusters unbiased."""
    return count / (count - 1) if count > 1 else 0.0
