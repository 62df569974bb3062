"""The figures of `jsl evaluate` as short tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from jsl_core.evaluation.short_table import DASH, number

__all__ = ["figures_text"]

_KL = {
    "Accuracy": "accuracy",
    "Balanced": "balanced_accuracy",
    "QW kappa": "kappa",
    "MAE": "mae",
}
_JSL = {
    "AUC": "auc",
    "AP": "ap",
    "Brier": "brier",
    "ECE": "ece",
    "Sensitivity": "sensitivity",
    "Specificity": "specificity",
    "Precision": "precision",
}


def figures_text(figures: Mapping[str, Any]) -> str:
    """KL figures, progression figures and comparisons of `measure`, each a table where there are any."""
    parts = [f"{figures['knees']} knees of {figures['participants']} participants"]
    if figures["rejected"]:
        parts[0] += f"; {len(figures['rejected'])} could not be scored ({figures['rejected'][0]['sentence']})"
    for title, section, columns in (("KL grade", "kl", _KL), ("Progression", "jsl", _JSL)):
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
            if model[section] and "reason" in model[section]
        ]
    if figures["comparisons"]:
        parts.append(
            "AUC compared (DeLong)\n" + aligned([_compared(pair) for pair in figures["comparisons"]])
        )
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


def _compared(pair: Mapping[str, Any]) -> dict[str, str]:
    interval = f"{pair['difference']:+.3f} [{pair['low']:+.3f}, {pair['high']:+.3f}]"
    return {"Models": f"{pair['a']} – {pair['b']}", "Difference": interval, "p": f"{pair['p']:.3g}"}


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
