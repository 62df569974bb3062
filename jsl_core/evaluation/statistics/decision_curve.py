"""Decision curves: whether acting on a risk does more good than harm."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["THRESHOLDS", "net_benefit"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

THRESHOLDS = np.linspace(0.01, 0.8, 80)  # risks at which a decision curve is drawn


def net_benefit(positive: Bools, risk: Floats, thresholds: Floats) -> Floats:
    """True positives less weighted false ones, per knee, if knees at and above each threshold are treated.

    A threshold t means that treating one knee in vain costs t / (1 − t) of what treating one rightly gains
    (Vickers and Elkin, Medical Decision Making 26 (2006) 565).

    Args:
        positive: bool N, the knees that progressed.
        risk: float N; 1 everywhere gives the curve of "treat all", while "treat none" is 0.
        thresholds: float K in (0, 1).

    Returns:
        float K.
    """
    cases, controls = np.sort(risk[positive]), np.sort(risk[~positive])
    true = len(cases) - np.searchsorted(cases, thresholds)
    false = len(controls) - np.searchsorted(controls, thresholds)
    return (true - false * thresholds / (1 - thresholds)) / len(risk)
