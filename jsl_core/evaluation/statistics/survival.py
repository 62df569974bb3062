"""What is known of times to an event where some were not followed to their end and others died before.

Everywhere `time` is float N, from the film to the event or the end of follow-up, in any unit, and `event` int
N: 0 lost or still without (censored), 1 the event, 2 a competing event such as death.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from jsl_core.evaluation.statistics.bootstrap import jackknife
from jsl_core.evaluation.statistics.interval import Interval
from jsl_core.evaluation.statistics.proportion import score_limits

__all__ = ["censoring_weights", "cumulative_incidence", "follow_until", "incidence_intervals"]

Floats = NDArray[np.float64]

_Z95 = NormalDist().inv_cdf(0.975)


def follow_until(time: ArrayLike, event: ArrayLike, horizon: float) -> tuple[Floats, NDArray[np.int_]]:
    """Times and events as they stand at a horizon: what comes after it has not been seen.

    Who was followed until then is known to be without the event then, and is lost a moment later.
    """
    time, event = np.asarray(time, float), np.asarray(event, int)
    reached = (time > horizon) | ((time == horizon) & (event == 0))
    return np.where(reached, np.nextafter(horizon, np.inf), time), np.where(reached, 0, event)


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


def incidence_intervals(
    time: ArrayLike, event: ArrayLike, at: ArrayLike, participant: ArrayLike
) -> list[Interval]:
    """The shares with the event by some times, each with its 95 % interval by participant.

    Wilson's score interval of as many independent knees as these are worth: the variance of the share, by a
    jackknife of participants, says how many would give it, and Student's t of those with the event how far
    that can be trusted. Where nobody, or everybody, had the event there are as many as participants whose
    outcome is known.

    Args:
        time: As this module's.
        event: As this module's.
        at: float K, the times.
        participant: N names, the participant of each knee.

    Returns:
        K intervals, NaN where there are no knees.
    """
    time, event, times = np.asarray(time, float), np.asarray(event, int), np.asarray(at, float)
    if not len(time):
        return [Interval(math.nan, math.nan, math.nan)] * len(times)
    names = np.asarray(participant)
    shares = cumulative_incidence(time, event, times)
    without = np.array([cumulative_incidence(time[rows], event[rows], times) for rows in jackknife(names)])
    errors = (len(without) - 1) * without.var(axis=0) if len(without) > 1 else np.zeros(len(times))
    intervals = []
    for when, share, error in zip(times.tolist(), shares.tolist(), errors.tolist(), strict=True):
        people = len(np.unique(names[(time >= when) | (event > 0)]))
        cases = len(np.unique(names[(time <= when) & (event == 1)]))
        trust = (_Z95 / float(stats.t.ppf(0.975, max(cases - 1, 1)))) ** 2
        knees = trust * share * (1 - share) / error if 0 < share < 1 and error > 0 else people
        intervals.append(Interval(share, *score_limits(share, max(min(knees, len(time)), 1))))
    return intervals


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
