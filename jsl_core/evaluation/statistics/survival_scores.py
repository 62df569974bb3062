"""How good predicted times to an event are, beside competing events, too: concordance, AUC, Brier score.

`time` and `event` are those of survival.py. A knee that died before it could have the event never has it: it
is compared as one without.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jsl_core.evaluation.statistics.survival import censoring_weights

__all__ = ["brier_score", "concordance", "dynamic_auc", "integrated_brier_score"]

Floats = NDArray[np.float64]


def concordance(
    time: ArrayLike, event: ArrayLike, risk: ArrayLike, until: float = math.inf, weighted: bool = True
) -> float:
    """The C-index: of two knees the one whose event comes first has the higher risk; ties count half.

    Weighted it does not depend on who was lost when (Uno et al., Stat Med 30 (2011) 1105; with competing
    events Wolbers et al., Biostatistics 15 (2014) 526); without weights it is Harrell's (JAMA 247 (1982)
    2543).

    Args:
        time: As survival.py's.
        event: As survival.py's.
        risk: float N, of any scale.
        until: Pairs count whose earlier event comes by then.
        weighted: By the inverse of the chance of not having been lost.

    Returns:
        NaN where there is no pair to compare.
    """
    time, event, risk = np.asarray(time, float), np.asarray(event, int), np.asarray(risk, float)
    order = np.lexsort((event == 0, time))  # of one time those with an event come first
    time, event, risk = time[order], event[order], risk[order]
    own = censoring_weights(time, event, math.inf) if weighted else np.ones(len(time))
    cases = np.flatnonzero((event == 1) & (time <= until) & (own > 0))
    ended = time[event > 0]
    ended_then = np.searchsorted(ended, time[cases], side="right") - np.searchsorted(ended, time[cases])
    later = np.searchsorted(time, time[cases]) + ended_then  # the first that is at risk after each case
    dead_risk, dead_weight = risk[event == 2], own[event == 2]
    dead = np.searchsorted(time[event == 2], time[cases], side="right")
    total = concordant = 0.0
    for case, start, stop in zip(cases, later, dead, strict=True):
        total += own[case] * (own[case] * (len(time) - start) + dead_weight[:stop].sum())
        lower = np.count_nonzero(risk[start:] < risk[case])
        equal = np.count_nonzero(risk[start:] == risk[case])
        among_dead = (dead_risk[:stop] < risk[case]) + 0.5 * (dead_risk[:stop] == risk[case])
        concordant += own[case] * (own[case] * (lower + equal / 2) + dead_weight[:stop] @ among_dead)
    return concordant / total if total else math.nan


def dynamic_auc(time: ArrayLike, event: ArrayLike, risk: ArrayLike, at: float) -> float:
    """The AUC for having had the event by a time against being without it then (cumulative/dynamic).

    Knees are weighted by the inverse of the chance of not having been lost (Uno et al., JASA 102 (2007) 527;
    Blanche, Dartigues and Jacqmin-Gadda, Stat Med 32 (2013) 5381, definition 2 for competing events).

    Args:
        time: As survival.py's.
        event: As survival.py's.
        risk: float N, of any scale.
        at: The time.

    Returns:
        NaN where nobody had the event by then, or everybody.
    """
    time, event = np.asarray(time, float), np.asarray(event, int)
    weights = censoring_weights(time, event, at)
    case = (time <= at) & (event == 1)
    levels, place = np.unique(np.asarray(risk, float), return_inverse=True)
    cases, others = (np.bincount(place, weights * kind, len(levels)) for kind in (case, ~case))
    below = np.cumsum(others) - others / 2
    pairs = float(cases.sum() * others.sum())
    return float(cases @ below) / pairs if pairs else math.nan


def brier_score(time: ArrayLike, event: ArrayLike, incidence: ArrayLike, at: float) -> float:
    """The mean squared distance of predicted chance and outcome at a time, as if nobody had been lost.

    Args:
        time: As survival.py's.
        event: As survival.py's.
        incidence: float N, the predicted chance of having had the event by `at`.
        at: The time.
    """
    time, event = np.asarray(time, float), np.asarray(event, int)
    case = (time <= at) & (event == 1)
    weights = censoring_weights(time, event, at)
    return float(np.mean(weights * (np.asarray(incidence, float) - case) ** 2))


def integrated_brier_score(time: ArrayLike, event: ArrayLike, incidence: ArrayLike, at: ArrayLike) -> float:
    """The mean of the Brier score from the first to the last of some times, by the trapezoidal rule.

    Args:
        time: As survival.py's.
        event: As survival.py's.
        incidence: float N×K, the predicted chance of having had the event by each time.
        at: float K, ascending, at least two.
    """
    times, chances = np.asarray(at, float), np.asarray(incidence, float)
    scores = [brier_score(time, event, chances[:, place], when) for place, when in enumerate(times)]
    return float(np.trapezoid(scores, times) / (times[-1] - times[0]))
