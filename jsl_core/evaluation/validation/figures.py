"""The figures of one model and one outcome on another cohort: as it is, and recalibrated."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import PROGRESSION, RISK
from jsl_core.cohort.splits import assign_folds
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.statistics.bootstrap import bootstrap_bands, bootstrap_intervals
from jsl_core.evaluation.statistics.calibration import calibration_scores, log_odds
from jsl_core.evaluation.statistics.case_mix import expected_auc
from jsl_core.evaluation.statistics.decision_curve import THRESHOLDS, net_benefit
from jsl_core.evaluation.statistics.delong import auc_interval
from jsl_core.evaluation.statistics.interval import number_or_none
from jsl_core.evaluation.statistics.logit_intervals import brier_interval
from jsl_core.evaluation.statistics.proportion import proportion_interval
from jsl_core.evaluation.statistics.recalibration import METHODS, fit_line, recalibrate_across
from jsl_core.evaluation.statistics.splines import integrated_calibration, smooth_calibration
from jsl_core.evaluation.summary import evaluate_predictions
from jsl_core.evaluation.validation.targets import Target, rows_of_target

__all__ = ["FEWEST", "too_few", "validate_target"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Figures = dict[str, Any]

FEWEST = 10  # participants with the outcome, and without it, below which nothing is validated
_FOLDS = 10
_GROUPS = 10  # of equally many knees, in the calibration plot
_CURVE_RESAMPLES = 200  # of the band round the smooth curve, which is for the eye


def too_few(rows: pd.DataFrame) -> str:
    """Say why the labelled knees of an outcome are too few to validate on; "" where they are not.

    Args:
        rows: With participant and `JSL_Prog` (0 or 1) for the outcome.
    """
    positive = rows[PROGRESSION] == 1
    people = [rows.loc[kind, "participant"].nunique() for kind in (positive, ~positive)]
    if min(people) >= FEWEST:
        return ""
    return (
        f"of {len(rows)} labelled knees {int(positive.sum())} have the outcome, of {people[0]} participants, "
        f"and {int((~positive).sum())} have not, of {people[1]}; it takes {FEWEST} participants of each kind"
    )


def validate_target(
    predictions: pd.DataFrame,
    target: Target,
    threshold: float | None,
    settings: EvaluateSettings,
    points: pd.DataFrame | None = None,
) -> Figures:
    """Measure a model's risk of one outcome, and what three recalibrations would make of it.

    Args:
        predictions: One row per knee with ID, participant, labels, predictions and risk factors.
        target: The outcome.
        threshold: At and above which the model calls it.
        settings: How many resamples an interval is made from.
        points: Knees (`JSL_Prog`, `jsl_risk`) that further thresholds are chosen on.

    Returns:
        As JSON: `reason`, or the figures of `evaluate_predictions` under `as_it_is`, `versions` (by method of
        recalibration, that of none first: AUC, O:E, intercept, slope, ICI, Brier score, groups and curve of
        the calibration plot, net benefit by threshold; or a `reason`), `line` (intercept and slope fitted to
        all knees, with which a new model may be made) and `expected_auc`.
    """
    rows, parts = rows_of_target(predictions, target)
    if reason := too_few(rows):
        return {"reason": reason}
    positive, risk = rows[PROGRESSION].to_numpy() == 1, rows[RISK].to_numpy(float)
    participant = rows["participant"].to_numpy()
    own = evaluate_predictions(rows.assign(split=""), threshold, settings, "", points)["jsl"]
    fold = assign_folds(rows, _FOLDS).to_numpy(np.int64)
    versions: dict[str, Figures] = {"as it is": _version(positive, risk, participant, settings)}
    for method in METHODS:
        mended = recalibrate_across(method, positive, risk, parts, fold)
        versions[method] = (
            {"reason": mended}
            if isinstance(mended, str)
            else _version(positive, mended, participant, settings)
        )
    intercept, slope = fit_line(positive, risk)
    for method in ("intercept", "slope"):  # a line moves no rank; the lines of ten folds, pooled, would
        if "reason" not in versions[method] and (method == "intercept" or slope > 0):
            versions[method]["auc"] = versions["as it is"]["auc"]
    return {
        "n": len(rows),
        "events": int(positive.sum()),
        "participants": int(rows["participant"].nunique()),
        "participants_with_event": int(rows.loc[positive, "participant"].nunique()),
        "prevalence": proportion_interval(positive, participant).to_json(),
        "as_it_is": own,
        "versions": versions,
        "line": {"intercept": number_or_none(intercept), "slope": number_or_none(slope)},
        "expected_auc": number_or_none(expected_auc(risk)),
        "spread": float(log_odds(risk).std()),
        "thresholds": THRESHOLDS.tolist(),
        "treat_all": net_benefit(positive, np.ones(len(risk)), THRESHOLDS).tolist(),
    }


def _version(positive: Bools, risk: Floats, participant: Any, settings: EvaluateSettings) -> Figures:
    """Discrimination, calibration and net benefit of one set of risks."""
    resampled = bootstrap_intervals(_scores, participant, positive, risk, resamples=settings.bootstrap)
    return {
        "auc": auc_interval(positive, risk, participant).to_json(),
        "brier": brier_interval(positive, risk, participant).to_json(),
        **{name: interval.to_json() for name, interval in resampled.items()},
        # Without an interval: a distance is above 0 by chance, too, and resamples are further off.
        "ici": number_or_none(integrated_calibration(positive, risk)),
        "mean_risk": float(risk.mean()),
        "groups": _groups(positive, risk, participant),
        "curve": _curve(positive, risk, participant, settings),
        "net_benefit": net_benefit(positive, risk, THRESHOLDS).tolist(),
    }


def _scores(positive: Bools, risk: Floats) -> Mapping[str, float]:
    calibration = calibration_scores(positive, risk)
    return {
        "observed_to_expected": float(positive.mean() / risk.mean()) if risk.any() else float("nan"),
        **{name: calibration[name] for name in ("intercept", "slope", "brier_skill")},
    }


def _groups(positive: Bools, risk: Floats, participant: Any) -> list[Figures]:
    """Tenths of the knees by risk: mean risk, and the share with the outcome with its interval."""
    order = np.argsort(risk, kind="stable")
    groups = []
    for rows in np.array_split(order, min(_GROUPS, len(order))):
        share = proportion_interval(positive[rows], participant[rows])
        groups.append({"n": len(rows), "risk": float(risk[rows].mean()), **share.to_json()})
    return groups


def _curve(positive: Bools, risk: Floats, participant: Any, settings: EvaluateSettings) -> Figures:
    """The smooth calibration curve between the 1st and the 99th hundredth of the risks, with its band."""
    low, high = np.quantile(risk, [0.01, 0.99])
    at = np.linspace(low, high, 40)

    def heights(positive: Any, risk: Any) -> dict[str, float]:
        curve = smooth_calibration(positive, risk, at)
        return {str(place): float(height) for place, height in enumerate(curve)}

    resamples = min(settings.bootstrap, _CURVE_RESAMPLES)
    band = bootstrap_bands(heights, participant, positive, risk, resamples=resamples).values()
    return {
        "risk": at.tolist(),
        "observed": [number_or_none(height.value) for height in band],
        "low": [number_or_none(height.low) for height in band],
        "high": [number_or_none(height.high) for height in band],
    }
