"""An outcome made anew of a cohort table with several visits, as a run asks for it."""

import pandas as pd

from jsl_core.cohort.cell_values import is_missing
from jsl_core.cohort.cells import Cells
from jsl_core.cohort.columns import (
    EVENT,
    EVENT_MONTHS,
    GRADE,
    MONTHS,
    OARSI,
    PROGRESSION,
    VISIT,
    VISIT_GRADE,
    VISIT_NUMBERS,
    VISIT_TEXTS,
)
from jsl_core.cohort.outcomes import label_outcome
from jsl_core.cohort.persons import clean_text
from jsl_core.config.outcome import LabelSettings, OutcomeSettings
from jsl_core.errors import BadTable

__all__ = ["read_visit_texts", "relabel", "without_readings"]


def read_visit_texts(cells: Cells, places: dict[str, int]) -> dict[str, list[str]]:
    """The texts that outcomes need, of those that a table has.

    Barcodes, which name a film, are kept as no more than whether two of a row differ.
    """
    texts = {
        name: ["" if is_missing(cell) else clean_text(cell) for cell in cells.column(places[name])]
        for name in VISIT_TEXTS
        if name in places
    }
    if {"JSW_barcode", "Barcode"} <= set(texts):
        pairs = list(zip(texts["JSW_barcode"], texts["Barcode"], strict=True))
        texts["Barcode"] = ["used" if used else "" for _, used in pairs]
        texts["JSW_barcode"] = [
            "" if not (read and used) else "used" if read == used else "other" for read, used in pairs
        ]
    return texts


def relabel(table: pd.DataFrame, settings: LabelSettings) -> pd.DataFrame:
    """Give a cohort table the labels of an outcome.

    Args:
        table: From `read_cohort`.
        settings: The outcome, and which knees can have it; `table` leaves the labels as they are.

    Returns:
        The same rows, without the readings that outcomes are made of.

    Raises:
        BadTable: The table has no rows of several visits with what the outcome is made of, does not say when
            each visit was, or no knee has the outcome.
    """
    if settings.outcome == "table":
        return without_readings(table)
    needed = {VISIT, MONTHS, "Replaced_days", "KL_project", "JSW_project"}
    if absent := sorted(needed - set(table)):
        raise BadTable(
            f"the cohort table has no {absent[0]}, of which outcome {settings.outcome} is made; make it with "
            "jsl oai --visits, or set pack.label.outcome to table"
        )
    _check_months(table)
    wanted = [*VISIT_NUMBERS, *OARSI, *VISIT_TEXTS]
    rows = table.reindex(columns=[*table.columns, *(name for name in wanted if name not in table)])
    texts = {name: rows[name].fillna("").astype(str) for name in VISIT_TEXTS}
    outcome = OutcomeSettings.model_validate(settings.model_dump())
    labels = label_outcome(rows.assign(**texts, **{VISIT_GRADE: rows[GRADE]}), outcome).table
    if labels[PROGRESSION].isna().all():
        raise BadTable(
            f"no knee of the cohort table has outcome {settings.outcome} after {settings.followup_months} "
            "months; make the table with jsl oai --visits of the films and of those months later"
        )
    remaining = without_readings(table).drop(columns=[EVENT, EVENT_MONTHS], errors="ignore")
    return remaining.assign(**{str(name): labels[name] for name in labels if name != "JSL_mm"})


def _check_months(table: pd.DataFrame) -> None:
    """Refuse visits of which nobody knows how long one comes after another."""
    when = table[["ID", MONTHS]]
    for row, knee, _ in when[when[MONTHS].isna()].itertuples(name=None):
        raise BadTable(f"the cohort table, row {row}: visit of {knee} has no {MONTHS}; fill that column")
    for row, knee, months in when[when.duplicated()].itertuples(name=None):
        raise BadTable(
            f"the cohort table, row {row}: a second visit of {knee} at {MONTHS} {months:g}; keep one, or "
            "correct it"
        )


def without_readings(table: pd.DataFrame) -> pd.DataFrame:
    """A table without what outcomes are made of."""
    return table.drop(columns=[*VISIT_NUMBERS, *VISIT_TEXTS], errors="ignore")
