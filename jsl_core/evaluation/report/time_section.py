"""The report's section on times to replacement: its tables and charts."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from jsl_core.evaluation.report.overview import format_number
from jsl_core.evaluation.report.published import TITLES
from jsl_core.evaluation.report.style import DASHED, FAINT, INK, colour_of, draw_svg
from jsl_core.evaluation.report.tables import format_interval

__all__ = ["describe_times"]

Figures = Mapping[str, Any]
Rows = list[list[str]]

_SHADES = (0.35, 0.65, 1.0)  # of the curves of knees at low, middle and high risk


def describe_times(figures: Figures) -> dict[str, Any] | None:
    """The tables and charts of the section; None where no model has figures of times.

    Args:
        figures: The summary that the evaluate stage writes.
    """
    models = {
        name: model["time"]
        for name, model in figures["models"].items()
        if "c_index" in (model.get("time") or {})
    }
    if not models:
        return None
    first = next(iter(models.values()))
    return {
        "horizon": f"{first['horizon']:g}",
        "observed": format_interval(first["observed"]),
        "counts": f"{first['n']:,} knees of {first['participants']:,} participants",
        "ended": f"{first['replaced']} were replaced, {first['died']} died before, {first['lost']} were lost",
        "scores": _tabulate_scores(models),
        "by_month": _tabulate_by_month(models),
        "calibration": _tabulate_calibration(models),
        "charts": {name: _draw(time, colour_of(name)) for name, time in models.items()},
    }


def _tabulate_scores(models: Mapping[str, Figures]) -> Rows:
    head = ["Replaced", "C-index", "Harrell's C", "Brier skill", "Integrated Brier", "Observed / expected"]
    return [
        ["", *head],
        *(
            [
                TITLES.get(name, name),
                f"{time['replaced']} of {time['n']}",
                *(format_interval(time[key]) for key in ("c_index", "harrell", "brier_skill")),
                format_interval(time["integrated_brier"], 3),
                format_interval(time["ratio"]),
            ]
            for name, time in models.items()
        ),
    ]


def _tabulate_by_month(models: Mapping[str, Figures]) -> Rows:
    rows = [
        [
            TITLES.get(name, name),
            f"{row['months']:g}",
            format_interval(row["auc"]),
            format_interval(row["brier"], 3),
            format_number(row["expected"]),
            format_interval(row["observed"], 3),
        ]
        for name, time in models.items()
        for row in time["by_month"]
    ]
    return [["", "Months", "AUC", "Brier", "Mean risk", "Share replaced"], *rows]


def _tabulate_calibration(models: Mapping[str, Figures]) -> Rows:
    rows = [
        [
            TITLES.get(name, name),
            str(row["n"]),
            str(row["replaced"]),
            format_number(row["expected"]),
            format_interval(row["observed"], 3),
        ]
        for name, time in models.items()
        for row in time["calibration"]
    ]
    return [["", "Knees", "Replaced", "Mean risk", "Share replaced"], *rows]


def _draw(time: Figures, colour: str) -> str:
    """Draw the shares replaced by month of knees at low to high risk, and risks against what came of them."""

    def paint_curves(axes: Axes) -> None:
        for curve, shade in zip(time["curves"], _SHADES[-len(time["curves"]) :], strict=True):
            axes.plot(curve["months"], curve["share"], drawstyle="steps-post", color=colour, alpha=shade)
        axes.set(xlabel="Months after the film", ylabel="Share replaced", xlim=(0, time["horizon"]))
        axes.set_ylim(bottom=0)
        axes.grid(True)

    def paint_calibration(axes: Axes) -> None:
        expected = [row["expected"] for row in time["calibration"]]
        low, high = ([row["observed"][end] for row in time["calibration"]] for end in ("low", "high"))
        top = max(*expected, *high) * 1.05
        axes.plot([0, top], [0, top], color=FAINT, linewidth=0.9, linestyle=DASHED)
        axes.vlines(expected, low, high, color=colour, linewidth=1.1)
        observed = [row["observed"]["value"] for row in time["calibration"]]
        axes.plot(expected, observed, "o", color=colour, markersize=6, markeredgecolor="white")
        axes.set(xlabel="Predicted risk", ylabel="Share replaced", xlim=(0, top), ylim=(0, top))
        if time["ratio"] and time["ratio"]["value"] is not None:
            ratio = f"observed / expected {time['ratio']['value']:.2f}"
            axes.text(0.98, 0.04, ratio, transform=axes.transAxes, ha="right", color=INK, fontsize=9)
        axes.grid(True)

    return draw_svg(6.6, 3.1, paint_curves, paint_calibration)
