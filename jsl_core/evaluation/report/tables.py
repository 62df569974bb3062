"""The report's tables as plain rows of text, ready for the page."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, SPLITS
from jsl_core.evaluation.report.published import TITLES
from jsl_core.evaluation.report.short_table import DASH, number, overview

__all__ = [
    "calibration_table",
    "cohort_table",
    "comparison_table",
    "grade_comparison_table",
    "grade_table",
    "grades_by_split",
    "operating_table",
    "overview_table",
    "points_table",
    "reason_table",
    "reclassification_table",
    "rejected_table",
    "subgroup_table",
]

Figures = Mapping[str, Any]
Rows = list[list[str]]

_LISTED = 200
_PARTS = {"train": "Training", "val": "Validation", "test": "Test"}


def cohort_table(table: pd.DataFrame) -> Rows:
    """A header and one row a characteristic: all knees, then each split."""
    parts = {"All": table} | {_PARTS[split]: table[table["split"] == split] for split in SPLITS}
    rows = [[name, *map(measure, parts.values())] for name, measure in _characteristics(table)]
    return [["", *parts], *(row for row in rows if set(row[1:]) != {DASH})]


def _characteristics(table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    yield "Knees", lambda rows: f"{len(rows):,}"
    yield "Participants", lambda rows: f"{rows['participant'].nunique():,}"
    yield "Age, years", lambda rows: _spread(rows, "Age")
    yield "Women", lambda rows: _share(rows, "Sex", 2)
    yield "BMI, kg/m²", lambda rows: _spread(rows, "BMI")
    yield "Knee injury", lambda rows: _share(rows, "Knee_Injury", 1)
    yield "Alignment, °", lambda rows: _spread(rows, "Alignment_degree")
    for grade in range(5):
        yield f"KL grade {grade}", lambda rows, grade=grade: _share(rows, GRADE, grade)
    yield "With a label", lambda rows: f"{rows[PROGRESSION].notna().sum():,}"
    yield "Progressed", lambda rows: _share(rows, PROGRESSION, 1)


def operating_table(models: Mapping[str, Figures]) -> Rows:
    """What each model's threshold catches and misses."""
    head = ["AUC, by participant", "Threshold", "Sensitivity", "Specificity", "Precision"]
    return [
        ["", *head, "Precision, balanced"],
        *(
            [
                TITLES.get(name, name),
                interval(jsl["auc_by_participant"]),
                number(jsl["threshold"], 2),
                *(interval(jsl[key]) for key in ("sensitivity", "specificity", "precision")),
                interval(jsl["precision_balanced"]),
            ]
            for name, jsl in models.items()
        ),
    ]


def points_table(models: Mapping[str, Figures]) -> Rows:
    """What the thresholds catch that promised a sensitivity or specificity on the validation knees."""
    keys = ("sensitivity", "specificity", "ppv", "npv", "flagged")
    return [
        ["", "Aim", "Threshold", "Sensitivity", "Specificity", "PPV", "NPV", "Flagged"],
        *(
            [
                TITLES.get(name, name),
                point["aim"],
                number(point["threshold"], 2),
                *(interval(point[key]) for key in keys),
            ]
            for name, jsl in models.items()
            for point in jsl["points"]
        ),
    ]


def calibration_table(models: Mapping[str, Figures]) -> Rows:
    """How far each model's risks can be believed."""
    return [
        ["", "Intercept", "Slope", "Brier", "Brier skill", "ECE"],
        *(
            [
                TITLES.get(name, name),
                *(interval(jsl[key]) for key in ("intercept", "slope")),
                interval(jsl["brier"], 3),
                interval(jsl["brier_skill"]),
                number(jsl["ece"]),
            ]
            for name, jsl in models.items()
        ),
    ]


def grade_table(models: Mapping[str, Figures]) -> Rows:
    """Agreement with the expert's KL grade, and the share of each grade that is recognised."""
    head = ["", "Accuracy", "Balanced", "Kappa", "Mean error", "AUC, KL ≥ 2"]
    head += [f"KL {grade}" for grade in range(5)]
    return [
        head,
        *(
            [
                TITLES.get(name, name),
                interval(kl["accuracy"]),
                interval(kl["balanced_accuracy"]),
                interval(kl["kappa"]),
                interval(kl["mae"]),
                interval(kl["osteoarthritis"]),
                *(DASH if recall is None else f"{recall:.0%}" for recall in kl["recall"]),
            ]
            for name, kl in models.items()
        ),
    ]


