"""All figures of the models of one dataset, as JSON: what the report, the console and the registry show."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.grading import grade_figures
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.calibration import (
    calibration_scores,
    expected_calibration_error,
    reliability,
)
from jsl_core.evaluation.statistics.decision_curve import DECISIONS, net_benefit
from jsl_core.evaluation.statistics.delong import auc_interval
from jsl_core.evaluation.statistics.json_figures import number_or_none, shown
from jsl_core.evaluation.statistics.metrics import detection_scores, operating_curve, sensitivity_at
from jsl_core.evaluation.statistics.operating_points import chosen_thresholds, point_scores
from jsl_core.evaluation.statistics.subgroups import subgroups

__all__ = ["evaluate_predictions"]

Figures = dict[str, Any]

_FALSE_RATES = np.linspace(0, 1, 41)
_FEWEST = 5  # knees of either outcome, below which a subgroup's AUC says nothing


def evaluate_predictions(
    predictions: pd.DataFrame,
    threshold: float | None,
    settings: EvaluateSettings,
    split: str = "test",
    validation: pd.DataFrame | None = None,
) -> Figures:
    """KL and progression figures of one model on one split, at the prevalence it has.

    `predictions`: one row per knee with ID, participant, split, BL_KL_grade, JSL_Prog, and kl_0…kl_4 or
    jsl_risk or both; factor columns too if subgroups are wanted. `threshold` of the risk was chosen on the
    validation part. Further operating points are chosen on `validation` (JSL_Prog and jsl_risk), by default
    the rows whose split is `val`. A figure that the rows do not allow is a section with a `reason`.
    """
    if validation is None:
        validation = predictions[predictions["split"] == "val"]
    rows = predictions[predictions["split"] == split]
    figures: Figures = {"kl": None, "jsl": None}
    if set(GRADE_PROBABILITIES) <= set(rows):
        figures["kl"] = grade_figures(rows.dropna(subset=[GRADE, *GRADE_PROBABILITIES[:1]]), settings)
    if RISK in rows:
        labelled = rows.dropna(subset=[PROGRESSION, RISK])
        figures["jsl"] = _progression(labelled, threshold, settings, validation)
    return figures


def _progression(
    rows: pd.DataFrame, threshold: float | None, settings: EvaluateSettings, validation: pd.DataFrame
) -> Figures:
    positive, risk = rows[PROGRESSION].to_numpy() == 1, rows[RISK].to_numpy(float)
    if not 0 < positive.sum() < len(rows):
        return {"reason": f"of {len(rows)} labelled knees {positive.sum()} progressed: no curve can be drawn"}
    cut = 0.5 if threshold is None else threshold
    participant = rows["participant"].to_numpy()
    intervals = bootstrap_intervals(
        detection_scores, participant, positive, risk, risk >= cut, resamples=settings.bootstrap
    )
    told = {name: shown(interval) for name, interval in intervals.items()}
    true, false = operating_curve(positive, risk)
    return {
        "n": len(rows),
        "participants": int(rows["participant"].nunique()),
        "prevalence": float(positive.mean()),
        "auc_by_participant": told.pop("auc"),
        "auc": shown(auc_interval(positive, risk)),
        **told,
        **{name: shown(one) for name, one in _calibration(participant, positive, risk, settings).items()},
        "ece": expected_calibration_error(positive, risk),
        "threshold": cut,
        "roc": {"fpr": (false / false[-1]).tolist(), "tpr": (true / true[-1]).tolist()},
        "roc_band": _band(participant, positive, risk, settings),
        "pr": {  # from the loosest threshold to none flagged, where precision is 1 by convention
            "recall": (true[::-1] / true[-1]).tolist(),
            "precision": [*(true[:0:-1] / (true + false)[:0:-1]).tolist(), 1.0],
        },
        "points": _points(participant, positive, risk, settings, validation),
        "decision": _decision(participant, positive, risk, settings),
        "reliability": [asdict(one) for one in reliability(positive, risk)],
        "subgroups": [_subgroup(group, level, rows[mask]) for group, level, mask in subgroups(rows)],
    }


def _calibration(participant: Any, positive: Any, risk: Any, settings: EvaluateSettings) -> dict[str, Any]:
    return bootstrap_intervals(calibration_scores, participant, positive, risk, resamples=settings.bootstrap)


def _points(
    participant: Any, positive: Any, risk: Any, settings: EvaluateSettings, validation: pd.DataFrame
) -> list[Figures]:
    """What the thresholds that validation knees chose catch among these knees."""
    if RISK not in validation:
        return []
    known = validation.dropna(subset=[PROGRESSION, RISK])
    if known.empty:
        return []
    cuts = chosen_thresholds(known[PROGRESSION].to_numpy() == 1, known[RISK].to_numpy(float))
    points = []
    for aim, cut in cuts.items():
        scores = bootstrap_intervals(
            point_scores, participant, positive, risk >= cut, resamples=settings.bootstrap
        )
        points.append({"aim": aim, "threshold": cut} | {name: shown(one) for name, one in scores.items()})
    return points


def _decision(participant: Any, positive: Any, risk: Any, settings: EvaluateSettings) -> Figures:
    """Net benefit of the model, with its interval by participant, and of treating all, by threshold."""

    def benefits(positive: Any, risk: Any) -> dict[str, float]:
        return dict(zip(map(str, DECISIONS), net_benefit(positive, risk, DECISIONS).tolist(), strict=True))

    drawn = bootstrap_intervals(benefits, participant, positive, risk, resamples=settings.bootstrap).values()
    return {
        "threshold": DECISIONS.tolist(),
        "model": [one.value for one in drawn],
        "low": [one.low for one in drawn],
        "high": [one.high for one in drawn],
        "all": net_benefit(positive, np.ones(len(risk)), DECISIONS).tolist(),
    }


def _band(participant: Any, positive: Any, risk: Any, settings: EvaluateSettings) -> Figures:
    """The ROC curve's 95 % interval, by participant, at every false positive rate by itself."""

    def heights(positive: Any, risk: Any) -> dict[str, float]:
        at = sensitivity_at(positive, risk, _FALSE_RATES)
        return dict(zip(map(str, _FALSE_RATES), at.tolist(), strict=True))

    band = bootstrap_intervals(heights, participant, positive, risk, resamples=settings.bootstrap).values()
    return {
        "fpr": _FALSE_RATES.tolist(),
        "low": [number_or_none(one.low) for one in band],
        "high": [number_or_none(one.high) for one in band],
    }


def _subgroup(group: str, level: str, rows: pd.DataFrame) -> Figures:
    positive = rows[PROGRESSION].to_numpy() == 1
    enough = min(positive.sum(), (~positive).sum()) >= _FEWEST
    auc = shown(auc_interval(positive, rows[RISK].to_numpy())) if enough else None
    return {"group": group, "level": level, "n": len(rows), "progressed": int(positive.sum()), "auc": auc}
