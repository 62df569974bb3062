"""How good bundles are on a labelled cohort: each alone, all together, and every two compared."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from jsl_core.config import EvaluateSettings
from jsl_core.errors import BadTable
from jsl_core.evaluation.comparisons import compare_grades, compare_models
from jsl_core.evaluation.summary import evaluate_predictions
from jsl_core.learning.model.ensemble import Ensemble, Member, validation_risks
from jsl_core.scans.rows import Row
from jsl_core.scoring.score import Knee

__all__ = ["measure", "part_of"]

_BATCH = 64


def part_of(cohort: pd.DataFrame, split: str = "") -> tuple[pd.DataFrame, str]:
    """The rows of a split and its name; without one those of `test`, or all of a table that has no splits.

    Raises BadTable where there are none.
    """
    given = sorted(set(cohort["split"]) - {""})
    wanted = split or ("test" if given else "all")
    rows = cohort if wanted == "all" else cohort[cohort["split"] == wanted]
    if rows.empty:
        there = f"there are {', '.join(given)}" if given else "the table has no column split"
        raise BadTable(f"the cohort has no knee in the split {wanted}: {there}; choose with --split, or all")
    return rows.reset_index(drop=True), wanted


def measure(
    ensemble: Ensemble,
    knees: Iterable[Knee | Row],
    cohort: pd.DataFrame,
    settings: EvaluateSettings,
    flip: bool | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """All figures of every member and, of two or more, of their ensemble, as JSON; and what was predicted.

    `cohort` holds the rows to measure on, `knees` their joints; knees of others are left out. Besides
    `models`, `comparisons`, `grade_comparisons` and `rejected` (rows with a reason) the figures count the
    knees, and those on which a model was trained or chosen. The predictions have a column `model`. Raises
    BadTable.
    """
    ensemble.check_factors(cohort, "the cohort table")
    told, rejected = _predict(ensemble, knees, cohort, flip, progress)
    if not told:
        why = rejected[0]["sentence"] if rejected else "no joint belongs to a row of the table"
        raise BadTable(f"no knee of the cohort can be scored ({why})")
    figures, thresholds = {}, {}
    measured = {name: predictions.assign(split="") for name, predictions in told.items()}
    for name, rows in measured.items():
        known = next((one for one in ensemble.members if one.name == name), None)
        thresholds[name] = known.bundle.thresholds.get("jsl") if known else ensemble.threshold
        members = [known] if known else list(ensemble.members)
        chosen = validation_risks(members)
        figures[name] = evaluate_predictions(rows, thresholds[name], settings, "", chosen)
        figures[name] |= _seen(members, rows)
    first = next(iter(told.values()))
    summary = {
        "knees": len(first),
        "participants": int(first["participant"].nunique()),
        "models": figures,
        "comparisons": compare_models(measured, thresholds, settings, ""),
        "grade_comparisons": compare_grades(measured, settings, ""),
        "rejected": rejected,
    }
    return summary, pd.concat([rows.assign(model=name) for name, rows in told.items()], ignore_index=True)


def _predict(
    ensemble: Ensemble,
    knees: Iterable[Knee | Row],
    cohort: pd.DataFrame,
    flip: bool | None,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, pd.DataFrame], list[Row]]:
    """The cohort's rows with the columns of each model beside, and the knees that were rejected."""
    place = {name: number for number, name in enumerate(cohort["ID"])}
    parts: dict[str, list[pd.DataFrame]] = {}
    rejected: list[Row] = []
    batch: list[Knee] = []
    done: set[str] = set()

    def flush() -> None:
        rows = cohort.iloc[[place[knee.ID] for knee in batch]].reset_index(drop=True)
        each = ensemble.predict_each([knee.crop for knee in batch], rows, flip)
        if len(each) > 1:
            each[f"ensemble of {len(each)}"] = ensemble.average(each)
        for name, columns in each.items():
            parts.setdefault(name, []).append(pd.concat([rows, columns], axis=1))
        progress(len(done), len(cohort))
        batch.clear()

    for knee in knees:
        if not isinstance(knee, Knee):
            rejected.append(knee)
        elif knee.ID in place and knee.ID not in done:
            done.add(knee.ID)
            batch.append(knee)
            if len(batch) == _BATCH:
                flush()
    if batch:
        flush()
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}, rejected


def _seen(members: list[Member], rows: pd.DataFrame) -> dict[str, int]:
    """How many of the participants' knees a model was trained or chosen on."""
    counts = {}
    for split, name in (("train", "trained_on"), ("val", "chosen_on")):
        known = {ID for one in members for ID in one.seen.loc[one.seen["split"] == split, "ID"]}
        counts[name] = int(rows["ID"].isin(known).sum())
    return counts
