"""Confidence intervals by resampling participants, as a participant's two knees are not independent."""

import math
from collections.abc import Callable, Iterator, Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from jsl_core.evaluation.statistics.interval import Interval

__all__ = ["bootstrap_bands", "bootstrap_intervals", "jackknife"]

Array = NDArray[np.generic]
Floats = NDArray[np.float64]
Statistics = Callable[..., Mapping[str, float]]

_NORMAL = NormalDist()
_TAILS = (0.025, 0.975)
_DEFINED = 0.95  # share of the resamples that must define a statistic: those that do not are the extreme ones
_BLOCKS = 200  # groups of participants that the jackknife leaves out, one at a time, at most


def bootstrap_intervals(
    statistics: Statistics, participant: Array, *columns: Array, resamples: int, seed: int = 0
) -> dict[str, Interval]:
    """Every statistic of the columns with its 95 % BCa interval, by resampling participants.

    Bias-corrected and accelerated (Efron, JASA 82 (1987) 171), the acceleration by a jackknife of
    participants.

    Args:
        statistics: Takes the columns (of any number of rows) and gives statistics by name, NaN where one is
            not defined. Such resamples are left out of its interval.
        participant: N names, the participant of each row.
        columns: Arrays of N rows each.
        resamples: How often participants are drawn, as many as there are, with replacement.
        seed: Of the draws.

    Returns:
        An interval by name. Its ends are NaN where the resamples cannot tell them: where there are none,
        many do not define the statistic, or all say the same, as of a model that makes no mistake in a
        handful of knees.
    """
    values = statistics(*columns)
    resampled = _collect(values, statistics, _draws(participant, resamples, seed), columns)
    left_out = _collect(values, statistics, jackknife(participant), columns) if resamples else resampled
    return {
        name: Interval(value, *_bca_limits(value, resampled[name], left_out[name]))
        if len(resampled[name]) >= _DEFINED * resamples
        else Interval(value, math.nan, math.nan)
        for name, value in values.items()
    }


def bootstrap_bands(
    statistics: Statistics, participant: Array, *columns: Array, resamples: int, seed: int = 0
) -> dict[str, Interval]:
    """The points of a curve, each with its 95 % percentile interval; arguments are `bootstrap_intervals`'.

    A curve's points are many and the band round them is for the eye: no correction is made, and a point that
    all resamples share, such as a curve's end, has an interval of no width.
    """
    values = statistics(*columns)
    resampled = _collect(values, statistics, _draws(participant, resamples, seed), columns)
    return {name: Interval(value, *_percentiles(value, resampled[name])) for name, value in values.items()}


def _draws(participant: Array, resamples: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Rows of participants that are drawn with replacement."""
    groups = _rows_by_participant(participant)
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.concatenate([groups[index] for index in rng.integers(len(groups), size=len(groups))])


def jackknife(participant: Array) -> Iterator[NDArray[np.intp]]:
    """Rows without those of each participant in turn, or of each of 200 groups where there are more."""
    groups = _rows_by_participant(participant)
    order = np.random.default_rng(0).permutation(len(groups))
    blocks = np.array_split(order, min(len(groups), _BLOCKS))
    keep = np.ones(len(participant), bool)
    for block in blocks:
        rows = np.concatenate([groups[index] for index in block])
        keep[rows] = False
        if keep.any():
            yield np.flatnonzero(keep)
        keep[rows] = True


def _rows_by_participant(participant: Array) -> list[NDArray[np.intp]]:
    order = np.argsort(participant, kind="stable")
    _, counts = np.unique(participant, return_counts=True)
    return np.split(order, np.cumsum(counts)[:-1])


def _collect(
    names: Mapping[str, float],
    statistics: Statistics,
    selections: Iterator[NDArray[np.intp]],
    columns: tuple[Array, ...],
) -> dict[str, Floats]:
    """The statistics of each selection of rows, those that are defined, by name."""
    collected: dict[str, list[float]] = {name: [] for name in names}
    for rows in selections:
        for name, value in statistics(*(column[rows] for column in columns)).items():
            if not math.isnan(value):
                collected[name].append(value)
    return {name: np.asarray(values) for name, values in collected.items()}


def _bca_limits(value: float, resampled: Floats, left_out: Floats) -> tuple[float, float]:
    if math.isnan(value) or len(resampled) < 2 or np.ptp(resampled) <= 1e-12 * max(1.0, abs(value)):
        return math.nan, math.nan
    below = (resampled < value).mean() + (resampled == value).mean() / 2
    if not 0 < below < 1:  # the value is at the edge of all resamples: there is no correction for it
        return _percentiles(value, resampled)
    bias = _NORMAL.inv_cdf(float(below))
    deviations = left_out.mean() - left_out if len(left_out) else np.zeros(1)
    spread = float((deviations**2).sum()) ** 1.5
    acceleration = float((deviations**3).sum()) / (6 * spread) if spread else 0.0
    shares = []
    for tail in _TAILS:
        step = bias + _NORMAL.inv_cdf(tail)
        shares.append(_NORMAL.cdf(bias + step / max(1 - acceleration * step, 0.1)))
    low, high = np.quantile(resampled, shares)
    return float(low), float(high)


def _percentiles(value: float, resampled: Floats) -> tuple[float, float]:
    if not len(resampled):
        return value, value
    low, high = np.quantile(resampled, _TAILS)
    return float(low), float(high)
