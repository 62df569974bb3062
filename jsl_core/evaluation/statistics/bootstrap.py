"""Confidence intervals by resampling participants, as a participant's two knees are not independent."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from jsl_core.evaluation.statistics.interval import Interval

__all__ = ["bootstrap_intervals"]

Array = NDArray[np.generic]


def bootstrap_intervals(
    statistics: Callable[..., Mapping[str, float]],
    participant: Array,
    *columns: Array,
    resamples: int,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every statistic of the columns with its 95 % percentile interval, by resampling participants.

    Args:
        statistics: Takes the columns (of any number of rows) and gives statistics by name, NaN where one is
            not defined. Such resamples are left out of its interval.
        participant: N names, the participant of each row.
        columns: Arrays of N rows each.
        resamples: How often participants are drawn, as many as there are, with replacement.
        seed: Of the draws.

    Returns:
        An interval by name, as narrow as the value itself where no resample defines the statistic.
    """
    values = statistics(*columns)
    order = np.argsort(participant, kind="stable")
    _, counts = np.unique(participant, return_counts=True)
    groups = np.split(order, np.cumsum(counts)[:-1])
    rng = np.random.default_rng(seed)
    resampled: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(resamples):
        rows = np.concatenate([groups[index] for index in rng.integers(len(groups), size=len(groups))])
        for name, value in statistics(*(column[rows] for column in columns)).items():
            resampled[name].append(value)
    return {name: _interval(value, np.asarray(resampled[name])) for name, value in values.items()}


def _interval(value: float, resampled: NDArray[np.float64]) -> Interval:
    defined = resampled[~np.isnan(resampled)]
    if not len(defined):
        return Interval(value, value, value)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Interval(value, float(low), float(high))
