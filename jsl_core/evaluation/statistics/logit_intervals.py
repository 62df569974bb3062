"""Intervals of average precision and Brier score by participant that hold with few events, too."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from jsl_core.evaluation.statistics.bootstrap import jackknife
from jsl_core.evaluation.statistics.interval import Interval
from jsl_core.evaluation.statistics.metrics import progression_scores

__all__ = ["average_precision_interval", "brier_interval", "jackknife_error", "on_logit_scale"]


def average_precision_interval(positive: ArrayLike, risk: ArrayLike, participant: ArrayLike) -> Interval:
    """The average precision with its 95 % interval.

    On the logit scale (Boyd, Eng and Page, ECML PKDD 2013, 451), its error by a jackknife of participants,
    with Student's t of as many as have a knee that progressed: BCa intervals of few events are too narrow
    (docs/evaluation.md has how often each holds the truth).

    Args:
        positive: bool N, the knees that progressed.
        risk: float N.
        participant: N names, the participant of each knee.

    Returns:
        Ends are NaN where one participant has all events, or knees are ranked without a mistake.
    """
    y, p, names = np.asarray(positive, bool), np.asarray(risk, float), np.asarray(participant)
    value = _average_precision(y, p)
    without = [_average_precision(y[rows], p[rows]) for rows in jackknife(names)]
    return on_logit_scale(value, jackknife_error(without), len(np.unique(names[y])) - 1)


def brier_interval(positive: ArrayLike, risk: ArrayLike, participant: ArrayLike) -> Interval:
    """The Brier score with its 95 % interval.

    The variance is that of a ratio estimator over participants, taken to the logit scale; Student's t of the
    participants.

    Args:
        positive: bool N, the knees that progressed.
        risk: float N in [0, 1].
        participant: N names, the participant of each knee.

    Returns:
        Ends are NaN where all knees have the same error, or are one participant's.
    """
    errors = (np.asarray(risk, float) - np.asarray(positive, float)) ** 2
    value = float(errors.mean())
    residuals = np.bincount(np.unique(np.asarray(participant), return_inverse=True)[1], errors - value)
    people = len(residuals)
    variance = people / max(people - 1, 1) * float((residuals**2).sum()) / len(errors) ** 2
    return on_logit_scale(value, math.sqrt(variance), people - 1)


def _average_precision(positive: NDArray[np.bool_], risk: NDArray[np.float64]) -> float:
    return progression_scores(positive, risk, positive)["ap"]


def jackknife_error(values: Sequence[float]) -> float:
    """The standard error of a figure by its values without each participant in turn; NaN does not count."""
    defined = np.array([value for value in values if not math.isnan(value)])
    if len(defined) < 2:
        return 0.0
    return math.sqrt((len(defined) - 1) / len(defined) * float(((defined - defined.mean()) ** 2).sum()))


def on_logit_scale(value: float, error: float, freedom: int) -> Interval:
    """A figure in [0, 1] with its 95 % interval by Student's t on the logit scale, NaN where it has none."""
    if not 0 < value < 1 or error <= 1e-12 or freedom < 1:
        return Interval(value, math.nan, math.nan)
    half = float(stats.t.ppf(0.975, freedom)) * error / (value * (1 - value))
    centre = math.log(value / (1 - value))
    low, high = (1 / (1 + math.exp(-(centre + step))) for step in (-half, half))
    return Interval(value, low, high)
