"""The report's section of joint space widths: by KL grade, beside readers', and what is missing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from jsl_core.cohort.columns import GRADE, key_columns
from jsl_core.cohort.persons import normalise_knee
from jsl_core.errors import BadTable
from jsl_core.evaluation.report.style import DASHED, FAINT, INK, MUTED, colour_of, draw_svg
from jsl_core.evaluation.statistics.clustered import clustered_mean
from jsl_core.evaluation.statistics.interval import Interval
from jsl_core.width.readings import compare_widths, pair_with_readings

__all__ = ["describe_widths"]

Rows = list[list[str]]

_FEWEST = 2  # knees of a grade that have a mean


def describe_widths(
    widths: pd.DataFrame, table: pd.DataFrame, readings: pd.DataFrame | None
) -> Mapping[str, Any] | None:
    """What the section shows; None where no joint was measured.

    Args:
        widths: Rows of the measure stage, a knee each; beside a table with visits with the `visit` whose film
            each is of, "" where that film is not packed.
        table: The packed dataset's, which has the grades.
        readings: What readers measured, of `read_readings`, None where nobody did.
    """
    if not len(widths):
        return None
    keys = key_columns(table)
    knees = table[[*keys, "participant", GRADE]].merge(_by_row(widths, keys), on=keys)
    measured = knees[knees["mjsw_medial_px"].notna()]
    unit = "mm" if measured["mjsw_medial_mm"].notna().any() else "px"
    agreement = _tabulate_agreement(measured, readings)
    return {
        "unit": {"mm": "mm", "px": "pixels"}[unit],
        "knees": len(knees),
        "measured": len(measured),
        "without_mm": int(measured["mjsw_medial_mm"].isna().sum()),
        "by_grade": _tabulate_by_grade(measured, unit),
        "by_grade_chart": _draw_by_grade(measured, unit),
        "reasons": _tabulate_reasons(knees),
        "agreement": agreement,
        "agreement_chart": _draw_agreement(measured, readings) if agreement else None,
    }


def _by_row(widths: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row a knee (and visit) under its normalised ID, the measured one of several films'."""
    names = ["mjsw_medial_mm", "mjsw_lateral_mm", "mjsw_medial_px", "mjsw_lateral_px", "reason", "doubt"]
    rows = widths.reindex(columns=[*keys, *names]).assign(ID=widths["ID"].map(normalise_knee))
    rows = rows.astype(dict.fromkeys(names[:4], float)).sort_values("mjsw_medial_px", kind="stable")
    return rows.drop_duplicates(keys)


def _tabulate_by_grade(measured: pd.DataFrame, unit: str) -> Rows:
    header = ["", "Knees", *(f"{name}, {unit}" for name in ("Medial", "Lateral", "Narrower of both"))]
    grades = sorted(measured[GRADE].dropna().unique())
    parts = {"All": measured} | {f"KL {grade:.0f}": measured[measured[GRADE] == grade] for grade in grades}
    rows = []
    for name, part in parts.items():
        both = part[[f"mjsw_medial_{unit}", f"mjsw_lateral_{unit}"]]
        columns = [*(both[column] for column in both), both.min(axis=1, skipna=False)]
        means = [clustered_mean(column, part["participant"]) for column in columns]
        rows.append([name, f"{means[0][0]:,}", *(_format(mean) for _, mean in means)])
    return [header, *rows]


def _format(mean: Interval) -> str:
    if np.isnan(mean.value):
        return "–"
    if np.isnan(mean.low):
        return f"{mean.value:.2f}"
    return f"{mean.value:.2f} [{mean.low:.2f}–{mean.high:.2f}]"


def _tabulate_reasons(knees: pd.DataFrame) -> Rows:
    """What kept knees from being measured, and what makes a width doubtful."""
    reasons = [*knees["reason"].dropna(), *(doubt for doubt in knees["doubt"].dropna() if doubt)]
    counts = pd.Series(reasons, dtype=object).value_counts()
    return [
        ["", "Knees"],
        *([str(reason).replace("_", " "), f"{count:,}"] for reason, count in counts.items()),
    ]


def _tabulate_agreement(measured: pd.DataFrame, readings: pd.DataFrame | None) -> Rows:
    """Agreement of all knees and by grade; blank where too few have both."""
    if readings is None:
        return []
    try:
        rows = compare_widths(measured, readings)
    except BadTable:
        return []
    header = ["", "Knees", "Bias, mm", "Limits of agreement", "Median error, mm", "ICC(2,1)"]
    return [
        header,
        *(
            [
                str(row["knees"]).capitalize() if row["knees"] == "all" else str(row["knees"]),
                f"{row['n']:,}",
                f"{row['bias']:+.2f}".replace("-", "−"),
                f"{row['low']:+.2f} to {row['high']:+.2f}".replace("-", "−"),
                f"{row['median_absolute']:.2f}",
                f"{row['icc']:.2f}".replace("-", "−"),
            ]
            for row in rows.to_dict("records")
        ),
    ]


def _draw_by_grade(measured: pd.DataFrame, unit: str) -> str | None:
    narrower = measured[[f"mjsw_medial_{unit}", f"mjsw_lateral_{unit}"]].min(axis=1, skipna=False)
    known = measured[GRADE].notna() & narrower.notna()
    groups = {int(grade): rows.to_numpy() for grade, rows in narrower[known].groupby(measured[GRADE][known])}
    groups = {grade: values for grade, values in groups.items() if len(values) >= _FEWEST}
    if not groups:
        return None

    def paint(axes: Axes) -> None:
        for place, values in enumerate(groups.values()):
            aside = np.linspace(-0.28, 0.28, len(values))[np.random.default_rng(0).permutation(len(values))]
            axes.plot(place + aside, values, ".", markersize=4, color=colour_of("kl"), alpha=0.35)
            axes.plot([place - 0.32, place + 0.32], [np.median(values)] * 2, color=INK, linewidth=2)
        axes.set_xticks(range(len(groups)), [f"KL {grade}" for grade in groups])
        axes.set_ylim(bottom=0)
        axes.set_ylabel(f"Narrower compartment, {unit}")
        axes.grid(axis="y")

    return draw_svg(4.6, 3.2, paint)


def _draw_agreement(measured: pd.DataFrame, readings: pd.DataFrame | None) -> str | None:
    """Difference over mean of both (Bland and Altman, Lancet 1986, 1:307), medial."""
    assert readings is not None
    one, other = pair_with_readings(measured, readings)
    apart, mean = one - other, (one + other) / 2
    bias, half = float(apart.mean()), 1.96 * float(apart.std(ddof=1))

    def paint(axes: Axes) -> None:
        axes.plot(mean, apart, ".", markersize=4, color=colour_of("kl"), alpha=0.4)
        axes.axhline(bias, color=INK, linewidth=1.2)
        for limit in (bias - half, bias + half):
            axes.axhline(limit, color=FAINT, linewidth=1, linestyle=DASHED)
        axes.axhline(0, color=MUTED, linewidth=0.6)
        axes.set_xlabel("Mean of both, mm")
        axes.set_ylabel("Measured less read, mm")
        axes.grid(visible=True)

    return draw_svg(4.6, 3.2, paint)
