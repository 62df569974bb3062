"""The area under the ROC curve, its variance and the paired test of two models by DeLong's method.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837; computed by midranks as in Sun and Xu,
IEEE Signal Processing Letters 21 (2014) 1389. Where the participant of each knee is known, the variance is
that of Obuchowski, Biometrics 53 (1997) 567, for clustered data: a participant's two knees are not
independent. With one knee each, both are the same.

A variance that was estimated from few participants is itself unsure: intervals and tests take Student's t
with one degree of freedom less than there are participants of the rarer outcome.
`tests/benchmarks/coverage.py` shows what they cover.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit
from scipy.stats import rankdata

from jsl_core.evaluation.statistics.interval import Interval

__all__ = ["Difference", "auc_difference", "auc_interval"]

_Z95 = 1.959963984540054
_HALVINGS = 60  # of an interval that is known to hold a limit: to the last bit

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """AUC of one model less that of another on the same knees, with its interval and two-sided p.

    `p` is NaN where no variance can be estimated.
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class _Estimate:
    """AUC of M models (M), their covariance (M×M), and how many participants have a knee of each outcome."""

    auc: Floats
    covariance: Floats
    case_participants: int
    control_participants: int

    @property
    def has_variance(self) -> bool:
        """Whether there are two participants of either outcome at least, without which nothing varies."""
        return min(self.case_participants, self.control_participants) > 1

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the variance."""
        return max(min(self.case_participants, self.control_participants) - 1, 1)


def auc_interval(positive: ArrayLike, score: ArrayLike, participant: ArrayLike | None = None) -> Interval:
    """The AUC of one model with its interval, which is made on the logit scale to stay inside (0, 1).

    Where the two outcomes are separated without a mistake, or the variance is none for another reason, it
    is Newcombe's score interval (method 5; Statistics in Medicine 25 (2006) 559) of as many knees as there
    are participants: a handful of knees without a mistake does not make a model perfect.

    Args:
        positive: bool N, the knees that progressed.
        score: float N, the higher the likelier.
        participant: N names; a participant's knees are one cluster. Without it knees count as independent.

    Raises:
        ValueError: Unless both classes occur.
    """
    estimate = _estimate(positive, np.atleast_2d(np.asarray(score, np.float64)), participant)
    value, variance = float(estimate.auc[0]), float(estimate.covariance[0, 0])
    if variance <= 0 or value in (0.0, 1.0) or not estimate.has_variance:
        return Interval(
            value, *_score_limits(value, estimate.case_participants, estimate.control_participants)
        )
    logit = math.log(value / (1 - value))
    spread = _quantile(estimate.freedom) * math.sqrt(variance) / (value * (1 - value))
    low, high = (0.5 * (1 + math.tanh(0.5 * (logit + step))) for step in (-spread, spread))
    return Interval(value, low, high)


def auc_difference(
    positive: ArrayLike,
    score: ArrayLike,
    other: ArrayLike,
    participant: ArrayLike | None = None,
    level: float = 0.95,
) -> Difference:
    """The paired test of two models on the same knees.

    Args:
        positive: bool N, the knees that progressed.
        score: float N, of the first model.
        other: float N, of the model it is compared with.
        participant: N names, as for `auc_interval`.
        level: Of the interval.

    Returns:
        The first model's AUC less the other's. Two models that rank the knees the same do not differ at all;
        of others without a variance the interval is made of each one's own (Zou and Donner, Statistics in
        Medicine 27 (2008) 1693), and there is no p.

    Raises:
        ValueError: Unless both classes occur.
    """
    scores = np.stack([np.asarray(score, np.float64), np.asarray(other, np.float64)])
    estimate = _estimate(positive, scores, participant)
    value, covariance = float(estimate.auc[0] - estimate.auc[1]), estimate.covariance
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance > 1e-14 and estimate.has_variance:
        deviation = math.sqrt(variance)
        spread = _quantile(estimate.freedom, level) * deviation
        p = 2 * float(stdtr(estimate.freedom, -abs(value) / deviation))
        return Difference(value, value - spread, value + spread, p)
    if (rankdata(scores[0]) == rankdata(scores[1])).all():
        return Difference(0.0, 0.0, 0.0, 1.0)
    one, two = (auc_interval(positive, each, participant) for each in scores)
    low = value - math.hypot(one.value - one.low, two.high - two.value)
    high = value + math.hypot(one.high - one.value, two.value - two.low)
    return Difference(value, low, high, math.nan)


def _quantile(freedom: int, level: float = 0.95) -> float:
    return float(stdtrit(freedom, 0.5 + level / 2))


def _score_limits(auc: float, cases: int, controls: int) -> tuple[float, float]:
    """Newcombe's limits: the AUCs that lie two of their own standard deviations from what was seen.

    The variance of an AUC is that of Hanley and McNeil (Radiology 143 (1982) 29) for exponential scores,
    with the mean of the two numbers in place of either.
    """
    mean = (cases + controls) / 2 - 1

    def plausible(theta: float) -> bool:
        odd = 1 + mean * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return abs(theta - auc) <= _Z95 * math.sqrt(theta * (1 - theta) * odd / (cases * controls))

    limits = []
    for end in (0.0, 1.0):
        inside, outside = auc, end
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if plausible(middle) else (inside, middle)
        limits.append(inside)
    return limits[0], limits[1]


def _estimate(positive: ArrayLike, scores: Floats, participant: ArrayLike | None) -> _Estimate:
    """AUC and covariance of M models' scores (M×N)."""
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
    return _Estimate(auc, covariance, case_clusters, control_clusters)


def _by_cluster(values: Floats, cluster: NDArray[np.intp], clusters: int) -> tuple[Floats, int]:
    """Sums (M×clusters) of values (M×K) by cluster, and how many clusters have any."""
    sums = np.stack([np.bincount(cluster, row, clusters).astype(np.float64) for row in values])
    return sums, len(np.unique(cluster))


def _unbiased(count: int) -> float:
    """The factor that makes the variance of `count` clusters unbiased."""
    return count / (count - 1) if count > 1 else 0.0
