"""A test part that is asked again and again: how sure decisions must be, and how its winner is flattered.

The challenger that happens to suit the test knees wins, and the more challengers there are, the more of the
champion's figure is luck. Spending the error keeps luck from deciding often; what is left is estimated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["EarlierDecision", "expected_optimism", "interval_level"]

_ERROR = 0.05
_LINES = 20_000  # of equal models, drawn to see how much their champions are flattered


@dataclass(frozen=True)
class EarlierDecision:
    """One comparison on the same test part.

    Attributes:
        promoted: Whether the challenger became champion.
        error: Standard error of the difference of the two figures.
        bar: The least difference at which a challenger is promoted: half the interval less the margin.
    """

    promoted: bool
    error: float
    bar: float


def interval_level(decision: int) -> float:
    """The level of the interval of the n-th decision on a test part.

    Errors of 0.05 · 6 / (π n)² add up to 0.05 over all decisions that will ever be made (alpha spending;
    Foster and Stine, JRSS B 70 (2008) 429): the chance that a model which is worse by more than the margin is
    ever promoted stays below 2.5 %.

    Args:
        decision: n, from 1.
    """
    return 1 - _ERROR * 6 / (math.pi * decision) ** 2


def expected_optimism(decisions: Sequence[EarlierDecision], seed: int = 0) -> float:
    """By how much a line's champion is flattered by the test part that chose it, if all its models are equal.

    Lines of equal models are drawn, whose figures on the test part err as the differences did, and those
    that went as this one did are kept: the mean error of their champions. Better models are flattered less.

    Args:
        decisions: All decisions on the test part, oldest first.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    champion = np.zeros(_LINES)
    for number, decision in enumerate(decisions):
        spread = decision.error / math.sqrt(2)  # of one figure; a difference has twice the variance
        if number == 0:
            champion = rng.normal(0, spread, _LINES)
        challenger = rng.normal(0, spread, _LINES)
        promoted = challenger - champion >= decision.bar
        alike = promoted == decision.promoted
        if alike.sum() < _LINES / 1000:  # no line of equals goes so: these models are not equal
            continue
        chosen = np.where(decision.promoted, challenger, champion)[alike]
        champion = chosen[rng.integers(len(chosen), size=_LINES)]
    return float(champion.mean())
