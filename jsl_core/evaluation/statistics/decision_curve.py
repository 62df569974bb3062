"""Whether acting on a risk does more good than harm: decision curves."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["DECISIONS", "net_benefit"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

DECISIONS = np.linspace(0.01, 0.8, 80)


def net_benefit(positive: Bools, risk: Floats, thresholds: Floats) -> Floats:
    """True positives less weighed false ones, per knee, if knees at and above each threshold are treated.

    A threshold t says that treating one knee in vain is worth t / (1 − t) of treating one rightly (Vickers
    and Elkin, Medical Decision Making 26 (2006) 565). A `risk` of 1 everywhere gives "treat all",
    "treat none" is 0. `positive` bool N, `risk` float N, `thresholds` float K in (0, 1).
    """
    cases, controls = np.sort(risk[positive]), np.sort(risk[~positive])
    true = len(cases) - np.searchsorted(cases, thresholds)
    false = len(controls) - np.searchsorted(controls, thresholds)
    return (true - false * thresholds / (1 - thresholds)) / len(risk)
