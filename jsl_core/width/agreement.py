"""How far two readings of a joint space agree: of masks, of widths, and by the usual statistics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jsl_core.width.margins import Compartment

__all__ = ["Agreement", "agree", "dice", "mean_distance", "standardised_response_mean"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Agreement of two readings of the same knees, in the readings' unit.

    Attributes:
        n: Knees that both could read.
        bias: Mean of the first less the second.
        low: Lower 95 % limit of agreement (Bland and Altman, Lancet 1986, 1:307).
        high: Upper limit.
        mean_absolute: Mean absolute difference.
        median_absolute: Median absolute difference.
        correlation: Pearson's.
        icc: ICC(2,1), absolute agreement of single readings (Shrout and Fleiss, Psychol Bull 1979, 86:420).
    """

    n: int
    bias: float
    low: float
    high: float
    mean_absolute: float
    median_absolute: float
    correlation: float
    icc: float


def agree(first: Array, second: Array) -> Agreement:
    """Compare two readings, N each; knees with a NaN in either are left out.

    Raises:
        ValueError: Where fewer than three knees remain.
    """
    known = np.isfinite(first) & np.isfinite(second)
    one, other = first[known], second[known]
    if len(one) < 3:
        raise ValueError(f"{len(one)} knees have both readings; three are needed at least")
    apart = one - other
    spread = 1.96 * float(apart.std(ddof=1))
    bias = float(apart.mean())
    return Agreement(
        len(one),
        bias,
        bias - spread,
        bias + spread,
        float(np.abs(apart).mean()),
        float(np.median(np.abs(apart))),
        float(np.corrcoef(one, other)[0, 1]),
        _icc(np.stack([one, other], 1)),
    )


def standardised_response_mean(changes: Array) -> float:
    """Mean change over its standard deviation: how well a measure shows change."""
    known = changes[np.isfinite(changes)]
    return float(known.mean() / known.std(ddof=1))


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Dice's coefficient of two masks; 1 of two that are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def mean_distance(first: Compartment, second: Compartment) -> tuple[float, float]:
    """Mean absolute distance in rows of the femoral and the tibial margins, over the columns of both."""
    x = second.x[(second.x >= first.x[0]) & (second.x <= first.x[-1])]
    pairs = ((first.femoral, second.femoral), (first.tibial, second.tibial))
    femoral, tibial = (
        float(np.abs(np.interp(x, first.x, one) - np.interp(x, second.x, other)).mean())
        for one, other in pairs
    )
    return femoral, tibial


def _icc(readings: Array) -> float:
    n, k = readings.shape
    grand, rows, columns = readings.mean(), readings.mean(1), readings.mean(0)
    between = k * float(((rows - grand) ** 2).sum()) / (n - 1)
    raters = n * float(((columns - grand) ** 2).sum()) / (k - 1)
    residual = readings - rows[:, None] - columns[None] + grand
    error = float((residual**2).sum()) / ((n - 1) * (k - 1))
    return (between - error) / (between + (k - 1) * error + k * (raters - error) / n)
