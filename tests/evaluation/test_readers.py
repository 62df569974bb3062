"""Agreement of readers, held against scikit-learn's kappa."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from jsl_core.evaluation.readers import cohens_kappa, compare_readers


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 5, 60)
    second = np.clip(first + rng.integers(-1, 2, 60), 0, 4)
    assert cohens_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))


def test_readers_are_compared_on_the_knees_that_both_have_graded() -> None:
    rng = np.random.default_rng(0)
    knees = [f"{1_000_001 + number // 2}_{number % 2 + 1}" for number in range(40)]
    grades = rng.integers(0, 5, 40)
    readings = {
        "Ann": dict(zip(knees, grades.tolist(), strict=True)),
        "Ben": dict(zip(knees[10:], np.clip(grades[10:] + 1, 0, 4).tolist(), strict=True)),
        "Cem": {"1999999_1": 2},
    }
    (agreement,) = compare_readers(readings)
    assert (agreement.first, agreement.second, agreement.knees, agreement.participants) == (
        "Ann",
        "Ben",
        30,
        15,
    )
    oracle = cohen_kappa_score(grades[10:], np.clip(grades[10:] + 1, 0, 4), weights="quadratic")
    assert agreement.weighted.value == pytest.approx(oracle)
    assert agreement.weighted.low < oracle < agreement.weighted.high
    assert "Ann and Ben: 30 knees of 15 participants" in str(agreement)
