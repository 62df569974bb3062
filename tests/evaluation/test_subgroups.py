"""Every knee is in one level of each group that the table knows, and levels come in their natural order."""

import numpy as np
import pandas as pd

from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.statistics.subgroups import subgroup_masks
from jsl_core.evaluation.summary import evaluate_predictions

ROWS = pd.DataFrame(
    {
        "Sex": [1.0, 2.0, 2.0, np.nan],
        "Race": [1.0, 2.0, 3.0, 0.0],
        "Age": [49.9, 50.0, 69.9, 79.0],
        "BMI": [24.9, 25.0, 35.0, 30.0],
        "BL_KL_grade": [4.0, 0.0, 2.0, 2.0],
    }
)


def levels(group: str, rows: pd.DataFrame = ROWS) -> dict[str, int]:
    return {level: int(mask.sum()) for name, level, mask in subgroup_masks(rows) if name == group}


def test_bands_hold_their_lower_edge() -> None:
    assert levels("Age") == {"below 50": 1, "50–59": 1, "60–69": 1, "70 and above": 1}
    assert levels("BMI") == {"below 25": 1, "25–29.9": 1, "30–34.9": 1, "35 and above": 1}


def test_levels_come_in_their_natural_order() -> None:
    assert list(levels("Age")) == ["below 50", "50–59", "60–69", "70 and above"]
    assert list(levels("KL grade")) == ["0", "2", "4"]


def test_a_knee_without_the_factor_is_in_no_level() -> None:
    assert levels("Sex") == {"male": 1, "female": 2}


def test_a_factor_that_the_table_lacks_makes_no_group() -> None:
    assert levels("Race", ROWS.drop(columns="Race")) == {}


def test_an_auc_of_fewer_than_five_knees_of_either_outcome_is_not_told() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "participant": [str(1000001 + i) for i in range(60)],
            "split": "test",
            "BL_KL_grade": 2.0,
            "JSL_Prog": [1.0] * 4 + [0.0] * 20 + [1.0] * 12 + [0.0] * 24,
            "Sex": [1.0] * 24 + [2.0] * 36,
            "jsl_risk": rng.random(60),
        }
    )
    parts = evaluate_predictions(rows, 0.5, EvaluateSettings(bootstrap=5))["jsl"]["subgroups"]
    has_auc = {part["level"]: part["auc"] is not None for part in parts if part["group"] == "Sex"}
    assert has_auc == {"male": False, "female": True}
