"""The tables of a release joined into one, with a row a knee and visit."""

from collections.abc import Sequence

import pandas as pd

from jsl_core.cohort.columns import GRADE, JSW, MONTHS, OARSI, VISIT, VISIT_GRADE
from jsl_core.cohort.oai.clinical import read_deaths, read_last_contacts, read_measures_at
from jsl_core.cohort.oai.join import NO_TABLE, join_persons
from jsl_core.cohort.oai.readings import NOT_READ, read_angles
from jsl_core.cohort.oai.specs import MONTHS_OF
from jsl_core.cohort.oai.visit_readings import PROJECTS, VisitReadings, read_visit_grades, read_visit_widths

__all__ = ["MEASURED_AT_VISITS", "join_visits"]

MEASURED_AT_VISITS = (  # those whose absence the column `Missing` explains
    *("Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree", GRADE, VISIT_GRADE),
    *("JSN_medial", "JSN_lateral", "mJSW_mm", "Cohort"),
)
_TABLES = {
    "KXR_SQ_BU": (read_visit_grades, (VISIT_GRADE, "KL_project", "KL_37_grade", *OARSI, "JSN_37_medial")),
    "KXR_QJSW_DURYEA": (
        read_visit_widths,
        (
            *("mJSW_mm", "JSW_project", "mJSW_37_mm", *JSW, "JSW_37_0250_mm"),
            *("JSW_barcode", "JSW_positions_differ"),
        ),
    ),
}
_TEXTS = ("KL_project", "JSW_project", "JSW_barcode")
_TAKEN_ANEW = ("Age", "BMI")  # also at later visits


def join_visits(tables: dict[str, pd.DataFrame], visits: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join the tables of a release, with a row for both knees of everyone in them at each visit.

    Args:
        tables: By name, as `read_tables` gives them.
        visits: By the release's numbers, in their order, baseline among them.

    Returns:
        The rows, indexed by ID and visit and sorted, with the columns of `VISIT_COLUMNS` that are no film's
        and no label's, `enrolled` and `at_baseline` (replaced before the study). And the reason why each of
        `MEASURED_AT_VISITS` is missing, "" where it is not.
    """
    knees, missing = join_persons(tables)
    for column in (name for name in _TAKEN_ANEW if name not in knees):
        knees[column], missing[column] = float("nan"), NO_TABLE
    if "KXR_FTA_DURYEA00" in tables:
        angles = read_angles(tables["KXR_FTA_DURYEA00"], PROJECTS[0]).reindex(knees.index)
        knees["Alignment_degree"] = angles["value"]
        missing["Alignment_degree"] = angles["reason"].fillna(NOT_READ)
    readings = {visit: _read_visit(tables, visit, knees.index) for visit in visits}
    knees[GRADE] = readings["00"].table[VISIT_GRADE]
    missing[GRADE] = readings["00"].reasons[VISIT_GRADE]
    knees["Died_days"] = knees["participant"].map(read_deaths(tables))
    parts, reasons = {}, {}
    for visit, reading in readings.items():
        parts[visit] = knees.join(reading.table)
        parts[visit][MONTHS] = MONTHS_OF[visit]
        reasons[visit] = missing.join(reading.reasons)
        if f"ALLCLINICAL{visit}" in tables or visit != "00":
            _bring_to_visit(parts[visit], reasons[visit], tables.get(f"ALLCLINICAL{visit}"), visit)
    rows = pd.concat(parts, names=[VISIT]).swaplevel()
    why = pd.concat(reasons, names=[VISIT]).swaplevel()
    order = (rows.index.get_level_values("ID").map({ID: n for n, ID in enumerate(knees.index)})).argsort(
        kind="stable"
    )
    rows["Last_contact_months"] = _last_contact_months(rows, read_last_contacts(tables))
    rows[list(_TEXTS)] = rows[list(_TEXTS)].fillna("")
    absent = [column for column in MEASURED_AT_VISITS if column not in rows]
    rows = rows.reindex(columns=[*rows.columns, *absent])
    why = why.reindex(columns=list(MEASURED_AT_VISITS), fill_value=NO_TABLE)
    return rows.iloc[order], why.iloc[order]


def _read_visit(tables: dict[str, pd.DataFrame], visit: str, knees: pd.Index) -> VisitReadings:
    """What both tables of a visit tell of each knee."""
    values, reasons = [], []
    for name, (read, columns) in _TABLES.items():
        table = tables.get(f"{name}{visit}")
        if table is None:
            values.append(pd.DataFrame(index=knees, columns=list(columns), dtype=float))
            reasons.append(pd.DataFrame(NO_TABLE, index=knees, columns=list(columns)))
        else:
            readings = read(table, visit)
            values.append(readings.table.reindex(knees))
            reasons.append(readings.reasons.reindex(knees).fillna(NOT_READ))
    return VisitReadings(pd.concat(values, axis=1), pd.concat(reasons, axis=1))


def _bring_to_visit(
    rows: pd.DataFrame, reasons: pd.DataFrame, clinical: pd.DataFrame | None, visit: str
) -> None:
    """Replace the age and BMI of enrolment by those of a later visit, as far as they were taken then."""
    rows["Age"] += MONTHS_OF[visit] / 12
    if clinical is not None:
        measures = read_measures_at(clinical, visit)
        for column in measures:
            rows[column] = rows["participant"].map(measures[column]).fillna(rows[column])
    for column in _TAKEN_ANEW:
        reasons[column] = reasons[column].where(rows[column].isna(), "")


def _last_contact_months(rows: pd.DataFrame, contacts: pd.Series) -> pd.Series:
    """Months from enrolment to the last contact, or to the last visit with a reading where that is later."""
    read = rows[[VISIT_GRADE, "mJSW_mm", "JSN_medial"]].notna().any(axis=1)
    latest = rows[MONTHS].where(read, 0).groupby(rows["participant"]).max()
    return rows["participant"].map(pd.concat([latest, contacts], axis=1).max(axis=1))
