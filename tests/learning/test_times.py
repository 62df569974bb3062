"""Networks and the baseline learn times to replacement, and tell risks by month."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from jsl_core.config import RegimeSettings, TrainingSettings
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadTable, BundleError
from jsl_core.evaluation.statistics.survival_scores import concordance
from jsl_core.learning.model.baseline import BaselineBundle
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.learning.regimes import TrainingJob, gather_folds, train_regime, train_risk_factors
from jsl_core.scoring.model_identity import identify_models

from .conftest import pack_edited

HORIZON = 96
RISKS = [*(f"jsl_risk_{month}m" for month in range(24, HORIZON + 1, 24))]


@pytest.fixture(scope="module")
def timed_dataset(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny cohort with times that follow grade and BMI, of which a part is lost, and a part dies."""
    table = pd.read_csv(dataset / "table.csv")
    rng = np.random.default_rng(1)
    score = (table["BL_KL_grade"] - 2) + (table["BMI"] - 28) / 4
    every = np.stack(
        [
            rng.uniform(30, 120, len(table)),
            rng.exponential(90 * np.exp(-score)),
            rng.exponential(900, len(table)),
        ]
    )
    months, event = every.min(axis=0), every.argmin(axis=0)
    label = ((months <= HORIZON) & (event == 1)).astype(float)
    label[(months < HORIZON) & (event == 0)] = np.nan
    table = table.assign(
        JSL_Prog=label, Event_months=months, Event=event, Outcome="replacement", Outcome_months=HORIZON
    )
    return pack_edited(dataset, tmp_path_factory.mktemp("times") / "packed", table)


def settings_of(fast: TrainingSettings, loss: str, **changes: object) -> TrainingSettings:
    regime = RegimeSettings(epochs=6, batch=16, lr=3e-3)
    updates = {"jsl_image": regime, "jsl_loss": loss, "interval_months": 24.0}
    return TrainingSettings.model_validate(fast.model_dump() | {**updates, **changes})


@pytest.mark.parametrize("loss", ["cox", "discrete"])
def test_a_network_learns_when_knees_are_replaced(
    timed_dataset: Path, fast: TrainingSettings, tmp_path: Path, loss: str
) -> None:
    settings, parents = settings_of(fast, loss), {"jsl-image": None, "jsl-joint": "jsl-image"}
    for regime, parent in parents.items():
        job = TrainingJob(regime, timed_dataset, settings, tmp_path / regime, parent and tmp_path / parent)  # type: ignore[arg-type]
        train_regime(job)
    train_risk_factors(timed_dataset, settings, tmp_path / "risk-factors")
    packed = PackedDataset.load(timed_dataset)
    for name in (*parents, "risk-factors"):
        told = pd.read_csv(tmp_path / name / "predictions.csv")
        rows = told.merge(packed.table[["ID", "Event", "Event_months"]], on="ID")
        rows = rows[rows["split"] == "test"]
        risks = rows[RISKS].to_numpy()
        assert ((risks >= 0) & (risks <= 1)).all()
        assert (np.diff(risks, axis=1) >= 0).all()  # who was replaced by 24 months was so by 48
        assert (rows["jsl_risk"] == rows[RISKS[-1]]).all()
        assert concordance(rows["Event_months"], rows["Event"], rows["jsl_risk"], HORIZON) > 0.65
        observed, predicted = rows["Event"].eq(1).mean(), risks[:, -1].mean()
        assert predicted == pytest.approx(observed, abs=0.3)
    joint = ModelBundle.load(tmp_path / "jsl-joint")
    scored = joint.predict(packed.images, packed.table)
    told = pd.read_csv(tmp_path / "jsl-joint" / "predictions.csv")
    np.testing.assert_allclose(told[scored.columns], scored, rtol=1e-4, atol=1e-6)
    baseline = BaselineBundle.load(tmp_path / "risk-factors").predict(packed.table)
    told = pd.read_csv(tmp_path / "risk-factors" / "predictions.csv")
    np.testing.assert_allclose(told[baseline.columns], baseline, rtol=1e-6)
    both = Ensemble.load([tmp_path / "jsl-joint", tmp_path / "risk-factors"], "cpu")
    mean = both.average(both.predict_each(list(packed.images), packed.table))
    np.testing.assert_allclose(mean[RISKS[0]], (scored[RISKS[0]] + baseline[RISKS[0]]) / 2, rtol=1e-4)


def test_a_table_without_times_is_refused_in_a_line(
    dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    settings = settings_of(fast, "cox")
    with pytest.raises(BadTable, match=r"has no times .* jsl_loss to label"):
        train_regime(TrainingJob("jsl-image", dataset, settings, tmp_path))
    with pytest.raises(BadTable, match=r"has no times .* jsl_loss to label"):
        train_risk_factors(dataset, settings, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jsl_image": RegimeSettings(balance="halve")}, "balance of jsl-image would bend the rates"),
        ({"risk_model": "boosting"}, "risk_model = logistic"),
    ],
)
def test_settings_under_which_times_cannot_be_learned_are_refused(
    fast: TrainingSettings, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        settings_of(fast, "cox", **changes)


@pytest.mark.parametrize("change", ["none", "short", "unordered"])
def test_a_bundle_whose_hazard_cannot_be_is_refused(
    timed_dataset: Path,
    fast: TrainingSettings,
    tmp_path: Path,
    change: Literal["none", "short", "unordered"],
) -> None:
    train_risk_factors(timed_dataset, settings_of(fast, "cox"), tmp_path)
    path = tmp_path / "bundle.json"
    record = json.loads(path.read_text())
    hazard = record["hazard"]
    if change == "short":
        hazard["baseline"] = hazard["baseline"][:-1]
    if change == "unordered":
        hazard["months"] = hazard["months"][::-1]
    record["hazard"] = None if change == "none" else hazard
    for field in ("files", "proof"):
        record.pop(field)
    path.write_text(json.dumps(record))
    with pytest.raises(BundleError, match=r"hazard|another model"):
        BaselineBundle.load(tmp_path)


def test_models_of_different_outcomes_are_no_ensemble(
    dataset: Path, timed_dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    train_risk_factors(timed_dataset, settings_of(fast, "cox"), tmp_path / "times")
    train_risk_factors(dataset, fast, tmp_path / "losses")
    with pytest.raises(BundleError, match="not one outcome; use them one by one"):
        Ensemble.load([tmp_path / "times", tmp_path / "losses"], "cpu")
    assert identify_models([tmp_path / "losses"]).outcome == ""
    assert identify_models([tmp_path / "times"]).outcome == "replacement of the knee within 96 months"


def test_a_cross_validation_tells_risks_by_month_of_knees_that_its_models_did_not_see(
    timed_dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    settings = settings_of(fast, "discrete", folds=3)
    folders = [tmp_path / f"fold-{fold}" for fold in range(3)]
    for fold, folder in enumerate(folders):
        train_risk_factors(timed_dataset, settings, folder, fold)
    gather_folds(folders, timed_dataset, tmp_path / "all")
    told = pd.read_csv(tmp_path / "all" / "predictions.csv")
    assert told[RISKS].notna().all(axis=None)
    assert told["jsl_risk"].to_numpy() == pytest.approx(told[RISKS[-1]].to_numpy())
    assert json.loads((tmp_path / "all" / "bundle.json").read_text())["outcome"].startswith("replacement")
