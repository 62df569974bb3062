"""Figures of models on a labelled cohort: each alone, all averaged, and every two compared."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort import normalise_split
from jsl_core.cohort.columns import VISIT, row_names
from jsl_core.cohort.fixed_split import FixedSplit
from jsl_core.cohort.persons import normalise_knee, parse_knee, person_key
from jsl_core.config import EvaluateSettings
from jsl_core.errors import BadTable
from jsl_core.evaluation.comparisons import compare_grades, compare_models
from jsl_core.evaluation.summary import evaluate_predictions
from jsl_core.learning.model.ensemble import Ensemble, Member, validation_risks
from jsl_core.scans.rows import Row, rejection
from jsl_core.scoring.scores import NOT_FINITE, JointCrop, is_finite

__all__ = [
    "count_training_persons",
    "evaluate_ensemble",
    "persons_of",
    "predict_cohort",
    "select_split",
]

_BATCH = 64


def select_split(cohort: pd.DataFrame, split: str = "") -> tuple[pd.DataFrame, str]:
    """Select the rows of a split.

    Args:
        cohort: From `read_cohort`.
        split: A split or `all`; `jsl-1` or a variant for whom that tests on, whatever the table's splits;
            empty for `test`, or all rows of a table without splits.

    Returns:
        The rows and the name of the split.

    Raises:
        BadTable: If there are no such rows.
    """
    if fixed := FixedSplit.parse(split):
        rows = cohort[fixed.parts(cohort)[0]]
        if rows.empty:
            raise BadTable(
                f"split {split} tests on nobody of this cohort; choose another with --split, or all"
            )
        return rows.reset_index(drop=True), split
    names = sorted(set(cohort["split"]) - {""})
    wanted = normalise_split(split) or ("test" if names else "all")
    rows = cohort if wanted == "all" else cohort[cohort["split"] == wanted]
    if rows.empty:
        choice = f"there are {', '.join(names)}" if names else "the table has no column split"
        raise BadTable(f"the cohort has no knee in the split {wanted}: {choice}; choose with --split, or all")
    return rows.reset_index(drop=True), wanted


def evaluate_ensemble(
    ensemble: Ensemble,
    crops: Iterable[JointCrop | Row],
    cohort: pd.DataFrame,
    settings: EvaluateSettings,
    flip: bool | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Compute all figures of every model and, if there are several, of their average.

    Args:
        ensemble: The models.
        crops: Joint crops and rows of rejected ones; crops of knees that are not in the cohort are left out.
        cohort: The rows to measure on.
        settings: Of the figures.
        flip: Whether crops are averaged with their mirror images; None as each model's validation favoured.
        progress: Called with the knees done and the knees in all.

    Returns:
        The figures as JSON: `models`, `comparisons`, `grade_comparisons`, `rejected` (rows with a reason),
        and how many knees and participants there are; of each model how many of them are of participants it
        was trained on (`trained_on`, `participants_trained_on`) or chosen on, and whether it says so at all
        (`training_known`). And the predictions, with a column `model`.

    Raises:
        BadTable: If a needed risk factor is missing, or no knee can be scored.
    """
    predictions, rejected = predict_cohort(ensemble, crops, cohort, flip, progress)
    figures, thresholds = {}, {}
    measured = {name: rows.assign(split="") for name, rows in predictions.items()}
    for name, rows in measured.items():
        member = next((member for member in ensemble.members if member.name == name), None)
        thresholds[name] = member.bundle.thresholds.get("jsl") if member else ensemble.threshold
        members = [member] if member else list(ensemble.members)
        validation = validation_risks(members)
        figures[name] = evaluate_predictions(rows, thresholds[name], settings, "", validation)
        figures[name] |= count_training_persons(members, rows)
    first = next(iter(predictions.values()))
    summary = {
        "knees": len(first),
        "participants": int(first["participant"].nunique()),
        "models": figures,
        "comparisons": compare_models(measured, thresholds, settings, ""),
        "grade_comparisons": compare_grades(measured, settings, ""),
        "rejected": rejected,
    }
    return summary, pd.concat(
        [rows.assign(model=name) for name, rows in predictions.items()], ignore_index=True
    )


def predict_cohort(
    ensemble: Ensemble,
    crops: Iterable[JointCrop | Row],
    cohort: pd.DataFrame,
    flip: bool | None,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, pd.DataFrame], list[Row]]:
    """Predict the knees of a cohort; arguments are those of `evaluate_ensemble`.

    Returns:
        The cohort's rows with the predictions of each model and, if there are several, of their average, by
        model; and the rows of rejected knees.

    Raises:
        BadTable: If a needed risk factor is missing, or no knee can be scored.
    """
    ensemble.check_factors(cohort, "the cohort table")
    place = {name: number for number, name in enumerate(row_names(cohort))}
    parts: dict[str, list[pd.DataFrame]] = {}
    rejected: list[Row] = []
    batch: list[JointCrop] = []
    done: set[str] = set()

    def row_of(crop: JointCrop) -> str:
        knee = normalise_knee(crop.ID)
        return f"{knee}@{crop.visit}" if VISIT in cohort else knee

    def predict_batch() -> None:
        rows = cohort.iloc[[place[row_of(crop)] for crop in batch]].reset_index(drop=True)
        each = ensemble.predict_each([crop.pixels for crop in batch], rows, flip)
        if len(each) > 1:
            each[f"ensemble of {len(each)}"] = ensemble.average(each)
        finite = np.logical_and.reduce([is_finite(columns) for columns in each.values()])
        rejected.extend(
            rejection(crop.names, NOT_FINITE) for crop, ok in zip(batch, finite, strict=True) if not ok
        )
        for name, columns in each.items():
            if finite.any():
                scored = pd.concat([rows, columns], axis=1)[finite]
                parts.setdefault(name, []).append(scored)
        progress(len(done), len(cohort))
        batch.clear()

    for crop in crops:
        if not isinstance(crop, JointCrop):
            rejected.append(crop)
        elif (knee := row_of(crop)) in place and knee not in done:
            done.add(knee)
            batch.append(crop)
            if len(batch) == _BATCH:
                predict_batch()
    if batch:
        predict_batch()
    if not parts:
        reason = rejected[0]["sentence"] if rejected else "no joint belongs to a row of the table"
        raise BadTable(f"no knee of the cohort can be scored ({reason}); check Img_path, or give --scans")
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}, rejected


def count_training_persons(members: Sequence[Member], rows: pd.DataFrame) -> dict[str, int]:
    """Count the knees and participants who are of persons that models were trained on, and chosen on.

    Args:
        members: The models.
        rows: With participant, one a knee.

    Returns:
        `trained_on`, `chosen_on` (knees), the same with `participants_` before, and `training_known`: whether
        every model says whom it was trained on.
    """
    counts = {}
    persons = rows["participant"].map(person_key)
    for split, name in (("train", "trained_on"), ("val", "chosen_on")):
        known = persons.isin(persons_of(members, split))
        counts[name] = int(known.sum())
        counts[f"participants_{name}"] = int(persons[known].nunique())
    return counts | {"training_known": all(len(member.predictions) for member in members)}


def persons_of(members: Sequence[Member], *splits: str) -> set[str]:
    """The `person_key` of everybody of whom models say that a knee was in one of these parts."""
    knees = {
        knee
        for member in members
        for knee in member.predictions.loc[member.predictions["split"].isin(splits), "ID"]
    }
    return {person_key((parse_knee(knee) or (knee, 0))[0]) for knee in knees}
