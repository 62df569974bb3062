"""The figures of `jsl evaluate` as tables of text for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from jsl_core.evaluation.report.overview import DASH, format_number

__all__ = ["format_figures"]

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


def format_figures(figures: Mapping[str, Any]) -> str:
    """Write the figures of `evaluate_ensemble` as text: a table each of KL, progression and comparisons."""
    parts = [f"{figures['knees']} knees of {figures['participants']} participants"]
    if figures["rejected"]:
        parts[0] += f"; {len(figures['rejected'])} could not be scored ({figures['rejected'][0]['sentence']})"
    for title, section, columns in (
        ("KL grade", "kl", _KL),
        ("Progression", "jsl", _JSL),
        ("Calibration of the risk", "jsl", _CALIBRATION),
    ):
        rows = [
            {"Model": name, "Knees": _format_knees(model[section])}
            | {head: _format_figure(model[section].get(key)) for head, key in columns.items()}
            | _format_recall(section, model)
            for name, model in figures["models"].items()
            if model[section] and "reason" not in model[section]
        ]
        if rows:
            parts.append(f"{title}\n{align_columns(rows)}")
    parts += [
        f"{name}: no figures of {title}, {model[section]['reason']}"
        for name, model in figures["models"].items()
        for title, section in (("KL grade", "kl"), ("Progression", "jsl"))
        if model[section] and "reason" in model[section]
    ]
    if figures["grade_comparisons"]:
        rows = [_format_grade_comparison(pair) for pair in figures["grade_comparisons"]]
        parts.append("KL grade compared, by participant\n" + align_columns(rows))
    if figures["comparisons"]:
        rows = [_format_comparison(pair) for pair in figures["comparisons"]]
        parts.append("AUC compared, by participant\n" + align_columns(rows))
    parts += [
        f"{name}: {doubt}."
        for name, model in figures["models"].items()
        for section in (model["kl"], model["jsl"])
        for doubt in (section or {}).get("doubts", ())
    ]
    parts += _warn_of_training_persons(figures)
    return "\n\n".join(parts)


def align_columns(rows: Sequence[Mapping[str, str]]) -> str:
    """Write rows of text under their column names, the first column aligned left and the others right."""
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


def _format_figure(figure: float | Mapping[str, float] | None) -> str:
    if isinstance(figure, Mapping):
        interval = f" [{format_number(figure['low'])}–{format_number(figure['high'])}]"
        known = figure["value"] is not None and figure["low"] is not None
        return format_number(figure["value"]) + (interval if known else "")
    return format_number(figure)


def _format_knees(section: Mapping[str, Any]) -> str:
    return f"{section['progressed']} of {section['n']}" if "progressed" in section else str(section["n"])


def _format_recall(section: str, model: Mapping[str, Any]) -> dict[str, str]:
    if section != "kl":
        return {}
    recall = model["kl"]["recall"]
    return {"Recall 0/1/2/3/4": " ".join(DASH if share is None else f"{share:.2f}" for share in recall)}


def _format_comparison(pair: dict[str, Any]) -> dict[str, str]:
    return {
        "Models": f"{pair['a']} – {pair['b']}",
        "Difference": _format_difference(pair | {"value": pair["difference"]}),
        "p": DASH if pair["p"] is None else f"{pair['p']:.3g}",
        "Knees": f"{pair['progressed']} of {pair['n']} progressed",
        "IDI": _format_difference(pair["idi"]),
    }


def _format_grade_comparison(pair: Mapping[str, Any]) -> dict[str, str]:
    figures = {head: pair[key] for head, key in _KL.items() if key in pair}
    return {"Models": f"{pair['a']} – {pair['b']}"} | {
        head: _format_difference(figure) for head, figure in figures.items()
    }


def _format_difference(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return DASH
    if figure["low"] is None:
        return f"{figure['value']:+.3f}"
    return f"{figure['value']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}]"


def _warn_of_training_persons(figures: Mapping[str, Any]) -> list[str]:
    """A warning for every model that was trained or chosen on some of these participants, by any knee."""
    warnings = []
    for name, model in figures["models"].items():
        if not model["training_known"]:
            warnings.append(f"{name} does not say whom it was trained on: it has no predictions.csv.")
        if model["trained_on"]:
            warnings.append(
                f"{name} was trained on {model['participants_trained_on']} of these participants, who have "
                f"{model['trained_on']} of these knees: its figures mean little."
            )
        elif model["chosen_on"]:
            warnings.append(
                f"{name} was chosen on {model['participants_chosen_on']} of these participants, who have "
                f"{model['chosen_on']} of these knees: its figures are optimistic."
            )
    return warnings