def subgroup_table(models: Mapping[str, Figures]) -> Rows:
    """One row a part of the cohort, one column a model; a part with one outcome only has no AUC."""
    parts = [[(one["group"], one["level"], one) for one in jsl["subgroups"]] for jsl in models.values()]
    known = {(group, level): one for part in parts for group, level, one in part}
    auc = [{(group, level): one["auc"] for group, level, one in part} for part in parts]
    rows = [
        [f"{group}: {level}", f"{one['progressed']} of {one['n']}"]
        + [interval(part.get((group, level))) for part in auc]
        for (group, level), one in known.items()
    ]
    return [["", "Progressed", *(TITLES.get(name, name) for name in models)], *rows]


def comparison_table(comparisons: list[Figures]) -> Rows:
    """Every pair of models: the difference of their AUC on the same knees, its interval and its p."""
    rows = [
        [
            _pair(pair),
            signed(pair["difference"]),
            f"{signed(pair['low'])} to {signed(pair['high'])}",
            _p(pair["p"]),
            _p(pair["by_participant"]["p"]),
        ]
        for pair in comparisons
    ]
    return [["", "Difference", "95 % interval", "p", "p, by participant"], *rows]


def reclassification_table(comparisons: list[Figures]) -> Rows:
    """Every pair of models: how much better the first moves risks the right way."""
    keys = ("idi", "nri", "nri_at_threshold")
    rows = [[_pair(pair), *(_signed_interval(pair[key]) for key in keys)] for pair in comparisons]
    return [["", "IDI", "NRI", "NRI at threshold"], *rows]


def grade_comparison_table(comparisons: list[Figures]) -> Rows:
    """Every pair of models: the differences of their agreement with the expert on the same knees."""
    keys = ("accuracy", "balanced_accuracy", "kappa", "mae")
    rows = [[_pair(pair), *(_signed_interval(pair[key]) for key in keys)] for pair in comparisons]
    return [["", "Accuracy", "Balanced", "Kappa", "Mean error"], *rows]


def _pair(pair: Figures) -> str:
    return f"{TITLES.get(pair['a'], pair['a'])} − {TITLES.get(pair['b'], pair['b'])}"


def signed(value: float | None) -> str:
    """A difference with its sign, three digits, or a dash."""
    return DASH if value is None else f"{value:+.3f}".replace("-", "−")


def _signed_interval(figure: Figures) -> str:
    if figure["low"] is None:
        return signed(figure["value"])
    return f"{signed(figure['value'])} [{signed(figure['low'])} to {signed(figure['high'])}]"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval(figure: Figures | None, digits: int = 2) -> str:
    """A figure with its interval, or a dash."""
    if not figure or figure["value"] is None:
        return DASH
    if figure["low"] is None:
        return number(figure["value"], digits)
    between = "–" if figure["low"] >= 0 else " to "
    value, low, high = (number(figure[key], digits).replace("-", "−") for key in ("value", "low", "high"))
    return f"{value} [{low}{between}{high}]"


def _spread(rows: pd.DataFrame, column: str) -> str:
    known = rows.get(column, pd.Series(dtype=float)).dropna()
    return f"{known.mean():.1f} ± {np.std(known):.1f}".replace("-", "−") if len(known) else DASH


def _share(rows: pd.DataFrame, column: str, value: float) -> str:
    known = rows.get(column, pd.Series(dtype=float)).dropna()
    if known.empty:
        return DASH
    return f"{(known == value).sum():,} ({(known == value).mean():.0%})"


def grades_by_split(table: pd.DataFrame) -> dict[str, list[int]]:
    """Knees of each KL grade in each split that has any."""
    parts = {name: table.loc[table["split"] == split, GRADE] for split, name in _PARTS.items()}
    return {
        name: [int((grades == grade).sum()) for grade in range(5)]
        for name, grades in parts.items()
        if grades.notna().any()
    }


def overview_table(figures: Figures) -> Rows:
    """The short table of all models; columns that no model fills are left out."""
    rows = overview(figures)
    columns = [column for column in rows[0] if any(row[column] != DASH for row in rows)] if rows else [""]
    return [["", *columns[1:]], *([row[column] for column in columns] for row in rows)]


def reason_table(rejected: pd.DataFrame) -> Rows:
    """How many scans or knees fell out for each reason, the most frequent first."""
    counts = rejected["reason"].value_counts() if len(rejected) else pd.Series(dtype=int)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return [["", "Rejected"], *([str(reason).replace("_", " "), f"{count:,}"] for reason, count in ordered)]


def rejected_table(rejected: pd.DataFrame) -> Rows:
    """Each rejected scan or knee and the sentence that says why, as far as a page can hold."""
    shown = rejected.head(_LISTED).reindex(columns=["file", "ID", "sentence"]).fillna("")
    return [["File", "Knee", "Why"], *([str(cell) for cell in row] for row in shown.itertuples(index=False))]
