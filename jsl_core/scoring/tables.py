"""The figures of `jsl evaluate` as short tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from jsl_core.evaluation.report.short_table import DASH, number

__all__ = ["figures_text"]

_KL = {
    "Accuracy": "accuracy",
    "Balanced": "balanced_accuracy",
    "QW kappa": "kappa",
    "MAE": "mae",
    "AUC, KL ≥ 2": "osteoarthritis",
}
_JSL = {
    "AUC": "auc",
    "AP": "ap",
    "Sensitivity": "sensitivity",
    "Specificity": "specificity",
    "Precision": "precision",
}
_CALIBRATION = {
    "Intercept": "intercept",
    "Slope": "slope",
    "Brier": "brier",
    "Brier skill": "brier_skill",
    "ECE": "ece",
}


def figures_text(figures: Mapping[str, Any]) -> str:
    """KL figures, progression figures and comparisons of `measure`, each a table where there are any."""
    parts = [f"{figures['knees']} knees of {figures['participants']} participants"]
    if figures["rejected"]:
        parts[0] += f"; {len(figures['rejected'])} could not be scored ({figures['rejected'][0]['sentence']})"
    for title, section, columns in (
        ("KL grade", "kl", _KL),
        ("Progression", "jsl", _JSL),
        ("Calibration of the risk", "jsl", _CALIBRATION),
    ):
        rows = [
            {"Model": name}
            | {head: _shown(model[section].get(key)) for head, key in columns.items()}
            | _more(section, model)
            for name, model in figures["models"].items()
            if model[section] and "reason" not in model[section]
        ]
        if rows:
            parts.append(f"{title}\n{aligned(rows)}")
    parts += [
        f"{name}: no figures of {title}, {model[section]['reason']}"
        for name, model in figures["models"].items()
        for title, section in (("KL grade", "kl"), ("Progression", "jsl"))
        if model[section] and "reason" in model[section]
    ]
    if figures["grade_comparisons"]:
        rows = [_grades_compared(pair) for pair in figures["grade_comparisons"]]
        parts.append("KL grade compared, by participant\n" + aligned(rows))
    if figures["comparisons"]:
        rows = [_compared(pair) for pair in figures["comparisons"]]
        parts.append("AUC compared (DeLong; p also by participant)\n" + aligned(rows))
    parts += _warnings(figures)
    return "\n\n".join(parts)


def aligned(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of text under their columns, the first to the left and all others to the right."""
    columns = list(rows[0])
    widths = [max(len(column), *(len(row[column]) for row in rows)) for column in columns]
    lines = [
        columns,
        ["─" * width for width in widths],
        *([row[column] for column in columns] for row in rows),
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _shown(figure: float | Mapping[str, float] | None) -> str:
    if isinstance(figure, Mapping):
        interval = f" [{number(figure['low'])}–{number(figure['high'])}]"
        return number(figure["value"]) + (interval if figure["value"] is not None else "")
    return number(figure)


def _more(section: str, model: Mapping[str, Any]) -> dict[str, str]:
    if section != "kl":
        return {}
    recall = model["kl"]["recall"]
    return {"Recall 0/1/2/3/4": " ".join(DASH if one is None else f"{one:.2f}" for one in recall)}


def _compared(pair: dict[str, Any]) -> dict[str, str]:
    return {
        "Models": f"{pair['a']} – {pair['b']}",
        "Difference": _difference(pair | {"value": pair["difference"]}),
        "p": f"{pair['p']:.3g}",
        "p by participant": f"{pair['by_participant']['p']:.3g}",
        "IDI": _difference(pair["idi"]),
        "NRI": _difference(pair["nri"]),
    }


def _grades_compared(pair: Mapping[str, Any]) -> dict[str, str]:
    figures = {head: pair[key] for head, key in _KL.items() if key in pair}
    return {"Models": f"{pair['a']} – {pair['b']}"} | {
        head: _difference(figure) for head, figure in figures.items()
    }


def _difference(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return DASH
    return f"{figure['value']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}]"


def _warnings(figures: Mapping[str, Any]) -> list[str]:
    """What makes figures better than they would be on knees that nobody has seen."""
    told = []
    for name, model in figures["models"].items():
        if model["trained_on"]:
            told.append(
                f"{name} was trained on {model['trained_on']} of these knees: its figures mean little."
            )
        elif model["chosen_on"]:
            told.append(
                f"{name} was chosen on {model['chosen_on']} of these knees: its figures are optimistic."
            )
    return told
