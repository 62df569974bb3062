"""The cohort's mix and the order of what each set of information can reach."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from jsl_core.phantom.anatomy import KL_MIX, Anatomy, draw_anatomy
from jsl_core.phantom.risk import at_risk, attainable_auc, covariates, progression_risk


@pytest.fixture(scope="module")
def knees() -> Anatomy:
    return draw_anatomy(np.random.default_rng(1), 20_000)


def test_grades_come_in_the_proportions_of_the_real_cohort(knees: Anatomy) -> None:
    shares = np.bincount(knees.kl.ravel(), minlength=5) / knees.kl.size
    # Both knees of a participant count, and they are alike: half as many are independent, at the worst.
    spread = np.sqrt(KL_MIX * (1 - KL_MIX) / (knees.kl.size / 2))
    assert (np.abs(shares - KL_MIX) < 4 * spread).all()


def test_a_third_of_the_knees_progress(knees: Anatomy) -> None:
    assert progression_risk(knees)[at_risk(knees)].mean() == pytest.approx(0.325, abs=0.01)


def test_the_two_knees_of_a_participant_are_alike_but_not_the_same(knees: Anatomy) -> None:
    assert 0.4 < np.corrcoef(knees.kl[:, 0], knees.kl[:, 1])[0, 1] < 0.7


def test_the_worse_the_grade_the_narrower_the_joint(knees: Anatomy) -> None:
    narrowest = np.minimum(knees.mjsw_medial, knees.mjsw_lateral)
    by_grade = [narrowest[knees.kl == grade].mean() for grade in range(5)]
    assert by_grade == sorted(by_grade, reverse=True)
    assert 4 < by_grade[0] < 5
    assert (narrowest[knees.kl == 4] < 1).all()
    growth = [knees.osteophytes[knees.kl == grade].mean() for grade in range(5)]
    assert growth == sorted(growth)


def test_a_knee_without_joint_space_left_cannot_progress(knees: Anatomy) -> None:
    spent = knees.mjsw_medial < 0.7
    assert spent.any()
    assert (progression_risk(knees)[spent] == 0).all()


def test_factors_know_less_than_the_film_and_both_know_more() -> None:
    best = attainable_auc()
    assert 0.64 < best["risk-factors"] < 0.69
    assert 0.76 < best["image"] < 0.80
    assert 0.80 < best["image+factors"] < 0.84


def test_no_single_term_carries_the_risk_and_density_least_of_all(knees: Anatomy) -> None:
    eligible = at_risk(knees)
    progressed = (np.random.default_rng(3).random(knees.kl.shape) < progression_risk(knees))[eligible]
    alone = {
        name: roc_auc_score(progressed, np.broadcast_to(values, knees.kl.shape)[eligible])
        for name, values in covariates(knees).items()
    }
    assert max(alone.values()) < 0.77
    assert max(alone, key=alone.__getitem__) in ("narrowing_medial", "asymmetry")
    assert alone["density_ratio"] < 0.6


def test_the_grade_is_read_off_the_anatomy(knees: Anatomy) -> None:
    largest = knees.osteophytes.max(-1)
    assert largest[knees.kl == 0].max() < largest[knees.kl == 2].min()
    narrowest = np.minimum(knees.mjsw_medial, knees.mjsw_lateral)
    assert (narrowest[knees.kl < 4] > 0.85).all()


def test_the_order_holds_for_logistic_regression_on_drawn_labels(knees: Anatomy) -> None:
    eligible = at_risk(knees)
    progressed = (np.random.default_rng(2).random(knees.kl.shape) < progression_risk(knees))[eligible]
    terms = {name: values[eligible] for name, values in covariates(knees).items()}
    grades = [(knees.kl == grade)[eligible] for grade in range(1, 5)]
    factors = [terms[name] for name in ("bmi", "age", "injury", "sex", "alignment")] + grades
    film = [values for name, values in terms.items() if name not in ("bmi", "age", "injury", "sex")]
    best = attainable_auc()
    for name, inputs in {"risk-factors": factors, "image": film, "image+factors": film + factors}.items():
        x = np.stack(inputs, axis=1).astype(float)
        score = LogisticRegression(max_iter=500).fit(x, progressed).decision_function(x)
        assert roc_auc_score(progressed, score) == pytest.approx(best[name], abs=0.012), name
