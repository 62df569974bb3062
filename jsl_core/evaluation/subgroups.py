"""The same figure in parts of the cohort, so that a model which works for some is not sold as one for all."""

from collections.abc import Iterator

import pandas as pd

__all__ = ["subgroups"]

_SEX = {1: "male", 2: "female"}
_RACE = {0: "other", 1: "white", 2: "black", 3: "Asian"}
_AGE = ([0, 50, 60, 70, 120], ["below 50", "50–59", "60–69", "70 and above"])
_BMI = ([0, 25, 30, 35, 200], ["below 25", "25–29.9", "30–34.9", "35 and above"])


def subgroups(rows: pd.DataFrame) -> Iterator[tuple[str, str, "pd.Series[bool]"]]:
    """Group, level and a mask of the rows, by sex, race, bands of age (years) and BMI (kg/m²), and KL grade.

    Columns that are missing and levels that do not occur are left out.
    """
    columns = {
        "Sex": rows.get("Sex", pd.Series(dtype=float)).map(_SEX),
        "Race": rows.get("Race", pd.Series(dtype=float)).map(_RACE),
        "Age": _banded(rows, "Age", *_AGE),
        "BMI": _banded(rows, "BMI", *_BMI),
        "KL grade": rows["BL_KL_grade"].map(lambda grade: f"{grade:.0f}", na_action="ignore"),
    }
    for group, level_of in columns.items():
        for level in sorted(level_of.dropna().unique(), key=str):
            yield group, str(level), level_of == level


def _banded(rows: pd.DataFrame, column: str, edges: list[int], names: list[str]) -> pd.Series:
    if column not in rows:
        return pd.Series(dtype=object)
    return pd.cut(rows[column], edges, right=False, labels=names).astype(object)
