"""The report as one self-contained HTML page."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from jsl_core.cohort.columns import PROGRESSION
from jsl_core.evaluation.overlay import overlay_saliency
from jsl_core.evaluation.report import cohort_tables, flow_tables, sentences, tables
from jsl_core.evaluation.report.content import ReportContent
from jsl_core.evaluation.report.data_uri import jpeg_uri
from jsl_core.evaluation.report.overview import OPTIMISTIC
from jsl_core.evaluation.report.overview_plots import (
    draw_all_rocs,
    draw_decision_curves,
    draw_forest,
    draw_grade_mix,
    draw_outcomes,
    draw_subgroups,
)
from jsl_core.evaluation.report.plots import (
    draw_calibration,
    draw_confusion_matrix,
    draw_learning_curves,
    draw_precision_recall,
    draw_roc,
)
from jsl_core.evaluation.report.published import TITLES
from jsl_core.evaluation.report.style import colour_of
from jsl_core.evaluation.report.time_section import describe_times
from jsl_core.evaluation.report.widths import describe_widths
from jsl_core.evaluation.saliency import JOINT_SPACE_AREA
from jsl_core.evaluation.study_design import StudyDesign
from jsl_core.system.files import write_atomically

__all__ = ["SECTIONS", "page_environment", "write_report"]

Figures = Mapping[str, Any]

# The page's sections in their order: the template in `sections/`, and its name in the contents. What renders
# blank is left out, there and in the contents.
SECTIONS = {
    "results.html": "Results",
    "decision.html": "Champion",
    "film.html": "Film to joint",
    "cohort.html": "Cohort",
    "progression.html": "Progression",
    "time.html": "Time to replacement",
    "grades.html": "KL grades",
    "widths.html": "Joint space",
    "saliency.html": "Saliency",
    "knees.html": "Every knee",
    "subgroups.html": "Subgroups",
    "learning.html": "Learning",
    "corrections.html": "Corrections",
    "rejected.html": "Rejected",
    "made.html": "How it was made",
}


def write_report(content: ReportContent, path: Path) -> None:
    """Write a report as one HTML page in UTF-8.

    The page loads nothing from anywhere, and the same content gives the same bytes.

    Args:
        content: What the page shows.
        path: The file to write.

    Raises:
        StoreError: If the file cannot be written.
    """
    values = {
        "content": content,
        "part": "test" if content.figures["part"] == "test" else "validation",
        "overlay_saliency": overlay_saliency,
        "joint_space_area": JOINT_SPACE_AREA,
        "optimistic": OPTIMISTIC,
        "sentences": _write_sentences(content),
        "times": describe_times(content.figures),
        "widths": describe_widths(content.widths, content.table, content.readings),
        "settings": json.dumps(content.settings, indent=2, ensure_ascii=False),
        **_render_tables(content),
        **_render_charts(content),
    }
    environment = page_environment()
    sections = list(_render_sections(environment, values))
    page = environment.get_template("report.html").render(**values, sections=sections)
    with write_atomically(path) as file:
        file.write(page.encode())


def page_environment() -> Environment:
    """The templates of this folder, with what they call."""
    environment = Environment(
        loader=PackageLoader("jsl_core.evaluation.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "jpeg": jpeg_uri,
        "title": _title,
        "colour": colour_of,
        "interval": _mute_interval,
    }
    return environment


def _render_sections(
    environment: Environment, values: Mapping[str, Any]
) -> Iterator[tuple[str, str, Markup]]:
    """The id, the name in the contents, and the markup of each section that has something to say."""
    for file, name in SECTIONS.items():
        body = environment.get_template(f"sections/{file}").render(values).strip()
        if body:
            yield file.removesuffix(".html"), name, Markup(body)


def _render_tables(content: ReportContent) -> dict[str, Any]:
    """Rows of text, the header first."""
    progression, grading = _progression_sections(content.figures), _grading_sections(content.figures)
    return {
        "overview": tables.tabulate_overview(content.figures),
        "seeds": tables.tabulate_seeds(content.figures),
        "unmeasured": list(_models_without_figures(content.figures)),
        "flow": flow_tables.tabulate_flow(content.table, content.rejected, content.scans),
        "films": flow_tables.tabulate_films(content.films),
        "cohort": cohort_tables.tabulate_cohort(content.table),
        "missing": cohort_tables.tabulate_missing(content.table),
        "lost": cohort_tables.tabulate_lost(content.table),
        "operating": tables.tabulate_thresholds(progression),
        "counts": tables.tabulate_counts(progression),
        "sources": tables.tabulate_sources(progression),
        "selection": tables.tabulate_selection(progression),
        "points": tables.tabulate_operating_points(progression),
        "calibration": tables.tabulate_calibration(progression),
        "comparisons": tables.tabulate_comparisons(content.figures["comparisons"]),
        "reclassified": tables.tabulate_reclassification(content.figures["comparisons"]),
        "grading": tables.tabulate_grading(grading),
        "recall": tables.tabulate_recall(grading),
        "grade_comparisons": tables.tabulate_grade_comparisons(content.figures["grade_comparisons"]),
        "subgroups": tables.tabulate_subgroups(progression),
        "subgroup_calibration": tables.tabulate_subgroup_calibration(progression),
        "reasons": cohort_tables.tabulate_reasons(content.rejected),
        "rejected": cohort_tables.tabulate_rejected(content.rejected),
        "origins": [["Setting", "Value", "From", "In place of"], *map(list, content.origins)],
    }


def _write_sentences(content: ReportContent) -> dict[str, Any]:
    """The sentences that depend on what the run did, by where they stand."""
    design = StudyDesign.from_json(content.figures["design"])
    return {
        "summary": sentences.summary_sentence(content.figures, design),
        "results": sentences.results_sentence(design),
        "cohort": sentences.cohort_sentence(design),
        "outcome": sentences.outcome_phrase(content.table),
        "threshold": sentences.threshold_sentence(design),
        "test_use": sentences.test_use_sentence(design, content.decision),
        "doubts": list(sentences.doubts_of(content.figures)),
    }


def _render_charts(content: ReportContent) -> dict[str, Any]:
    """Charts as the `src` of an `img`; those of single models by the model's name."""
    figures, table = content.figures, content.table
    progression, grading = _progression_sections(figures), _grading_sections(figures)
    return {
        "forest": draw_forest(figures) if progression else None,
        "all_roc": draw_all_rocs(figures) if progression else None,
        "decision": draw_decision_curves(figures) if progression else None,
        "mix": draw_grade_mix(cohort_tables.count_grades_by_split(table)),
        "outcome": draw_outcomes(table) if table[PROGRESSION].notna().any() else None,
        "progression": {
            name: [
                chart(jsl, colour_of(name)) for chart in (draw_roc, draw_precision_recall, draw_calibration)
            ]
            for name, jsl in progression.items()
        },
        "confusion": {name: draw_confusion_matrix(kl) for name, kl in grading.items()},
        "subgroup_charts": draw_subgroups(progression),
        "learning": {
            name: draw_learning_curves(rows, colour_of(name)) for name, rows in content.histories.items()
        },
    }


def _progression_sections(figures: Figures) -> dict[str, Figures]:
    return {name: jsl for name, model in figures["models"].items() if "auc" in (jsl := model["jsl"] or {})}


def _grading_sections(figures: Figures) -> dict[str, Figures]:
    return {name: kl for name, model in figures["models"].items() if "accuracy" in (kl := model["kl"] or {})}


def _models_without_figures(figures: Figures) -> Iterator[tuple[str, str]]:
    """Each model that has no figures of something it predicts, and the reason."""
    for name, model in figures["models"].items():
        for section in (model["kl"], model["jsl"], model.get("time")):
            if section and "reason" in section:
                yield _title(name), section["reason"]


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _mute_interval(cell: str) -> Markup:
    """A cell of a table, the interval after its figure in a muted colour."""
    return Markup(re.sub(r" (\[.*\])$", r' <span class="ci">\1</span>', str(escape(cell))))
