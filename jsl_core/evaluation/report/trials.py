"""What came of a sweep: its table, its picture and its winner."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from jsl_core.evaluation.report.style import FAINT, INK, Paint, draw_png

__all__ = ["trials_png", "trials_table", "winner_of"]

_MOST = 6  # charts in a row; what varies besides stands in the table


def trials_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The trials as given, best first: trial, what varied, its `score`, and `reason` where it has none."""
    table = pd.DataFrame(rows).sort_values(["score", "trial"], ascending=[False, True])
    return table.reset_index(drop=True)


def winner_of(table: pd.DataFrame) -> int | None:
    """The number of the trial of the highest score, of equals the first; None where all failed."""
    return None if table["score"].isna().all() else int(table["trial"].iloc[0])


def trials_png(table: pd.DataFrame, axes: Sequence[str], score: str) -> bytes:
    """The score beside each of the settings that vary: one dot a trial, the winner filled."""
    told = table[table["score"].notna()]
    paints = [_paint(told, name, score) for name in axes[:_MOST]]
    return draw_png(1 + 2.6 * len(paints), 2.8, *paints)


def _paint(told: pd.DataFrame, name: str, score: str) -> Paint:
    def paint(axes: Axes) -> None:
        values = told[name]
        number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        across = values if number else values.astype(str)
        if number and values.min() > 0 and values.max() >= 20 * values.min():
            axes.set_xscale("log")
        axes.plot(across, told["score"], "o", markerfacecolor="white", markeredgecolor=FAINT, markersize=6)
        axes.plot(across.iloc[:1], told["score"].iloc[:1], "o", color=INK, markersize=7)
        axes.set_xlabel(name.removeprefix("training."))
        axes.set_ylabel(score)
        axes.grid(visible=True, axis="y")

    return paint
