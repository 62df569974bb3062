"""One split into train, val and test for every regime."""

import hashlib
import math

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION
from jsl_core.config import PackSettings

__all__ = ["assign_folds", "assign_splits"]


def assign_splits(table: pd.DataFrame, settings: PackSettings) -> pd.DataFrame:
    """Fill the blanks of the column `split`, and return a new table.

    Units are participants (or knees, the seed's mistake), stratified by their worst KL grade and by whether
    any knee progressed. Within a stratum a seeded hash of the name orders the units, so a new participant
    moves at most one other across each border of each stratum. A split that the table gives is kept, and a
    test or validation part that it gives not added to: the shares of the others are then of the rest. Knees
    without one follow the other knee of the same participant.
    """
    table = table.copy()
    unit = table["participant"] if settings.split_by == "participant" else table["ID"]
    given = table["split"].where(table["split"] != "")
    table["split"] = given.groupby(unit).transform("first")
    blank = table["split"].isna()
    if blank.any():
        test, val, named = settings.test, settings.val, set(given.dropna())
        if "test" in named:
            test, val = 0.0, val / (1 - settings.test)
        if "val" in named:
            test, val = test / (1 - settings.val), 0.0
        assigned = _stratified(table[blank], unit[blank], settings.seed, test, val)
        table.loc[blank, "split"] = unit[blank].map(assigned)
    return table


def assign_folds(table: pd.DataFrame, folds: int) -> pd.Series:
    """A fold, 0…`folds` - 1, for every row: by participant, stratified as `assign_splits` does.

    The same participants are always dealt in the same way.
    """
    frame = _strata(table, table["participant"], seed=0)
    order = frame.sort_values(["progressed", "worst", "order"]).index
    return table["participant"].map({name: place % folds for place, name in enumerate(order)})


def _strata(table: pd.DataFrame, unit: pd.Series, seed: int) -> pd.DataFrame:
    """Per unit its worst grade, whether any knee progressed (-1: unknown), and a seeded hash of its name."""
    worst = table[GRADE].groupby(unit).max().fillna(-1)
    progressed = table[PROGRESSION].groupby(unit).max().fillna(-1)
    frame = pd.DataFrame({"worst": worst, "progressed": progressed})
    frame["order"] = [_hash(seed, str(name)) for name in frame.index]
    return frame


def _stratified(table: pd.DataFrame, unit: pd.Series, seed: int, test: float, val: float) -> dict[str, str]:
    """The part of each unit, these shares of them for testing and for validation."""
    frame = _strata(table, unit, seed)
    assigned: dict[str, str] = {}
    wanted = np.array([test, test + val])
    before = 0
    for _, stratum in frame.groupby(["progressed", "worst"], sort=True):
        names = stratum.sort_values("order").index
        # Borders come from the running total: small strata do not lose their share to rounding.
        after = before + len(names)
        first, second = (math.floor(s * after + 0.5) - math.floor(s * before + 0.5) for s in wanted)
        for place, name in enumerate(names):
            assigned[name] = "test" if place < first else "val" if place < second else "train"
        before = after
    return assigned


def _hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
