"""The spread from seed to seed is that of the same trainings on the same knees."""

import statistics

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.report.overview import format_overview, seed_rows
from jsl_core.evaluation.seeds import seed_figures
from jsl_core.learning.model.calibration import called_grades

GRADES = [f"kl_{grade}" for grade in range(5)]


def predictions(seed: int) -> pd.DataFrame:
    """Of 80 knees, the last 60 of the test part; the knees are the same whatever the seed."""
    knees, own = np.random.default_rng(1), np.random.default_rng(seed)
    progressed = (knees.random(80) < 0.4).astype(float)
    progressed[30:33] = np.nan
    chances = own.dirichlet(np.ones(5), 80)
    return pd.DataFrame(
        {
            "split": ["train"] * 20 + ["test"] * 60,
            "BL_KL_grade": knees.integers(0, 5, 80).astype(float),
            "JSL_Prog": progressed,
            "jsl_risk": 1 / (1 + np.exp(-np.nan_to_num(progressed) - own.normal(0, 1, 80))),
            **dict(zip(GRADES, chances.T, strict=True)),
        }
    )


@pytest.fixture
def trainings() -> list[dict[str, pd.DataFrame]]:
    return [
        {"multitask": predictions(seed), "jsl-image": predictions(seed + 9).drop(columns=GRADES)}
        for seed in (2, 3, 4)
    ]


def test_mean_and_deviation_are_those_of_the_seeds_own_figures(
    trainings: list[dict[str, pd.DataFrame]],
) -> None:
    figures = seed_figures(trainings, "test", EvaluateSettings())
    tested = [training["multitask"].query("split == 'test'") for training in trainings]
    areas = [
        roc_auc_score(rows["JSL_Prog"].dropna(), rows["jsl_risk"][rows["JSL_Prog"].notna()])
        for rows in tested
    ]
    assert figures["multitask"]["auc"]["values"] == pytest.approx(areas)
    assert figures["multitask"]["auc"]["mean"] == pytest.approx(statistics.mean(areas))
    assert figures["multitask"]["auc"]["deviation"] == pytest.approx(statistics.stdev(areas))
    shares = [accuracy_score(rows["BL_KL_grade"], called_grades(rows[GRADES].to_numpy())) for rows in tested]
    assert figures["multitask"]["accuracy"]["values"] == pytest.approx(shares)
    assert set(figures["jsl-image"]) == {"auc"}


def test_knees_without_both_outcomes_have_no_spread_of_the_auc(
    trainings: list[dict[str, pd.DataFrame]],
) -> None:
    stable = [{"jsl-image": each["jsl-image"].assign(JSL_Prog=0.0)} for each in trainings]
    assert seed_figures(stable, "test", EvaluateSettings()) == {"jsl-image": {}}


def test_the_overview_tells_the_spread_below_the_figures(trainings: list[dict[str, pd.DataFrame]]) -> None:
    spread = {"values": [0.7, 0.72, 0.8], "mean": 0.74, "deviation": 0.0529}
    jsl = {"auc": {"value": 0.7, "low": 0.6, "high": 0.8}, "n": 60, "progressed": 20}
    figures = {
        "models": {"jsl-image": {"kl": None, "jsl": jsl}},
        "part": "test",
        "seeds": {"jsl-image": {"auc": spread}},
    }
    assert seed_rows(figures)[0]["AUC"] == "0.740 ± 0.053 (0.700–0.800)"
    text = format_overview(figures)
    assert "Over 3 seeds on the same knees" in text
    assert text.index("[0.600–0.800]") < text.index("0.740 ± 0.053")
    assert "0.740" not in format_overview(figures | {"seeds": {}})
    assert max(map(len, text.splitlines())) <= 100
