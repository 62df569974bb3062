"""Confidence intervals by resampling participants, as a participant's two knees are not independent."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from jsl_core.evaluation.statistics.delong import Interval

__all__ = ["bootstrap_intervals"]

Array = NDArray[np.generic]


def bootstrap_intervals(
    statistics: Callable[..., Mapping[str, float]],
    participant: Array,
    *columns: Array,
    resamples: int,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every statistic of the columns (each with N rows) with its 95 % percentile interval.

    `participant` (N) says whose knee a row is. Resamples in which a statistic is undefined (NaN) are left
    out of its interval; where none is left the interval is the value itself.
    """
    values = statistics(*columns)
    order = np.argsort(participant, kind="stable")
    _, counts = np.unique(participant, return_counts=True)
    groups = np.split(order, np.cumsum(counts)[:-1])
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(resamples):
        rows = np.concatenate([groups[index] for index in rng.integers(len(groups), size=len(groups))])
        for name, value in statistics(*(column[rows] for column in columns)).items():
            drawn[name].append(value)
    return {name: _interval(value, np.asarray(drawn[name])) for name, value in values.items()}


def _interval(value: float, drawn: NDArray[np.float64]) -> Interval:
    defined = drawn[~np.isnan(drawn)] if len(drawn) else drawn
    if not len(defined):
        return Interval(value, value, value)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Interval(value, float(low), float(high))
