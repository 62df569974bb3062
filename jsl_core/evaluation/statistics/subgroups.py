"""The same figure in parts of the cohort, so that a model which works for some is not sold as one for all."""

from collections.abc import Iterator

import numpy as np
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
        "Sex": _named(rows, "Sex", _SEX),
        "Race": _named(rows, "Race", _RACE),
        "Age": _banded(rows, "Age", *_AGE),
        "BMI": _banded(rows, "BMI", *_BMI),
        "KL grade": _named(rows, "BL_KL_grade", {grade: str(grade) for grade in range(5)}),
    }
    for group, level_of in columns.items():
        for level in level_of.cat.categories[level_of.value_counts(sort=False) > 0]:
            yield group, level, level_of == level


def _named(rows: pd.DataFrame, column: str, names: dict[int, str]) -> pd.Series:
    codes = rows.get(column, pd.Series(np.nan, rows.index))
    return codes.map(names).astype(pd.CategoricalDtype(list(names.values()), ordered=True))


def _banded(rows: pd.DataFrame, column: str, edges: list[int], names: list[str]) -> pd.Series:
    values = rows.get(column, pd.Series(np.nan, rows.index))
    return pd.cut(values, edges, right=False, labels=names)
