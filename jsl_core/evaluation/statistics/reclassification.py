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
        stable knees). `nri_at_threshold` counts moves across the models' own thresholds: progressed knees
        moved up less down, plus stable ones moved down less up, between -2 and 2 (Pencina et al., Statistics
        in Medicine 27 (2008) 157). The continuous NRI, which counts any move, is left out: it is large
        between models that know the same (Hilden and Gerds, Statistics in Medicine 33 (2014) 3405).
    """
    if positive.all() or not positive.any():
        return dict.fromkeys(("idi", "nri_at_threshold"), float("nan"))
    moves = {"idi": risk - other, "nri_at_threshold": flagged.astype(float) - flagged_by_other}
    return {name: _gap(positive, move) for name, move in moves.items()}


def _gap(positive: Bools, value: Floats) -> float:
    return float(value[positive].mean() - value[~positive].mean())
