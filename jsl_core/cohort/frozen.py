"""The frozen test part: participants on whom models are compared, from the first model to the last."""

from collections.abc import Set

import pandas as pd

from jsl_core.cohort.splits import assign_splits
from jsl_core.config import PackSettings

__all__ = ["with_frozen_test"]


def with_frozen_test(table: pd.DataFrame, frozen: Set[str], settings: PackSettings) -> pd.DataFrame:
    """Every row with a split: `test` for the frozen participants, whatever the table says.

    All others are dealt to train and val as `assign_splits` does it; a split that the table gives them stays.
    """
    table = table.copy()
    table.loc[table["participant"].isin(frozen), "split"] = "test"
    others = settings.model_copy(update={"test": 0.0, "val": settings.val / (1 - settings.test)})
    return assign_splits(table, others)
