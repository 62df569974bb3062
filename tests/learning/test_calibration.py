"""Temperature and operating point, against scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_curve

from jsl_core.learning.model.calibration import best_threshold, called_grades, sigmoid, softmax, temperature


def progression(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(-0.8, 1.0, count)
    return logits, (rng.random(count) < sigmoid(logits)).astype(float)


@pytest.mark.parametrize("confidence", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_too_much_and_too_little_confidence(confidence: float) -> None:
    logits, labels = progression()
    assert temperature(confidence * logits[:, None], labels) == pytest.approx(confidence, rel=0.1)


def test_the_temperature_of_grades_lowers_the_log_loss() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 500)
    logits = rng.normal(0, 1, (500, 5)) * 4
    logits[np.arange(500), labels] += 4
    before, after = softmax(logits), softmax(logits / temperature(logits, labels))
    assert log_loss(labels, after) < log_loss(labels, before)


def test_the_operating_point_has_the_highest_youden_index_of_the_roc_curve() -> None:
    logits, labels = progression(300)
    risk = np.round(sigmoid(logits), 2)  # with ties
    called = risk >= best_threshold(risk, labels)
    youden = called[labels == 1].mean() - called[labels == 0].mean()
    false_positive, true_positive, _ = roc_curve(labels, risk)
    assert youden == pytest.approx((true_positive - false_positive).max())


def test_a_certain_grade_is_called_and_an_uncertain_one_moves_towards_the_other_likely_grades() -> None:
    probabilities = np.array([[0.9, 0.05, 0.05, 0, 0], [0.4, 0.27, 0.33, 0, 0], [0, 0, 0.0, 0.05, 0.95]])
    assert list(called_grades(probabilities)) == [0, 1, 4]
    assert list(called_grades(np.eye(5))) == [0, 1, 2, 3, 4]
    assert len(called_grades(np.empty((0, 5)))) == 0
