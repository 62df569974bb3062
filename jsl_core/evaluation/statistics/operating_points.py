"""Operating points: thresholds chosen on validation knees, and what they catch among others."""

import numpy as np
from numpy.typing import NDArray

from jsl_core.evaluation.statistics.metrics import operating_curve

__all__ = ["chosen_thresholds", "point_scores"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_SENSITIVITIES = (0.8, 0.9)
_SPECIFICITIES = (0.8, 0.9)


def chosen_thresholds(positive: Bools, risk: Floats) -> dict[str, float]:
    """By what they promise, the thresholds that give it on these (validation) knees.

    For a sensitivity the highest threshold that reaches it, for a specificity the lowest. A knee is flagged
    at and above its threshold. Empty unless both outcomes occur.
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


def point_scores(positive: Bools, flagged: Bools) -> dict[str, float]:
    """Sensitivity, specificity, predictive values and the share flagged; a ratio of nothing is NaN."""
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
