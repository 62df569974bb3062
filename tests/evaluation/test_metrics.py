"""The figures agree with scikit-learn, with the definition of the AUC, and with DeLong's variance by hand."""

import json
import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
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
from jsl_core.evaluation.statistics.proportion import proportion_interval
from jsl_core.evaluation.study_design import StudyDesign
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


def interval_freedom() -> int:
    """Of knees that are each a participant: one less than there are of the rarer outcome."""
    return int(min(POSITIVE.sum(), (~POSITIVE).sum())) - 1


def student(freedom: int) -> float:
    return float(stats.t.ppf(0.975, freedom))


def test_the_auc_is_that_of_scikit_learn_also_with_ties() -> None:
    assert auc_interval(POSITIVE, RISK).value == pytest.approx(
        oracle.roc_auc_score(POSITIVE, RISK), abs=1e-12
    )


def test_the_variance_is_that_of_the_definition() -> None:
    v10, v01 = placements(POSITIVE, RISK)
    variance = v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)
    interval = auc_interval(POSITIVE, RISK)
    auc = v10.mean()
    half = student(interval_freedom()) * math.sqrt(variance) / (auc * (1 - auc))
    logit = math.log(auc / (1 - auc))
    assert interval.low == pytest.approx(1 / (1 + math.exp(half - logit)), abs=1e-9)
    assert interval.high == pytest.approx(1 / (1 + math.exp(-half - logit)), abs=1e-9)


def test_the_paired_test_uses_the_covariance_of_the_definition() -> None:
    (a10, a01), (b10, b01) = placements(POSITIVE, RISK), placements(POSITIVE, OTHER)
    difference = a10.mean() - b10.mean()
    variance = (a10 - b10).var(ddof=1) / len(a10) + (a01 - b01).var(ddof=1) / len(a01)
    test = auc_difference(POSITIVE, RISK, OTHER)
    assert test.value == pytest.approx(difference, abs=1e-12)
    freedom = interval_freedom()
    tail = stats.t.sf(abs(difference) / math.sqrt(variance), freedom)
    assert test.p == pytest.approx(2 * tail, abs=1e-9)
    assert test.high - test.value == pytest.approx(student(freedom) * math.sqrt(variance), abs=1e-9)


def test_a_model_does_not_differ_from_itself() -> None:
    test = auc_difference(POSITIVE, RISK, RISK)
    assert (test.value, test.p) == (0.0, 1.0)


def test_a_handful_of_knees_without_a_mistake_makes_no_model_perfect() -> None:
    interval = auc_interval([True] * 3 + [False] * 9, np.arange(12)[::-1])
    assert (interval.value, interval.high) == (1.0, pytest.approx(1.0))
    assert interval.low < 0.75
    other = np.r_[9:12, 0:9]  # another order, and no mistake either
    test = auc_difference([True] * 3 + [False] * 9, np.arange(12)[::-1], other)
    assert test.value == 0
    assert test.low < -0.2 < 0.2 < test.high
    assert math.isnan(test.p)


def test_newcombes_score_interval_is_reproduced() -> None:
    # A limit is the AUC whose own standard deviation (Hanley and McNeil 1982, with Q1 and Q2) is 1/1.96 of
    # the distance to what was seen; the mean of the two numbers stands for either in their weights.
    low = auc_interval([True] * 10 + [False] * 30, np.arange(40)[::-1]).low
    weight = (10 + 30) / 2 - 1
    deviation = math.sqrt(
        (low * (1 - low) + weight * (low / (2 - low) - low**2) + weight * (2 * low**2 / (1 + low) - low**2))
        / (10 * 30)
    )
    assert (1 - low) / deviation == pytest.approx(1.959963984540054, abs=1e-6)


def test_a_share_has_wilsons_interval_and_with_two_knees_each_that_of_as_many_as_they_are_worth() -> None:
    having = RNG.random(80) < 0.8
    alone = proportion_interval(having, np.arange(80))
    wilson = stats.binomtest(int(having.sum()), 80).proportion_ci(method="wilson")
    assert (alone.low, alone.high) == pytest.approx((wilson.low, wilson.high), abs=1e-9)
    twice = proportion_interval(np.repeat(having, 2), np.repeat(np.arange(80), 2))
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high), rel=0.01)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_sensitivity_of_zero_or_one_from_a_handful_has_a_wide_interval(share: float) -> None:
    interval = proportion_interval(np.full(8, bool(share)), np.repeat(np.arange(4), 2))
    wilson = stats.binomtest(int(4 * share), 4).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=1e-9)
    assert interval.high - interval.low > 0.4


