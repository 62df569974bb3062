"""What knees without an outcome could change is told right: weights, and the bounds of the AUC."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.selection import selection_figures
from jsl_core.evaluation.statistics.selection import auc_bounds, follow_up_weights, weighted_auc


def test_the_weighted_auc_is_that_of_scikit_learn() -> None:
    draw = np.random.default_rng(1)
    positive, weight = draw.random(300) < 0.3, draw.gamma(2, 1, 300)
    risk = np.round(positive + draw.normal(0, 1, 300), 1)  # with ties
    assert weighted_auc(positive, risk, weight) == pytest.approx(
        roc_auc_score(positive, risk, sample_weight=weight)
    )
    assert np.isnan(weighted_auc(np.ones(3, bool), np.arange(3.0), np.ones(3)))


def test_knees_that_had_half_the_chance_to_be_followed_count_twice() -> None:
    draw = np.random.default_rng(2)
    old = np.repeat([0.0, 1.0], 4000)
    followed = draw.random(8000) < np.where(old == 1, 0.4, 0.8)
    weights = follow_up_weights(old[:, None], followed)
    ratio = weights[old == 1].mean() / weights[old == 0].mean()
    assert ratio == pytest.approx(followed[old == 0].mean() / followed[old == 1].mean(), rel=0.01)
    assert weights[followed].mean() == pytest.approx(1, abs=0.01)


def test_a_missing_value_tells_of_follow_up_as_any_other() -> None:
    draw = np.random.default_rng(3)
    age = np.where(draw.random(6000) < 0.5, np.nan, draw.normal(60, 9, 6000))
    followed = draw.random(6000) < np.where(np.isnan(age), 0.3, 0.9)
    weights = follow_up_weights(age[:, None], followed)
    assert weights[np.isnan(age)].mean() / weights[~np.isnan(age)].mean() == pytest.approx(3, rel=0.1)
    assert list(follow_up_weights(np.full((4, 1), np.nan), np.array([1, 0, 1, 0], bool))) == [1, 1, 1, 1]


def test_the_bounds_are_those_of_all_outcomes_that_the_lost_may_have_had() -> None:
    draw = np.random.default_rng(4)
    for _ in range(6):
        positive, risk, lost = draw.random(12) < 0.5, draw.random(12), draw.random(5)
        positive[:2] = True, False
        whole = np.append(risk, lost)
        every = [roc_auc_score(np.append(positive, one), whole) for one in product((0, 1), repeat=5)]
        assert auc_bounds(positive, risk, lost) == pytest.approx((min(every), max(every)))


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    """Knees of whom the old progress more, are told apart worse, and are lost more often."""
    draw = np.random.default_rng(5)
    count = 20_000
    age = draw.normal(60, 10, count)
    old = (age - 60) / 10
    progressed = draw.random(count) < 1 / (1 + np.exp(1 - 0.8 * old))
    risk = 1 / (1 + np.exp(1 - 0.5 * old - draw.normal(0, 1, count) - 1.5 * progressed * (old < 0)))
    lost = draw.random(count) < 1 / (1 + np.exp(1 - 1.5 * old))
    return pd.DataFrame(
        {
            "ID": np.arange(count).astype(str),
            "participant": np.arange(count).astype(str),
            "split": "test",
            "Age": age,
            "JSL_Prog": np.where(lost, np.nan, progressed),
            "truth": progressed.astype(float),
            "jsl_risk": risk,
        }
    )


def test_weighting_takes_figures_nearer_to_those_of_all_knees(predictions: pd.DataFrame) -> None:
    figures = selection_figures(predictions, "test", EvaluateSettings(bootstrap=0))
    assert figures is not None
    known = predictions.dropna(subset=["JSL_Prog"])
    as_it_is = roc_auc_score(known["JSL_Prog"], known["jsl_risk"])
    of_all = roc_auc_score(predictions["truth"], predictions["jsl_risk"])
    assert abs(as_it_is - of_all) > 0.02, "the selection matters here"
    assert figures["auc"]["value"] == pytest.approx(of_all, abs=0.01)
    assert figures["observed"] == pytest.approx(predictions["truth"].mean(), abs=0.01)
    assert figures["worst"] < of_all < figures["best"]
    by_hand = LogisticRegression(max_iter=2000).fit(predictions[["Age"]], predictions["JSL_Prog"].notna())
    share = 1 / by_hand.predict_proba(predictions[["Age"]])[:, 1]
    share = np.minimum(share * predictions["JSL_Prog"].notna().mean(), 10)[predictions["JSL_Prog"].notna()]
    assert figures["auc"]["value"] == pytest.approx(
        roc_auc_score(known["JSL_Prog"], known["jsl_risk"], sample_weight=share), abs=1e-3
    )


def test_extremes_count_the_lost_as_one_or_the_other(predictions: pd.DataFrame) -> None:
    figures = selection_figures(predictions, "test", EvaluateSettings(bootstrap=0))
    assert figures is not None
    for name, outcome in (("all_progressed", 1), ("none_progressed", 0)):
        filled = predictions["JSL_Prog"].fillna(outcome)
        assert figures[name] == pytest.approx(roc_auc_score(filled, predictions["jsl_risk"]))
    assert (figures["lost"], figures["followed"]) == (
        predictions["JSL_Prog"].isna().sum(),
        predictions["JSL_Prog"].notna().sum(),
    )


def test_where_nobody_was_lost_there_is_nothing_to_say(predictions: pd.DataFrame) -> None:
    whole = predictions.assign(JSL_Prog=predictions["truth"])
    assert selection_figures(whole, "test", EvaluateSettings(bootstrap=0)) is None
    assert selection_figures(predictions, "val", EvaluateSettings(bootstrap=0)) is None
