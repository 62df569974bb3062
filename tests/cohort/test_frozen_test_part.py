"""The participants on whom models are compared are never trained on, and no others join them."""

import numpy as np
import pandas as pd

from jsl_core.cohort import assign_splits, assign_with_frozen_test
from jsl_core.config import PackSettings


def table(participants: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [str(1_000_001 + number) for number in range(participants) for _ in range(2)]
    return pd.DataFrame(
        {
            "participant": names,
            "ID": [f"{name}_{place % 2 + 1}" for place, name in enumerate(names)],
            "BL_KL_grade": rng.integers(0, 5, 2 * participants).astype(float),
            "JSL_Prog": (rng.random(2 * participants) < 0.3).astype(float),
            "split": "",
        }
    )


def test_the_test_part_stays_the_same_however_the_cohort_grows() -> None:
    settings = PackSettings()
    first = assign_splits(table(100), settings)
    frozen = frozenset(first.loc[first["split"] == "test", "participant"])
    grown = assign_with_frozen_test(table(300), frozen, settings)
    assert frozenset(grown.loc[grown["split"] == "test", "participant"]) == frozen
    others = grown[grown["split"] != "test"]
    share = (others["split"] == "val").mean()
    assert abs(share - settings.val / (1 - settings.test)) < 0.03


def test_a_split_in_the_table_holds_for_all_but_the_frozen() -> None:
    cohort = table(40)
    cohort.loc[cohort["participant"] == "1000001", "split"] = "train"
    cohort.loc[cohort["participant"] == "1000002", "split"] = "val"
    split = assign_with_frozen_test(cohort, frozenset({"1000001"}), PackSettings())
    by_name = split.groupby("participant")["split"].unique()
    assert list(by_name["1000001"]) == ["test"]
    assert list(by_name["1000002"]) == ["val"]
