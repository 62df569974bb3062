"""The report's tables of the cohort: who is in it, what is missing, and what was rejected."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, SPLITS
from jsl_core.evaluation.report.overview import DASH

__all__ = [
    "count_grades_by_split",
    "tabulate_cohort",
    "tabulate_lost",
    "tabulate_missing",
    "tabulate_reasons",
    "tabulate_rejected",
    "tabulate_sample",
]

Rows = list[list[str]]

_LISTED = 200  # rejected scans on the page; all are in rejected.csv
_PREDICTORS = {
    "Age": "Age",
    "Sex": "Sex",
    "BMI": "BMI",
    "Race": "Race",
    "Knee_Injury": "Knee injury",
    "Alignment_degree": "Alignment",
    GRADE: "KL grade",
    PROGRESSION: "Outcome",
}
_PARTS = {"train": "Training", "val": "Validation", "test": "Test"}


def tabulate_cohort(table: pd.DataFrame) -> Rows:
    """Tabulate the cohort's characteristics: one row each, all knees and then each split by column."""
    parts = {"All": table} | {_PARTS[split]: table[table["split"] == split] for split in SPLITS}
    rows = [[name, *map(measure, parts.values())] for name, measure in _characteristics(table)]
    return [["", *parts], *(row for row in rows if set(row[1:]) != {DASH})]


def tabulate_sample(table: pd.DataFrame) -> Rows:
    """Tabulate the characteristics of knees that are in no parts, and how many of them lack each."""
    columns = {"Age, years": "Age", "Women": "Sex", "BMI, kg/m²": "BMI", "Knee injury": "Knee_Injury"}
    columns |= {"Alignment, °": "Alignment_degree", "Progressed": PROGRESSION}
    columns |= {f"KL grade {grade}": GRADE for grade in range(5)}
    rows = [
        [name, measure(table), f"{table[columns[name]].isna().sum():,}" if columns.get(name) in table else ""]
        for name, measure in _characteristics(table)
        if name != "With a label"
    ]
    return [["", "All", "Missing"], *(row for row in rows if row[1] != DASH)]


def tabulate_lost(table: pd.DataFrame) -> Rows:
    """Tabulate knees with an outcome beside those that were lost to it; the header alone where none was."""
    known = table[PROGRESSION].notna()
    if known.all() or not known.any():
        return [[""]]
    parts = {"With an outcome": table[known], "Without": table[~known]}
    rows = [
        [name, *map(measure, parts.values())]
        for name, measure in _characteristics(table)
        if name not in ("With a label", "Progressed")
    ]
    return [["", *parts], *(row for row in rows if set(row[1:]) != {DASH})]


def tabulate_missing(table: pd.DataFrame) -> Rows:
    """Tabulate how many knees of each part lack each predictor and each label."""
    parts = {"All": table} | {_PARTS[split]: table[table["split"] == split] for split in SPLITS}
    rows = [
        [name, *(f"{rows[column].isna().sum():,} of {len(rows):,}" for rows in parts.values())]
        for column, name in _PREDICTORS.items()
        if column in table
    ]
    return [["Missing", *parts], *rows]


def _characteristics(table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    yield "Knees", lambda rows: f"{len(rows):,}"
    yield "Participants", lambda rows: f"{rows['participant'].nunique():,}"
    yield "Age, years", lambda rows: _mean_and_deviation(rows, "Age")
    yield "Women", lambda rows: _count_and_share(rows, "Sex", 2)
    yield "BMI, kg/m²", lambda rows: _mean_and_deviation(rows, "BMI")
    yield "Knee injury", lambda rows: _count_and_share(rows, "Knee_Injury", 1)
    yield "Alignment, °", lambda rows: _mean_and_deviation(rows, "Alignment_degree")
    for grade in range(5):
        yield f"KL grade {grade}", lambda rows, grade=grade: _count_and_share(rows, GRADE, grade)
    yield "With a label", lambda rows: f"{rows[PROGRESSION].notna().sum():,}"
    yield "Progressed", lambda rows: _count_and_share(rows, PROGRESSION, 1)


def _mean_and_deviation(rows: pd.DataFrame, column: str) -> str:
    known = rows.get(column, pd.Series(dtype=float)).dropna()
    return f"{known.mean():.1f} ± {np.std(known):.1f}".replace("-", "−") if len(known) else DASH


def _count_and_share(rows: pd.DataFrame, column: str, value: float) -> str:
    known = rows.get(column, pd.Series(dtype=float)).dropna()
    if known.empty:
        return DASH
    return f"{(known == value).sum():,} ({(known == value).mean():.0%})"


def count_grades_by_split(table: pd.DataFrame) -> dict[str, list[int]]:
    """Count the knees of each KL grade (five counts) in each split that has any grades."""
    parts = {name: table.loc[table["split"] == split, GRADE] for split, name in _PARTS.items()}
    return {
        name: [int((grades == grade).sum()) for grade in range(5)]
        for name, grades in parts.items()
        if grades.notna().any()
    }


def tabulate_reasons(rejected: pd.DataFrame) -> Rows:
    """Tabulate how many scans or knees were rejected for each reason, the most frequent first."""
    counts = rejected["reason"].value_counts() if len(rejected) else pd.Series(dtype=int)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return [["", "Rejected"], *([str(reason).replace("_", " "), f"{count:,}"] for reason, count in ordered)]


def tabulate_rejected(rejected: pd.DataFrame) -> Rows:
    """Tabulate the first 200 rejected scans or knees, each with the sentence that says why."""
    listed = rejected.head(_LISTED).reindex(columns=["file", "ID", "sentence"]).fillna("")
    return [["File", "Knee", "Why"], *([str(cell) for cell in row] for row in listed.itertuples(index=False))]
