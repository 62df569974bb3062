"""The flow of knees as a CONSORT diagram (Schulz et al., BMJ 2010, 340:c332)."""

import io
from typing import Any

import pandas as pd

from jsl_core.cohort.oai.screening import ENDS, MILESTONES

__all__ = ["draw_flow"]

_TRUNK, _BRANCH, _EDGE = 2.2, 4.4, "0.45"
_INCLUDED, _EXCLUDED = "#dfeaf5", "#f7f1e3"


def draw_flow(flow: pd.DataFrame) -> bytes:
    """Draw the flow as PNG: milestones down the left, exclusions to the right.

    Args:
        flow: Columns step, excluded and remaining, from `screen`.
    """
    from matplotlib.figure import Figure  # here, as importing it takes a second

    rows = [row for row in flow.itertuples(index=False, name=None) if row[0] not in ENDS]
    ends = [row for row in flow.itertuples(index=False, name=None) if row[0] in ENDS]
    last = len(rows) - 1
    figure = Figure(figsize=(6, 0.6 * (last + 2.6)), dpi=150)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 8), ylim=(-last - 1.8, 0.8))
    axes.set_axis_off()
    axes.plot([_TRUNK, _TRUNK], [0, -last], color=_EDGE, lw=1.2, zorder=1)
    for place, (step, excluded, remaining) in enumerate(rows):
        if step in MILESTONES:
            _draw_box(axes, (_TRUNK, -place), step, remaining, _INCLUDED)
        else:
            arrow = {"arrowstyle": "-|>", "color": _EDGE, "lw": 1.2, "shrinkA": 0, "shrinkB": 6}
            axes.annotate("", (_BRANCH, -place), (_TRUNK, -place), arrowprops=arrow, zorder=1)
            _draw_box(axes, (_BRANCH, -place), step, excluded, _EXCLUDED, align="left")
    for x, (step, _, remaining) in zip((_TRUNK - 1, _TRUNK + 1), ends, strict=True):
        axes.plot([_TRUNK, x], [-last, -last - 1.2], color=_EDGE, lw=1.2, zorder=1)
        _draw_box(axes, (x, -last - 1.2), step, remaining, _INCLUDED)
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _draw_box(
    axes: Any, at: tuple[float, float], step: str, knees: int, colour: str, align: str = "center"
) -> None:
    frame = {"boxstyle": "round,pad=0.45", "facecolor": colour, "edgecolor": _EDGE}
    text = f"{step}: {knees:,}"
    axes.text(*at, text[0].upper() + text[1:], ha=align, va="center", fontsize=9, bbox=frame, zorder=2)
