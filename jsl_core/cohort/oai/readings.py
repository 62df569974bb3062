"""What the central readers measured: one value a knee from several readings, by project.

A knee is read anew in each reading project, and the projects differ; the key of a reading is participant,
side and project. Readings that contradict one another within a project are never resolved by chance.
"""

import pandas as pd

from jsl_core.cohort.oai.values import codes_of, numbers_of, participants_of, sides_of

__all__ = ["NOT_READ", "angles", "grades", "joint_spaces", "project_for"]

NOT_READ = "not read"
_CONTRADICTORY = "contradictory"
_WIDEST_MM = 20.0
_STEEPEST = 60.0


def project_for(followup_months: int) -> str:
    """Project 15 read baseline to 48 months; 37, called 42 at 72 and 96 months, baseline to 96 months."""
    return "15" if followup_months <= 48 else "37"


def grades(table: pd.DataFrame, project: str) -> pd.DataFrame:
    """KL grade of each knee in one project: `value`, and `why` there is none. Indexed by knee ID."""
    readings = _by_project(table, "V00XRKL", 0, 4, whole=True)
    return readings[readings["project"] == project].set_index("knee")[["value", "why"]]


def angles(table: pd.DataFrame, project: str) -> pd.DataFrame:
    """Femorotibial angle in degrees, as `grades`; from the project, or else from the lowest that has one."""
    readings = _by_project(table, "V00FTANGLE", -_STEEPEST, _STEEPEST)
    readings["rank"] = (readings["project"] != project) + 2 * readings["value"].isna()
    return _first(readings)[["value", "why"]]


def joint_spaces(
    baseline: pd.DataFrame | None, followup: pd.DataFrame | None, visit: str, project: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Minimal medial joint space width in mm at baseline and at follow-up, as `grades`.

    Widths are compared within one project only: the named one, or else the lowest, that read both visits.
    """
    both = _widths(baseline, "00").merge(
        _widths(followup, visit), how="outer", on=["knee", "project"], suffixes=("_00", "_fu")
    )
    start, end = both["value_00"].notna(), both["value_fu"].notna()
    both["rank"] = 4 * ~start + 2 * ~end + (both["project"] != project)
    both = _first(both)
    return tuple(  # type: ignore[return-value]
        both[[f"value_{when}", f"why_{when}"]].set_axis(["value", "why"], axis=1).fillna({"why": NOT_READ})
        for when in ("00", "fu")
    )


def _widths(table: pd.DataFrame | None, visit: str) -> pd.DataFrame:
    if table is None:
        return pd.DataFrame(columns=["knee", "project", "value", "why"]).astype({"value": float})
    unmeasurable = f"V{visit}NOMJSWX"
    flagged = numbers_of(table[unmeasurable]).numbers == 1 if unmeasurable in table else False
    return _by_project(table, f"V{visit}MCMJSW", 0, _WIDEST_MM, flagged)


def _by_project(
    table: pd.DataFrame,
    column: str,
    low: float,
    high: float,
    unmeasurable: "pd.Series | bool" = False,
    *,
    whole: bool = False,
) -> pd.DataFrame:
    """One row a knee and project: `knee`, `project`, `value`, `why`."""
    values = numbers_of(table[column], low, high, whole=whole)
    project = codes_of(table["READPRJ"]).str.removesuffix(".0") if "READPRJ" in table else ""
    sides = sides_of(table["SIDE"])
    readings = pd.DataFrame(
        {
            "knee": participants_of(table["ID"]) + "_" + sides.astype(str),
            "project": project,
            "value": values.numbers,
            "why": values.missing.mask(values.numbers.isna() & unmeasurable, "not measurable"),
        }
    )
    readings["project"] = readings["project"].replace("42", "37")
    readings = readings[(participants_of(table["ID"]) != "") & (sides > 0)]
    keys = ["knee", "project"]
    readings = readings.sort_values([*keys, "value"], kind="stable")  # values before blanks
    grouped = readings.groupby(keys)["value"]
    contradictory = grouped.transform("min") != grouped.transform("max")
    contradictory &= readings["value"].notna()
    readings["value"] = readings["value"].mask(contradictory)
    readings["why"] = readings["why"].mask(contradictory, _CONTRADICTORY)
    return readings.groupby(keys, as_index=False).head(1).reset_index(drop=True)


def _first(readings: pd.DataFrame) -> pd.DataFrame:
    """The reading of the lowest rank of each knee, then of the lowest project."""
    number = pd.to_numeric(readings["project"], errors="coerce")
    ordered = readings.assign(number=number).sort_values(["knee", "rank", "number", "project"])
    return ordered.groupby("knee").head(1).set_index("knee")
