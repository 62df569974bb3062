"""Charts that compare models, subgroups and parts of the cohort, each as the `src` of an `img`."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from jsl_core.cohort.columns import GRADE, PROGRESSION
from jsl_core.evaluation.report.plots import mark_operating_point, set_unit_square
from jsl_core.evaluation.report.published import TITLES, best_attainable, published_auc
from jsl_core.evaluation.report.style import DASHED, FAINT, INK, colour_of, draw_png, draw_svg

__all__ = [
    "draw_all_rocs",
    "draw_decision_curves",
    "draw_forest",
    "draw_forest_png",
    "draw_grade_mix",
    "draw_outcomes",
    "draw_subgroups",
]

# Light to dark with the grade, so that the order survives grey printing.
_GRADE_SHADES = ("#d7e6f1", "#a9cbe3", "#6aa5cc", "#2f78ad", "#0b3f6b")
_DASHES: dict[str, Any] = {"risk-factors": (0, (1, 1.5)), "jsl-joint-frozen": (0, (5, 2)), "multitask": "-."}


def draw_forest(figures: Mapping[str, Any]) -> str:
    """Draw the AUC of every progression model with its 95 % interval (dot and line).

    A diamond is the best attainable from the same information, a tick the published figure.
    """
    return draw_svg(7.2, _forest_height(figures), lambda axes: _paint_forest(axes, figures))


def draw_forest_png(figures: Mapping[str, Any]) -> bytes:
    """As `draw_forest`, as a PNG file."""
    return draw_png(7.2, _forest_height(figures), lambda axes: _paint_forest(axes, figures))


def _forest_height(figures: Mapping[str, Any]) -> float:
    return 0.9 + 0.42 * len(_progression_sections(figures))


def _paint_forest(axes: Axes, figures: Mapping[str, Any]) -> None:
    models = _progression_sections(figures)
    for place, (name, jsl) in enumerate(models.items()):
        auc, best, published = jsl["auc"], best_attainable(name, figures), published_auc(name, figures)
        axes.plot([auc["low"], auc["high"]], [place, place], color=colour_of(name), linewidth=2.4)
        axes.plot(auc["value"], place, "o", markersize=8, color=colour_of(name))
        if published is not None:
            axes.plot(published, place, "|", markersize=14, markeredgewidth=1.8, color=FAINT)
        if best is not None:
            axes.plot(best, place, "D", markersize=6.5, markerfacecolor="white", markeredgecolor=INK)
    axes.axvline(0.5, color=FAINT, linewidth=0.9, linestyle=DASHED)
    axes.set_yticks(range(len(models)), [TITLES.get(name, name) for name in models])
    axes.set_ylim(len(models) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelsize=9.5, labelcolor=INK)
    axes.set_xlabel("AUC, 95 % interval")
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x")


def draw_all_rocs(figures: Mapping[str, Any]) -> str:
    """Draw the ROC curves of all models with their operating points."""

    def paint(axes: Axes) -> None:
        set_unit_square(axes, "1 − specificity", "Sensitivity")
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=DASHED)
        for name, jsl in _progression_sections(figures).items():
            label = f"{TITLES.get(name, name)} · {jsl['auc']['value']:.3f}"
            dash = _DASHES.get(name, "-")
            axes.plot(
                jsl["roc"]["fpr"], jsl["roc"]["tpr"], color=colour_of(name), linestyle=dash, label=label
            )
            point = 1 - jsl["specificity"]["value"], jsl["sensitivity"]["value"]
            mark_operating_point(axes, *point, colour_of(name))
        _legend_above(axes, "AUC")

    return draw_svg(5.0, 5.2 + 0.17 * len(_progression_sections(figures)), paint)


def draw_subgroups(models: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Draw the AUC of each model in each subgroup over its AUC in all knees (line, its interval shaded).

    Args:
        models: Their progression figures by name; a model without an AUC in any subgroup has no chart. All
            charts share one axis, so that models can be compared.

    Returns:
        The charts by the model's name.
    """
    measured = {
        name: [part for part in jsl["subgroups"] if part["auc"] is not None] for name, jsl in models.items()
    }
    lowest = min([0.4, *(part["auc"]["low"] for parts in measured.values() for part in parts)])
    return {
        name: _draw_subgroups(parts, models[name]["auc"], colour_of(name), lowest)
        for name, parts in measured.items()
        if parts
    }


