"""The report: one HTML page that needs nothing but itself."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from jsl_core.cohort.columns import PROGRESSION
from jsl_core.evaluation.report import tables
from jsl_core.evaluation.report.content import ReportContent
from jsl_core.evaluation.report.overview_plots import (
    all_roc_chart,
    decision_chart,
    forest_chart,
    grades_chart,
    progression_chart,
    subgroup_chart,
)
from jsl_core.evaluation.report.pictures import jpeg_uri, overlay
from jsl_core.evaluation.report.plots import (
    calibration_chart,
    confusion_chart,
    learning_chart,
    precision_recall_chart,
    roc_chart,
)
from jsl_core.evaluation.report.published import TITLES
from jsl_core.evaluation.report.short_table import OPTIMISTIC
from jsl_core.evaluation.report.style import colour_of
from jsl_core.evaluation.saliency import JOINT_SPACE_AREA
from jsl_core.system.files import write_atomically

__all__ = ["write_report"]

Figures = Mapping[str, Any]


def write_report(content: ReportContent, path: Path) -> None:
    """Write the page: UTF-8, no request to anywhere, the same bytes for the same content."""
    environment = Environment(
        loader=PackageLoader("jsl_core.evaluation.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"jpeg": jpeg_uri, "title": _title, "colour": colour_of, "interval": _interval}
    page = environment.get_template("report.html").render(
        content=content,
        overlay=overlay,
        joint_space_area=JOINT_SPACE_AREA,
        optimistic=OPTIMISTIC,
        settings=json.dumps(content.settings, indent=2, ensure_ascii=False),
        **_tables(content),
        **_charts(content),
    )
    with write_atomically(path) as file:
        file.write(page.encode())


def _tables(content: ReportContent) -> dict[str, Any]:
    """Rows of text, the header first."""
    progression, grading = _progression(content.figures), _grading(content.figures)
    return {
        "overview": tables.overview_table(content.figures),
        "unmeasured": list(_unmeasured(content.figures)),
        "cohort": tables.cohort_table(content.table),
        "operating": tables.operating_table(progression),
        "points": tables.points_table(progression),
        "calibration": tables.calibration_table(progression),
        "comparisons": tables.comparison_table(content.figures["comparisons"]),
        "reclassified": tables.reclassification_table(content.figures["comparisons"]),
        "grading": tables.grade_table(grading),
        "grade_comparisons": tables.grade_comparison_table(content.figures["grade_comparisons"]),
        "subgroups": tables.subgroup_table(progression),
        "reasons": tables.reason_table(content.rejected),
        "rejected": tables.rejected_table(content.rejected),
    }


def _charts(content: ReportContent) -> dict[str, Any]:
    """Each chart as the `src` of an `img`, those of single models by name."""
    figures, table = content.figures, content.table
    progression, grading = _progression(figures), _grading(figures)
    return {
        "forest": forest_chart(figures) if progression else None,
        "all_roc": all_roc_chart(figures) if progression else None,
        "decision": decision_chart(figures) if progression else None,
        "mix": grades_chart(tables.grades_by_split(table)),
        "outcome": progression_chart(table) if table[PROGRESSION].notna().any() else None,
        "progression": {
            name: [
                chart(jsl, colour_of(name))
                for chart in (roc_chart, precision_recall_chart, calibration_chart)
            ]
            for name, jsl in progression.items()
        },
        "confusion": {name: confusion_chart(kl) for name, kl in grading.items()},
        "subgroup_charts": {
            name: subgroup_chart(jsl["subgroups"], jsl["auc"], colour_of(name))
            for name, jsl in progression.items()
            if any(part["auc"] for part in jsl["subgroups"])
        },
        "learning": {name: learning_chart(rows, colour_of(name)) for name, rows in content.histories.items()},
    }


def _progression(figures: Figures) -> dict[str, Figures]:
    return {name: jsl for name, model in figures["models"].items() if "auc" in (jsl := model["jsl"] or {})}


def _grading(figures: Figures) -> dict[str, Figures]:
    return {name: kl for name, model in figures["models"].items() if "accuracy" in (kl := model["kl"] or {})}


def _unmeasured(figures: Figures) -> Iterator[tuple[str, str]]:
    """The models that have no figures where they should have some, and why."""
    for name, model in figures["models"].items():
        for section in (model["kl"], model["jsl"]):
            if section and "reason" in section:
                yield _title(name), section["reason"]


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _interval(cell: str) -> Markup:
    """A cell of a table, the interval behind its figure made quieter."""
    return Markup(re.sub(r" (\[.*\])$", r' <span class="ci">\1</span>', str(escape(cell))))
