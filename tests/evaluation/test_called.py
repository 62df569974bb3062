"""Grades are called by their cost, or as the seed calls them: the likeliest."""

import numpy as np
import pandas as pd

from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.called import call_grades
from jsl_core.evaluation.grading import grade_figures

# A knee that may well be a 2 is no 0 for who counts how far off a grade is.
DOUBTFUL = np.array([[0.4, 0.1, 0.3, 0.2, 0.0], [0.05, 0.05, 0.1, 0.7, 0.1]])


def test_the_likeliest_grade_is_the_largest_probability_and_cost_looks_farther() -> None:
    assert list(call_grades(DOUBTFUL, "likeliest")) == [0, 3]
    assert list(call_grades(DOUBTFUL, "cost")) == [1, 3]


def test_the_figures_of_a_run_call_as_its_settings_say() -> None:
    rows = pd.DataFrame(np.tile(DOUBTFUL, (5, 1)), columns=[f"kl_{grade}" for grade in range(5)])
    rows = rows.assign(participant=[str(knee // 2) for knee in range(10)], BL_KL_grade=[0.0, 3.0] * 5)
    by_rule = {
        rule: grade_figures(rows, EvaluateSettings(bootstrap=0, call=rule))["accuracy"]["value"]
        for rule in ("cost", "likeliest")
    }
    assert by_rule == {"cost": 0.5, "likeliest": 1.0}
