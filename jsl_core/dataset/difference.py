"""Compares two packed datasets row by row."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import row_names
from jsl_core.dataset.packed import PackedDataset

__all__ = ["compare_datasets"]

_COLUMNS = ["ID", "what", "old", "new"]


def compare_datasets(old: PackedDataset, new: PackedDataset) -> pd.DataFrame:
    """List the differences between two packed datasets.

    Returns:
        One row a change: `ID` (with `@` and the visit where there are several), `what` (`added`, `gone`,
        `crop`, or a column of the table), `old`, `new`.
    """
    return pd.DataFrame(_rows(old, new), columns=_COLUMNS)


def _rows(old: PackedDataset, new: PackedDataset) -> Iterator[tuple[str, str, object, object]]:
    before, after = (table.set_index(pd.Index(row_names(table))) for table in (old.table, new.table))
    for knee in after.index.difference(before.index):
        yield knee, "added", "", ""
    for knee in before.index.difference(after.index):
        yield knee, "gone", "", ""
    both = before.index.intersection(after.index)
    for column in before.columns.union(after.columns, sort=False):
        a, b = (_column(table, column)[both] for table in (before, after))
        for knee in both[(a != b) & ~(a.isna() & b.isna())]:
            yield knee, column, a[knee], b[knee]
    rows = {name: row for row, name in enumerate(row_names(new.table))}
    for row, knee in enumerate(row_names(old.table)):
        if knee in rows and not np.array_equal(old.images[row], new.images[rows[knee]]):
            yield knee, "crop", "", "other pixels"


def _column(table: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """A column, empty where the table has none of that name."""
    return table[name] if name in table else pd.Series(None, index=table.index, dtype=object)
