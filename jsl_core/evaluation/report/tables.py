"""The report's tables: rows of text, the header first, ready for the page."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, SPLITS
from jsl_core.evaluation.report.overview import DASH, format_number, overview_rows
from jsl_core.evaluation.report.published import TITLES

__all__ = [
    "count_grades_by_split",
    "tabulate_calibration",
    "tabulate_cohort",
    "tabulate_comparisons",
    "tabulate_grade_comparisons",
    "tabulate_grading",
    "tabulate_operating_points",
    "tabulate_overview",
    "tabulate_reasons",
    "tabulate_reclassification",
    "tabulate_rejected",
    "tabulate_subgroups",
    "tabulate_thresholds",
]

Figures = Mapping[str, Any]
Rows = list[list[str]]

_LISTED = 200  # rejected scans on the page; all are in rejected.csv
_PARTS = {"train": "Training", "val": "Validation", "test": "Test"}


def tabulate_cohort(table: pd.DataFrame) -> Rows:
    """Tabulate the cohort's characteristics: one row each, all knees and then each split by column."""
    parts = {"All": table} | {_PARTS[split]: table[table["split"] == split] for split in SPLITS}
    rows = [[name, *map(measure, parts.values())] for name, measure in _characteristics(table)]
    return [["", *parts], *(row for row in rows if set(row[1:]) != {DASH})]


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


def tabulate_thresholds(models: Mapping[str, Figures]) -> Rows:
    """Tabulate what each model catches and misses at its threshold."""
    head = ["AUC, by participant", "Threshold", "Sensitivity", "Specificity", "Precision"]
    return [
        ["", *head, "Precision, balanced"],
        *(
            [
                TITLES.get(name, name),
                format_interval(jsl["auc_by_participant"]),
                format_number(jsl["threshold"], 2),
                *(format_interval(jsl[key]) for key in ("sensitivity", "specificity", "precision")),
                format_interval(jsl["precision_balanced"]),
            ]
            for name, jsl in models.items()
        ),
    ]


def tabulate_operating_points(models: Mapping[str, Figures]) -> Rows:
    """Tabulate the thresholds that gave a wanted sensitivity or specificity on the validation knees."""
    keys = ("sensitivity", "specificity", "ppv", "npv", "flagged")
    return [
        ["", "Aim", "Threshold", "Sensitivity", "Specificity", "PPV", "NPV", "Flagged"],
        *(
            [
                TITLES.get(name, name),
                point["aim"],
                format_number(point["threshold"], 2),
                *(format_interval(point[key]) for key in keys),
            ]
            for name, jsl in models.items()
            for point in jsl["points"]
        ),
    ]


def tabulate_calibration(models: Mapping[str, Figures]) -> Rows:
    """Tabulate the calibration of each model's risks."""
    return [
        ["", "Intercept", "Slope", "Brier", "Brier skill", "ECE"],
        *(
            [
                TITLES.get(name, name),
                *(format_interval(jsl[key]) for key in ("intercept", "slope")),
                format_interval(jsl["brier"], 3),
                format_interval(jsl["brier_skill"]),
                format_number(jsl["ece"]),
            ]
            for name, jsl in models.items()
        ),
    ]


def tabulate_grading(models: Mapping[str, Figures]) -> Rows:
    """Tabulate agreement with the expert's KL grade, and the share of each grade that is recognised."""
    head = ["", "Accuracy", "Balanced", "Kappa", "Mean error", "AUC, KL ≥ 2"]
    head += [f"KL {grade}" for grade in range(5)]
    return [
        head,
        *(
            [
                TITLES.get(name, name),
                format_interval(kl["accuracy"]),
                format_interval(kl["balanced_accuracy"]),
                format_interval(kl["kappa"]),
                format_interval(kl["mae"]),
                format_interval(kl["osteoarthritis"]),
                *(DASH if recall is None else f"{recall:.0%}" for recall in kl["recall"]),
            ]
            for name, kl in models.items()
        ),
    ]


