"""Enrolment, clinical measures and joint replacements of each participant."""

import numpy as np
import pandas as pd

from jsl_core.cohort.oai.values import codes_of, dates_of, numbers_of, participants_of

__all__ = [
    "read_clinical",
    "read_deaths",
    "read_enrolment",
    "read_last_contacts",
    "read_measures_at",
    "read_replacements",
]

_MEASURES = ("Age", "BMI")  # all others are codes
# Months of the visits and calls by the release's numbers; the odd ones between are by telephone.
_CONTACTS = {0: 0, 1: 12, 2: 18, 3: 24, 4: 30, 5: 36, 6: 48, 7: 60, 8: 72, 9: 84, 10: 96, 11: 108, 12: 120}
_DAYS_OF_DEATH = ("V99EDDDAYS", "V99EDDDAY", "V99EDDAYS")
_REFUTED = 0  # adjudication failed to confirm it
_CONFIRMED, _REPORTED = 3, 1  # adjudicated; by the participant's own report, not yet adjudicated


def read_enrolment(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read Sex, Race, Cohort (1 progression, 2 incidence, 3 control) and Site from ENROLLEES.

    Returns:
        Values by participant, and the reason why each is missing ("" where it is not).
    """
    values, reasons = _values_by_participant(
        table, {"Sex": ("P02SEX", 1, 2), "Race": ("P02RACE", 0, 3), "Cohort": ("V00COHORT", 1, 3)}
    )
    sites = codes_of(table.get("V00SITE", _constant_column(table)))
    values["Site"] = _first_by_participant(table, sites.where(sites.str.fullmatch(r"[A-Z]"), ""))
    return values, reasons


def read_clinical(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read Age, BMI and injury of the right (`injury_1`) and left knee (`injury_2`) from ALLCLINICAL00.

    Returns:
        Values by participant, and the reason why each is missing ("" where it is not).
    """
    return _values_by_participant(
        table,
        {
            "Age": ("V00AGE", 18, 120),
            "BMI": ("P01BMI", 10, 80),
            "injury_1": ("P01INJR", 0, 1),
            "injury_2": ("P01INJL", 0, 1),
        },
    )


def read_replacements(table: pd.DataFrame | None) -> pd.DataFrame:
    """Read the replaced knees from OUTCOMES99.

    A replacement that adjudication failed to confirm counts only if a follow-up film shows it. A counted one
    without a day has `days` 0, with a date too: whether it came before the follow-up film is not known.

    Returns:
        By knee ID whether it was replaced `at_baseline`, and `days` from enrolment to the replacement.
    """
    if table is None:
        return pd.DataFrame({"at_baseline": pd.Series(dtype=bool), "days": pd.Series(dtype=float)})
    parts = []
    for side, letter in ((1, "R"), (2, "L")):
        columns = {
            what: numbers_of(table.get(f"V99E{letter}K{what}", _constant_column(table)))
            for what in ("BLRP", "RPCF", "RPSN", "DAYS")
        }
        days, status = columns["DAYS"].numbers, columns["RPCF"]
        counted = status.numbers.isin((_CONFIRMED, _REPORTED)) | (columns["RPSN"].numbers == 1)
        dated = dates_of(table.get(f"V99E{letter}KDATE", _constant_column(table))) != ""
        counted |= (days.notna() | dated) & status.numbers.isna()
        at_baseline = columns["BLRP"].numbers == 1
        part = pd.DataFrame({"at_baseline": at_baseline, "days": days.fillna(0).where(counted, np.nan)})
        part.index = pd.Index(participants_of(table["ID"]) + f"_{side}")
        parts.append(part[(counted | at_baseline).to_numpy()])
    return pd.concat(parts).groupby(level=0).agg({"at_baseline": "max", "days": "min"})


def read_measures_at(table: pd.DataFrame, visit: str) -> pd.DataFrame:
    """Read Age and BMI at a later visit by participant, from ALLCLINICAL of that visit."""
    columns = {"Age": (f"V{visit}AGE", 18, 120), "BMI": (f"V{visit}BMI", 10, 80)}
    values, _ = _values_by_participant(table, {n: c for n, c in columns.items() if c[0] in table})
    return values


def read_deaths(tables: dict[str, pd.DataFrame]) -> pd.Series:
    """Read from OUTCOMES99 the days from enrolment to death by participant, of those who died.

    By the day that stands there, or else by the date and that of enrolment (V00EVDATE); a death that
    adjudication failed to confirm is none.
    """
    table = tables.get("OUTCOMES99")
    if table is None:
        return pd.Series(dtype=float)
    days = pd.Series(np.nan, index=table.index)
    for column in _DAYS_OF_DEATH:
        if column in table:
            days = days.fillna(numbers_of(table[column], 0).numbers)
    clinical = tables.get("ALLCLINICAL00")
    people = participants_of(table["ID"])
    if clinical is not None and "V00EVDATE" in clinical and "V99EDDDATE" in table:
        enrolled = _first_by_participant(clinical, dates_of(clinical["V00EVDATE"]))
        start, end = people.map(enrolled), dates_of(table["V99EDDDATE"])
        days = days.fillna((_moments(end) - _moments(start)).dt.days.astype(float))
    status = numbers_of(table.get("V99EDDCF", _constant_column(table))).numbers
    days = days.where(status.ne(_REFUTED))
    return days.groupby(people).min().drop(index="", errors="ignore")


def read_last_contacts(tables: dict[str, pd.DataFrame]) -> pd.Series:
    """Read from OUTCOMES99 the months from enrolment to the last contact by participant, where it tells."""
    table = tables.get("OUTCOMES99")
    if table is None or "V99RNTCNT" not in table:
        return pd.Series(dtype=float)
    months = numbers_of(table["V99RNTCNT"]).numbers.map(_CONTACTS)
    return months.groupby(participants_of(table["ID"])).max().drop(index="", errors="ignore")


def _moments(dates: pd.Series) -> pd.Series:
    return pd.to_datetime(dates, format="%Y%m%d", errors="coerce")


def _constant_column(table: pd.DataFrame, cell: object = "") -> pd.Series:
    return pd.Series(cell, index=table.index)


def _values_by_participant(
    table: pd.DataFrame, columns: dict[str, tuple[str, float, float]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values and the reasons why they are missing; one that differs between two rows is missing.

    `columns` gives the table's column, and the lowest and highest value, of each.
    """
    values, reasons = pd.DataFrame(), pd.DataFrame()
    for name, (source, lowest, highest) in columns.items():
        if source not in table:
            values[name] = _first_by_participant(table, _constant_column(table, np.nan))
            reasons[name] = _first_by_participant(table, _constant_column(table, "no column"))
            continue
        column = numbers_of(table[source], lowest, highest, whole=name not in _MEASURES)
        grouped = column.numbers.groupby(participants_of(table["ID"]))
        low, high = grouped.min(), grouped.max()
        values[name] = low.where(low == high)
        missing = _first_by_participant(table, column.missing)
        reasons[name] = missing.where(low.isna(), "").mask(low.ne(high) & low.notna(), "contradictory")
    return values.drop(index="", errors="ignore"), reasons.drop(index="", errors="ignore")


def _first_by_participant(table: pd.DataFrame, column: pd.Series) -> pd.Series:
    return column.groupby(participants_of(table["ID"])).first()
