"""Clustered AUC, calibration, decision curves, reclassification, operating points against other sources."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize
from sklearn import metrics as oracle
from sklearn.linear_model import LogisticRegression

from jsl_core.cohort.columns import GRADE_PROBABILITIES
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.comparisons import compare_grades
from jsl_core.evaluation.grading import probability_scores
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.calibration import calibration_scores
from jsl_core.evaluation.statistics.decision_curve import net_benefit
from jsl_core.evaluation.statistics.delong import auc_difference, auc_interval
from jsl_core.evaluation.statistics.metrics import grade_scores, progression_scores
from jsl_core.evaluation.statistics.operating_points import choose_thresholds, flag_shares
from jsl_core.evaluation.statistics.reclassification import reclassification_scores
from jsl_core.evaluation.summary import evaluate_predictions
from jsl_core.learning.model.calibration import called_grades

RNG = np.random.default_rng(11)
N = 400
PARTICIPANT = np.repeat(np.arange(N // 2), 2)
SHARED = np.repeat(RNG.normal(size=N // 2), 2)  # what a person's two knees have in common
POSITIVE = RNG.random(N) < 1 / (1 + np.exp(0.8 - SHARED))
RISK = 1 / (1 + np.exp(0.9 - 0.9 * SHARED - 0.7 * POSITIVE - RNG.normal(0, 0.6, N)))
OTHER = 1 / (1 + np.exp(0.6 - 0.5 * SHARED - 0.3 * POSITIVE - RNG.normal(0, 0.8, N)))


def test_the_published_example_of_109_tomograms_is_reproduced() -> None:
    # Ratings 1 to 5 of Hanley and McNeil, Radiology 143 (1982) 29, table I; by DeLong's method Stata's manual
    # (roctab) gives 0.8932 and the interval 0.83295 to 0.95339 on the plain scale.
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    rating = np.repeat([1, 2, 3, 4, 5] * 2, normal + abnormal)
    positive = np.repeat([False, True], [58, 51])
    # Against a constant (AUC 0.5, no variance) the paired test gives the plain interval less 0.5.
    test = auc_difference(positive, rating, np.zeros(109))
    assert test.value + 0.5 == pytest.approx(0.8932, abs=5e-5)
    narrower = 1.959963984540054 / stats.t.ppf(0.975, 50)  # Stata takes the normal distribution
    assert test.value + 0.5 - narrower * (test.value - test.low) == pytest.approx(0.83295, abs=5e-6)
    assert test.value + 0.5 + narrower * (test.high - test.value) == pytest.approx(0.95339, abs=5e-6)


def test_with_one_knee_each_clustering_changes_nothing() -> None:
    alone = np.arange(N)[::-1]
    assert auc_interval(POSITIVE, RISK, alone) == auc_interval(POSITIVE, RISK)
    assert auc_difference(POSITIVE, RISK, OTHER, alone).p == pytest.approx(
        auc_difference(POSITIVE, RISK, OTHER).p, rel=1e-9
    )


def test_knees_counted_twice_make_nothing_surer() -> None:
    # Every knee copied: nothing is known that was not, so the clustered variance stays, the naive one halves.
    twice = np.tile(np.arange(N), 2)
    positive, risk = np.tile(POSITIVE, 2), np.tile(RISK, 2)
    once, naive, clustered = (
        auc_interval(POSITIVE, RISK),
        auc_interval(positive, risk),
        auc_interval(positive, risk, twice),
    )
    assert clustered.high - clustered.low == pytest.approx(once.high - once.low, rel=0.01)
    assert naive.high - naive.low == pytest.approx((once.high - once.low) / math.sqrt(2), rel=0.02)


def test_the_clustered_interval_of_a_difference_is_the_bootstraps() -> None:
    def difference(positive: np.ndarray, risk: np.ndarray, other: np.ndarray) -> dict[str, float]:
        auc, other_auc = (progression_scores(positive, score, positive)["auc"] for score in (risk, other))
        return {"auc": auc - other_auc}

    resampled = bootstrap_intervals(difference, PARTICIPANT, POSITIVE, RISK, OTHER, resamples=800)["auc"]
    test = auc_difference(POSITIVE, RISK, OTHER, PARTICIPANT)
    assert test.value == pytest.approx(resampled.value)
    assert test.high - test.low == pytest.approx(resampled.high - resampled.low, rel=0.1)


def test_calibration_is_the_maximum_likelihood_of_the_log_odds() -> None:
    odds = np.log(RISK / (1 - RISK))
    scores = calibration_scores(POSITIVE, RISK)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(odds[:, None], POSITIVE)
    assert scores["slope"] == pytest.approx(model.coef_[0, 0], abs=1e-5)

    def loss(shift: np.ndarray) -> float:
        return oracle.log_loss(POSITIVE, 1 / (1 + np.exp(-(odds + shift[0]))))

    assert scores["intercept"] == pytest.approx(minimize(loss, [0.0], tol=1e-10).x[0], abs=1e-4)
    assert scores["brier"] == pytest.approx(oracle.brier_score_loss(POSITIVE, RISK))
    chance = oracle.brier_score_loss(POSITIVE, np.full(N, POSITIVE.mean()))
    assert scores["brier_skill"] == pytest.approx(1 - scores["brier"] / chance)


def test_too_extreme_risks_have_a_slope_below_one_and_too_high_ones_a_negative_intercept() -> None:
    truth = RNG.uniform(-2, 1, 40_000)
    happened = RNG.random(40_000) < 1 / (1 + np.exp(-truth))
    right = calibration_scores(happened, 1 / (1 + np.exp(-truth)))
    assert right["slope"] == pytest.approx(1, abs=0.05)
    assert right["intercept"] == pytest.approx(0, abs=0.05)
    assert calibration_scores(happened, 1 / (1 + np.exp(-2 * truth)))["slope"] == pytest.approx(0.5, abs=0.03)
    assert calibration_scores(happened, 1 / (1 + np.exp(-truth - 1)))["intercept"] == pytest.approx(
        -1, abs=0.05
    )


@pytest.mark.parametrize("risk", [[0.1, 0.2, 0.8, 0.9], [0.3, 0.3, 0.3, 0.3]])
def test_separated_or_constant_risks_have_no_slope(risk: list[float]) -> None:
    assert math.isnan(calibration_scores([0, 0, 1, 1], risk)["slope"])


def test_net_benefit_is_that_of_the_definition_and_of_treating_all() -> None:
    thresholds = np.array([0.1, 0.25, float(RISK[3]), 0.6])
    for threshold, benefit in zip(thresholds, net_benefit(POSITIVE, RISK, thresholds), strict=True):
        (_, false), (_, true) = oracle.confusion_matrix(POSITIVE, threshold <= RISK)
        assert benefit == pytest.approx(true / N - false / N * threshold / (1 - threshold), abs=1e-12)
    prevalence = POSITIVE.mean()
    everyone = net_benefit(POSITIVE, np.ones(N), np.array([prevalence]))
    assert everyone[0] == pytest.approx(0, abs=1e-12)  # treating all is worth nothing at the prevalence


def test_reclassification_of_a_hand_worked_example() -> None:
    positive = np.array([True, True, True, True, False, False, False, False])
    other = np.array([0.4, 0.4, 0.6, 0.2, 0.4, 0.6, 0.3, 0.2])
    risk = np.array([0.7, 0.3, 0.8, 0.2, 0.2, 0.4, 0.6, 0.2])
    scores = reclassification_scores(positive, risk, other, risk >= 0.5, other >= 0.5)
    # Across 0.5: one progressed knee up; one stable down and one up.
    assert scores["nri_at_threshold"] == pytest.approx(1 / 4 + 0)
    assert scores["idi"] == pytest.approx((0.5 - 0.4) - (0.35 - 0.375))


def test_the_nri_at_a_threshold_is_what_sensitivity_and_specificity_gain() -> None:
    flagged, by_other = RISK >= 0.4, OTHER >= 0.5
    gains = [
        oracle.recall_score(truth, first) - oracle.recall_score(truth, second)
        for truth, first, second in ((POSITIVE, flagged, by_other), (~POSITIVE, ~flagged, ~by_other))
    ]
    scores = reclassification_scores(POSITIVE, RISK, OTHER, flagged, by_other)
    assert scores["nri_at_threshold"] == pytest.approx(sum(gains))


def test_thresholds_reach_their_aim_on_the_knees_that_chose_them_and_no_other_does_better() -> None:
    points = choose_thresholds(POSITIVE, RISK)
    for aim in (0.8, 0.9):
        for kind, truth in (("sensitivity", POSITIVE), ("specificity", ~POSITIVE)):
            cut = points[f"{kind} {aim:.0%}"]
            every = np.append(RISK, cut)[:, None]
            right = (every <= RISK) if kind == "sensitivity" else (every > RISK)
            reached = right[:, truth].mean(axis=1)
            better = (every[:, 0] > cut) if kind == "sensitivity" else (every[:, 0] < cut)
            assert reached[-1] >= aim
            assert (reached[better] < aim).all()


def test_a_specificity_that_no_knee_allows_flags_none() -> None:
    points = choose_thresholds(np.array([True, False]), np.array([0.2, 0.9]))
    assert points["specificity 90%"] > 0.9
    flagged = np.array([0.2, 0.9]) >= points["specificity 90%"]
    shares = flag_shares(np.array([True, False]), flagged, np.arange(2))
    assert (shares["specificity"].value, shares["flagged"].value) == (1.0, 0.0)
    assert math.isnan(shares["ppv"].value)


def rows(split: str, risk: np.ndarray = RISK) -> pd.DataFrame:
    probability = np.random.default_rng(3).dirichlet(np.ones(5), N)
    return pd.DataFrame(
        {
            "ID": [f"{split}{i}" for i in range(N)],
            "participant": PARTICIPANT.astype(str),
            "split": split,
            "BL_KL_grade": np.random.default_rng(4).integers(0, 5, N).astype(float),
            "JSL_Prog": POSITIVE.astype(float),
            "jsl_risk": risk,
        }
    ).assign(**dict(zip(GRADE_PROBABILITIES, probability.T, strict=True)))


def test_operating_points_are_chosen_without_a_look_at_the_test_knees() -> None:
    both = pd.concat([rows("val"), rows("test", risk=1 - RISK)], ignore_index=True)
    figures = evaluate_predictions(both, 0.4, EvaluateSettings(bootstrap=5))["jsl"]
    assert {point["aim"]: point["threshold"] for point in figures["points"]} == choose_thresholds(
        POSITIVE, RISK
    )
    assert figures["points"][0]["sensitivity"]["value"] == pytest.approx(
        oracle.recall_score(POSITIVE, figures["points"][0]["threshold"] <= 1 - RISK)
    )


def test_probabilities_of_grades_are_scored_as_scikit_learn_scores_them() -> None:
    test_rows = rows("test")
    truth, probability = test_rows["BL_KL_grade"].to_numpy(int), test_rows[GRADE_PROBABILITIES].to_numpy()
    scores = probability_scores(truth, probability)
    assert scores["log_loss"] == pytest.approx(oracle.log_loss(truth, probability))
    assert scores["brier"] == pytest.approx(oracle.brier_score_loss(truth, probability, scale_by_half=False))
    figures = evaluate_predictions(test_rows, None, EvaluateSettings(bootstrap=5))["kl"]
    area = oracle.roc_auc_score(truth >= 2, probability[:, 2:].sum(axis=1))
    assert figures["osteoarthritis"]["value"] == pytest.approx(area, abs=1e-9)


def test_grades_are_compared_on_the_same_knees() -> None:
    own, other = rows("test"), rows("test").assign(kl_0=50.0)
    (pair,) = compare_grades({"own": own, "other": other}, EvaluateSettings(bootstrap=50), "test")
    truth = own["BL_KL_grade"].to_numpy(int)
    expected = (
        grade_scores(truth, called_grades(own[GRADE_PROBABILITIES].to_numpy()))["accuracy"]
        - (truth == 0).mean()
    )
    assert pair["accuracy"]["value"] == pytest.approx(expected)
    assert pair["accuracy"]["low"] <= expected <= pair["accuracy"]["high"]
    same = compare_grades({"own": own, "same": own}, EvaluateSettings(bootstrap=5), "test")[0]["kappa"]
    assert (same["value"], same["low"], same["high"]) == (0, 0, 0)