def tabulate_subgroups(models: Mapping[str, Figures]) -> Rows:
    """Tabulate the AUC of each model in each subgroup; one with too few knees of an outcome has none."""
    by_model = [
        {(part["group"], part["level"]): part for part in jsl["subgroups"]} for jsl in models.values()
    ]
    every = {level: part for parts in by_model for level, part in parts.items()}
    rows = [
        [f"{group}: {level}", f"{part['progressed']} of {part['n']}"]
        + [format_interval(parts.get((group, level), {}).get("auc")) for parts in by_model]
        for (group, level), part in every.items()
    ]
    return [["", "Progressed", *(TITLES.get(name, name) for name in models)], *rows]


def tabulate_comparisons(comparisons: list[Figures]) -> Rows:
    """Tabulate the difference of AUC of every two models on the same knees, its interval and its p."""
    rows = [
        [
            _name_pair(pair),
            format_difference(pair["difference"]),
            f"{format_difference(pair['low'])} to {format_difference(pair['high'])}",
            _format_p(pair["p"]),
            _format_p(pair["by_participant"]["p"]),
        ]
        for pair in comparisons
    ]
    return [["", "Difference", "95 % interval", "p", "p, by participant"], *rows]


def tabulate_reclassification(comparisons: list[Figures]) -> Rows:
    """Tabulate by how much the first of two models reclassifies knees better."""
    keys = ("idi", "nri", "nri_at_threshold")
    rows = [
        [_name_pair(pair), *(_format_difference_interval(pair[key]) for key in keys)] for pair in comparisons
    ]
    return [["", "IDI", "NRI", "NRI at threshold"], *rows]


def tabulate_grade_comparisons(comparisons: list[Figures]) -> Rows:
    """Tabulate the difference of agreement with the expert of every two models on the same knees."""
    keys = ("accuracy", "balanced_accuracy", "kappa", "mae")
    rows = [
        [_name_pair(pair), *(_format_difference_interval(pair[key]) for key in keys)] for pair in comparisons
    ]
    return [["", "Accuracy", "Balanced", "Kappa", "Mean error"], *rows]


def _name_pair(pair: Figures) -> str:
    return f"{TITLES.get(pair['a'], pair['a'])} − {TITLES.get(pair['b'], pair['b'])}"


def format_difference(value: float | None) -> str:
    """Write a difference with its sign and three digits, or a dash."""
    return DASH if value is None else f"{value:+.3f}".replace("-", "−")


def _format_difference_interval(figure: Figures) -> str:
    if figure["low"] is None:
        return format_difference(figure["value"])
    value, low, high = (format_difference(figure[key]) for key in ("value", "low", "high"))
    return f"{value} [{low} to {high}]"


def _format_p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def format_interval(figure: Figures | None, digits: int = 2) -> str:
    """Write a figure with its interval, or a dash."""
    if not figure or figure["value"] is None:
        return DASH
    if figure["low"] is None:
        return format_number(figure["value"], digits)
    between = "–" if figure["low"] >= 0 else " to "
    value, low, high = (
        format_number(figure[key], digits).replace("-", "−") for key in ("value", "low", "high")
    )
    return f"{value} [{low}{between}{high}]"


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


def tabulate_overview(figures: Figures) -> Rows:
    """Tabulate the overview of all models, without the columns that no model fills."""
    rows = overview_rows(figures)
    columns = [column for column in rows[0] if any(row[column] != DASH for row in rows)] if rows else [""]
    return [["", *columns[1:]], *([row[column] for column in columns] for row in rows)]


def tabulate_reasons(rejected: pd.DataFrame) -> Rows:
    """Tabulate how many scans or knees were rejected for each reason, the most frequent first."""
    counts = rejected["reason"].value_counts() if len(rejected) else pd.Series(dtype=int)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return [["", "Rejected"], *([str(reason).replace("_", " "), f"{count:,}"] for reason, count in ordered)]


def tabulate_rejected(rejected: pd.DataFrame) -> Rows:
    """Tabulate the first 200 rejected scans or knees, each with the sentence that says why."""
    listed = rejected.head(_LISTED).reindex(columns=["file", "ID", "sentence"]).fillna("")
    return [["File", "Knee", "Why"], *([str(cell) for cell in row] for row in listed.itertuples(index=False))]
