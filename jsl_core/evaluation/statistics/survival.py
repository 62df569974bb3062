"""What is known of times to an event where some were not followed to their end and others died before.

Everywhere `time` is float N, from the film to the event or the end of follow-up, in any unit, and `event` int
N: 0 lost or still without (censored), 1 the event, 2 a competing event such as death.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jsl_core.evaluation.statistics.interval import Interval
from jsl_core.evaluation.statistics.proportion import score_limits

__all__ = ["censoring_weights", "cumulative_incidence", "follow_until", "incidence_interval"]

Floats = NDArray[np.float64]


def follow_until(time: ArrayLike, event: ArrayLike, horizon: float) -> tuple[Floats, NDArray[np.int_]]:
    """Times and events as they stand at a horizon: what comes after it has not been seen."""
    time, event = np.asarray(time, float), np.asarray(event, int)
    return np.minimum(time, horizon), np.where(time > horizon, 0, event)


def cumulative_incidence(time: ArrayLike, event: ArrayLike, at: ArrayLike, cause: int = 1) -> Floats:
    """The share that has had the event by each time (Aalen and Johansen, Scand J Stat 5 (1978) 141).

    Without competing events it is one less the Kaplan-Meier estimate.

    Args:
        time: As this module's.
        event: As this module's.
        at: float K.
        cause: The event whose share is asked for.

    Returns:
        float K.
    """
    time, event = np.asarray(time, float), np.asarray(event, int)
    times, place = np.unique(time, return_inverse=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times)  # those whose time is this one or later
    ended = np.bincount(place, event > 0, len(times))
    free = np.cumprod(1 - ended / at_risk)
    before = np.concatenate([[1.0], free[:-1]])
    share = np.cumsum(before * np.bincount(place, event == cause, len(times)) / at_risk)
    return _step_values(times, share, np.asarray(at, float), start=0.0)


def censoring_weights(time: ArrayLike, event: ArrayLike, at: float) -> Floats:
    """What each knee counts for at a time, so that those still followed stand for those lost.

    The inverse of the chance of not having been lost: by the event's time where there was one, by `at` where
    there was none so far, 0 where the knee was lost before (Graf et al., Stat Med 18 (1999) 2529; Schoop et
    al., Biom J 53 (2011) 88, for competing events). The chance is the Kaplan-Meier estimate of being lost, in
    which events come before losses of the same time, and the value at a time counts that time's losses.

    Returns:
        float N.
    """
    time, event = np.asarray(time, float), np.asarray(event, int)
    followed = _chance_followed(time, event, np.minimum(time, at))
    known = (time > at) | (event > 0)
    return np.where(known & (followed > 0), 1 / np.where(followed > 0, followed, 1), 0.0)


def incidence_interval(time: ArrayLike, event: ArrayLike, at: float, participant: ArrayLike) -> Interval:
    """The share with the event by a time, with its 95 % interval by participant.

    Wilson's score interval of as many independent knees as these are worth: the share is a mean of weighted
    outcomes, and the variance of that mean over participants says how many would give it. The weights count
    as known, which makes the interval rather too wide than too narrow (Robins and Rotnitzky 1992). Where
    nobody, or everybody, had the event there are as many as participants whose outcome is known.

    Args:
        time: As this module's.
        event: As this module's.
        at: The time.
        participant: N names, the participant of each knee.

    Returns:
        NaN where there are no knees.
    """
    time, event = np.asarray(time, float), np.asarray(event, int)
    if not len(time):
        return Interval(math.nan, math.nan, math.nan)
    share = float(cumulative_incidence(time, event, [at])[0])
    weights = censoring_weights(time, event, at)
    having = (time <= at) & (event == 1)
    cluster = np.unique(np.asarray(participant), return_inverse=True)[1]
    people = len(np.unique(cluster[weights > 0]))
    residuals = np.bincount(cluster, weights * (having - share))
    error = len(residuals) / max(len(residuals) - 1, 1) * float((residuals**2).sum()) / len(time) ** 2
    knees = share * (1 - share) / error if 0 < share < 1 and error > 0 else people
    return Interval(share, *score_limits(share, max(min(knees, len(time)), 1)))


def _chance_followed(time: Floats, event: NDArray[np.int_], at: Floats) -> Floats:
    """The chance of not having been lost by each of some times."""
    times, place = np.unique(time, return_inverse=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times) - np.bincount(place, event > 0, len(times))
    lost = np.bincount(place, event == 0, len(times))
    chance = np.cumprod(1 - lost / np.maximum(at_risk, 1))
    return _step_values(times, chance, at, start=1.0)


def _step_values(times: Floats, values: Floats, at: Floats, start: float) -> Floats:
    """The values of a function that jumps at `times` and is `start` before the first."""
    return np.concatenate([[start], values])[np.searchsorted(times, at, side="right")]
