"""External validation: calibration as others compute it, recalibration across people, case mix."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from jsl_core.cohort.splits import assign_folds
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.statistics.calibration import log_odds
from jsl_core.evaluation.statistics.case_mix import expected_auc, membership_auc, standardised_difference
from jsl_core.evaluation.statistics.interval import Interval, independent_difference
from jsl_core.evaluation.statistics.recalibration import fit_line, recalibrate_across
from jsl_core.evaluation.statistics.splines import smooth_calibration, spline_basis, spline_knots
from jsl_core.evaluation.validation.case_mix import case_mix_figures
from jsl_core.evaluation.validation.figures import validate_target
from jsl_core.evaluation.validation.page import write_validation
from jsl_core.evaluation.validation.targets import TARGETS, rows_of_target

PROGRESSION, OSTEOARTHRITIS = TARGETS
QUICK = EvaluateSettings(bootstrap=30)


def draw(knees: int = 800, seed: int = 0, intercept: float = 0.5, slope: float = 0.6) -> pd.DataFrame:
    """Knees whose log odds of progression are a line of what the model says."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1.3, knees)
    people = np.repeat(np.arange(knees // 2), 2)
    grades = rng.dirichlet([1] * 5, knees)
    table = pd.DataFrame({f"kl_{grade}": grades[:, grade] for grade in range(5)})
    return table.assign(
        ID=[f"{person}_{side}" for person, side in zip(people, np.tile([1, 2], knees // 2), strict=True)],
        participant=people.astype(str),
        side=np.tile([1, 2], knees // 2),
        jsl_risk=1 / (1 + np.exp(-odds)),
        JSL_Prog=(rng.random(knees) < 1 / (1 + np.exp(-(intercept + slope * odds)))).astype(float),
        BL_KL_grade=[float(rng.choice(5, p=row)) for row in grades],
        Age=rng.normal(62, 8, knees),
        Sex=rng.integers(1, 3, knees).astype(float),
    )


def test_intercept_and_slope_are_those_of_scikit_learn() -> None:
    table = draw()
    positive, risk = table["JSL_Prog"].to_numpy() == 1, table["jsl_risk"].to_numpy()
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(log_odds(risk)[:, None], positive)
    assert fit_line(positive, risk) == pytest.approx((model.intercept_[0], model.coef_[0, 0]), abs=1e-5)
    intercept, slope = fit_line(positive, risk, sloped=False)
    assert slope == 1
    shifted = 1 / (1 + np.exp(-(log_odds(risk) + intercept)))
    assert shifted.mean() == pytest.approx(positive.mean())  # the score equation of an intercept


def test_a_knee_s_own_outcome_does_not_change_its_recalibrated_risk() -> None:
    table = draw(400)
    rows, parts = rows_of_target(table, PROGRESSION)
    fold = assign_folds(rows, 10).to_numpy(np.int64)
    assert (
        rows.groupby("participant")
        .apply(lambda knees: fold[knees.index].max() == fold[knees.index].min())
        .all()
    )
    positive, risk = rows["JSL_Prog"].to_numpy() == 1, rows["jsl_risk"].to_numpy()
    own = fold == 3
    flipped = np.where(own, ~positive, positive)
    for method in ("intercept", "slope", "refit"):
        before = recalibrate_across(method, positive, risk, parts, fold)
        after = recalibrate_across(method, flipped, risk, parts, fold)
        assert not isinstance(before, str)
        assert not isinstance(after, str)
        np.testing.assert_array_equal(before[own], after[own])
        assert np.abs(before[~own] - after[~own]).max() > 1e-3


def test_recalibration_finds_the_line_that_was_drawn() -> None:
    figures = validate_target(draw(4000), PROGRESSION, 0.3, EvaluateSettings(bootstrap=60))
    assert figures["line"]["intercept"] == pytest.approx(0.5, abs=0.15)
    assert figures["line"]["slope"] == pytest.approx(0.6, abs=0.1)
    own, intercept, slope = (figures["versions"][name] for name in ("as it is", "intercept", "slope"))
    assert own["slope"]["high"] < 1 < own["observed_to_expected"]["low"]
    assert intercept["observed_to_expected"]["value"] == pytest.approx(1, abs=0.01)
    assert intercept["slope"]["value"] == pytest.approx(own["slope"]["value"], abs=0.01)
    assert slope["slope"]["value"] == pytest.approx(1, abs=0.05)
    assert slope["ici"] < 0.02 < own["ici"]
    assert slope["brier"]["value"] < intercept["brier"]["value"] < own["brier"]["value"]
    rows = draw(4000)
    assert own["auc"]["value"] == pytest.approx(roc_auc_score(rows["JSL_Prog"], rows["jsl_risk"]), abs=1e-9)


def test_too_few_events_refit_nothing_and_a_handful_validates_nothing() -> None:
    table = draw(200, intercept=-2.6)
    events = int((table["JSL_Prog"] == 1).sum())
    assert 12 <= events <= 25
    figures = validate_target(table, PROGRESSION, 0.3, QUICK)
    assert "slope" in figures["versions"]
    assert "weights need 30 knees of either outcome" in figures["versions"]["refit"]["reason"]
    few = validate_target(draw(6), PROGRESSION, 0.3, QUICK)
    assert "it takes 10 participants of each kind" in few["reason"]


def test_a_spline_is_cubic_between_knots_smooth_at_them_and_straight_outside() -> None:
    values = np.random.default_rng(1).normal(0, 1, 500)
    knots = spline_knots(values, 4)
    at = np.linspace(knots[0], knots[-1], 400)
    weights = np.array([0.3, -2.0, 1.5])
    curve = spline_basis(at, knots) @ weights
    natural = CubicSpline(
        knots, spline_basis(knots, knots) @ weights, bc_type="natural"
    )  # the same kind of curve
    np.testing.assert_allclose(curve, natural(at), atol=1e-10)
    outside = spline_basis(knots[-1] + np.array([1.0, 2.0, 3.0]), knots) @ weights
    assert np.diff(outside, 2) == pytest.approx(0, abs=1e-9)


def test_the_smooth_curve_follows_a_bend_that_a_line_misses() -> None:
    rng = np.random.default_rng(2)
    risk = rng.uniform(0.02, 0.98, 20_000)
    positive = rng.random(len(risk)) < risk**2
    at = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(smooth_calibration(positive, risk, at), at**2, atol=0.02)


def test_knees_of_one_kind_cannot_be_told_apart_and_those_of_two_can() -> None:
    rng = np.random.default_rng(3)
    people = np.repeat([f"p{number}" for number in range(500)], 2)
    validated = np.arange(1000) >= 500
    inputs = rng.normal(0, 1, (1000, 4))
    alike = membership_auc(inputs, validated, people)
    assert alike.low < 0.5 < alike.high
    inputs[validated, 1] += 1.0
    inputs[::7, 1] = np.nan
    shifted = membership_auc(inputs, validated, people)
    assert 0.68 < shifted.value < 0.8  # of one normal variable a standard deviation apart, 0.76, some missing
    assert standardised_difference(np.array([0.0, 2.0]), np.array([1.0, 3.0])) == pytest.approx(1)


def test_the_expected_auc_is_that_of_outcomes_drawn_from_the_risks() -> None:
    rng = np.random.default_rng(4)
    risk = rng.beta(1, 3, 600)
    drawn = [roc_auc_score(rng.random(600) < risk, risk) for _ in range(200)]
    assert expected_auc(risk) == pytest.approx(np.mean(drawn), abs=0.004)


def test_case_mix_tells_what_differs_and_by_how_much() -> None:
    here, there = draw(400, seed=5), draw(400, seed=6, intercept=0, slope=1)
    there["Age"] -= 8
    figures = case_mix_figures(there, here, PROGRESSION, "its test part")
    assert figures["characteristics"]["age, years"]["difference"] == pytest.approx(1, abs=0.25)
    assert 0.65 < figures["membership"]["value"] < 0.9
    assert "log odds of the risk" in figures["inputs"]
    own = roc_auc_score(there["JSL_Prog"], there["jsl_risk"])
    assert figures["auc"]["observed"]["value"] == pytest.approx(own, abs=1e-9)
    here_auc = roc_auc_score(here["JSL_Prog"], here["jsl_risk"])
    difference = figures["auc"]["difference"]
    assert difference["value"] == pytest.approx(here_auc - own, abs=1e-9)
    assert difference["low"] < difference["value"] < difference["high"]
    factors = there.drop(columns=["jsl_risk", *(f"kl_{grade}" for grade in range(5))])
    without = case_mix_figures(factors, here, PROGRESSION, "the table of the development")
    assert "spread" not in without
    assert without["membership"]["value"] > 0.6
    assert case_mix_figures(None, here, PROGRESSION, "because")["reason"] == "because"


def test_a_grader_is_validated_on_osteoarthritis() -> None:
    rows, parts = rows_of_target(draw(300), OSTEOARTHRITIS)
    table = draw(300)
    np.testing.assert_array_equal(rows["JSL_Prog"], table["BL_KL_grade"] >= 2)
    np.testing.assert_allclose(rows["jsl_risk"], table[["kl_2", "kl_3", "kl_4"]].sum(axis=1))
    assert parts.shape == (300, 4)
    assert (np.diff(parts, axis=1) <= 0).all()
    assert not {"kl_0", "kl_4"} & set(rows)


def test_the_difference_of_two_samples_is_wider_than_either() -> None:
    difference = independent_difference(Interval(0.7, 0.6, 0.8), Interval(0.8, 0.77, 0.84))
    assert difference.value == pytest.approx(-0.1)
    assert difference.high - difference.low == pytest.approx(np.hypot(0.1, 0.04) + np.hypot(0.1, 0.03))


@pytest.mark.parametrize(
    "risks",
    [
        lambda rows: np.full(len(rows), 0.3),
        lambda rows: np.zeros(len(rows)),
        lambda rows: np.ones(len(rows)),
        lambda rows: rows["JSL_Prog"],
        lambda rows: 1 - rows["jsl_risk"],
    ],
    ids=["one risk", "never", "always", "without a mistake", "the wrong way round"],
)
def test_a_model_that_has_learned_nothing_or_all_still_has_a_page(tmp_path: Path, risks: Any) -> None:
    rows = draw(200).drop(columns=[f"kl_{grade}" for grade in range(5)])
    rows["jsl_risk"] = risks(rows)
    part = validate_target(rows, PROGRESSION, 0.5, QUICK)
    part["case_mix"] = case_mix_figures(draw(100, seed=8), rows, PROGRESSION, "its test part")
    model = {"members": ["m"], "grades": None, "targets": {"progression": part}, "strange": 0}
    figures = {
        "cohort": "other.csv",
        "part": "all",
        "known": {"choice": "refuse", "knees": 0, "participants": 0, "training_known": False},
        "outcome": "",
        "predicted_outcome": "",
        "phantom": True,
        "date": "2026-11-30",
        "identities": {"m": {"name": "JSL kl", "version": "1", "digest": "0" * 64, "outcome": ""}},
        **dict.fromkeys(("program", "software", "machine"), "-"),
        **dict.fromkeys(("knees", "scored", "participants"), 200),
        "rejected": {},
        "characteristics": [["", "All"]],
        "models": {"m": model},
    }
    page, _ = (path.read_text() for path in reversed(write_validation(figures, tmp_path)))
    assert "Phantom data." in page
    assert "<b>1</b> model<" in page
    assert "does not say whom it was trained on" in page
