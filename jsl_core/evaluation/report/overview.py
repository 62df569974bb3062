"""The overview: one table of all models, for the console, for Markdown and for the page."""

from collections.abc import Mapping
from typing import Any, Literal

from jsl_core.evaluation.report.published import SEED_KL_ACCURACY, TITLES, best_attainable, published_auc

__all__ = ["DASH", "OPTIMISTIC", "format_number", "format_overview", "overview_rows", "seed_rows"]

DASH = "–"  # stands where there is no figure
_COUNTS = {"Progressed": "Progressed", "Graded": "With an expert's KL grade"}  # lines under a narrow table
OPTIMISTIC = "the kept epochs were chosen on these very knees, so the figures are optimistic"


def overview_rows(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row per model, as text: column names to cells."""
    rows = []
    for name, model in figures["models"].items():
        jsl, kl = model.get("jsl") or {}, model.get("kl") or {}
        rows.append(
            {
                "Model": TITLES.get(name, name),
                "Progressed": _events(jsl),
                "AUC [95 % CI]": _interval(jsl.get("auc")),
                "Best attainable": format_number(best_attainable(name, figures)),
                "Published AUC*": format_number(published_auc(name, figures)),
                "Graded": str(kl["n"]) if "n" in kl else DASH,
                "KL accuracy [95 % CI]": _interval(kl.get("accuracy")),
                "Kappa": format_number((kl.get("kappa") or {}).get("value")),
                "Published accuracy*": format_number(SEED_KL_ACCURACY.get(name)),
            }
        )
    return rows


def seed_rows(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row per model, as text: mean, deviation and range over the seeds; no row of a single seed."""
    return [
        {
            "Model": TITLES.get(name, name),
            "AUC": _spread(spreads.get("auc")),
            "KL accuracy": _spread(spreads.get("accuracy")),
            "Kappa": _spread(spreads.get("kappa")),
        }
        for name, spreads in figures.get("seeds", {}).items()
        if spreads
    ]


def format_overview(figures: Mapping[str, Any], style: Literal["plain", "markdown"] = "plain") -> str:
    """Write the overview as an aligned table, without the columns that no model fills.

    Below it stands the spread from seed to seed, if there were several. The plain style also leaves out the
    published figures, and has the numbers of knees below, so that it fits into a terminal of 100 columns.
    """
    rows, seeds = overview_rows(figures), seed_rows(figures)
    columns = _filled_columns(rows)
    if style == "plain":
        columns = [column for column in columns if not column.endswith("*") and column not in _COUNTS]
    notes = (
        [] if figures["part"] == "test" else [f"Validation knees, as there is no test part: {OPTIMISTIC}."]
    )
    if style == "plain":
        notes += filter(None, [_tell_counts(rows, column, what) for column, what in _COUNTS.items()])
    if any(column.endswith("*") for column in columns):
        notes.append(
            "* the notebooks this grew from, on real OAI knees and a balanced test part; not comparable"
        )
    text = _format_grid(rows, columns, style)
    if notes:
        text += ["", *notes] if style == "markdown" else notes
    if seeds:
        text += ["", _tell_seeds(figures), "", *_format_grid(seeds, _filled_columns(seeds), style)]
    return "\n".join(text)


def _filled_columns(rows: list[dict[str, str]]) -> list[str]:
    return [column for column in rows[0] if any(row[column] != DASH for row in rows)] if rows else []


def _format_grid(rows: list[dict[str, str]], columns: list[str], style: str) -> list[str]:
    widths = [max(len(column), *(len(row[column]) for row in rows)) for column in columns]
    cells = [columns, *([row[column] for column in columns] for row in rows)]
    lines = [
        [_pad(cell, width, index) for index, (cell, width) in enumerate(zip(line, widths, strict=True))]
        for line in cells
    ]
    if style == "markdown":
        rule = ["-" * width if index == 0 else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
        return ["| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:])]
    return ["  ".join(line).rstrip() for line in (lines[0], ["─" * width for width in widths], *lines[1:])]


def _tell_seeds(figures: Mapping[str, Any]) -> str:
    count = max(len(one["values"]) for spreads in figures["seeds"].values() for one in spreads.values())
    return f"Over {count} seeds on the same knees: mean ± standard deviation (lowest to highest)."


def _tell_counts(rows: list[dict[str, str]], column: str, what: str) -> str:
    """The counts of a column in a line: of all models, or of each where they differ; "" for none."""
    counts = {row["Model"]: row[column] for row in rows if row[column] != DASH}
    if len(set(counts.values())) < 2:
        return "".join(f"{what}: {count} knees." for count in set(counts.values()))
    return f"{what}: " + ", ".join(f"{count} knees ({model})" for model, count in counts.items()) + "."


def format_number(value: float | None, digits: int = 3) -> str:
    """Write a figure, or a dash where there is none."""
    return DASH if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # no zero below zero


def _interval(figure: Mapping[str, float | None] | None) -> str:
    if not figure or figure["value"] is None:
        return DASH
    if figure["low"] is None:
        return format_number(figure["value"])
    return (
        f"{format_number(figure['value'])} [{format_number(figure['low'])}–{format_number(figure['high'])}]"
    )


def _spread(spread: Mapping[str, Any] | None) -> str:
    if not spread:
        return DASH
    mean, deviation = format_number(spread["mean"]), format_number(spread["deviation"])
    ends = (format_number(end(spread["values"])) for end in (min, max))
    return f"{mean} ± {deviation} ({'–'.join(ends)})"


def _events(jsl: Mapping[str, Any]) -> str:
    """Of how many knees how many progressed."""
    return f"{jsl['progressed']} of {jsl['n']}" if "progressed" in jsl else DASH


def _pad(cell: str, width: int, index: int) -> str:
    return cell.ljust(width) if index == 0 else cell.rjust(width)
