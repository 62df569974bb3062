"""How far predicted risks are from what happened."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Bin", "expected_calibration_error", "reliability"]


@dataclass(frozen=True)
class Bin:
    """Knees whose risk lies in [low, high): how many, their mean risk, and the share that progressed."""

    low: float
    high: float
    n: int
    mean: float
    observed: float


def reliability(positive: ArrayLike, risk: ArrayLike, bins: int = 10) -> list[Bin]:
    """The bins of equal width that have knees; the last one includes a risk of 1."""
    positive, risk = np.asarray(positive, float), np.asarray(risk, float)
    place = np.minimum((risk * bins).astype(int), bins - 1)
    return [
        Bin(
            low=index / bins,
            high=(index + 1) / bins,
            n=int((place == index).sum()),
            mean=float(risk[place == index].mean()),
            observed=float(positive[place == index].mean()),
        )
        for index in range(bins)
        if (place == index).any()
    ]


def expected_calibration_error(positive: ArrayLike, risk: ArrayLike, bins: int = 10) -> float:
    """Mean distance of risk and outcome over the bins, by their size (Guo et al., ICML 2017, eq. 3)."""
    filled = reliability(positive, risk, bins)
    total = sum(one.n for one in filled)
    return sum(one.n / total * abs(one.mean - one.observed) for one in filled)
