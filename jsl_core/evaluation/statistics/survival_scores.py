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

_BLOCK = 2_000_000  # comparisons at once: 16 MB an array


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
    own = censoring_weights(time, event, math.inf) if weighted else np.ones(len(time))
    cases = np.flatnonzero((event == 1) & (time <= until) & (own > 0))
    total = concordant = 0.0
    for rows in np.array_split(cases, max(1, -(-len(cases) * len(time) // _BLOCK))):
        case = rows[:, None]
        later = (time > time[case]) | ((time == time[case]) & (event == 0))
        never = (event == 2) & (time <= time[case])
        weights = own[case] * (later * own[case] + never * own)
        total += weights.sum()
        concordant += (weights * ((risk < risk[case]) + 0.5 * (risk == risk[case]))).sum()
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
