"""Recalibration: how a model's risks are mended on new knees, and judged on knees that did not mend them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from jsl_core.evaluation.statistics.calibration import fit_logistic, log_odds
from jsl_core.evaluation.statistics.splines import spline_basis, spline_knots

__all__ = ["METHODS", "fit_line", "recalibrate_across"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHODS = ("intercept", "slope", "refit")
_EVENTS_PER_WEIGHT = 10  # Peduzzi et al., Journal of Clinical Epidemiology 49 (1996) 1373
_RIDGE = 1.0  # scikit-learn's default, of standardised inputs
_KNOTS = 3  # of the curve that a single log odds is refitted by


def fit_line(positive: Bools, risk: Floats, sloped: bool = True) -> tuple[float, float]:
    """Fit what recalibrates risks: the log odds become `intercept + slope × log odds`.

    Args:
        positive: bool N, the knees with the outcome.
        risk: float N.
        sloped: Whether the slope is fitted, too (Cox's, Biometrika 45 (1958) 562); else it is 1.

    Returns:
        Intercept and slope, NaN where these knees do not tell them.
    """
    y, odds = positive.astype(float), log_odds(risk)
    ones = np.ones(len(y))
    if not sloped:
        return float(fit_logistic(ones[:, None], y, odds)[0]), 1.0
    intercept, slope = fit_logistic(np.column_stack([ones, odds]), y, np.zeros(len(y)))
    return float(intercept), float(slope)


def recalibrate_across(method: str, positive: Bools, risk: Floats, parts: Floats, fold: Ints) -> Floats | str:
    """Recalibrate every knee by a fit to the knees of the other folds.

    So no knee is judged by what it fitted itself. The three methods are those of Steyerberg et al.
    (Statistics in Medicine 23 (2004) 2567): the intercept alone, intercept and slope, and all weights anew.

    Args:
        method: `intercept`; `slope`, which fits both; or `refit`, a logistic regression (standardised, under
            a weak ridge) on all that the model says of a knee.
        positive: bool N, the knees with the outcome.
        risk: float N, the model's.
        parts: N×F, all that the model says of a knee, as log odds; of one column a curve is fitted.
        fold: int N; all knees of a participant are in one fold.

    Returns:
        Risks N, each from a fit without its fold; or why there are none.
    """
    weights = {"intercept": 1, "slope": 2}.get(method, 1 + max(parts.shape[1], _KNOTS - 1))
    fewest = min(min(positive[fold != one].sum(), (~positive[fold != one]).sum()) for one in np.unique(fold))
    if fewest < _EVENTS_PER_WEIGHT * weights:
        return (
            f"{weights} weights need {_EVENTS_PER_WEIGHT * weights} knees of either outcome to fit on, and "
            f"there are {int(fewest)}"
        )
    mended = np.full(len(risk), np.nan)
    for one in np.unique(fold):
        rest, own = fold != one, fold == one
        predict = _fit(method, positive[rest], risk[rest], parts[rest])
        mended[own] = predict(risk[own], parts[own])
    return (
        mended
        if np.isfinite(mended).all()
        else "the fit has no solution: the risks separate the outcomes without a mistake"
    )


def _fit(method: str, positive: Bools, risk: Floats, parts: Floats) -> Callable[[Floats, Floats], Floats]:
    """What maps risks and parts to recalibrated risks, fitted to these knees."""
    if method != "refit":
        intercept, slope = fit_line(positive, risk, method == "slope")
        return lambda risk, _: _probability(intercept + slope * log_odds(risk))
    knots = spline_knots(parts[:, 0], _KNOTS)

    def inputs(parts: Floats) -> Floats:
        return spline_basis(parts[:, 0], knots) if parts.shape[1] == 1 else parts

    columns = inputs(parts)
    mean, spread = columns.mean(axis=0), columns.std(axis=0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(C=1 / _RIDGE, max_iter=1000).fit((columns - mean) / spread, positive)
    return lambda _, parts: model.predict_proba((inputs(parts) - mean) / spread)[:, 1]


def _probability(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-odds))
