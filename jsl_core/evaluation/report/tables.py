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
    "tabulate_counts",
    "tabulate_grade_comparisons",
    "tabulate_grading",
    "tabulate_lost",
    "tabulate_missing",
    "tabulate_operating_points",
    "tabulate_overview",
    "tabulate_reasons",
    "tabulate_recall",
    "tabulate_reclassification",
    "tabulate_rejected",
    "tabulate_sources",
    "tabulate_subgroup_calibration",
    "tabulate_subgroups",
    "tabulate_thresholds",
]

Figures = Mapping[str, Any]
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


def tabulate_thresholds(models: Mapping[str, Figures]) -> Rows:
    """Tabulate what each model catches and misses at its threshold."""
    head = ["Progressed", "Threshold", "Sensitivity", "Specificity", "Precision", "Precision, balanced"]
    keys = ("sensitivity", "specificity", "precision", "precision_balanced")
    return [
        ["", *head],
        *(
            [
                TITLES.get(name, name),
                _count_events(jsl),
                format_number(jsl["threshold"], 2),
                *(format_interval(jsl[key]) for key in keys),
            ]
            for name, jsl in models.items()
        ),
    ]


def tabulate_sources(models: Mapping[str, Figures]) -> Rows:
    """Tabulate what image and risk factors contribute to each model that has both."""
    rows = [
        [
            TITLES.get(name, name),
            _count_events(jsl),
            *(format_number(jsl["sources"][source]["auc_lost"]) for source in ("image", "factors")),
            *(f"± {jsl['sources'][source]['spread']:.2f}" for source in ("image", "factors")),
        ]
        for name, jsl in models.items()
        if jsl.get("sources")
    ]
    head = ["AUC lost without its image", "without its factors", "Log odds by the image", "by factors"]
    return [["", "Progressed", *head], *rows]


def tabulate_counts(models: Mapping[str, Figures]) -> Rows:
    """Tabulate the 2×2 counts at each model's threshold."""
    keys = ("true_positive", "false_negative", "false_positive", "true_negative")
    head = ["Progressed, flagged", "Progressed, missed", "Stable, flagged", "Stable, not flagged"]
    return [
        ["", *head],
        *(
            [TITLES.get(name, name), *(str(jsl["counts"][key]) for key in keys)]
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
        ["", "Progressed", "Intercept", "Slope", "Brier", "Brier skill", "ECE"],
        *(
            [
                TITLES.get(name, name),
                _count_events(jsl),
                *(format_interval(jsl[key]) for key in ("intercept", "slope")),
                format_interval(jsl["brier"], 3),
                format_interval(jsl["brier_skill"]),
                format_number(jsl["ece"]),
            ]
            for name, jsl in models.items()
        ),
    ]


def tabulate_grading(models: Mapping[str, Figures]) -> Rows:
    """Tabulate agreement with the expert's KL grade."""
    keys = ("accuracy", "balanced_accuracy", "kappa", "mae", "osteoarthritis")
    return [
        ["", "Knees", "Accuracy", "Balanced", "Kappa", "Mean error", "AUC, KL ≥ 2"],
        *(
            [TITLES.get(name, name), str(kl["n"]), *(format_interval(kl[key]) for key in keys)]
            for name, kl in models.items()
        ),
    ]


def tabulate_recall(models: Mapping[str, Figures]) -> Rows:
    """Tabulate how many knees of each true grade are recognised."""
    return [
        ["", *(f"KL {grade}" for grade in range(5))],
        *(
            [
                TITLES.get(name, name),
                *(
                    f"{row[grade]} of {sum(row)} ({row[grade] / sum(row):.0%})" if sum(row) else DASH
                    for grade, row in enumerate(kl["confusion"])
                ),
            ]
            for name, kl in models.items()
        ),
    ]


def tabulate_subgroups(models: Mapping[str, Figures]) -> Rows:
    """Tabulate the AUC of each model in each subgroup; one with too few knees of an outcome has none."""
    rows = [
        [name, events, *(format_interval(part.get("auc")) for part in parts)]
        for name, events, parts in _iterate_subgroups(models)
    ]
    return [["", "Progressed", *(TITLES.get(name, name) for name in models)], *rows]


def tabulate_subgroup_calibration(models: Mapping[str, Figures]) -> Rows:
    """Tabulate, for each subgroup, the share that progressed and the mean risk that each model gave it."""
    rows = [
        [name, events, format_interval(parts[0].get("observed"))]
        + [format_number(part.get("predicted"), 2) for part in parts]
        for name, events, parts in _iterate_subgroups(models)
    ]
    return [["", "Progressed", "Share", *(TITLES.get(name, name) for name in models)], *rows]


def _iterate_subgroups(models: Mapping[str, Figures]) -> Iterator[tuple[str, str, list[Figures]]]:
    """Each subgroup's name, its knees, and its figures by model, empty where a model has none."""
    by_model = [
        {(part["group"], part["level"]): part for part in jsl["subgroups"]} for jsl in models.values()
    ]
    every = {level: part for parts in by_model for level, part in parts.items()}
    for (group, level), part in every.items():
        yield f"{group}: {level}", _count_events(part), [parts.get((group, level), {}) for parts in by_model]


def tabulate_comparisons(comparisons: list[Figures]) -> Rows:
    """Tabulate the difference of AUC of every two models on the same knees, its interval and its p."""
    rows = [
        [
            _name_pair(pair),
            _count_events(pair),
            _format_difference_interval({**pair, "value": pair["difference"]}),
            "same risks" if pair["same"] else _format_p(pair["p"]),
        ]
        for pair in comparisons
    ]
    return [["", "Progressed", "Difference of AUC", "p"], *rows]


def tabulate_reclassification(comparisons: list[Figures]) -> Rows:
    """Tabulate by how much the first of two models reclassifies knees better."""
    keys = ("idi", "nri_at_threshold")
    rows = [
        [_name_pair(pair), _count_events(pair), *(_format_difference_interval(pair[key]) for key in keys)]
        for pair in comparisons
    ]
    return [["", "Progressed", "IDI", "NRI at thresholds"], *rows]


def tabulate_grade_comparisons(comparisons: list[Figures]) -> Rows:
    """Tabulate the difference of agreement with the expert of every two models on the same knees."""
    keys = ("accuracy", "balanced_accuracy", "kappa", "mae")
    rows = [
        [_name_pair(pair), str(pair["n"]), *(_format_difference_interval(pair[key]) for key in keys)]
        for pair in comparisons
    ]
    return [["", "Knees", "Accuracy", "Balanced", "Kappa", "Mean error"], *rows]


def _count_events(figures: Figures) -> str:
    return f"{figures['progressed']} of {figures['n']}"


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


def _format_p(value: float | None) -> str:
    if value is None:
        return DASH
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
