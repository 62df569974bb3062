"""Regressions of times to an event on a few inputs, and hazards by interval of what networks say.

Arguments everywhere: `months` float N, from the film to the event or the end of follow-up; `event` int N, 0
none, 1 replaced, 2 died before; `ends` float K, of the intervals, in months.
"""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from jsl_core.learning.model.hazard import Hazard

__all__ = [
    "chances_of_death",
    "fit_cox",
    "fit_discrete",
    "fit_hazard",
    "interval_ends",
    "interval_log_odds",
    "set_level",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int_]

_STEPS, _HALVINGS = 100, 30
_FREE = 100.0
_INVERSE_PENALTY = 0.3  # of the regression of factors, as that of the label has it
# The level of hazards is that of the knees learned from, right to a quarter, as far as validation knees do
# not say otherwise: (1 / 0.25)² events, beside which theirs are weighed.
_EVENTS_OF_PRIOR = 16.0


def interval_ends(horizon: float, interval: float) -> Floats:
    """The ends of intervals that lead to a horizon; the last may be a shorter one."""
    return np.append(np.arange(interval, horizon - 1e-9, interval), horizon)


def fit_cox(
    inputs: Floats,
    months: Floats,
    event: Ints,
    precision: Floats | float,
    centre: Floats | float = 0.0,
) -> Floats:
    """Fit proportional hazards by Newton's method, with a normal prior of the weights.

    Breslow's partial likelihood (Biometrics 30 (1974) 89): of knees that are replaced at the same time all
    are at risk.

    Args:
        inputs: N×F.
        months: As this module's.
        event: As this module's.
        precision: Of the prior, F or the same for all.
        centre: Of the prior.

    Returns:
        F weights.
    """
    features = inputs.shape[1]
    precision, centre = np.broadcast_to(precision, features), np.broadcast_to(centre, features)
    order = np.argsort(-months, kind="stable")
    rows, times, happened = inputs[order], -months[order], event[order] == 1
    last = np.searchsorted(times, times[happened], side="right") - 1  # the last who is at risk with each

    def loss(weights: Floats) -> float:
        scores = rows @ weights
        sums = np.logaddexp.accumulate(scores)[last]
        return float((sums - scores[happened]).sum() + (precision * (weights - centre) ** 2).sum() / 2)

    weights = np.array(centre, float)
    for _ in range(_STEPS):
        scores = rows @ weights
        risk = np.exp(scores - scores.max())
        total = np.cumsum(risk)[last]
        means = np.cumsum(risk[:, None] * rows, axis=0)[last] / total[:, None]
        # Each knee's squares count in all the risk sets that it is in: those of its own time and later ones.
        share = np.zeros(len(rows))
        np.add.at(share, last, 1 / total)
        share = np.cumsum(share[::-1])[::-1]
        curvature = (rows * (risk * share)[:, None]).T @ rows - means.T @ means + np.diag(precision)
        gradient = (means - rows[happened]).sum(axis=0) + precision * (weights - centre)
        step = np.linalg.solve(curvature, gradient)
        before = loss(weights)
        for _ in range(_HALVINGS):  # a whole step may lead too far where the scores part the events
            if loss(weights - step) <= before:
                break
            step = step / 2
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def fit_discrete(inputs: Floats, months: Floats, event: Ints, ends: Floats) -> tuple[Floats, Floats]:
    """Fit proportional odds of the event in each interval, a logistic regression with a row an interval.

    Returns:
        F weights, and the K log odds of a knee whose inputs are 0.
    """
    knees, intervals, happened = _intervals_lived(months, event, ends)
    # Intervals have odds of their own: their inputs are so large that the ridge hardly sees their weights.
    rows = np.hstack([inputs[knees], np.eye(len(ends))[intervals] * _FREE])
    model = LogisticRegression(
        C=_INVERSE_PENALTY, max_iter=500, fit_intercept=False, solver="newton-cholesky", tol=1e-8
    ).fit(rows, happened)
    weights, odds = np.split(model.coef_[0], [inputs.shape[1]])
    return weights, odds * _FREE


