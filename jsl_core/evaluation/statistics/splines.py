"""A smooth calibration curve, and how far risks lie from it."""

import numpy as np
from numpy.typing import NDArray

from jsl_core.evaluation.statistics.calibration import fit_logistic, log_odds

__all__ = ["integrated_calibration", "smooth_calibration", "spline_basis", "spline_knots"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

# Where the knots lie, as quantiles (Harrell, Regression Modeling Strategies, 2nd ed. 2015, table 2.3).
_QUANTILES = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95)}


def spline_knots(values: Floats, knots: int) -> Floats:
    """The knots of a restricted cubic spline at quantiles of the values, fewer where some are the same."""
    return np.unique(np.quantile(values, _QUANTILES[knots]))


def spline_basis(values: Floats, knots: Floats) -> Floats:
    """The columns of a restricted cubic spline, linear beyond the outer knots (Harrell, chapter 2.4.5).

    Args:
        values: N.
        knots: K, ascending; of fewer than three the values themselves are the basis.

    Returns:
        N×(K - 1).
    """
    if len(knots) < 3:
        return values[:, None]

    def cubes(knot: float) -> Floats:
        return np.clip(values - knot, 0, None) ** 3

    last, before = knots[-1], knots[-2]
    columns = [values]
    for knot in knots[:-2]:
        bend = cubes(knot) - cubes(before) * (last - knot) / (last - before)
        bend += cubes(last) * (before - knot) / (last - before)
        columns.append(bend / (last - knots[0]) ** 2)
    return np.column_stack(columns)


def smooth_calibration(positive: Bools, risk: Floats, at: Floats) -> Floats:
    """The share with the outcome as a smooth function of the risk.

    A logistic regression on a restricted cubic spline, with four knots, of the log odds (Austin and
    Steyerberg, Statistics in Medicine 33 (2014) 517).

    Args:
        positive: bool N, the knees with the outcome.
        risk: float N.
        at: float K, the risks at which the curve is wanted.

    Returns:
        float K, NaN where no curve can be fitted.
    """
    odds = log_odds(risk)
    knots = spline_knots(odds, 4)
    basis = spline_basis(odds, knots)
    mean, spread = basis.mean(axis=0), basis.std(axis=0)
    if (spread == 0).any():
        return np.full(len(at), np.nan)

    def inputs(columns: Floats) -> Floats:
        return np.column_stack([np.ones(len(columns)), (columns - mean) / spread])

    weights = fit_logistic(inputs(basis), positive.astype(float), np.zeros(len(odds)))
    return 1 / (1 + np.exp(-(inputs(spline_basis(log_odds(at), knots)) @ weights)))


def integrated_calibration(positive: Bools, risk: Floats) -> float:
    """The mean distance of risks from the smooth curve (ICI; Austin and Steyerberg, 38 (2019) 4051)."""
    return float(np.abs(smooth_calibration(positive, risk, risk) - risk).mean())
