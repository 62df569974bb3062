"""The tables of a release joined into one, with a row per knee."""

import pandas as pd

from jsl_core.cohort.oai.clinical import read_clinical, read_enrolment, read_replacements
from jsl_core.cohort.oai.readings import NOT_READ, project_for, read_angles, read_grades, read_joint_spaces
from jsl_core.cohort.oai.specs import VISIT_OF
from jsl_core.cohort.oai.values import participants_of

__all__ = ["MEASURED", "NO_TABLE", "join_persons", "join_tables"]

MEASURED = (
    *("Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree", "BL_KL_grade"),
    *("BL_mJSW_mm", "FU_mJSW_mm", "Cohort"),
)
NO_TABLE, _NOT_LISTED = "no table", "not listed"


def join_tables(tables: dict[str, pd.DataFrame], followup_months: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join the tables of a release, with a row for both knees of everyone in them.

    Args:
        tables: By name, as `read_tables` gives them.
        followup_months: After baseline.

    Returns:
        The knees, indexed by ID and sorted, with `MEASURED`, `participant`, `side`, `Site`, `enrolled`,
        `at_baseline` (replaced before the study) and `Replaced_days`. And the reason why each of `MEASURED`
        is missing, "" where it is not.
    """
    knees, reasons = join_persons(tables)
    for column, reading in _read_readings(tables, followup_months).items():
        knees[column] = reading["value"].reindex(knees.index)
        reasons[column] = reading["reason"].reindex(knees.index).fillna(NOT_READ)
    knees = knees.reindex(columns=[*knees.columns, *(c for c in MEASURED if c not in knees)])
    return knees, reasons.reindex(columns=list(MEASURED), fill_value=NO_TABLE)


def join_persons(tables: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join what is known of both knees of everyone at enrolment, but for readings.

    Args:
        tables: By name, as `read_tables` gives them.

    Returns:
        The knees, and the reasons, as `join_tables`, with the columns that the tables have.
    """
    knees = _both_knees(tables)
    reasons = pd.DataFrame(index=knees.index)
    for name, reader in (("ENROLLEES", read_enrolment), ("ALLCLINICAL00", read_clinical)):
        if name in tables:
            values, missing = reader(tables[name])
            for column in values:
                knees[column] = knees["participant"].map(values[column])
            for column in missing:
                reasons[column] = knees["participant"].map(missing[column]).fillna(_NOT_LISTED)
    if "ALLCLINICAL00" in tables:
        right = knees["side"] == 1
        for frame in (knees, reasons):
            frame["Knee_Injury"] = frame["injury_1"].where(right, frame["injury_2"])
    replaced = read_replacements(tables.get("OUTCOMES99")).reindex(knees.index)
    knees["Replaced_days"], knees["at_baseline"] = replaced["days"], replaced["at_baseline"].eq(True)
    listed = participants_of(tables["ENROLLEES"]["ID"]) if "ENROLLEES" in tables else knees["participant"]
    knees["enrolled"] = knees["participant"].isin(listed)
    knees["Site"] = knees["Site"].fillna("") if "Site" in knees else ""
    return knees, reasons


def _both_knees(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    listed = {name for table in tables.values() if "ID" in table for name in participants_of(table["ID"])}
    participants = sorted(listed - {""}, key=lambda name: (len(name), name))
    knees = pd.DataFrame(
        [(name, side) for name in participants for side in (1, 2)], columns=["participant", "side"]
    )
    knees.index = pd.Index(knees["participant"] + "_" + knees["side"].astype(str), name="ID")
    return knees


def _read_readings(tables: dict[str, pd.DataFrame], followup_months: int) -> dict[str, pd.DataFrame]:
    visit, project = VISIT_OF[followup_months], project_for(followup_months)
    readings: dict[str, pd.DataFrame] = {}
    if "KXR_SQ_BU00" in tables:
        readings["BL_KL_grade"] = read_grades(tables["KXR_SQ_BU00"], project)
    if "KXR_FTA_DURYEA00" in tables:
        readings["Alignment_degree"] = read_angles(tables["KXR_FTA_DURYEA00"], project)
    baseline, followup = tables.get("KXR_QJSW_DURYEA00"), tables.get(f"KXR_QJSW_DURYEA{visit}")
    widths = read_joint_spaces(baseline, followup, visit, project)
    for column, table, width in zip(("BL_mJSW_mm", "FU_mJSW_mm"), (baseline, followup), widths, strict=True):
        if table is not None:
            readings[column] = width
    return readings
