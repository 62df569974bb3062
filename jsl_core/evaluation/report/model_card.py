"""The card of a model: what it is for, of whom, how good and how sure, and where it must not be trusted."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsl_core.cohort.outcomes import describe_outcome_of
from jsl_core.config.training import JOINT
from jsl_core.evaluation.report import cohort_tables, tables
from jsl_core.evaluation.report.content import ReportContent
from jsl_core.evaluation.report.overview import OPTIMISTIC, seed_rows
from jsl_core.evaluation.report.published import TITLES
from jsl_core.evaluation.report.sentences import outcome_phrase, results_sentence
from jsl_core.evaluation.study_design import StudyDesign

__all__ = ["write_card"]

Rows = list[list[str]]

_FACTORS = "age, sex, race, BMI, knee injury"
_EXPERT = ", alignment and an expert's KL grade"
_FURTHER = {"clinical": "", "measured": f"{_EXPERT}, joint space widths"}


def write_card(content: ReportContent, model: str) -> str:
    """Write the card of one model of a run as Markdown, after Mitchell et al. (FAT* 2019, 220).

    Args:
        content: Of the run's report.
        model: Its name.
    """
    return "\n".join(_lines(content, model)) + "\n"


def _lines(content: ReportContent, model: str) -> Iterator[str]:
    figures, design = content.figures, StudyDesign.from_json(content.figures["design"])
    kl, jsl = (figures["models"][model][part] or {} for part in ("kl", "jsl"))
    yield f"# {TITLES.get(model, model)} (`{model}`)"
    yield from ("", "**For research use only. Not a medical device; validated for no clinical use.**", "")
    if content.phantom:
        yield from ("**Phantom figures:** made of simulated knees; they say nothing about patients.", "")
    yield from ("## Model", "")
    for name, version in content.versions.items():
        yield f"- {name}: {version}"
    training = content.settings.get("training", {})
    if model != "risk-factors" and training:
        yield f"- Network: {training['backbone']}, crops of {content.settings['pack']['size']} pixels"
    yield from ("- All settings, and how the figures came about: report.html", "")
    yield from (
        "## Intended use",
        "",
        *_intended_use(model, training, describe_outcome_of(content.table)),
        "",
    )
    yield from ("## Whom it learned from and was measured on", "")
    yield from _markdown(cohort_tables.tabulate_cohort(content.table))
    if content.table["JSL_Prog"].notna().any() and jsl:
        yield from (f"Outcome: {outcome_phrase(content.table)}.", "")
    yield from ("## Figures", "", f"{results_sentence(design)}.", "")
    if figures["part"] != "test":
        yield from (f"**Validation knees:** {OPTIMISTIC}.", "")
    own = {model: jsl} if "auc" in jsl else {}
    if own:
        yield from _markdown(_one_figure_a_row(jsl))
        yield from ("Calibration (intercept and slope are 0 and 1 at best):", "")
        yield from _markdown(tables.tabulate_calibration(own))
    if "accuracy" in kl:
        yield from _markdown(tables.tabulate_grading({model: kl}))
        yield from _markdown(tables.tabulate_recall({model: kl}))
    for row in seed_rows({"seeds": {model: figures.get("seeds", {}).get(model)}}):
        spread = ", ".join(f"{name} {cell}" for name, cell in row.items() if name != "Model")
        yield from (f"From seed to seed, mean ± standard deviation (range): {spread}.", "")
    if own and jsl["subgroups"]:
        yield from ("In groups, AUC, and the share that progressed beside the mean risk:", "")
        yield from _markdown(tables.tabulate_subgroups(own))
        yield from _markdown(tables.tabulate_subgroup_calibration(own))
    yield from ("## Limits", "", *_limits(content, design, kl, jsl))


def _intended_use(model: str, training: Mapping[str, Any], outcome: str) -> Iterator[str]:
    grade = model in ("kl", "multitask")
    what = ["the KL grade"] if grade else []
    if model != "kl":
        what.append(f"the risk of {outcome or 'narrowing of the medial joint space'}")
    factors = _FACTORS + _FURTHER.get(str(training.get("factors")), _EXPERT)
    inputs = {"risk-factors": factors}.get(
        model,
        "the joint on a weight-bearing PA or AP radiograph" + (f", and {factors}" if model in JOINT else ""),
    )
    yield f"- Says of one knee {' and '.join(what)}, from {inputs}."
    yield "- For research on cohorts like the one below: to compare methods, to describe, to plan studies."
    yield "- Not for diagnosis, treatment or the choice of patients."
    yield "- Not for children, replaced or operated knees, other views, or photographs of films."


def _one_figure_a_row(jsl: Mapping[str, Any]) -> Rows:
    names = {
        "auc": "AUC",
        "ap": "Average precision",
        "sensitivity": "Sensitivity at the threshold",
        "specificity": "Specificity at the threshold",
        "precision": "Precision at the threshold",
    }
    rows = [[name, tables.format_interval(jsl[key], 3)] for key, name in names.items()]
    events = f"{jsl['progressed']} of {jsl['n']} knees progressed"
    return [["", events], *rows, ["Threshold", f"{jsl['threshold']:.3f}"]]


def _limits(
    content: ReportContent, design: StudyDesign, kl: Mapping[str, Any], jsl: Mapping[str, Any]
) -> Iterator[str]:
    for part in (jsl, kl):
        for doubt in part.get("doubts", ()):
            yield f"- {doubt[0].upper()}{doubt[1:]}."
        if "reason" in part:
            yield f"- No figures: {part['reason']}."
    if design.learned_from:
        yield f"- Of {design.learned_from} participants the other knee was learned from: figures flatter."
    if lost := jsl.get("selection"):
        without = f"{lost['lost']} of {lost['lost'] + lost['followed']} knees had no outcome"
        bounds = f"{lost['worst']:.3f} and {lost['best']:.3f}"
        yield f"- {without}; whatever became of them, the AUC lies between {bounds}."
    yield "- Measured on knees of the same study as it learned from: measure elsewhere before use there."
    yield "- Groups with few knees have wide intervals, and a group that is not in the table was not seen."
    yield "- A risk is as good as its calibration where the outcome is as frequent as here."


def _markdown(rows: Rows) -> Iterator[str]:
    """A table of text as Markdown, and a blank line; nothing where it has no rows."""
    if len(rows) > 1:
        cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        yield "| " + " | ".join(cells[0]) + " |"
        yield "|---" * len(cells[0]) + "|"
        yield from ("| " + " | ".join(row) + " |" for row in cells[1:])
        yield ""
