"""Reclassification: which of two models moves risks the right way."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["reclassification_scores"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def reclassification_scores(
    positive: Bools, risk: Floats, other: Floats, flagged: Bools, flagged_by_other: Bools
) -> dict[str, float]:
    """Integrated discrimination and net reclassification improvement of one model over another.

    Args:
        positive: bool N, the knees that progressed.
        risk: float N, of the first model.
        other: float N, of the model it is compared with.
        flagged: bool N, the knees at and above the first model's threshold.
        flagged_by_other: bool N.

    Returns:
        Scores by name, each above 0 where the first model is better, NaN where one outcome alone occurs.
        `idi` is the difference of the discrimination slopes (mean risk of progressed less mean risk of
        stable knees). `nri` counts any move: progressed knees moved up less down, plus stable ones moved
        down less up, between -2 and 2; `nri_at_threshold` counts moves across the models' own thresholds
        alone (Pencina et al., Statistics in Medicine 27 (2008) 157; 30 (2011) 11). Both NRI can rise by
        miscalibration alone (Hilden and Gerds, Statistics in Medicine 33 (2014) 3405): they belong beside
        calibration.
    """
    if positive.all() or not positive.any():
        return dict.fromkeys(("idi", "nri", "nri_at_threshold"), float("nan"))
    moves = {
        "idi": risk - other,
        "nri": np.sign(risk - other),
        "nri_at_threshold": flagged.astype(float) - flagged_by_other,
    }
    return {name: _gap(positive, move) for name, move in moves.items()}


def _gap(positive: Bools, value: Floats) -> float:
    return float(value[positive].mean() - value[~positive].mean())
