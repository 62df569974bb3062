"""All tables of a release joined knee by knee."""

import pandas as pd

from jsl_core.cohort.oai.clinical import clinic, enrolled, replacements
from jsl_core.cohort.oai.readings import NOT_READ, angles, grades, joint_spaces, project_for
from jsl_core.cohort.oai.specs import VISIT_OF
from jsl_core.cohort.oai.values import participants_of

__all__ = ["MEASURED", "join"]

MEASURED = (
    *("Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree", "BL_KL_grade"),
    *("BL_mJSW_mm", "FU_mJSW_mm", "Cohort"),
)
_NO_TABLE, _NOT_LISTED = "no table", "not listed"


def join(tables: dict[str, pd.DataFrame], followup_months: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both knees of everyone in the tables, and why each of `MEASURED` is missing ("" where it is not).

    Indexed by ID, sorted; besides `MEASURED` there are `participant`, `side`, `Site`, `enrolled`,
    `at_baseline` (replaced before the study) and `Replaced_days`.
    """
    knees = _both_knees(tables)
    why = pd.DataFrame(index=knees.index)
    for name, reader in (("ENROLLEES", enrolled), ("ALLCLINICAL00", clinic)):
        if name in tables:
            known, reasons = reader(tables[name])
            for column in known:
                knees[column] = knees["participant"].map(known[column])
            for column in reasons:
                why[column] = knees["participant"].map(reasons[column]).fillna(_NOT_LISTED)
    if "ALLCLINICAL00" in tables:
        right = knees["side"] == 1
        for frame in (knees, why):
            frame["Knee_Injury"] = frame["injury_1"].where(right, frame["injury_2"])
    for column, reading in _readings(tables, followup_months).items():
        knees[column] = reading["value"].reindex(knees.index)
        why[column] = reading["why"].reindex(knees.index).fillna(NOT_READ)
    replaced = replacements(tables.get("OUTCOMES99")).reindex(knees.index)
    knees["Replaced_days"], knees["at_baseline"] = replaced["days"], replaced["at_baseline"].eq(True)
    listed = participants_of(tables["ENROLLEES"]["ID"]) if "ENROLLEES" in tables else knees["participant"]
    knees["enrolled"] = knees["participant"].isin(listed)
    knees = knees.reindex(columns=[*knees.columns, *(c for c in (*MEASURED, "Site") if c not in knees)])
    knees["Site"] = knees["Site"].fillna("")
    return knees, why.reindex(columns=list(MEASURED), fill_value=_NO_TABLE)


def _both_knees(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    named = {who for table in tables.values() if "ID" in table for who in participants_of(table["ID"])}
    participants = sorted(named - {""}, key=lambda who: (len(who), who))
    knees = pd.DataFrame(
        [(who, side) for who in participants for side in (1, 2)], columns=["participant", "side"]
    )
    knees.index = pd.Index(knees["participant"] + "_" + knees["side"].astype(str), name="ID")
    return knees


def _readings(tables: dict[str, pd.DataFrame], followup_months: int) -> dict[str, pd.DataFrame]:
    visit, project = VISIT_OF[followup_months], project_for(followup_months)
    readings: dict[str, pd.DataFrame] = {}
    if "KXR_SQ_BU00" in tables:
        readings["BL_KL_grade"] = grades(tables["KXR_SQ_BU00"], project)
    if "KXR_FTA_DURYEA00" in tables:
        readings["Alignment_degree"] = angles(tables["KXR_FTA_DURYEA00"], project)
    baseline, followup = tables.get("KXR_QJSW_DURYEA00"), tables.get(f"KXR_QJSW_DURYEA{visit}")
    widths = joint_spaces(baseline, followup, visit, project)
    for column, table, width in zip(("BL_mJSW_mm", "FU_mJSW_mm"), (baseline, followup), widths, strict=True):
        if table is not None:
            readings[column] = width
    return readings
