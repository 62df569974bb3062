"""The results of a sweep: its table, its chart and its winner."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from jsl_core.evaluation.report.style import FAINT, INK, Paint, draw_png

__all__ = ["draw_trials", "rank_trials", "winning_trial"]

_MOST = 6  # charts in a row; the other settings are in the table only


def rank_trials(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Sort the trials of a sweep by score, best first.

    Args:
        rows: `trial` (its number), the settings that vary, `score`, and `reason` where it has none.
    """
    table = pd.DataFrame(rows).sort_values(["score", "trial"], ascending=[False, True])
    return table.reset_index(drop=True)


def winning_trial(table: pd.DataFrame) -> int | None:
    """The number of the best trial of a table from `rank_trials`; None where all failed."""
    return None if table["score"].isna().all() else int(table["trial"].iloc[0])


def draw_trials(table: pd.DataFrame, axes: Sequence[str], score: str) -> bytes:
    """Draw the score over each setting that varies as PNG: one dot per trial, the winner filled.

    Args:
        table: From `rank_trials`.
        axes: The settings that vary; the first six are drawn.
        score: What the scores are called.
    """
    scored = table[table["score"].notna()]
    paints = [_paint_trials(scored, name, score) for name in axes[:_MOST]]
    return draw_png(1 + 2.6 * len(paints), 2.8, *paints)


def _paint_trials(scored: pd.DataFrame, name: str, score: str) -> Paint:
    def paint(axes: Axes) -> None:
        values = scored[name]
        numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        across = values if numeric else values.astype(str)
        if numeric and values.min() > 0 and values.max() >= 20 * values.min():
            axes.set_xscale("log")
        axes.plot(across, scored["score"], "o", markerfacecolor="white", markeredgecolor=FAINT, markersize=6)
        axes.plot(across.iloc[:1], scored["score"].iloc[:1], "o", color=INK, markersize=7)
        axes.set_xlabel(name.removeprefix("training."))
        axes.set_ylabel(score)
        axes.grid(visible=True, axis="y")

    return paint
