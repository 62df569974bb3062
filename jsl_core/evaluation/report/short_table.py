"""The one table of all models, for the console, for Markdown and for the page."""

from collections.abc import Mapping
from typing import Any, Literal

from jsl_core.evaluation.report.published import SEED_AUC, SEED_KL_ACCURACY, TITLES, best_attainable

__all__ = ["OPTIMISTIC", "overview", "short_table"]

DASH = "–"
OPTIMISTIC = "the kept epochs were chosen on these very knees, so the figures are optimistic"


def overview(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row a model, in words: what the evaluate stage's summary says of it."""
    rows = []
    for name, model in figures["models"].items():
        jsl, kl = model.get("jsl") or {}, model.get("kl") or {}
        rows.append(
            {
                "Model": TITLES.get(name, name),
                "AUC [95 % CI]": _interval(jsl.get("auc")),
                "Best attainable": number(best_attainable(name, figures)),
                "Published AUC*": number(SEED_AUC.get(name)),
                "KL accuracy [95 % CI]": _interval(kl.get("accuracy")),
                "Kappa": number((kl.get("kappa") or {}).get("value")),
                "Published accuracy*": number(SEED_KL_ACCURACY.get(name)),
            }
        )
    return rows


def short_table(figures: Mapping[str, Any], style: Literal["plain", "markdown"] = "plain") -> str:
    """The overview as text, its figures aligned; columns that no model fills are left out.

    The plain one leaves out the published figures, so that it fits into a terminal of 100 columns.
    """
    rows = overview(figures)
    columns = [column for column in rows[0] if any(row[column] != DASH for row in rows)] if rows else []
    if style == "plain":
        columns = [column for column in columns if not column.endswith("*")]
    widths = [max(len(column), *(len(row[column]) for row in rows)) for column in columns]
    cells = [columns, *([row[column] for column in columns] for row in rows)]
    lines = [
        [_pad(cell, width, index) for index, (cell, width) in enumerate(zip(line, widths, strict=True))]
        for line in cells
    ]
    notes = (
        [] if figures["part"] == "test" else [f"Validation knees, as there is no test part: {OPTIMISTIC}."]
    )
    if any(column.endswith("*") for column in columns):
        notes.append(
            "* the notebooks this grew from, on real OAI knees and a balanced test part; not comparable"
        )
    if style == "markdown":
        rule = ["-" * width if index == 0 else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
        text = ["| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:])]
        return "\n".join([*text, "", *notes] if notes else text)
    text = ["  ".join(line).rstrip() for line in (lines[0], ["─" * width for width in widths], *lines[1:])]
    return "\n".join([*text, *notes])


def number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where there is none."""
    return DASH if value is None else f"{value:.{digits}f}"


def _interval(figure: Mapping[str, float | None] | None) -> str:
    if not figure or figure["value"] is None:
        return DASH
    return f"{number(figure['value'])} [{number(figure['low'])}–{number(figure['high'])}]"


def _pad(cell: str, width: int, index: int) -> str:
    return cell.ljust(width) if index == 0 else cell.rjust(width)
