"""What a model has not learned, as far as its figures and the spread of its answers show, in sentences."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["grade_doubts", "progression_doubts"]

Figures = Mapping[str, Any]

_FLAT = math.log(1.5)  # odds between the ends of the risks' middle nine tenths: below, all are much the same
_SAME = 0.95  # share of the knees that are called one grade, from which a model grades nothing


def progression_doubts(figures: Figures, risk: NDArray[np.float64]) -> list[str]:
    """Say what speaks against a model of progression; nothing where nothing does.

    Args:
        figures: `n`, `progressed`, and `auc` and `brier_skill` with their intervals.
        risk: float N, of the same knees.
    """
    doubts = []
    low, high = np.quantile(risk, [0.05, 0.95])
    if _log_odds(high) - _log_odds(low) < _FLAT:
        doubts.append(
            f"nine in ten of its risks lie between {low:.3f} and {high:.3f}, whatever the knee: it has "
            "learned nothing that a risk would show, and its AUC ranks differences too small to matter"
        )
    if figures["auc"]["low"] <= 0.5:
        doubts.append(
            f"these {figures['n']} knees, of which {figures['progressed']} progressed, do not tell its AUC "
            "from chance"
        )
    skill = figures["brier_skill"]
    if skill["value"] is not None and skill["value"] <= 0:
        doubts.append("its risks are no nearer to the outcomes than the prevalence, given to every knee")
    return doubts


def grade_doubts(figures: Figures, called: NDArray[np.int64]) -> list[str]:
    """Say what speaks against a model of KL grades; nothing where nothing does.

    Args:
        figures: `n`, and `kappa` with its interval.
        called: int N, the grades it calls the same knees by.
    """
    grade, count = max(enumerate(np.bincount(called)), key=lambda pair: pair[1])
    if len(called) > 1 and count >= _SAME * len(called):
        return [f"it calls {count} of {len(called)} knees KL {grade}: it has learned nothing"]
    if figures["kappa"]["low"] is not None and figures["kappa"]["low"] <= 0:
        return [f"these {figures['n']} knees do not tell its agreement with the expert from chance"]
    return []


def _log_odds(risk: float) -> float:
    clipped = min(max(risk, 1e-9), 1 - 1e-9)
    return math.log(clipped / (1 - clipped))
