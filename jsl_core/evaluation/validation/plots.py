"""Charts of an external validation, each as the `src` of an `img`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from jsl_core.evaluation.report.plots import set_unit_square
from jsl_core.evaluation.report.style import DASHED, FAINT, INK, MUTED, draw_svg

__all__ = ["COLOURS", "draw_calibration", "draw_discrimination", "draw_net_benefit", "draw_subgroup_rates"]

Figures = Mapping[str, Any]

COLOURS = {"as it is": INK, "intercept": "#a8558a", "slope": "#0072b2", "refit": "#c24e00"}
_DASHES: dict[str, Any] = {"as it is": "-", "intercept": (0, (5, 2)), "slope": "-", "refit": (0, (1, 1.5))}
_SIDE = 3.1


def draw_discrimination(figures: Figures) -> str:
    """Draw the ROC curve with its band by participant.

    Args:
        figures: Of `evaluate_predictions`, its section of progression.
    """

    def paint(axes: Axes) -> None:
        set_unit_square(axes, "1 − specificity", "Sensitivity")
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=DASHED)
        band = {side: np.asarray(values, float) for side, values in figures["roc_band"].items()}
        axes.fill_between(band["fpr"], band["low"], band["high"], color=INK, alpha=0.12, linewidth=0)
        axes.plot(figures["roc"]["fpr"], figures["roc"]["tpr"], color=INK)
        axes.text(0.98, 0.05, f"AUC {figures['auc']['value']:.3f}", ha="right", fontsize=10)

    return draw_svg(_SIDE, _SIDE, paint)


def draw_calibration(version: Figures, name: str) -> str:
    """Draw the smooth calibration curve with its band, and tenths of the knees with their intervals.

    Args:
        version: One of the `versions` of `validate_target`.
        name: Which.
    """
    colour = COLOURS[name]

    def paint(axes: Axes) -> None:
        set_unit_square(axes, "Predicted risk", "Share with the outcome")
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=DASHED)
        curve = {key: np.asarray(values, float) for key, values in version["curve"].items()}
        axes.fill_between(curve["risk"], curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
        axes.plot(curve["risk"], curve["observed"], color=colour)
        groups = version["groups"]
        risk, share = (np.array([group[key] for group in groups], float) for key in ("risk", "value"))
        low, high = (np.array([group[key] for group in groups], float) for key in ("low", "high"))
        axes.vlines(risk, low, high, color=colour, linewidth=1)
        axes.plot(risk, share, "o", color=colour, markersize=5, markeredgecolor="white")
        lines = [
            f"O:E {_number(version['observed_to_expected'])}",
            f"intercept {_number(version['intercept'])}",
            f"slope {_number(version['slope'])}",
        ]
        axes.text(0.98, 0.04, "\n".join(lines), ha="right", va="bottom", fontsize=8.5, color=MUTED)

    return draw_svg(_SIDE, _SIDE, paint)


def draw_net_benefit(figures: Figures) -> str:
    """Draw the net benefit of acting on the risks, as they are and recalibrated, by threshold.

    Args:
        figures: Of `validate_target`.
    """
    thresholds, treat_all = np.array(figures["thresholds"]), np.array(figures["treat_all"])

    def paint(axes: Axes) -> None:
        top = max(treat_all[0], 0.0)
        for name, version in figures["versions"].items():
            if "reason" not in version:
                axes.plot(
                    thresholds,
                    version["net_benefit"],
                    color=COLOURS[name],
                    linestyle=_DASHES[name],
                    linewidth=1.5,
                    label=name,
                )
                top = max(top, *version["net_benefit"])
        axes.plot(thresholds, treat_all, color=FAINT, linewidth=0.9, linestyle=DASHED, label="treat all")
        axes.axhline(0, color=FAINT, linewidth=0.9)
        axes.set(xlabel="Threshold risk", ylabel="Net benefit", xlim=(0, 0.8))
        axes.set_ylim(-0.15 * top, 1.08 * top)
        axes.grid(visible=True)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), handlelength=2)

    return draw_svg(6.0, _SIDE, paint)


def draw_subgroup_rates(parts: list[Figures]) -> str:
    """Draw the share with the outcome (dot and interval) and the mean risk (tick) of each subgroup."""

    def paint(axes: Axes) -> None:
        for place, part in enumerate(parts):
            observed = part["observed"]
            axes.plot([observed["low"], observed["high"]], [place, place], color=INK, linewidth=1.2)
            axes.plot(observed["value"], place, "o", color=INK, markersize=5)
            axes.plot(part["predicted"], place, "|", color="#c24e00", markersize=13, markeredgewidth=2)
        axes.set_yticks(range(len(parts)), [f"{part['group']} {part['level']}" for part in parts])
        axes.set(xlim=(-0.01, 1.01), ylim=(len(parts) - 0.4, -0.6), xlabel="Share with the outcome")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True, axis="x")

    return draw_svg(5.4, 0.8 + 0.24 * len(parts), paint)


def _number(figure: Figures) -> str:
    if figure["value"] is None:
        return "–"
    return f"{round(figure['value'], 2) + 0.0:.2f}".replace("-", "−")  # nothing is minus 0
