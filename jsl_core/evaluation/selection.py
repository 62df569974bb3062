"""How much the figures of progression may owe to who could be followed up: a sensitivity analysis."""

from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import FACTORS, GRADE, PROGRESSION, RISK
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.interval import number_or_none
from jsl_core.evaluation.statistics.selection import auc_bounds, follow_up_weights, weighted_auc

__all__ = ["selection_figures"]

_CODES = {"Sex": (1, 2), "Race": (0, 1, 2, 3)}


def selection_figures(
    predictions: pd.DataFrame, split: str, settings: EvaluateSettings
) -> dict[str, Any] | None:
    """Measure a model as if all knees had been followed up, and within what bounds it would then lie.

    Args:
        predictions: One row per knee of all splits, with participant, split, JSL_Prog, jsl_risk, and the
            risk factors and BL_KL_grade as far as there are any.
        split: The value of the column `split` whose knees are measured.
        settings: How many resamples an interval is made from.

    Returns:
        None where every knee of the split has an outcome, or too few have. Otherwise `followed` and `lost`
        (knees), `largest_weight`; `auc` and `brier`, weighted by the inverse of the chance of being followed
        up given the baseline, with intervals by participant (for the weights as they are), and `observed` and
        `predicted` shares, weighted; `worst` and `best`, between which the AUC lies whatever became of the
        lost, and `all_progressed` and `none_progressed`, the AUC if all of them did, or none.
    """
    measured = ((predictions["split"] == split) & predictions[RISK].notna()).to_numpy()
    rows = predictions[measured]
    followed = rows[PROGRESSION].notna().to_numpy()
    positive = rows[PROGRESSION].to_numpy()[followed] == 1
    if followed.all() or not 0 < positive.sum() < len(positive):
        return None
    weights = follow_up_weights(_baseline(predictions), predictions[PROGRESSION].notna().to_numpy())
    weight = weights[measured][followed]
    risk, lost = (rows[RISK].to_numpy(float)[mask] for mask in (followed, ~followed))
    whole, ones = np.append(risk, lost), np.ones(len(rows))

    def weighted(positive: Any, risk: Any, weight: Any) -> dict[str, float]:
        brier = float(np.average((risk - positive) ** 2, weights=weight))
        return {"auc": weighted_auc(positive, risk, weight), "brier": brier}

    participant = rows["participant"].to_numpy()[followed]
    intervals = bootstrap_intervals(
        weighted, participant, positive, risk, weight, resamples=settings.bootstrap
    )
    worst, best = auc_bounds(positive, risk, lost)
    extremes = {
        name: number_or_none(weighted_auc(np.append(positive, np.full(len(lost), outcome)), whole, ones))
        for name, outcome in (("all_progressed", True), ("none_progressed", False))
    }
    return {
        "followed": int(followed.sum()),
        "lost": int((~followed).sum()),
        "largest_weight": float(weight.max()),
        **{name: interval.to_json() for name, interval in intervals.items()},
        "observed": float(np.average(positive, weights=weight)),
        "predicted": float(np.average(risk, weights=weight)),
        "worst": worst,
        "best": best,
        **extremes,
    }


def _baseline(rows: pd.DataFrame) -> np.ndarray:
    """What was known of each knee at baseline, float N×F; codes as one column each, NaN where missing."""
    columns = [np.zeros(len(rows))]  # one column at least
    for name in (*FACTORS, GRADE):
        if name not in rows or rows[name].isna().all():
            continue
        values = rows[name].to_numpy(float)
        if name in _CODES:
            columns += [np.where(np.isnan(values), np.nan, values == code) for code in _CODES[name][1:]]
        else:
            columns.append(values)
    return np.column_stack(columns)
