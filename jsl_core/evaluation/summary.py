"""All figures of the models of one dataset, as JSON: what the report, the console and the registry show."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.bootstrap import bootstrap_intervals
from jsl_core.evaluation.calibration import expected_calibration_error, reliability
from jsl_core.evaluation.delong import auc_difference, auc_interval
from jsl_core.evaluation.metrics import (
    confusion_matrix,
    detection_scores,
    grade_scores,
    operating_curve,
    recall_by_grade,
    sensitivity_at,
)
from jsl_core.evaluation.subgroups import subgroups

__all__ = ["compare_models", "evaluate_predictions"]

Figures = dict[str, Any]

_KL = [f"kl_{grade}" for grade in range(5)]
_FALSE_RATES = np.linspace(0, 1, 41)
_FEWEST = 5  # knees of either outcome, below which a subgroup's AUC says nothing


def evaluate_predictions(
    predictions: pd.DataFrame, threshold: float | None, settings: EvaluateSettings, split: str = "test"
) -> Figures:
    """KL and progression figures of one model on one split, at the prevalence it has.

    `predictions`: one row per knee with ID, participant, split, BL_KL_grade, JSL_Prog, and kl_0…kl_4 or
    jsl_risk or both; factor columns too if subgroups are wanted. `threshold` of the risk was chosen on the
    validation part. A figure that the rows do not allow is a section with a `reason`.
    """
    rows = predictions[predictions["split"] == split]
    figures: Figures = {"kl": None, "jsl": None}
    if set(_KL) <= set(rows):
        figures["kl"] = _grades(rows[rows["BL_KL_grade"].notna() & rows["kl_0"].notna()], settings)
    if "jsl_risk" in rows:
        labelled = rows[rows["JSL_Prog"].notna() & rows["jsl_risk"].notna()]
        figures["jsl"] = _progression(labelled, threshold, settings)
    return figures


def compare_models(predictions: Mapping[str, pd.DataFrame], split: str = "test") -> list[Figures]:
    """Every two models' AUC on the knees both have, by DeLong's paired test."""
    risks = {
        name: rows[(rows["split"] == split) & rows["JSL_Prog"].notna() & rows["jsl_risk"].notna()]
        for name, rows in predictions.items()
        if "jsl_risk" in rows
    }
    pairs = []
    for a, b in combinations(risks, 2):
        both = risks[a].merge(risks[b][["ID", "jsl_risk"]], on="ID", suffixes=("_a", "_b"))
        positive = both["JSL_Prog"].to_numpy() == 1
        if 0 < positive.sum() < len(positive):
            test = auc_difference(positive, both["jsl_risk_a"].to_numpy(), both["jsl_risk_b"].to_numpy())
            pairs.append(
                {"a": a, "b": b, "difference": test.value, "low": test.low, "high": test.high, "p": test.p}
            )
    return pairs


def _grades(rows: pd.DataFrame, settings: EvaluateSettings) -> Figures:
    if rows.empty:
        return {"reason": "no knee of this part has a KL grade"}
    truth = rows["BL_KL_grade"].to_numpy(np.int64)
    guess = rows[_KL].to_numpy().argmax(axis=1)
    intervals = bootstrap_intervals(
        grade_scores, rows["participant"].to_numpy(), truth, guess, resamples=settings.bootstrap
    )
    return {
        "n": len(rows),
        "accuracy": _shown(intervals["accuracy"]),
        "balanced_accuracy": intervals["balanced_accuracy"].value,
        "kappa": _shown(intervals["kappa"]),
        "mae": intervals["mae"].value,
        "recall": recall_by_grade(truth, guess),
        "confusion": confusion_matrix(truth, guess).tolist(),
    }


def _progression(rows: pd.DataFrame, threshold: float | None, settings: EvaluateSettings) -> Figures:
    positive, risk = rows["JSL_Prog"].to_numpy() == 1, rows["jsl_risk"].to_numpy(float)
    if not 0 < positive.sum() < len(rows):
        return {"reason": f"of {len(rows)} labelled knees {positive.sum()} progressed: no curve can be drawn"}
    cut = 0.5 if threshold is None else threshold
    participant = rows["participant"].to_numpy()
    intervals = bootstrap_intervals(
        detection_scores, participant, positive, risk, risk >= cut, resamples=settings.bootstrap
    )
    shown = {name: _shown(interval) for name, interval in intervals.items()}
    true, false = operating_curve(positive, risk)
    return {
        "n": len(rows),
        "participants": int(rows["participant"].nunique()),
        "prevalence": float(positive.mean()),
        "auc_by_participant": shown.pop("auc"),
        "auc": _shown(auc_interval(positive, risk)),
        **shown,
        "brier": float(np.mean((risk - positive) ** 2)),
        "ece": expected_calibration_error(positive, risk),
        "threshold": cut,
        "roc": {"fpr": (false / false[-1]).tolist(), "tpr": (true / true[-1]).tolist()},
        "roc_band": _band(participant, positive, risk, settings),
        "pr": {  # from the loosest threshold to none flagged, where precision is 1 by convention
            "recall": (true[::-1] / true[-1]).tolist(),
            "precision": [*(true[:0:-1] / (true + false)[:0:-1]).tolist(), 1.0],
        },
        "reliability": [asdict(one) for one in reliability(positive, risk)],
        "subgroups": [_subgroup(group, level, rows[mask]) for group, level, mask in subgroups(rows)],
    }


def _band(participant: Any, positive: Any, risk: Any, settings: EvaluateSettings) -> Figures:
    """The ROC curve's 95 % interval, by participant, at every false positive rate by itself."""

    def heights(positive: Any, risk: Any) -> dict[str, float]:
        at = sensitivity_at(positive, risk, _FALSE_RATES)
        return dict(zip(map(str, _FALSE_RATES), at.tolist(), strict=True))

    band = bootstrap_intervals(heights, participant, positive, risk, resamples=settings.bootstrap).values()
    return {
        "fpr": _FALSE_RATES.tolist(),
        "low": [_number(one.low) for one in band],
        "high": [_number(one.high) for one in band],
    }


def _subgroup(group: str, level: str, rows: pd.DataFrame) -> Figures:
    positive = rows["JSL_Prog"].to_numpy() == 1
    enough = min(positive.sum(), (~positive).sum()) >= _FEWEST
    auc = _shown(auc_interval(positive, rows["jsl_risk"].to_numpy())) if enough else None
    return {"group": group, "level": level, "n": len(rows), "progressed": int(positive.sum()), "auc": auc}


def _shown(interval: Any) -> Figures:
    return {name: _number(value) for name, value in asdict(interval).items()}


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if np.isnan(value) else float(value)
