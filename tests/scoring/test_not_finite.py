"""A score that is not finite is a reason, and no grade."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.scoring.scores import JointCrop, score_crops

GRADES = [f"kl_{grade}" for grade in range(5)]


class Overflowing(Ensemble):
    """Models of which some joints make a network overflow."""

    def predict_each(
        self, crops: Sequence[NDArray[np.uint8]], table: pd.DataFrame, flip: bool | None = None
    ) -> dict[str, pd.DataFrame]:
        """Grade 3 for all; nothing finite for a black joint."""
        rows = [[0.0, 0.1, 0.2, 0.6, 0.1, 0.3] if crop.any() else [np.nan] * 6 for crop in crops]
        return {"model": pd.DataFrame(rows, columns=[*GRADES, "jsl_risk"])}


def test_a_joint_without_a_finite_score_is_a_row_with_its_reason() -> None:
    crops = [
        JointCrop(f"{side}.png", "1000001", f"1000001_{side}", side, np.full((8, 8), side - 1, np.uint8))
        for side in (1, 2)
    ]
    rows = list(score_crops(Overflowing((), 0.5), crops))
    assert [(row["ID"], row.get("reason", "")) for row in rows] == [
        ("1000001_1", "not_finite"),
        ("1000001_2", ""),
    ]
    assert "kl_grade" not in rows[0]
    assert "progresses" not in rows[0]
    assert rows[1]["kl_grade"] == 3
