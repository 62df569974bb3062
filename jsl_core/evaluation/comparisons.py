"""Paired comparison of every two models on the knees that both predicted."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK, THRESHOLD, key_columns
from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.called import call_grades
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.delong import auc_difference
from jsl_core.evaluation.statistics.interval import Interval, number_or_none
from jsl_core.evaluation.statistics.metrics import grade_scores
from jsl_core.evaluation.statistics.reclassification import reclassification_scores

__all__ = ["compare_grades", "compare_models"]

Predictions = Mapping[str, pd.DataFrame]

_SAME = 0.01  # of a risk: models that differ by less are one


def compare_models(
    predictions: Predictions, thresholds: Mapping[str, float | None], settings: EvaluateSettings, split: str
) -> list[dict[str, Any]]:
    """Compare the AUC of every two models by the paired test, and what the first reclassifies better.

    Args:
        predictions: By model, one row per knee with ID, participant, split, JSL_Prog and jsl_risk.
        thresholds: By model; one without a threshold flags knees at 0.5.
        settings: How many resamples an interval is made from.
        split: The value of the column `split` whose knees are compared.

    Returns:
        One record per pair, as JSON: `difference` with `low`, `high` and `p` by participant (Obuchowski
        1997), `idi` and `nri_at_threshold` (of `reclassification_scores`) with intervals by participant, and
        whether the two give the same risks (`same`).
    """
    pairs = []
    with_thresholds = {
        name: rows if THRESHOLD in rows else rows.assign(**{THRESHOLD: _threshold(thresholds.get(name))})
        for name, rows in predictions.items()
    }
    for a, b, both in _iterate_pairs(with_thresholds, PROGRESSION, [RISK, THRESHOLD], split):
        positive = both[PROGRESSION].to_numpy() == 1
        if not 0 < positive.sum() < len(positive):
            continue
        participant = both["participant"].to_numpy()
        first, second = (both[f"{RISK}_{side}"].to_numpy(float) for side in "ab")
        flagged = [
            risk >= both[f"{THRESHOLD}_{side}"].to_numpy(float)
            for risk, side in ((first, "a"), (second, "b"))
        ]
        test = auc_difference(positive, first, second, participant)
        moved = bootstrap_intervals(
            reclassification_scores,
            participant,
            positive,
            first,
            second,
            *flagged,
            resamples=settings.bootstrap,
        )
        pairs.append(
            {"a": a, "b": b, "n": len(both), "progressed": int(positive.sum()), "difference": test.value}
            | {name: number_or_none(getattr(test, name)) for name in ("low", "high", "p")}
            | {name: interval.to_json() for name, interval in moved.items()}
            | {"same": bool(np.allclose(first, second, rtol=0, atol=_SAME))}
        )
    return pairs


def compare_grades(predictions: Predictions, settings: EvaluateSettings, split: str) -> list[dict[str, Any]]:
    """Compare accuracy, kappa and mean error of the KL grade of every two models.

    Args:
        predictions: By model, one row per knee with ID, participant, split, BL_KL_grade and kl_0…kl_4.
        settings: How many resamples an interval is made from.
        split: The value of the column `split` whose knees are compared.

    Returns:
        One record per pair, as JSON: the first model's figures less the second's, with intervals of the
        paired difference by participant.
    """

    def differences(truth: Any, guess: Any, other: Any) -> dict[str, float]:
        first, second = grade_scores(truth, guess), grade_scores(truth, other)
        return {name: first[name] - second[name] for name in first}

    pairs = []
    for a, b, both in _iterate_pairs(predictions, GRADE, GRADE_PROBABILITIES, split):
        columns = ([f"{name}_{side}" for name in GRADE_PROBABILITIES] for side in "ab")
        guesses = [call_grades(both[names].to_numpy(), settings.call) for names in columns]
        truth = both[GRADE].to_numpy(np.int64)
        participant = both["participant"].to_numpy()
        intervals = bootstrap_intervals(
            differences, participant, truth, *guesses, resamples=settings.bootstrap
        )
        if np.array_equal(guesses[0], guesses[1]):
            intervals = dict.fromkeys(intervals, Interval(0.0, 0.0, 0.0))
        figures = {name: interval.to_json() for name, interval in intervals.items()}
        pairs.append({"a": a, "b": b, "n": len(both)} | figures)
    return pairs


def _iterate_pairs(
    predictions: Predictions, label: str, columns: list[str], split: str
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Two models' names and the knees both predicted, with the label and both `columns`, as _a and as _b."""
    labelled = {
        name: rows[(rows["split"] == split) & rows[label].notna()].dropna(subset=columns)
        for name, rows in predictions.items()
        if set(columns) <= set(rows)
    }
    for a, b in combinations(labelled, 2):
        keys = key_columns(labelled[a])
        both = labelled[a].merge(labelled[b][[*keys, *columns]], on=keys, suffixes=("_a", "_b"))
        if len(both):
            yield a, b, both


def _threshold(threshold: float | None) -> float:
    return 0.5 if threshold is None else threshold
