"""Figures of predicted times: whether knees are ranked by when they are replaced, and whether risks hold."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from jsl_core.cohort.columns import EVENT, EVENT_MONTHS, OUTCOME_MONTHS, RISK, risk_months
from jsl_core.evaluation.statistics.bootstrap import jackknife
from jsl_core.evaluation.statistics.interval import Interval
from jsl_core.evaluation.statistics.logit_intervals import jackknife_error, on_logit_scale
from jsl_core.evaluation.statistics.survival import cumulative_incidence, follow_until, incidence_intervals
from jsl_core.evaluation.statistics.survival_scores import (
    brier_score,
    concordance,
    dynamic_auc,
    integrated_brier_score,
)

__all__ = ["time_figures"]

Figures = dict[str, Any]
Floats = NDArray[np.float64]

_GROUPS = 5  # of equal size by predicted risk, whose risks are held against what became of them
_CURVES = 3  # of equal size, whose curves are drawn
_FEWEST = 5  # replaced knees, below which there are no figures


def time_figures(rows: pd.DataFrame) -> Figures | None:
    """Compute the figures of one model's risks on knees whose times are known.

    What comes after the horizon, the last month of the model's that the outcome's months reach, has not been
    seen.

    Args:
        rows: One row a knee with participant, Event_months, Event, Outcome_months, jsl_risk (of a model
            of the label by those months) and, of a model of times, the risk by each of its months.

    Returns:
        None where the rows have no times; a `reason` where they do not allow figures.
    """
    if not {EVENT, EVENT_MONTHS, OUTCOME_MONTHS, RISK} <= set(rows):
        return None
    rows = rows.dropna(subset=[EVENT, EVENT_MONTHS, RISK])
    if rows.empty:
        return None
    horizon = float(rows[OUTCOME_MONTHS].max())
    predicted = risk_months(rows) or {horizon: RISK}
    columns = {month: name for month, name in predicted.items() if month <= horizon}
    if not columns:
        first = min(predicted)
        return {
            "reason": f"the model's first risk is by {first:g} months, the outcome's times end at {horizon:g}"
        }
    horizon = max(columns)
    months, risks = np.array(list(columns)), rows[list(columns.values())].to_numpy(float)
    participant = rows["participant"].to_numpy()
    time, event = follow_until(rows[EVENT_MONTHS], rows[EVENT], horizon)
    replaced = int((event == 1).sum())
    if replaced < _FEWEST:
        return {"reason": f"of {len(rows)} knees with a time {replaced} were replaced: too few for figures"}

    values = _scores(time, event, risks, months)
    without = [_scores(time[rows], event[rows], risks[rows], months) for rows in jackknife(participant)]
    cases = len(np.unique(participant[event == 1]))
    figures = {
        name: _interval(name, value, [each[name] for each in without], cases)
        for name, value in values.items()
    }
    observed = [each.to_json() for each in incidence_intervals(time, event, months, participant)]
    return {
        "n": len(rows),
        "participants": int(rows["participant"].nunique()),
        "replaced": replaced,
        "died": int((event == 2).sum()),
        "lost": int(((event == 0) & (time < horizon)).sum()),
        "horizon": horizon,
        **{name: figures[name] for name in ("c_index", "harrell", "brier_skill")},
        "integrated_brier": figures.get("integrated_brier"),
        "expected": float(risks[:, -1].mean()),
        "observed": observed[-1],
        "ratio": figures["ratio"],
        "by_month": [
            {
                "months": month,
                "auc": figures[f"auc {month:g}"],
                "brier": figures[f"brier {month:g}"],
                "expected": float(risks[:, place].mean()),
                "observed": observed[place],
            }
            for place, month in enumerate(months.tolist())
        ],
        "calibration": list(_calibration(time, event, risks[:, -1], horizon, participant)),
        "curves": list(_curves(time, event, risks[:, -1], horizon)),
    }


def _scores(time: Floats, event: Any, risks: Floats, months: Floats) -> dict[str, float]:
    """The figures whose intervals are made by leaving participants out."""
    horizon, last = float(months[-1]), risks[:, -1]
    share = float(cumulative_incidence(time, event, [horizon])[0])
    brier = brier_score(time, event, last, horizon)
    uninformed = brier_score(time, event, np.full(len(time), share), horizon)
    values = {
        "c_index": concordance(time, event, last, horizon),
        "harrell": concordance(time, event, last, horizon, weighted=False),
        "brier_skill": 1 - brier / uninformed if uninformed else float("nan"),
        "ratio": share / float(last.mean()) if last.any() else float("nan"),
    }
    if len(months) > 1:
        values["integrated_brier"] = integrated_brier_score(time, event, risks, months)
    for place, month in enumerate(months.tolist()):
        values[f"auc {month:g}"] = dynamic_auc(time, event, risks[:, place], month)
        values[f"brier {month:g}"] = brier_score(time, event, risks[:, place], month)
    return values


def _interval(name: str, value: float, without: list[float], cases: int) -> Figures:
    """A figure with its 95 % interval by a jackknife of participants, with Student's t of those replaced.

    On the logit scale, of a ratio on the log scale, of a skill as it is.
    """
    error = jackknife_error(without)
    if name not in ("brier_skill", "ratio"):
        return on_logit_scale(value, error, cases - 1).to_json()
    if not error > 0 or cases < 2 or (name == "ratio" and not value > 0):
        return Interval(value, math.nan, math.nan).to_json()
    step = float(stats.t.ppf(0.975, cases - 1)) * error
    if name == "ratio":
        factor = math.exp(step / value)
        return Interval(value, value / factor, value * factor).to_json()
    return Interval(value, value - step, value + step).to_json()


def _by_risk(risk: Floats, groups: int) -> list[NDArray[np.intp]]:
    """Rows in groups of nearly equal size by risk, lowest first; equal risks are not parted."""
    edges = np.unique(np.quantile(risk, np.linspace(0, 1, groups + 1)[1:-1]))
    place = np.searchsorted(edges, risk, side="right")
    return [np.flatnonzero(place == group) for group in np.unique(place)]


def _calibration(
    time: Floats, event: Any, risk: Floats, horizon: float, participant: Any
) -> Iterator[Figures]:
    """Of each fifth by risk the mean risk and the share that was replaced by the horizon."""
    for group in _by_risk(risk, _GROUPS):
        [observed] = incidence_intervals(time[group], event[group], [horizon], participant[group])
        yield {
            "n": len(group),
            "replaced": int((event[group] == 1).sum()),
            "expected": float(risk[group].mean()),
            "observed": observed.to_json(),
        }


def _curves(time: Floats, event: Any, risk: Floats, horizon: float) -> Iterator[Figures]:
    """Of each third by risk the share replaced by each month at which it rises."""
    for group in _by_risk(risk, _CURVES):
        months = np.unique([0.0, *time[group][event[group] == 1], horizon])
        share = cumulative_incidence(time[group], event[group], months)
        yield {"n": len(group), "months": months.tolist(), "share": share.tolist()}
