"""The report's tables of the models' figures: rows of text, the header first, ready for the page."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsl_core.evaluation.report.overview import DASH, format_number, overview_rows, seed_rows
from jsl_core.evaluation.report.published import TITLES

__all__ = [
    "tabulate_calibration",
    "tabulate_comparisons",
    "tabulate_counts",
    "tabulate_grade_comparisons",
    "tabulate_grading",
    "tabulate_operating_points",
    "tabulate_overview",
    "tabulate_recall",
    "tabulate_reclassification",
    "tabulate_seeds",
    "tabulate_selection",
    "tabulate_sources",
    "tabulate_subgroup_calibration",
    "tabulate_subgroups",
    "tabulate_thresholds",
]

Figures = Mapping[str, Any]
Rows = list[list[str]]


def tabulate_overview(figures: Figures) -> Rows:
    """Tabulate the overview of all models, without the columns that no model fills."""
    return _tabulate_filled(overview_rows(figures))


def tabulate_seeds(figures: Figures) -> Rows:
    """Tabulate the spread from seed to seed; the header alone where there was one seed."""
    return _tabulate_filled(seed_rows(figures))


def _tabulate_filled(rows: list[dict[str, str]]) -> Rows:
    columns = [column for column in rows[0] if any(row[column] != DASH for row in rows)] if rows else [""]
    return [["", *columns[1:]], *([row[column] for column in columns] for row in rows)]


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


def tabulate_selection(models: Mapping[str, Figures]) -> Rows:
    """Tabulate what knees without an outcome could change; the header alone where there are none."""
    rows = [
        [
            TITLES.get(name, name),
            f"{lost['lost']} of {lost['lost'] + lost['followed']}",
            format_interval(jsl["auc"], 3),
            format_interval(lost["auc"], 3),
            *(format_number(lost[key]) for key in ("all_progressed", "none_progressed")),
            f"{format_number(lost['worst'])} to {format_number(lost['best'])}",
            f"{jsl['prevalence']:.1%} and {lost['observed']:.1%}",
        ]
        for name, jsl in models.items()
        if (lost := jsl.get("selection"))
    ]
    head = ["Lost", "AUC as it is", "Weighted", "All lost progressed", "None did", "Bounds"]
    return [["", *head, "Share that progressed, as it is and weighted"], *rows]


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
    if value is None:
        return DASH
    return f"{value:+.3f}".replace("-", "−") if abs(value) >= 0.0005 else "0.000"


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
