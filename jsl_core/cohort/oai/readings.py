"""The central readings: one value per knee out of several readings, by project.

A knee is read anew in each reading project, and the projects differ; the key of a reading is participant,
side and project. Readings that contradict one another within a project are never resolved by chance.
"""

import pandas as pd

from jsl_core.cohort.oai.values import codes_of, numbers_of, participants_of, sides_of

__all__ = [
    "CONTRADICTORY",
    "NOT_READ",
    "WIDEST_MM",
    "project_for",
    "read_angles",
    "read_grades",
    "read_joint_spaces",
]

NOT_READ = "not read"
CONTRADICTORY = "contradictory"
WIDEST_MM = 20.0
_STEEPEST = 60.0


def project_for(followup_months: int) -> str:
    """Project 15 read baseline to 48 months; 37, called 42 at 72 and 96 months, baseline to 96 months."""
    return "15" if followup_months <= 48 else "37"


def read_grades(table: pd.DataFrame, project: str) -> pd.DataFrame:
    """Read the KL grade of each knee in one project.

    Returns:
        `value`, and the `reason` why it is missing ("" where it is not), by knee ID.
    """
    readings = _by_project(table, "V00XRKL", 0, 4, whole=True)
    return readings[readings["project"] == project].set_index("knee")[["value", "reason"]]


def read_angles(table: pd.DataFrame, project: str) -> pd.DataFrame:
    """Read the femorotibial angle in degrees, from the project, or else from the lowest that has one.

    Returns:
        As `read_grades`.
    """
    readings = _by_project(table, "V00FTANGLE", -_STEEPEST, _STEEPEST)
    readings["rank"] = (readings["project"] != project) + 2 * readings["value"].isna()
    return _first_ranked(readings)[["value", "reason"]]


def read_joint_spaces(
    baseline: pd.DataFrame | None, followup: pd.DataFrame | None, visit: str, project: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the minimal medial joint space width in mm at baseline and at follow-up.

    Widths are compared within one project only: the named one, or else the lowest, that read both visits.

    Args:
        baseline: KXR_QJSW_DURYEA00, if there is one.
        followup: The same table of the follow-up visit, if there is one.
        visit: The release's number of the follow-up visit, such as `06`.
        project: The preferred reading project.

    Returns:
        At baseline and at follow-up, each as `read_grades`.
    """
    both = _widths(baseline, "00").merge(
        _widths(followup, visit), how="outer", on=["knee", "project"], suffixes=("_00", "_fu")
    )
    start, end = both["value_00"].notna(), both["value_fu"].notna()
    both["rank"] = 4 * ~start + 2 * ~end + (both["project"] != project)
    both = _first_ranked(both)
    return tuple(  # type: ignore[return-value]
        both[[f"value_{when}", f"reason_{when}"]]
        .set_axis(["value", "reason"], axis=1)
        .fillna({"reason": NOT_READ})
        for when in ("00", "fu")
    )


def _widths(table: pd.DataFrame | None, visit: str) -> pd.DataFrame:
    if table is None:
        return pd.DataFrame(columns=["knee", "project", "value", "reason"]).astype({"value": float})
    width, own, locations = f"V{visit}MCMJSW", f"V{visit}NOMMJSW", f"V{visit}NOMJSWX"
    if own in table:  # the minimum's own flag: a width beside it is none
        missing = numbers_of(table[own]).numbers == 1
        table = table.assign(**{width: table[width].mask(missing, "")})
        return _by_project(table, width, 0, WIDEST_MM, missing)
    flagged = numbers_of(table[locations]).numbers == 1 if locations in table else False
    return _by_project(table, width, 0, WIDEST_MM, flagged)


def _by_project(
    table: pd.DataFrame,
    column: str,
    low: float,
    high: float,
    unmeasurable: "pd.Series | bool" = False,
    *,
    whole: bool = False,
) -> pd.DataFrame:
    """One row a knee and project: `knee`, `project`, `value`, `reason`."""
    values = numbers_of(table[column], low, high, whole=whole)
    project = codes_of(table["READPRJ"]).str.removesuffix(".0") if "READPRJ" in table else ""
    sides = sides_of(table["SIDE"])
    readings = pd.DataFrame(
        {
            "knee": participants_of(table["ID"]) + "_" + sides.astype(str),
            "project": project,
            "value": values.numbers,
            "reason": values.missing.mask(values.numbers.isna() & unmeasurable, "not measurable"),
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
    readings["reason"] = readings["reason"].mask(contradictory, CONTRADICTORY)
    return readings.groupby(keys, as_index=False).head(1).reset_index(drop=True)


def _first_ranked(readings: pd.DataFrame) -> pd.DataFrame:
    """The reading of the lowest rank of each knee, then of the lowest project."""
    number = pd.to_numeric(readings["project"], errors="coerce")
    ordered = readings.assign(number=number).sort_values(["knee", "rank", "number", "project"])
    return ordered.groupby("knee").head(1).set_index("knee")
