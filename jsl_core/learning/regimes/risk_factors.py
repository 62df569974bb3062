"""The baseline that sees no image: logistic regression or boosted trees on the risk factors."""

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file
from sklearn.ensemble import HistGradientBoostingClassifier

from jsl_core.cohort.columns import PROGRESSION, RISK
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.cohort.outcomes import describe_outcome_of
from jsl_core.config import TrainingSettings
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadSettings
from jsl_core.learning.model.calibration import best_threshold
from jsl_core.learning.model.hazard import Hazard
from jsl_core.learning.model.record import FORMAT, write_bundle_json
from jsl_core.learning.regimes.labels import check_labels
from jsl_core.learning.regimes.outputs import predictions_table, write_scores
from jsl_core.learning.regimes.stack import FACTOR_PRECISION, fit_factors
from jsl_core.learning.regimes.time_calibration import Times
from jsl_core.learning.regimes.time_regression import chances_of_death, fit_cox, fit_discrete, fit_hazard
from jsl_core.system.files import replace_atomically

__all__ = ["train_risk_factors"]


def train_risk_factors(dataset: Path, settings: TrainingSettings, out: Path, fold: int | None = None) -> None:
    """Fit the baseline on the training knees and write its bundle.

    `model.safetensors` holds `coefficients` F and `intercept` 1 of the log odds of the encoded factors; of
    boosted trees the predictions alone are written. Of times there are `coefficients` of the log hazard, and
    the record has the hazards by interval.

    Args:
        dataset: Folder of the packed dataset.
        settings: Of the training.
        out: Folder for the bundle.
        fold: Round of the cross-validation that the settings ask for, from 0; None takes the one split.

    Raises:
        BadTable: The dataset cannot be read, or there is nothing to learn in it.
        BadSettings: The settings leave the model without inputs.
    """
    packed, folds = PackedDataset.load(dataset), 0 if fold is None else settings.folds
    settings = settings.relevant_to()
    if settings.factors == "none":
        raise BadSettings("the risk-factor model has no inputs; set factors to all or clinical")
    check_labels(packed, [PROGRESSION], "the risk-factor baseline", folds)
    if fold is not None:
        packed = packed.fold(fold, folds)
    table = packed.table
    progressed = table[PROGRESSION].to_numpy()
    known = ~np.isnan(progressed)
    train, val = (known & (table["split"] == split).to_numpy() for split in ("train", "val"))
    encoder = FactorEncoder.fit(table[train], settings.factors, settings.scale_factors, settings.impute)
    inputs = encoder.transform(table).astype(np.float64)
    weights: dict[str, np.ndarray] = {}
    hazard = None
    if settings.jsl_loss != "label":
        times = Times.of(table, settings)
        own = times.known & (table["split"] == "train").to_numpy()
        weights["coefficients"], hazard = _fit_times(settings, inputs[own], times, np.flatnonzero(own))
        columns = hazard.columns(hazard.scores((inputs @ weights["coefficients"])[:, None]))
    elif settings.risk_model == "logistic":
        logistic = fit_factors(inputs[train], progressed[train])
        weights = {"coefficients": logistic.coef_[0], "intercept": logistic.intercept_}
        columns = pd.DataFrame({RISK: logistic.predict_proba(inputs)[:, 1]})
    else:
        trees = HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=100, max_leaf_nodes=8, random_state=settings.seed
        )
        trees.fit(inputs[train], progressed[train])
        columns = pd.DataFrame({RISK: trees.predict_proba(inputs)[:, 1]})
    thresholds = {"jsl": best_threshold(columns[RISK].to_numpy()[val], progressed[val])}
    out.mkdir(parents=True, exist_ok=True)
    with replace_atomically(out / "model.safetensors") as temporary:
        save_file(weights, temporary)
    predictions = predictions_table(table, columns)
    model = {"label": settings.risk_model, "cox": "Cox regression"}.get(settings.jsl_loss, "odds by interval")
    facts = [f"- Model: {model}", f"- Risk factors: {', '.join(encoder.names)}"]
    write_scores(out, "risk-factors", packed, predictions, facts, thresholds)
    record = {
        "format": FORMAT,
        "regime": "risk-factors",
        "network": None,
        "factors": encoder.to_json(),
        "factor_names": list(encoder.names),
        "thresholds": thresholds,
        "dataset": packed.digest,
        "settings": settings.model_dump(mode="json"),
        "hazard": hazard.to_json() if hazard else None,
        "outcome": describe_outcome_of(table),
    }
    write_bundle_json(out, record)


def _fit_times(
    settings: TrainingSettings, inputs: np.ndarray, times: Times, rows: np.ndarray
) -> tuple[np.ndarray, Hazard]:
    """The coefficients of a regression of times, and the hazards by interval.

    Args:
        settings: Of the training.
        inputs: Encoded factors of the knees learned from, N×F.
        times: Of all knees.
        rows: Of those learned from.
    """
    months, event = times.at(rows)
    if settings.jsl_loss == "cox":
        coefficients = fit_cox(inputs, months, event, FACTOR_PRECISION)
        hazard = fit_hazard("cox", (inputs @ coefficients)[:, None], months, event, times.ends)
        return coefficients, hazard
    coefficients, odds = fit_discrete(inputs, months, event, times.ends)
    parts = (times.ends, odds, chances_of_death(months, event, times.ends))
    return coefficients, Hazard("discrete", *(tuple(map(float, part)) for part in parts))
