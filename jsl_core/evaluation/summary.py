"""All figures of one model on one split, as JSON for the report, the console and the registry."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK, THRESHOLD
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.doubts import progression_doubts
from jsl_core.evaluation.grading import grade_figures
from jsl_core.evaluation.selection import selection_figures
from jsl_core.evaluation.sources import source_figures
from jsl_core.evaluation.statistics.bootstrap import bootstrap_bands, bootstrap_intervals
from jsl_core.evaluation.statistics.calibration import (
    calibration_scores,
    expected_calibration_error,
    reliability_bins,
)
from jsl_core.evaluation.statistics.decision_curve import THRESHOLDS, net_benefit
from jsl_core.evaluation.statistics.delong import auc_interval
from jsl_core.evaluation.statistics.interval import number_or_none
from jsl_core.evaluation.statistics.logit_intervals import average_precision_interval, brier_interval
from jsl_core.evaluation.statistics.metrics import operating_curve, progression_scores, sensitivity_at
from jsl_core.evaluation.statistics.operating_points import choose_thresholds, flag_counts, flag_shares
from jsl_core.evaluation.statistics.proportion import proportion_interval
from jsl_core.evaluation.statistics.subgroups import subgroup_masks
from jsl_core.evaluation.time_figures import time_figures

__all__ = ["evaluate_predictions"]

Figures = dict[str, Any]

_FALSE_RATES = np.linspace(0, 1, 41)
_FEWEST = 5  # knees of either outcome, below which a subgroup has no AUC


def evaluate_predictions(
    predictions: pd.DataFrame,
    threshold: float | None,
    settings: EvaluateSettings,
    split: str = "test",
    validation: pd.DataFrame | None = None,
) -> Figures:
    """Compute the KL and progression figures of one model on one split, at the prevalence it has.

    Args:
        predictions: One row per knee with ID, participant, split, BL_KL_grade, JSL_Prog, and kl_0…kl_4 or
            jsl_risk or both; factor columns too if subgroups are wanted. Of a cross-validation jsl_threshold,
            too: that of the models which a knee was predicted by, which never saw it.
        threshold: Of the risk, chosen on the validation part; None counts as 0.5. A column jsl_threshold goes
            before it.
        settings: How many resamples an interval is made from.
        split: The value of the column `split` whose knees are measured.
        validation: Knees (JSL_Prog and jsl_risk) on which further operating points are chosen; by default
            those whose split is `val`.

    Returns:
        The sections `kl`, `jsl` and `time`: None where the model does not predict it, or the rows have no
        times, with a `reason` where the rows do not allow its figures.
    """
    if validation is None:
        validation = predictions[predictions["split"] == "val"]
    rows = predictions[predictions["split"] == split]
    figures: Figures = {"kl": None, "jsl": None, "time": time_figures(rows)}
    if set(GRADE_PROBABILITIES) <= set(rows):
        figures["kl"] = grade_figures(rows.dropna(subset=[GRADE, *GRADE_PROBABILITIES[:1]]), settings)
    if RISK in rows:
        labelled = rows.dropna(subset=[PROGRESSION, RISK])
        figures["jsl"] = _progression_figures(labelled, threshold, settings, validation)
        figures["jsl"]["selection"] = selection_figures(predictions, split, settings)
    return figures


def _progression_figures(
    rows: pd.DataFrame, threshold: float | None, settings: EvaluateSettings, validation: pd.DataFrame
) -> Figures:
    positive, risk = rows[PROGRESSION].to_numpy() == 1, rows[RISK].to_numpy(float)
    if not 0 < positive.sum() < len(rows):
        return {"reason": f"of {len(rows)} labelled knees {positive.sum()} progressed: no curve can be drawn"}
    threshold = 0.5 if threshold is None else threshold
    flagged = risk >= (rows[THRESHOLD].to_numpy(float) if THRESHOLD in rows else threshold)
    participant = rows["participant"].to_numpy()
    resampled = bootstrap_intervals(
        _resampled_scores, participant, positive, risk, flagged, resamples=settings.bootstrap
    )
    shares = flag_shares(positive, flagged, participant)
    true, false = operating_curve(positive, risk)
    figures: Figures = {
        "n": len(rows),
        "progressed": int(positive.sum()),
        "participants": int(rows["participant"].nunique()),
        "prevalence": float(positive.mean()),
        "auc": auc_interval(positive, risk, participant).to_json(),
        "ap": average_precision_interval(positive, risk, participant).to_json(),
        "brier": brier_interval(positive, risk, participant).to_json(),
        **{name: interval.to_json() for name, interval in resampled.items()},
        **{name: shares[name].to_json() for name in ("sensitivity", "specificity")},
        "precision": shares["ppv"].to_json(),
        "ece": expected_calibration_error(positive, risk),
        "sources": source_figures(rows),
        "threshold": threshold,
        "counts": flag_counts(positive, flagged),
        "roc": {"fpr": (false / false[-1]).tolist(), "tpr": (true / true[-1]).tolist()},
        "roc_band": _roc_band(participant, positive, risk, settings),
        "pr": {  # from the loosest threshold to none flagged, where precision is 1 by convention
            "recall": (true[::-1] / true[-1]).tolist(),
            "precision": [*(true[:0:-1] / (true + false)[:0:-1]).tolist(), 1.0],
        },
        "points": _operating_points(participant, positive, risk, validation),
        "decision": _decision_curve(participant, positive, risk, settings),
        "reliability": list(_reliability(participant, positive, risk)),
        "subgroups": [
            _subgroup_figures(group, level, rows[mask]) for group, level, mask in subgroup_masks(rows)
        ],
    }
    return figures | {"doubts": progression_doubts(figures, risk)}


def _resampled_scores(positive: Any, risk: Any, flagged: Any) -> dict[str, float]:
    """The figures whose intervals are made by resampling; those of the others have a formula."""
    calibration = calibration_scores(positive, risk)
    return {
        "precision_balanced": progression_scores(positive, risk, flagged)["precision_balanced"],
        **{name: calibration[name] for name in ("intercept", "slope", "brier_skill")},
    }


def _reliability(participant: Any, positive: Any, risk: Any) -> Iterator[Figures]:
    """The bins of a reliability diagram, each with the interval of the share that progressed."""
    bins = reliability_bins(positive, risk)
    place = np.clip(np.searchsorted([part.low for part in bins], risk, side="right") - 1, 0, None)
    for number, part in enumerate(bins):
        share = proportion_interval(positive, participant, place == number)
        yield asdict(part) | {"observed_low": share.low, "observed_high": share.high}


def _operating_points(participant: Any, positive: Any, risk: Any, validation: pd.DataFrame) -> list[Figures]:
    """Scores on these knees of the thresholds chosen on validation knees."""
    if RISK not in validation:
        return []
    labelled = validation.dropna(subset=[PROGRESSION, RISK])
    if labelled.empty:
        return []
    thresholds = choose_thresholds(labelled[PROGRESSION].to_numpy() == 1, labelled[RISK].to_numpy(float))
    points = []
    for aim, threshold in thresholds.items():
        shares = flag_shares(positive, risk >= threshold, participant)
        points.append(
            {"aim": aim, "threshold": threshold}
            | {name: interval.to_json() for name, interval in shares.items()}
        )
    return points


def _decision_curve(participant: Any, positive: Any, risk: Any, settings: EvaluateSettings) -> Figures:
    """Net benefit of the model, with its interval by participant, and of treating all, by threshold."""

    def benefits(positive: Any, risk: Any) -> dict[str, float]:
        return dict(zip(map(str, THRESHOLDS), net_benefit(positive, risk, THRESHOLDS).tolist(), strict=True))

    intervals = bootstrap_bands(benefits, participant, positive, risk, resamples=settings.bootstrap).values()
    return {
        "threshold": THRESHOLDS.tolist(),
        "model": [interval.value for interval in intervals],
        "low": [interval.low for interval in intervals],
        "high": [interval.high for interval in intervals],
        "all": net_benefit(positive, np.ones(len(risk)), THRESHOLDS).tolist(),
    }


def _roc_band(participant: Any, positive: Any, risk: Any, settings: EvaluateSettings) -> Figures:
    """The ROC curve's 95 % interval, by participant, at every false positive rate by itself."""

    def heights(positive: Any, risk: Any) -> dict[str, float]:
        sensitivities = sensitivity_at(positive, risk, _FALSE_RATES)
        return dict(zip(map(str, _FALSE_RATES), sensitivities.tolist(), strict=True))

    band = bootstrap_bands(heights, participant, positive, risk, resamples=settings.bootstrap).values()
    return {
        "fpr": _FALSE_RATES.tolist(),
        "low": [number_or_none(interval.low) for interval in band],
        "high": [number_or_none(interval.high) for interval in band],
    }


def _subgroup_figures(group: str, level: str, rows: pd.DataFrame) -> Figures:
    positive, risk = rows[PROGRESSION].to_numpy() == 1, rows[RISK].to_numpy(float)
    participant = rows["participant"].to_numpy()
    enough = min(positive.sum(), (~positive).sum()) >= _FEWEST
    return {
        "group": group,
        "level": level,
        "n": len(rows),
        "progressed": int(positive.sum()),
        "auc": auc_interval(positive, risk, participant).to_json() if enough else None,
        "predicted": float(risk.mean()),
        "observed": proportion_interval(positive, participant).to_json(),
    }
