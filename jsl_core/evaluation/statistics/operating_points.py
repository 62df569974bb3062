"""Operating points: thresholds chosen on validation knees, and their scores on other knees."""

import numpy as np
from numpy.typing import NDArray

from jsl_core.evaluation.statistics.metrics import operating_curve

__all__ = ["choose_thresholds", "operating_point_scores"]

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


def operating_point_scores(positive: Bools, flagged: Bools) -> dict[str, float]:
    """Sensitivity, specificity, predictive values and the share flagged.

    Args:
        positive: bool N, the knees that progressed.
        flagged: bool N, the knees at and above the threshold.

    Returns:
        Scores by name, NaN for a ratio of nothing.
    """
    return {
        "sensitivity": _share(flagged[positive]),
        "specificity": _share(~flagged[~positive]),
        "ppv": _share(positive[flagged]),
        "npv": _share(~positive[~flagged]),
        "flagged": _share(flagged),
    }


def _above(risk: Floats) -> float:
    """A threshold that flags none, as no other is strict enough."""
    return float(np.nextafter(risk.max(), np.inf))


def _share(part: Bools) -> float:
    return float(part.mean()) if len(part) else float("nan")
