"""Which of two models moves risks the right way: integrated discrimination and net reclassification."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["reclassification"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def reclassification(
    positive: Bools, risk: Floats, other: Floats, flagged: Bools, flagged_by_other: Bools
) -> dict[str, float]:
    """What `risk` improves over `other`, each above 0 where it is the better one; NaN for one outcome alone.

    `idi` is the difference of the discrimination slopes (mean risk of progressed less mean risk of stable
    knees). `nri` counts any move: progressed knees moved up less down, plus stable ones moved down less up,
    between -2 and 2; `nri_at_threshold` counts moves across the models' own thresholds alone
    (Pencina et al., Statistics in Medicine 27 (2008) 157; 30 (2011) 11). Both NRI can rise by miscalibration
    alone (Hilden and Gerds, Statistics in Medicine 33 (2014) 3405): they belong beside calibration.
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
