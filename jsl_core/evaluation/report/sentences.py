"""Sentences of the page that depend on what the run did, and on what came of it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from jsl_core.cohort.outcomes import describe_outcome_of
from jsl_core.evaluation.report.overview import DASH, OPTIMISTIC, format_number
from jsl_core.evaluation.report.published import TITLES
from jsl_core.evaluation.study_design import StudyDesign

__all__ = [
    "cohort_sentence",
    "doubts_of",
    "outcome_phrase",
    "results_sentence",
    "summary_sentence",
    "test_use_sentence",
    "threshold_sentence",
]

Figures = Mapping[str, Any]


def summary_sentence(figures: Figures, design: StudyDesign) -> str:
    """The run in one sentence: on whom, how well, and how sure."""
    where = f"On {_rows(design, _part(design))} of {_participants(design.participants)}"
    parts = []
    areas = {name: jsl for name, jsl in _sections(figures, "jsl") if jsl.get("auc")}
    if areas:
        first = next(iter(areas.values()))
        ranked = sorted(areas, key=lambda name: areas[name]["auc"]["value"])
        lowest, highest = ranked[0], ranked[-1]
        clause = f"progression ({first['progressed']} of {first['n']} knees) is predicted with AUC "
        clause += _area(highest, areas[highest])
        if lowest != highest:
            clause += f" at best and {_area(lowest, areas[lowest])} at least"
        parts.append(clause + _difference(figures, highest, lowest))
    graded = {name: kl for name, kl in _sections(figures, "kl") if kl.get("accuracy")}
    if graded:
        name = max(graded, key=lambda name: graded[name]["accuracy"]["value"])
        kl = graded[name]
        parts.append(
            f"{TITLES.get(name, name)} agrees with the expert's grade on {kl['accuracy']['value']:.0%} "
            f"{_interval(kl['accuracy'], 0, '%')} of {kl['n']} knees"
        )
    if not parts:
        return f"{where} no model has a figure."
    doubtful = sum(bool(doubts) for _, doubts in doubts_of(figures))
    doubt = f" Of {len(figures['models'])} models {doubtful} stand in doubt (below)." if doubtful else ""
    return f"{where}, {'; '.join(parts)}.{doubt}"


def results_sentence(design: StudyDesign) -> str:
    """Whom the figures are of, and what the models had seen of them."""
    if design.folds and not design.named_test:
        return (
            f"Cross-validation: each of the {_rows(design)} was predicted by the one of "
            f"{design.folds} models of its kind that neither learned from its participant nor was chosen on "
            "them; at the share of progression that the cohort has"
        )
    models = f"The mean of {design.folds} models of each kind" if design.folds else "All models"
    sentence = f"{models} on the same {_rows(design, _part(design))} of "
    sentence += _participants(design.participants)
    if design.learned_from:
        other = (
            "whose other knee was learned from"
            if design.learned_from == design.participants
            else f"of whom {design.learned_from} have their other knee among those learned from"
        )
        sentence += f", {other}: of two knees of a person one tells the other, and the figures flatter"
    else:
        sentence += ", none of whom any model learned from"
    if design.part == "test" and design.chosen_on:
        sentence += f" ({design.chosen_on} have their other knee among the validation knees)"
    return f"{sentence}; at the share of progression that the cohort has"


def _rows(design: StudyDesign, part: str = "") -> str:
    """How many knees, or films of knees at several visits, are meant."""
    knees = " ".join(filter(None, [part, "knees"]))
    if not design.distinct:
        return f"{design.knees:,} {knees}"
    return f"{design.knees:,} films, each a visit, of {design.distinct:,} {knees}"


def cohort_sentence(design: StudyDesign) -> str:
    """How knees were parted, and what a row is."""
    rows = " A row is a knee at a visit: where this page counts knees, it counts these rows."
    return _parted(design) + (rows if design.distinct else "")


def _parted(design: StudyDesign) -> str:
    if design.folds:
        named = " of the others, as the table names the test part" if design.named_test else ""
        return (
            f"Participants{named} are dealt to {design.folds} folds, both knees of a person to the same one, "
            "in the same way for all models. The columns are the split that a single training would have."
        )
    if design.learned_from or design.chosen_on:
        shared = max(design.learned_from, design.chosen_on)
        return (
            f"Knees are parted once, for all models, by knee: {shared} of the {design.participants} "
            f"participants with {_part(design)} knees have their other knee in another part."
        )
    return "Knees are parted once, for all models, and both knees of a person lie in the same part."


def outcome_phrase(table: pd.DataFrame) -> str:
    """What progression is in a cohort table."""
    return describe_outcome_of(table) or (
        "as the cohort's table has it, by default a loss of at least 0.7 mm of medial joint space over 48 "
        "months"
    )


def threshold_sentence(design: StudyDesign) -> str:
    """Where the thresholds come from."""
    if design.folds and not design.named_test:
        return (
            "The ring marks the thresholds: each knee's is that of the model which predicted it, chosen on "
            "validation knees of that round."
        )
    if design.part == "val":
        return "The ring marks the threshold, which was chosen on these very validation knees."
    return (
        "The ring marks the threshold, which was chosen on the validation knees before the test knees were "
        "looked at."
    )


def test_use_sentence(design: StudyDesign, decision: Figures | None) -> str:
    """What chose thresholds, temperatures and epochs, and what else the measured knees served for."""
    if design.part == "val":
        return f"Thresholds, temperatures and kept epochs come from these validation knees: {OPTIMISTIC}."
    sentence = "Thresholds, temperatures and kept epochs come from validation knees"
    if decision is None:
        return f"{sentence}; within this run the {_part(design)} knees serve for this page alone."
    count = (decision.get("figures") or {}).get("decisions")
    often = f", as they did {count - 1} times before" if count and count > 1 else ""
    return f"{sentence}; the frozen ones of the test knees decide on the champion, too{often}."


def doubts_of(figures: Figures) -> Iterator[tuple[str, list[str]]]:
    """By model's title, what speaks against it; no model without doubts."""
    for name, model in figures["models"].items():
        doubts = [doubt for part in ("jsl", "kl") for doubt in (model[part] or {}).get("doubts", ())]
        if doubts:
            yield TITLES.get(name, name), doubts


def _sections(figures: Figures, part: str) -> Iterator[tuple[str, Figures]]:
    for name, model in figures["models"].items():
        if model[part]:
            yield name, model[part]


def _difference(figures: Figures, highest: str, lowest: str) -> str:
    """Whether these knees tell the best model from the worst."""
    for pair in figures["comparisons"]:
        if {pair["a"], pair["b"]} == {highest, lowest} and pair["low"] is not None:
            apart = pair["low"] > 0 or pair["high"] < 0
            return ", which these knees tell apart" if apart else ", which these knees do not tell apart"
    return ""


def _area(name: str, jsl: Figures) -> str:
    return f"{format_number(jsl['auc']['value'])} {_interval(jsl['auc'])} ({TITLES.get(name, name)})"


def _interval(figure: Figures, digits: int = 3, unit: str = "") -> str:
    if figure["low"] is None:
        return f"[{DASH}]"
    low, high = (figure[end] * (100 if unit else 1) for end in ("low", "high"))
    return f"[{low:.{digits}f}–{high:.{digits}f}{unit}]"


def _part(design: StudyDesign) -> str:
    return "test" if design.part == "test" else "validation"


def _participants(count: int) -> str:
    return "1 participant" if count == 1 else f"{count:,} participants"