def _draw_subgroups(
    parts: Sequence[Mapping[str, Any]], overall: Mapping[str, float], colour: str, lowest: float
) -> str:
    breaks = [later["group"] != part["group"] for part, later in pairwise(parts)]
    places = np.cumsum([0.0, *(1.7 if new else 1.0 for new in breaks)])

    def paint(axes: Axes) -> None:
        axes.axvspan(overall["low"], overall["high"], color=colour, alpha=0.1, linewidth=0)
        axes.axvline(overall["value"], color=colour, linewidth=1.2)
        for place, part in zip(places, parts, strict=True):
            axes.plot([part["auc"]["low"], part["auc"]["high"]], [place, place], color=INK, linewidth=1.3)
            axes.plot(part["auc"]["value"], place, "s", markersize=5.5, color=INK)
        labels = [f"{part['group']} {part['level']}  ({part['progressed']}/{part['n']})" for part in parts]
        axes.set_yticks(places, labels)
        axes.set(xlim=(lowest - 0.02, 1.01), ylim=(places[-1] + 0.8, -0.8))
        axes.set_xlabel("AUC, 95 % interval; (events/knees)")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True, axis="x")

    return draw_svg(6.0, 0.8 + 0.25 * len(places), paint)


def draw_decision_curves(figures: Mapping[str, Any]) -> str:
    """Draw the net benefit of acting on each model's risk, of treating all knees and none, by threshold."""

    def paint(axes: Axes) -> None:
        top = 0.0
        for name, jsl in _progression_sections(figures).items():
            curve = jsl["decision"]
            axes.plot(
                curve["threshold"],
                curve["model"],
                color=colour_of(name),
                linestyle=_DASHES.get(name, "-"),
                label=TITLES.get(name, name),
            )
            axes.plot(curve["threshold"], curve["all"], color=FAINT, linewidth=0.9, linestyle=DASHED)
            top = max(top, *curve["model"], curve["all"][0])
        axes.axhline(0, color=FAINT, linewidth=0.9)
        axes.set(xlabel="Threshold risk", ylabel="Net benefit", xlim=(0, 0.8), ylim=(-0.15 * top, 1.08 * top))
        axes.grid(visible=True)
        _legend_above(axes)

    return draw_svg(5.4, 4.2 + 0.17 * len(_progression_sections(figures)), paint)


def draw_grade_mix(grades: Mapping[str, Sequence[int]]) -> str:
    """Draw the KL mix of each part of the cohort, as bars of the same length.

    Args:
        grades: Five counts by the name of the part.
    """

    def paint(axes: Axes) -> None:
        counts = np.array(list(grades.values()), float)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        places = np.arange(len(grades))
        for grade, shade in enumerate(_GRADE_SHADES):
            left = shares[:, :grade].sum(1)
            axes.barh(places, shares[:, grade], left=left, height=0.62, color=shade, label=f"KL {grade}")
            for place in places[shares[:, grade] > 0.055]:
                middle = left[place] + shares[place, grade] / 2
                ink = INK if grade < 3 else "white"
                axes.text(middle, place, f"{counts[place, grade]:.0f}", ha="center", va="center", color=ink)
        spread: Any = {"ncols": 5, "handlelength": 0.9, "columnspacing": 1.1, "borderaxespad": 0}
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), **spread)
        axes.set_yticks(places, list(grades))
        axes.set(xlim=(0, 1), ylim=(len(grades) - 0.5, -0.5), xticks=[])
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9.5)
        axes.spines[:].set_visible(False)

    return draw_svg(4.6, 0.5 + 0.36 * len(grades), paint)


def draw_outcomes(table: pd.DataFrame) -> str:
    """Draw the number of knees of each KL grade: stable, progressed and without a label.

    Args:
        table: One row per knee, with BL_KL_grade and JSL_Prog.
    """
    states = {
        "stable": (table[PROGRESSION] == 0, "#a9cbe3"),
        "progressed": (table[PROGRESSION] == 1, "#c24e00"),
        "no label": (table[PROGRESSION].isna(), "#dfe4e9"),
    }

    def paint(axes: Axes) -> None:
        below = np.zeros(5)
        for state, (mask, colour) in states.items():
            counts = table.loc[mask, GRADE].value_counts().reindex(range(5), fill_value=0).to_numpy()
            if counts.any():
                axes.bar(range(5), counts, 0.72, below, color=colour, label=state)
            below = below + counts
        for grade, total in enumerate(below):
            above: Any = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center", "fontsize": 8.5}
            axes.annotate(f"{total:.0f}", (grade, total), **above)
        axes.set(xlabel="KL grade", ylabel="Knees", xticks=range(5))
        axes.grid(visible=True, axis="y")
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(0, 1.12 * max(below.max(), 1))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(states), borderaxespad=0)

    return draw_svg(4.6, 2.9, paint)


def _legend_above(axes: Axes, title: str | None = None) -> None:
    """A legend above the chart, where no curve can run into it."""
    place: Any = {"loc": "lower left", "bbox_to_anchor": (0, 1.01), "borderaxespad": 0}
    axes.legend(handlelength=2.6, title=title, alignment="left", **place)


def _progression_sections(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The progression figures of the models that have an AUC."""
    sections = {name: model.get("jsl") or {} for name, model in figures["models"].items()}
    return {name: jsl for name, jsl in sections.items() if jsl.get("auc")}