def test_the_bootstrap_interval_is_scipys_bca() -> None:
    value = RNG.gamma(1.0, size=60)  # skewed, so that the correction matters

    def variance(column: np.ndarray) -> dict[str, float]:
        return {"variance": float(column.var())}

    own = bootstrap_intervals(variance, np.arange(60), value, resamples=8000)["variance"]
    oracle_interval = stats.bootstrap(
        (value,), np.var, n_resamples=8000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert own.low == pytest.approx(oracle_interval.low, rel=0.05)
    assert own.high == pytest.approx(oracle_interval.high, rel=0.05)


def test_resamples_that_all_say_the_same_give_no_interval() -> None:
    interval = bootstrap_intervals(
        lambda right: {"kappa": float(right.mean())}, np.arange(6), np.ones(6), resamples=50
    )["kappa"]
    assert interval.value == 1
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


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
    by_participant = auc_interval(POSITIVE[100:], RISK[100:], rows["participant"][100:])
    assert figures["jsl"]["auc"]["low"] == pytest.approx(by_participant.low)
    assert sum(figures["jsl"]["counts"].values()) == 200
    by_sex = {part["level"]: part for part in figures["jsl"]["subgroups"] if part["group"] == "Sex"}
    assert {level: part["n"] for level, part in by_sex.items()} == {"male": 100, "female": 100}


@pytest.mark.parametrize("label", [0.0, 1.0, np.nan])
def test_a_test_part_with_one_class_has_a_reason_instead_of_figures(label: float) -> None:
    rows = predictions().assign(JSL_Prog=label)
    assert "progressed" in evaluate_predictions(rows, None, EvaluateSettings(bootstrap=5))["jsl"]["reason"]


def test_models_are_compared_on_the_knees_that_both_have() -> None:
    other = predictions(OTHER).iloc[20:]
    (pair,) = compare_models({"one": predictions(), "two": other}, {}, EvaluateSettings(bootstrap=5), "test")
    participant = predictions()["participant"][20:]
    expected = auc_difference(POSITIVE[20:], RISK[20:], OTHER[20:], participant)
    assert (pair["a"], pair["b"]) == ("one", "two")
    assert pair["p"] == pytest.approx(expected.p)
    assert (pair["n"], pair["progressed"]) == (280, POSITIVE[20:].sum())


def test_every_pair_of_models_is_compared_once() -> None:
    models = dict(product("ABC", [predictions()]))
    pairs = compare_models(models, {}, EvaluateSettings(bootstrap=0), "test")
    assert {pair["a"] + pair["b"] for pair in pairs} == {"AB", "AC", "BC"}


def test_a_model_that_says_the_same_of_every_knee_is_said_to_have_learned_nothing() -> None:
    risk = 0.5 + 0.001 * (RISK - 0.5)  # ranks as well as ever
    figures = evaluate_predictions(predictions(risk), None, EvaluateSettings(bootstrap=20))["jsl"]
    assert figures["auc"]["low"] > 0.5
    assert any("learned nothing" in doubt for doubt in figures["doubts"])
    assert any("prevalence" in doubt for doubt in figures["doubts"])
    grades = {f"kl_{grade}": np.full(300, 0.6 if grade == 1 else 0.1) for grade in range(5)}
    graded = evaluate_predictions(predictions().assign(**grades), None, EvaluateSettings(bootstrap=20))
    assert graded["kl"]["doubts"] == ["it calls 300 of 300 knees KL 1: it has learned nothing"]


def test_a_model_that_learned_is_not_doubted() -> None:
    truth = 1 / (1 + np.exp(-2 * (POSITIVE - 0.5) + RNG.normal(0, 0.8, 300)))
    figures = evaluate_predictions(predictions(truth), None, EvaluateSettings(bootstrap=20))["jsl"]
    assert not any("learned nothing" in doubt or "chance" in doubt for doubt in figures["doubts"])


def test_of_a_cross_validation_each_knee_is_flagged_by_the_threshold_of_its_own_models() -> None:
    own = np.where(np.arange(300) % 2, 0.2, 0.9)
    rows = predictions().assign(jsl_threshold=own)
    figures = evaluate_predictions(rows, 0.5, EvaluateSettings(bootstrap=0))["jsl"]
    assert figures["counts"]["true_positive"] == int((POSITIVE & (own <= RISK)).sum())


def test_a_table_split_by_knee_is_known_by_the_participants_on_both_sides() -> None:
    table = predictions().assign(split=["train", "test"] * 150)
    design = StudyDesign.of(table)
    assert (design.knees, design.participants, design.learned_from) == (150, 150, 150)
    assert StudyDesign.of(table.assign(split=["train"] * 150 + ["test"] * 150)).learned_from == 0
    assert StudyDesign.of(table, folds=5).knees == 300


def test_a_source_that_adds_nothing_loses_nothing_and_the_other_all_that_is_above_chance() -> None:
    image = np.log(RISK / (1 - RISK))
    rows = predictions().assign(jsl_from_image=image, jsl_from_factors=0.0)
    figures = evaluate_predictions(rows, 0.4, EvaluateSettings(bootstrap=0))["jsl"]
    assert figures["sources"]["factors"] == pytest.approx({"auc_lost": 0.0, "spread": 0.0}, abs=1e-9)
    above = oracle.roc_auc_score(POSITIVE, RISK) - 0.5
    assert figures["sources"]["image"]["auc_lost"] == pytest.approx(above, abs=0.01)
    assert evaluate_predictions(predictions(), 0.4, EvaluateSettings(bootstrap=0))["jsl"]["sources"] is None
