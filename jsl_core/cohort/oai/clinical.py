"""What is known of each participant and of each knee outside the reading rooms."""

import numpy as np
import pandas as pd

from jsl_core.cohort.oai.values import codes_of, dates_of, numbers_of, participants_of

__all__ = ["clinic", "enrolled", "replacements"]

_MEASURES = ("Age", "BMI")  # all others are codes
_CONFIRMED, _REPORTED = 3, 1  # adjudicated; by the participant's own report, not yet adjudicated


def enrolled(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sex, Race, Cohort (1 progression, 2 incidence, 3 control) and Site by participant; and why not."""
    known, why = _by_participant(
        table, {"Sex": ("P02SEX", 1, 2), "Race": ("P02RACE", 0, 3), "Cohort": ("V00COHORT", 1, 3)}
    )
    sites = codes_of(table.get("V00SITE", _blank(table)))
    known["Site"] = _indexed(table, sites.where(sites.str.fullmatch(r"[A-Z]"), ""))
    return known, why


def clinic(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Age, BMI and injury of the right (`injury_1`) and left knee (`injury_2`) by participant; why not."""
    return _by_participant(
        table,
        {
            "Age": ("V00AGE", 18, 120),
            "BMI": ("P01BMI", 10, 80),
            "injury_1": ("P01INJR", 0, 1),
            "injury_2": ("P01INJL", 0, 1),
        },
    )


def replacements(table: pd.DataFrame | None) -> pd.DataFrame:
    """`at_baseline`, and `days` from enrolment to replacement, by ID of the knees that lost their joint.

    A replacement that adjudication failed to confirm counts only if a follow-up film shows it. A counted one
    without a day has `days` 0, with a date too: whether it came before the follow-up film is not known.
    """
    if table is None:
        return pd.DataFrame({"at_baseline": pd.Series(dtype=bool), "days": pd.Series(dtype=float)})
    parts = []
    for side, letter in ((1, "R"), (2, "L")):
        columns = {
            what: numbers_of(table.get(f"V99E{letter}K{what}", _blank(table)))
            for what in ("BLRP", "RPCF", "RPSN", "DAYS")
        }
        days, status = columns["DAYS"].numbers, columns["RPCF"]
        counted = status.numbers.isin((_CONFIRMED, _REPORTED)) | (columns["RPSN"].numbers == 1)
        dated = dates_of(table.get(f"V99E{letter}KDATE", _blank(table))) != ""
        counted |= (days.notna() | dated) & status.numbers.isna()
        at_baseline = columns["BLRP"].numbers == 1
        part = pd.DataFrame({"at_baseline": at_baseline, "days": days.fillna(0).where(counted, np.nan)})
        part.index = pd.Index(participants_of(table["ID"]) + f"_{side}")
        parts.append(part[(counted | at_baseline).to_numpy()])
    return pd.concat(parts).groupby(level=0).agg({"at_baseline": "max", "days": "min"})


def _blank(table: pd.DataFrame, cell: object = "") -> pd.Series:
    return pd.Series(cell, index=table.index)


def _by_participant(
    table: pd.DataFrame, columns: dict[str, tuple[str, float, float]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values and the reasons they are missing; what contradicts itself between two rows is missing.

    `columns` gives the table's column, and the lowest and highest value, of each.
    """
    known, why = pd.DataFrame(), pd.DataFrame()
    for name, (source, lowest, highest) in columns.items():
        if source not in table:
            known[name] = _indexed(table, _blank(table, np.nan))
            why[name] = _indexed(table, _blank(table, "no column"))
            continue
        column = numbers_of(table[source], lowest, highest, whole=name not in _MEASURES)
        grouped = column.numbers.groupby(participants_of(table["ID"]))
        low, high = grouped.min(), grouped.max()
        known[name] = low.where(low == high)
        reasons = _indexed(table, column.missing)
        why[name] = reasons.where(low.isna(), "").mask(low.ne(high) & low.notna(), "contradictory")
    return known.drop(index="", errors="ignore"), why.drop(index="", errors="ignore")


def _indexed(table: pd.DataFrame, column: pd.Series) -> pd.Series:
    return column.groupby(participants_of(table["ID"])).first()
