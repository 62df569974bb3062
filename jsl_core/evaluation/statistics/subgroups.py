"""Subgroups of the cohort, to see whether a model works in all of them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE

__all__ = ["subgroup_masks"]

_SEX = {1: "male", 2: "female"}
_RACE = {0: "other", 1: "white", 2: "black", 3: "Asian"}
_AGE = ([0, 50, 60, 70, 120], ["below 50", "50–59", "60–69", "70 and above"])
_BMI = ([0, 25, 30, 35, 200], ["below 25", "25–29.9", "30–34.9", "35 and above"])


def subgroup_masks(rows: pd.DataFrame) -> Iterator[tuple[str, str, "pd.Series[bool]"]]:
    """Mask the rows of each subgroup: by sex, race, age (years), BMI (kg/m²) and KL grade.

    Args:
        rows: One row per knee; a column that is missing gives no subgroups.

    Yields:
        Group, level, and a bool mask of the rows, for every level that occurs.
    """
    columns = {
        "Sex": _named(rows, "Sex", _SEX),
        "Race": _named(rows, "Race", _RACE),
        "Age": _banded(rows, "Age", *_AGE),
        "BMI": _banded(rows, "BMI", *_BMI),
        "KL grade": _named(rows, GRADE, {grade: str(grade) for grade in range(5)}),
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
