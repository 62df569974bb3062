"""Tables of an external validation: rows of text, the header first."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsl_core.evaluation.report.overview import DASH, format_number
from jsl_core.evaluation.report.tables import format_difference, format_interval
from jsl_core.evaluation.validation.targets import TARGETS

__all__ = [
    "each_target",
    "tabulate_auc",
    "tabulate_case_mix",
    "tabulate_flow",
    "tabulate_grades",
    "tabulate_overview",
    "tabulate_subgroups",
    "tabulate_versions",
]

Figures = Mapping[str, Any]
Rows = list[list[str]]

_VERSIONS = {
    "as it is": "As it is",
    "intercept": "Intercept fitted",
    "slope": "Intercept and slope fitted",
    "refit": "Refitted",
}


def each_target(figures: Figures) -> Iterator[tuple[str, str, Figures]]:
    """The model, the outcome's title and the figures of everything that was validated."""
    titles = {target.name: target.title for target in TARGETS}
    for name, model in figures["models"].items():
        for target, part in model["targets"].items():
            yield name, titles[target], part


def tabulate_overview(figures: Figures) -> Rows:
    """Tabulate each model and outcome: AUC, O:E and slope as the model is, and what recalibration leaves."""
    rows = []
    for model, title, part in each_target(figures):
        if "reason" in part:
            continue
        own, mended = part["versions"]["as it is"], part["versions"]["slope"]
        rows.append(
            [
                f"{model} · {title}",
                f"{part['events']} of {part['n']}",
                format_interval(own["auc"], 3),
                format_interval(own["observed_to_expected"]),
                format_interval(own["slope"]),
                format_interval(own["brier"], 3),
                DASH if "reason" in mended else format_number(mended["brier"]["value"]),
            ]
        )
    heads = ["With the outcome", "AUC", "O:E", "Slope", "Brier", "Brier, recalibrated"]
    return [["", *heads], *rows]


def tabulate_flow(figures: Figures) -> Rows:
    """Tabulate how many knees come from the table to the figures."""
    known = figures["known"]
    left_out = known["knees"] if known["choice"] == "leave-out" else 0
    rows = [
        ["Rows of the table in this part", f"{figures['knees'] + left_out:,}"],
        ["of participants whom a model learned from: left out", f"{left_out:,}"],
        *(
            [f"without a usable joint: {reason.replace('_', ' ')}", f"{count:,}"]
            for reason, count in figures["rejected"].items()
        ),
        ["Scored", f"{figures['scored']:,}"],
    ]
    labelled = {title: part["n"] for _, title, part in each_target(figures) if "n" in part}
    rows += [
        [f"Scored, with the label of {title[0].lower()}{title[1:]}", f"{n:,}"]
        for title, n in labelled.items()
    ]
    return [["", "Knees"], *(row for row in rows if row[1] != "0")]


def tabulate_auc(part: Figures) -> Rows:
    """Tabulate the AUC here, the one expected of the case mix, and those of the development."""
    own = part["versions"]["as it is"]
    rows = [
        ["Here", str(part["n"]), format_interval(own["auc"], 3)],
        ["Here, if each risk were right", str(part["n"]), format_number(part["expected_auc"])],
    ]
    development = part["case_mix"].get("auc")
    if development:
        count = str(development["n"])
        rows += [
            [
                f"Development, {part['case_mix']['source']}",
                count,
                format_interval(development["observed"], 3),
            ],
            ["Development, if each risk were right", count, format_number(development["expected"])],
        ]
        if development["difference"]:
            rows.append(["Here less development", DASH, _format_change(development["difference"])])
    return [["", "Knees", "AUC"], *rows]


def tabulate_versions(part: Figures) -> Rows:
    """Tabulate discrimination and calibration before and after each recalibration."""
    rows = []
    for name, version in part["versions"].items():
        if "reason" in version:
            rows.append([_VERSIONS[name], *[DASH] * 7])
            continue
        cells = [format_interval(version[key]) for key in ("observed_to_expected", "intercept", "slope")]
        rows.append(
            [
                _VERSIONS[name],
                format_interval(version["auc"], 3),
                *cells,
                format_number(version["ici"]),
                format_interval(version["brier"], 3),
                format_interval(version["brier_skill"]),
            ]
        )
    return [["", "AUC", "O:E", "Intercept", "Slope", "ICI", "Brier", "Brier skill"], *rows]


def tabulate_case_mix(part: Figures) -> Rows:
    """Tabulate the characteristics of both samples and their standardised differences."""
    rows = [
        [
            title[0].upper() + title[1:],
            *(format_number(values[name], 2).replace("-", "−") for name in ("development", "validation")),
            format_difference(values["difference"]),
        ]
        for title, values in part["case_mix"]["characteristics"].items()
    ]
    return [["", "Development", "Here", "Standardised difference"], *rows]


def tabulate_subgroups(part: Figures) -> Rows:
    """Tabulate each subgroup: knees with the outcome, AUC, share with the outcome, mean risk, their ratio."""
    rows = [
        [
            f"{group['group']}: {group['level']}",
            f"{group['progressed']} of {group['n']}",
            format_interval(group["auc"], 3),
            format_interval(group["observed"]),
            format_number(group["predicted"], 2),
            format_number(group["observed"]["value"] / group["predicted"], 2) if group["predicted"] else DASH,
        ]
        for group in part["as_it_is"]["subgroups"]
    ]
    return [["", "With the outcome", "AUC", "Observed", "Predicted", "O:E"], *rows]


def tabulate_grades(grades: Figures) -> Rows:
    """Tabulate the experts' grades by row against the model's by column, with the share recognised."""
    rows = [
        [f"Expert KL {grade}", *map(str, counts), format_number(recall, 2)]
        for grade, (counts, recall) in enumerate(zip(grades["confusion"], grades["recall"], strict=True))
    ]
    return [["", *(f"KL {grade}" for grade in range(5)), "Recognised"], *rows]


def _format_change(figure: Figures) -> str:
    value, low, high = (format_difference(figure[key]) for key in ("value", "low", "high"))
    return f"{value} [{low} to {high}]"