def interval_log_odds(months: Floats, event: Ints, ends: Floats) -> Floats:
    """The log odds K of the event in each interval, of all who lived through it; half an event is added."""
    _, intervals, happened = _intervals_lived(months, event, ends)
    events = np.bincount(intervals, happened, len(ends)) + 0.5
    odds: Floats = np.log(events / (np.bincount(intervals, minlength=len(ends)) + 1 - events))
    return odds


def fit_hazard(
    kind: Literal["cox", "discrete"],
    logits: Floats,
    months: Floats,
    event: Ints,
    ends: Floats,
    temperature: float = 1.0,
) -> Hazard:
    """The hazards that go with what a network says of the knees that it learned from.

    Args:
        kind: Of its head.
        logits: N×1 or N×K.
        months: As this module's.
        event: As this module's.
        ends: As this module's.
        temperature: By which what it says will be divided.
    """
    centre = logits.mean(axis=0)
    if kind == "cox":
        increments = _cox_increments((logits[:, 0] - centre[0]) / temperature, months, event, ends)
        baseline = np.log(np.maximum(increments, 1e-9))
    else:
        baseline = centre
    death = chances_of_death(months, event, ends)
    return Hazard(kind, *(tuple(map(float, part)) for part in (ends, baseline, death, centre)))


def set_level(hazard: Hazard, scores: Floats, months: Floats, event: Ints) -> Hazard:
    """Raise or lower hazards to what other knees saw of them, as far as those can tell.

    Args:
        hazard: Fitted on the knees learned from.
        scores: Of others, calibrated, N×1 or N×K.
        months: Of these.
        event: Of these.
    """
    ends = np.array(hazard.months)
    knees, intervals, happened = _intervals_lived(months, event, ends)
    level = 0.0
    for _ in range(_STEPS):
        raised = replace(hazard, baseline=tuple(value + level for value in hazard.baseline))
        expected = raised.hazards(scores)[knees, intervals].sum() + _EVENTS_OF_PRIOR * math.exp(level)
        step = math.log((happened.sum() + _EVENTS_OF_PRIOR) / expected)
        level += step
        if abs(step) < 1e-9:
            break
    return replace(hazard, baseline=tuple(value + level for value in hazard.baseline))


def chances_of_death(months: Floats, event: Ints, ends: Floats) -> Floats:
    """The chance of dying in each interval, of those who reach it without replacement, K (Nelson-Aalen)."""
    times, place = np.unique(months, return_inverse=True)
    at_risk = len(months) - np.searchsorted(np.sort(months), times)
    steps = np.bincount(place, event == 2, len(times)) / at_risk
    summed = np.concatenate([[0.0], np.cumsum(steps)])[np.searchsorted(times, ends, side="right")]
    chances: Floats = -np.expm1(-np.diff(summed, prepend=0.0))
    return chances


def _cox_increments(scores: Floats, months: Floats, event: Ints, ends: Floats) -> Floats:
    """Breslow's estimate of the cumulative hazard gained within each interval, K."""
    order = np.argsort(-months, kind="stable")
    times, happened = -months[order], event[order] == 1
    last = np.searchsorted(times, times[happened], side="right") - 1
    steps = 1 / np.cumsum(np.exp(scores[order]))[last]
    interval = np.searchsorted(ends, -times[happened])
    inside = interval < len(ends)
    return np.bincount(interval[inside], steps[inside], len(ends)).astype(np.float64)


def _intervals_lived(months: Floats, event: Ints, ends: Floats) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Knee, interval, and whether it was replaced in it, of all intervals that knees lived through.

    As `discrete_loss` counts them: one in which a knee was lost counts where it was followed for half of it.
    """
    starts = np.concatenate([[0.0], ends[:-1]])
    target = (event[:, None] == 1) & (months[:, None] > starts) & (months[:, None] <= ends)
    after = (event[:, None] == 1) & (months[:, None] <= starts)
    counted = ((months[:, None] >= (starts + ends) / 2) & ~after) | target
    knees, intervals = np.nonzero(counted)
    return knees, intervals, target[knees, intervals]
