"""The figures agree with scikit-learn, with the definition of the AUC, and with DeLong's variance by hand."""

import json
import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr
from sklearn import metrics as oracle

from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.comparisons import compare_models
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.calibration import expected_calibration_error
from jsl_core.evaluation.statistics.delong import auc_difference, auc_interval
from jsl_core.evaluation.statistics.metrics import (
    confusion_matrix,
    grade_scores,
    operating_curve,
    progression_scores,
    recall_by_grade,
    sensitivity_at,
)
from jsl_core.evaluation.summary import evaluate_predictions

RNG = np.random.default_rng(7)
POSITIVE = RNG.random(300) < 0.33
RISK = np.round(1 / (1 + np.exp(-(POSITIVE * 1.1 + RNG.normal(size=300) - 0.8))), 2)  # rounded: with ties
OTHER = np.round(1 / (1 + np.exp(-(POSITIVE * 0.4 + RNG.normal(size=300) - 0.5))), 2)
GRADE = RNG.integers(0, 5, 400)
GUESS = np.clip(GRADE + RNG.integers(-1, 2, 400), 0, 4)


def placements(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong's structural components, pair by pair as in the 1988 paper (eqs. 4-5)."""
    cases, controls = score[positive], score[~positive]
    psi = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in controls] for x in cases])
    return psi.mean(axis=1), psi.mean(axis=0)


def test_the_auc_is_that_of_scikit_learn_also_with_ties() -> None:
    assert auc_interval(POSITIVE, RISK).value == pytest.approx(
        oracle.roc_auc_score(POSITIVE, RISK), abs=1e-12
    )


def test_the_variance_is_that_of_the_definition() -> None:
    v10, v01 = placements(POSITIVE, RISK)
    variance = v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)
    interval = auc_interval(POSITIVE, RISK)
    auc = v10.mean()
    half = 1.959963984540054 * math.sqrt(variance) / (auc * (1 - auc))
    logit = math.log(auc / (1 - auc))
    assert interval.low == pytest.approx(1 / (1 + math.exp(half - logit)), abs=1e-9)
    assert interval.high == pytest.approx(1 / (1 + math.exp(-half - logit)), abs=1e-9)


def test_the_paired_test_uses_the_covariance_of_the_definition() -> None:
    (a10, a01), (b10, b01) = placements(POSITIVE, RISK), placements(POSITIVE, OTHER)
    difference = a10.mean() - b10.mean()
    variance = (a10 - b10).var(ddof=1) / len(a10) + (a01 - b01).var(ddof=1) / len(a01)
    test = auc_difference(POSITIVE, RISK, OTHER)
    assert test.value == pytest.approx(difference, abs=1e-12)
    assert test.p == pytest.approx(2 * ndtr(-abs(difference) / math.sqrt(variance)), abs=1e-9)
    assert test.high - test.value == pytest.approx(1.959963984540054 * math.sqrt(variance), abs=1e-9)


def test_a_model_does_not_differ_from_itself() -> None:
    test = auc_difference(POSITIVE, RISK, RISK)
    assert (test.value, test.p) == (0.0, 1.0)


def test_a_perfect_model_has_an_interval_of_one_point() -> None:
    interval = auc_interval([True, True, False], [0.9, 0.8, 0.1])
    assert (interval.value, interval.low, interval.high) == (1.0, 1.0, 1.0)


