"""Intervals of shares of knees, such as a sensitivity, that stand also where a share is 0 or 1."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jsl_core.evaluation.statistics.interval import Interval

__all__ = ["proportion_interval", "score_limits"]

_Z95 = NormalDist().inv_cdf(0.975)


def proportion_interval(
    having: ArrayLike, participant: ArrayLike, among: ArrayLike | None = None
) -> Interval:
    """The share of knees that have something, with its 95 % interval by participant.

    Wilson's score interval (JASA 22 (1927) 209) of as many independent knees as these are worth: their
    number over the design effect, by which the ratio estimator's variance over participants exceeds that of
    independent knees (Rao and Scott, Biometrics 48 (1992) 577). Score intervals of that kind keep their
    coverage with clusters of two where others do not (Saha, Miller and Wang, Int J Biostat 12 (2016)).
    Where all knees agree the design effect is that of knees which always agree within a participant.

    Args:
        having: bool N.
        participant: N names, the participant of each knee.
        among: bool N, the knees that count; None for all.

    Returns:
        NaN where no knee counts.
    """
    counted, names = np.asarray(having, bool), np.asarray(participant)
    if among is not None:
        chosen = np.asarray(among, bool)
        counted, names = counted[chosen], names[chosen]
    if not len(counted):
        return Interval(math.nan, math.nan, math.nan)
    cluster = np.unique(names, return_inverse=True)[1]
    value = float(counted.mean())
    return Interval(value, *score_limits(value, len(counted) / _design_effect(counted, cluster)))


def _design_effect(having: NDArray[np.bool_], cluster: NDArray[np.intp]) -> float:
    """Between 1, of independent knees, and what it is where a participant's knees always agree."""
    knees, share = np.bincount(cluster), having.mean()
    most = float((knees**2).sum() / knees.sum())
    if share in (0, 1) or len(knees) < 2:
        return most
    residuals = np.bincount(cluster, having) - share * knees
    variance = len(knees) / (len(knees) - 1) * (residuals**2).sum() / knees.sum() ** 2
    return float(np.clip(variance / (share * (1 - share) / knees.sum()), 1, most))


def score_limits(share: float, knees: float) -> tuple[float, float]:
    """Wilson's limits of a share of so many independent knees, which need not be a whole number."""
    squared = _Z95**2
    centre = (share + squared / (2 * knees)) / (1 + squared / knees)
    half = _Z95 * math.sqrt(share * (1 - share) / knees + squared / (4 * knees**2)) / (1 + squared / knees)
    return max(centre - half, 0.0), min(centre + half, 1.0)
