"""The grade that a knee is called by in a run's figures."""

from typing import Literal

import numpy as np

from jsl_core.learning.model.calibration import called_grades

__all__ = ["GradeRule", "call_grades"]

GradeRule = Literal["cost", "likeliest"]


def call_grades(probabilities: np.ndarray, rule: GradeRule) -> np.ndarray:
    """The grades 0…4, int N, that knees of calibrated probabilities N×5 are called by.

    Args:
        probabilities: N×5.
        rule: The grade of the least expected cost (`called_grades`), or the likeliest, as the seed calls.
    """
    likeliest: np.ndarray = probabilities.argmax(axis=1)
    return likeliest if rule == "likeliest" else called_grades(probabilities)
