"""Charts of one model: ROC, precision-recall, calibration, confusion matrix, learning curves.

`jsl` and `kl` are sections of `evaluate_predictions`; each function returns the `src` of an `img`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from jsl_core.evaluation.report.style import DASHED, FAINT, INK, MUTED, draw_svg

__all__ = [
    "draw_calibration",
    "draw_confusion_matrix",
    "draw_learning_curves",
    "draw_precision_recall",
    "draw_roc",
    "mark_operating_point",
    "set_unit_square",
]

_SIDE = 3.1


def draw_roc(jsl: Mapping[str, Any], colour: str) -> str:
    """Draw the ROC curve with its 95 % band by participant and the operating point."""

    def paint(axes: Axes) -> None:
        set_unit_square(axes, "1 − specificity", "Sensitivity")
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=DASHED)
        band = {side: np.asarray(values, float) for side, values in jsl["roc_band"].items()}
        axes.fill_between(band["fpr"], band["low"], band["high"], color=colour, alpha=0.15, linewidth=0)
        axes.plot(jsl["roc"]["fpr"], jsl["roc"]["tpr"], color=colour)
        mark_operating_point(axes, 1 - jsl["specificity"]["value"], jsl["sensitivity"]["value"], colour)
        _write_headline(axes, f"AUC {jsl['auc']['value']:.3f}")

    return draw_svg(_SIDE, _SIDE, paint)


def draw_precision_recall(jsl: Mapping[str, Any], colour: str) -> str:
    """Draw the precision-recall curve with its operating point, over the prevalence, which chance reaches."""

    def paint(axes: Axes) -> None:
        set_unit_square(axes, "Recall (sensitivity)", "Precision")
        prevalence = jsl["prevalence"]
        axes.axhline(prevalence, color=FAINT, linewidth=0.9, linestyle=DASHED)
        recall, precision = np.array(jsl["pr"]["recall"]), np.array(jsl["pr"]["precision"])
        # Thresholds looser than the one that catches all, and stricter than the first catch, add no recall.
        useful = slice(np.flatnonzero(recall == 1)[-1], np.flatnonzero(recall > 0)[-1] + 1)
        axes.plot(recall[useful], precision[useful], color=colour, drawstyle="steps-post")
        if jsl["precision"]["value"] is not None:
            mark_operating_point(axes, jsl["sensitivity"]["value"], jsl["precision"]["value"], colour)
        _write_headline(axes, f"AP {jsl['ap']['value']:.3f}", f"prevalence {prevalence:.2f}")

    return draw_svg(_SIDE, _SIDE, paint)


def draw_calibration(jsl: Mapping[str, Any], colour: str) -> str:
    """Draw predicted risk against the share that progressed, with 95 % intervals, and the knees as bars."""

    def paint(axes: Axes) -> None:
        set_unit_square(axes, "Predicted risk", "Share that progressed")
        bins = jsl["reliability"]
        counts = np.array([part["n"] for part in bins])
        middle = [(part["low"] + part["high"]) / 2 for part in bins]
        axes.bar(middle, 0.2 * counts / counts.max(), width=0.09, color="#dfe4e9")
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=DASHED)
        predicted, observed = (np.array([part[key] for part in bins]) for key in ("mean", "observed"))
        low, high = (np.array([part[f"observed_{end}"] for part in bins]) for end in ("low", "high"))
        axes.vlines(predicted, low, high, color=colour, linewidth=1.1)
        axes.plot(predicted, observed, "o-", color=colour, linewidth=1, markersize=6, markeredgecolor="white")
        slope = jsl["slope"]["value"]
        _write_headline(axes, f"ECE {jsl['ece']:.3f}", "" if slope is None else f"slope {slope:.2f}")

    return draw_svg(_SIDE, _SIDE, paint)


def draw_confusion_matrix(kl: Mapping[str, Any]) -> str:
    """Draw the confusion matrix of KL grades: counts, shaded by the share of the true grade."""
    counts = np.asarray(kl["confusion"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)

    def paint(axes: Axes) -> None:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.1)
        for (row, column), share in np.ndenumerate(shares):
            ink = "white" if share > 0.55 else INK if counts[row, column] else "#9aa5b0"
            centred: Any = {"ha": "center", "va": "center", "color": ink}
            axes.text(column, row - 0.1, f"{counts[row, column]}", fontsize=11, **centred)
            if counts[row, column]:
                axes.text(column, row + 0.26, f"{share:.0%}", fontsize=7.5, **centred)
        axes.set(xticks=range(5), yticks=range(5), xlabel="Predicted KL grade", ylabel="True KL grade")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    return draw_svg(3.6, 3.4, paint)


def draw_learning_curves(history: pd.DataFrame, colour: str) -> str:
    """Draw the losses and the validation scores by epoch; the epoch whose weights were kept is marked.

    Args:
        history: The rows of `history.csv`.
        colour: Of the model.
    """
    scores = [name for name in map(str, history) if name.startswith("val_") and name != "val_loss"]

    def losses(axes: Axes) -> None:
        _set_epoch_axes(axes, history, "Loss")
        axes.plot(history["epoch"], history["train_loss"], color=FAINT, label="training")
        axes.plot(history["epoch"], history["val_loss"], color=colour, label="validation")
        _legend_above(axes)

    def validation(axes: Axes) -> None:
        _set_epoch_axes(axes, history, "Validation score")
        for name, style in zip(scores, ("-", "--", ":"), strict=False):
            label = name.removeprefix("val_").replace("auc", "AUC")
            axes.plot(history["epoch"], history[name], color=colour, linestyle=style, label=label)
        _legend_above(axes)

    return draw_svg(5.2, 2.2, losses, *([validation] if scores else []))


def set_unit_square(axes: Axes, x: str, y: str) -> None:
    """Give both axes the range 0 to 1, labels and a grid."""
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel=x, ylabel=y, aspect="equal")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    axes.grid(visible=True)


def mark_operating_point(axes: Axes, x: float, y: float, colour: str) -> None:
    """Mark the threshold chosen on validation with a ring."""
    ring: Any = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 2}
    axes.plot(x, y, "o", markersize=8, clip_on=False, zorder=5, **ring)


def _write_headline(axes: Axes, figure: str, beside: str = "") -> None:
    """Write a chart's figure above it, where no curve can run into it, and another one at the right."""
    axes.set_title(figure, loc="left")
    axes.set_title(beside, loc="right", fontsize=9, fontweight="normal", color=MUTED)


def _legend_above(axes: Axes) -> None:
    """A legend above the chart, where no curve can run into it."""
    place: Any = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.1}
    axes.legend(ncols=3, handlelength=1.4, columnspacing=0.9, **place)


def _set_epoch_axes(axes: Axes, history: pd.DataFrame, title: str) -> None:
    axes.set(xlabel="Epoch", ylabel=title)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.grid(visible=True, axis="y")
    for epoch in history["epoch"][history["kept"].astype(bool)]:
        axes.axvline(epoch, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
