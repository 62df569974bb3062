"""Operating points: thresholds chosen on validation knees, and their scores on other knees."""

import numpy as np
from numpy.typing import NDArray

from jsl_core.evaluation.statistics.interval import Interval
from jsl_core.evaluation.statistics.metrics import operating_curve
from jsl_core.evaluation.statistics.proportion import proportion_interval

__all__ = ["choose_thresholds", "flag_counts", "flag_shares"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_SENSITIVITIES = (0.8, 0.9)
_SPECIFICITIES = (0.8, 0.9)


def choose_thresholds(positive: Bools, risk: Floats) -> dict[str, float]:
    """Choose a threshold for each wanted sensitivity and specificity.

    A knee is flagged at and above the threshold. For a sensitivity the highest threshold that reaches it is
    chosen, for a specificity the lowest.

    Args:
        positive: bool N, the (validation) knees that progressed.
        risk: float N.

    Returns:
        Thresholds by aim, such as `sensitivity 80%`; empty unless both outcomes occur.
    """
    true, false = operating_curve(positive, risk)
    if not true[-1] or not false[-1]:
        return {}
    thresholds = np.append(np.inf, np.unique(risk)[::-1])
    sensitivity, specificity = true / true[-1], 1 - false / false[-1]
    points = {}
    for aim in _SENSITIVITIES:
        points[f"sensitivity {aim:.0%}"] = float(thresholds[np.argmax(sensitivity >= aim)])
    for aim in _SPECIFICITIES:
        last = len(thresholds) - 1 - int(np.argmax((specificity >= aim)[::-1]))
        points[f"specificity {aim:.0%}"] = _above(risk) if last == 0 else float(thresholds[last])
    return points


def flag_shares(positive: Bools, flagged: Bools, participant: NDArray[np.generic]) -> dict[str, Interval]:
    """Sensitivity, specificity, predictive values and the share flagged, with their intervals.

    Args:
        positive: bool N, the knees that progressed.
        flagged: bool N, the knees at and above the threshold.
        participant: N names.

    Returns:
        Shares by name, NaN for a share of no knees.
    """
    return {
        "sensitivity": proportion_interval(flagged, participant, positive),
        "specificity": proportion_interval(~flagged, participant, ~positive),
        "ppv": proportion_interval(positive, participant, flagged),
        "npv": proportion_interval(~positive, participant, ~flagged),
        "flagged": proportion_interval(flagged, participant),
    }


def flag_counts(positive: Bools, flagged: Bools) -> dict[str, int]:
    """The 2×2 table of progressed and flagged knees; arguments are those of `flag_shares`."""
    return {
        "true_positive": int((positive & flagged).sum()),
        "false_negative": int((positive & ~flagged).sum()),
        "false_positive": int((~positive & flagged).sum()),
        "true_negative": int((~positive & ~flagged).sum()),
    }


def _above(risk: Floats) -> float:
    """A threshold that flags none, as no other is strict enough."""
    return float(np.nextafter(risk.max(), np.inf))