def test_kl_figures_are_those_of_scikit_learn() -> None:
    scores = grade_scores(GRADE, GUESS)
    assert scores["accuracy"] == pytest.approx(oracle.accuracy_score(GRADE, GUESS))
    assert scores["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(GRADE, GUESS))
    assert scores["kappa"] == pytest.approx(oracle.cohen_kappa_score(GRADE, GUESS, weights="quadratic"))
    assert scores["mae"] == pytest.approx(oracle.mean_absolute_error(GRADE, GUESS))
    np.testing.assert_array_equal(confusion_matrix(GRADE, GUESS), oracle.confusion_matrix(GRADE, GUESS))
    np.testing.assert_allclose(recall_by_grade(GRADE, GUESS), oracle.recall_score(GRADE, GUESS, average=None))


def test_the_operating_point_is_that_of_scikit_learn() -> None:
    flagged = RISK >= 0.4
    scores = progression_scores(POSITIVE, RISK, flagged)
    assert scores["auc"] == pytest.approx(oracle.roc_auc_score(POSITIVE, RISK))
    assert scores["ap"] == pytest.approx(oracle.average_precision_score(POSITIVE, RISK))
    assert scores["sensitivity"] == pytest.approx(oracle.recall_score(POSITIVE, flagged))
    assert scores["specificity"] == pytest.approx(oracle.recall_score(~POSITIVE, ~flagged))
    assert scores["precision"] == pytest.approx(oracle.precision_score(POSITIVE, flagged))


def test_the_roc_curve_is_that_of_scikit_learn_with_every_threshold() -> None:
    true, false = operating_curve(POSITIVE, RISK)
    false_rate, true_rate, _ = oracle.roc_curve(POSITIVE, RISK, drop_intermediate=False)
    np.testing.assert_allclose(true / POSITIVE.sum(), true_rate)
    np.testing.assert_allclose(false / (~POSITIVE).sum(), false_rate)
    np.testing.assert_allclose(
        sensitivity_at(POSITIVE, RISK, np.array([0.31, 1.0])), [np.interp(0.31, false_rate, true_rate), 1.0]
    )


def test_balanced_precision_is_the_precision_among_as_many_knees_of_either_class() -> None:
    flagged = RISK >= 0.4
    weight = np.where(POSITIVE, 1 / POSITIVE.sum(), 1 / (~POSITIVE).sum())
    expected = oracle.precision_score(POSITIVE, flagged, sample_weight=weight)
    assert progression_scores(POSITIVE, RISK, flagged)["precision_balanced"] == pytest.approx(expected)


def test_calibration_error_of_a_hand_worked_example() -> None:
    # Bins [0.1, 0.2): mean 0.15, observed 0; [0.9, 1]: mean 0.95, observed 0.5.
    assert expected_calibration_error([0, 0, 1, 0], [0.1, 0.2 - 1e-9, 0.9, 1.0]) == pytest.approx(
        0.5 * 0.15 + 0.5 * 0.45, abs=1e-6
    )


def test_a_participants_knees_are_drawn_together() -> None:
    participant = np.repeat(np.arange(200), 2)
    value = np.repeat(RNG.normal(size=200), 2)  # the two knees are one piece of information

    def mean(column: np.ndarray) -> dict[str, float]:
        return {"mean": float(column.mean())}

    interval = bootstrap_intervals(mean, participant, value, resamples=2000)["mean"]
    by_participant = 2 * 1.96 * value[::2].std() / math.sqrt(200)
    assert interval.high - interval.low == pytest.approx(by_participant, rel=0.1)


def predictions(risk: np.ndarray = RISK) -> pd.DataFrame:
    n = len(risk)
    return pd.DataFrame(
        {
            "ID": [f"{1000001 + i // 2}_{1 + i % 2}" for i in range(n)],
            "participant": [str(1000001 + i // 2) for i in range(n)],
            "split": "test",
            "BL_KL_grade": GRADE[:n].astype(float),
            "JSL_Prog": POSITIVE.astype(float),
            "jsl_risk": risk,
            "Sex": [1.0, 2.0] * (n // 2),
            "Age": RNG.uniform(45, 79, n),
        }
    )


def test_figures_hold_for_the_test_part_alone_and_are_json() -> None:
    rows = predictions()
    rows.loc[:99, "split"] = "train"
    figures = evaluate_predictions(rows, 0.4, EvaluateSettings(bootstrap=50))
    json.dumps(figures, allow_nan=False)
    assert figures["kl"] is None
    assert figures["jsl"]["n"] == 200
    assert figures["jsl"]["auc"]["value"] == pytest.approx(oracle.roc_auc_score(POSITIVE[100:], RISK[100:]))
    assert figures["jsl"]["prevalence"] == pytest.approx(POSITIVE[100:].mean())
    by_sex = {part["level"]: part for part in figures["jsl"]["subgroups"] if part["group"] == "Sex"}
    assert {level: part["n"] for level, part in by_sex.items()} == {"male": 100, "female": 100}


@pytest.mark.parametrize("label", [0.0, 1.0, np.nan])
def test_a_test_part_with_one_class_has_a_reason_instead_of_figures(label: float) -> None:
    rows = predictions().assign(JSL_Prog=label)
    assert "progressed" in evaluate_predictions(rows, None, EvaluateSettings(bootstrap=5))["jsl"]["reason"]


def test_models_are_compared_on_the_knees_that_both_have() -> None:
    other = predictions(OTHER).iloc[20:]
    (pair,) = compare_models({"one": predictions(), "two": other}, {}, EvaluateSettings(bootstrap=5), "test")
    expected = auc_difference(POSITIVE[20:], RISK[20:], OTHER[20:])
    assert (pair["a"], pair["b"]) == ("one", "two")
    assert pair["p"] == pytest.approx(expected.p)


def test_every_pair_of_models_is_compared_once() -> None:
    models = dict(product("ABC", [predictions()]))
    pairs = compare_models(models, {}, EvaluateSettings(bootstrap=0), "test")
    assert {pair["a"] + pair["b"] for pair in pairs} == {"AB", "AC", "BC"}
