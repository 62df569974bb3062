"""Calibration: how far predicted risks are from the outcomes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Bin",
    "calibration_scores",
    "expected_calibration_error",
    "fit_logistic",
    "log_odds",
    "reliability_bins",
]

_LEAST = 1e-9  # a risk of exactly 0 or 1 has no log odds
_STEPS = 50
_FLAT = 1e-12  # the determinant, by that of independent inputs, below which inputs are collinear
_STEEPEST = 50.0  # beyond, the outcomes are separated by the risk and the slope is not defined


@dataclass(frozen=True)
class Bin:
    """Knees whose risk lies in [low, high): how many, their mean risk, and the share that progressed."""

    low: float
    high: float
    n: int
    mean: float
    observed: float


def reliability_bins(positive: ArrayLike, risk: ArrayLike, bins: int = 10) -> list[Bin]:
    """Sort knees into bins of equal width by their risk.

    Args:
        positive: bool N, the knees that progressed.
        risk: float N in [0, 1].
        bins: How many; the last one includes a risk of 1.

    Returns:
        The bins that have knees.
    """
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
    """Mean distance of risk and outcome over the bins, weighted by size (Guo et al., ICML 2017, eq. 3).

    Args:
        positive: bool N, the knees that progressed.
        risk: float N in [0, 1].
        bins: How many, of equal width.
    """
    filled = reliability_bins(positive, risk, bins)
    total = sum(part.n for part in filled)
    return sum(part.n / total * abs(part.mean - part.observed) for part in filled)


def calibration_scores(positive: ArrayLike, risk: ArrayLike) -> dict[str, float]:
    """Calibration intercept and slope, Brier score, and its skill over always predicting the prevalence.

    Args:
        positive: bool N, the knees that progressed.
        risk: float N in [0, 1].

    Returns:
        `intercept` is calibration in the large: what must be added to all log odds so that as many progress
        as predicted, 0 at best, negative where risks are too high. `slope` is that of a logistic regression
        of the outcome on the log odds, 1 at best, below 1 where risks are too extreme (Cox, Biometrika 45
        (1958) 562; van Calster et al., BMC Medicine 17 (2019) 230). `brier` and `brier_skill`, which is 1 at
        best and 0 for the prevalence. NaN where a figure is not defined.
    """
    y, p = np.asarray(positive, float), np.asarray(risk, float)
    odds = log_odds(p)
    brier, prevalence = float(np.mean((p - y) ** 2)), float(y.mean())
    chance = prevalence * (1 - prevalence)
    return {
        "intercept": float(fit_logistic(np.ones((len(y), 1)), y, odds)[0]),
        "slope": float(fit_logistic(np.stack([np.ones(len(y)), odds], axis=1), y, np.zeros(len(y)))[1]),
        "brier": brier,
        "brier_skill": 1 - brier / chance if chance else float("nan"),
    }


def log_odds(risk: ArrayLike) -> NDArray[np.float64]:
    """The log odds of risks, those of exactly 0 and 1 kept finite."""
    clipped = np.clip(np.asarray(risk, float), _LEAST, 1 - _LEAST)
    return np.log(clipped) - np.log1p(-clipped)


def fit_logistic(
    inputs: NDArray[np.float64], y: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a logistic regression by maximum likelihood (Newton's method).

    Args:
        inputs: N×F; a column of ones for an intercept.
        y: float N, 0 or 1.
        offset: N, log odds that are added with weight 1.

    Returns:
        F weights, NaN where there are none: of one class alone, of collinear inputs, or where they separate
        the outcomes.
    """
    weights, none = np.zeros(inputs.shape[1]), np.full(inputs.shape[1], np.nan)
    if not 0 < y.mean() < 1:
        return none
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(offset + inputs @ weights)))
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs
        if np.linalg.det(curvature) <= _FLAT * curvature.diagonal().prod():
            return none
        step = np.linalg.solve(curvature, inputs.T @ (y - chance))
        weights = weights + step
        if np.abs(weights).max() > _STEEPEST:
            return none
        if np.abs(step).max() < 1e-10:
            return weights
    return none
