"""The split into train, val and test, the same for every regime, and the folds of a cross-validation."""

import hashlib
import math
from collections.abc import Set

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, SPLIT_BY_KNEE
from jsl_core.cohort.fixed_split import TESTED_BY_NUMBER, FixedSplit
from jsl_core.cohort.persons import person_key, person_keys
from jsl_core.config import PackSettings
from jsl_core.errors import BadTable

__all__ = [
    "assign_folds",
    "assign_splits",
    "assign_with_frozen_test",
    "held_out_participants",
    "left_out_of_split",
]


def assign_splits(table: pd.DataFrame, settings: PackSettings) -> pd.DataFrame:
    """Assign train, val or test to the knees without a split.

    Units are participants (or knees, the seed's mistake), stratified by their worst KL grade and by whether
    any knee progressed. Within a stratum a seeded hash of the name orders the units, so a new participant
    moves at most one other across each border of each stratum.

    Args:
        table: From `read_cohort`. A split that it names is kept, and the other knee of the participant gets
            the same. A test or validation part that it names is not added to; the shares of the others are
            then of the rest.
        settings: The split, the shares, the unit and the seed. Rows that the split leaves out are not to be
            among them (`left_out_of_split`).

    Returns:
        A new table.

    Raises:
        BadTable: Units are participants, and the table names two splits for the knees of one; or the split is
            jsl-1 or a variant, and the table tests on somebody else, or learns from whom that tests on.
    """
    table = table.copy()
    if fixed := FixedSplit.parse(settings.split):
        _mark_tested(table, fixed)
        settings = settings.model_copy(
            update={"split": "drawn", "test": 0.0, "val": settings.val / (1 - TESTED_BY_NUMBER)}
        )
    unit = table["participant"] if settings.split_by == "participant" else table["ID"]
    preset = table["split"].where(table["split"] != "")
    if not preset.dropna().equals(preset.groupby(unit).transform("first")[preset.notna()]):
        raise BadTable(
            f"the cohort table parts participants by knee ({SPLIT_BY_KNEE}); set pack.split_by to knee, or "
            "give both knees the same split"
        )
    table["split"] = preset.groupby(unit).transform("first")
    unassigned = table["split"].isna()
    if unassigned.any():
        test, val, preset_splits = settings.test, settings.val, set(preset.dropna())
        if "test" in preset_splits:
            test, val = 0.0, val / (1 - settings.test)
        if "val" in preset_splits:
            test, val = test / (1 - settings.val), 0.0
        split_of = _assign_stratified(table[unassigned], unit[unassigned], settings.seed, test, val)
        table.loc[unassigned, "split"] = unit[unassigned].map(split_of)
    return table


def assign_with_frozen_test(table: pd.DataFrame, frozen: Set[str], settings: PackSettings) -> pd.DataFrame:
    """Assign `test` to the frozen participants, whatever the table says, and train or val to all others.

    The frozen test part is the participants on whom a champion and its challengers are compared. They are
    known by `person_key`, however a later table writes them.

    Args:
        table: From `read_cohort`. A split that it names for the others is kept.
        frozen: The participants of the frozen test part.
        settings: As for `assign_splits`.

    Returns:
        A new table.
    """
    table = table.copy()
    table.loc[table["participant"].map(person_key).isin(person_keys(frozen)), "split"] = "test"
    if FixedSplit.parse(settings.split):  # whose test part is as frozen, and grows with the cohort
        return assign_splits(table, settings)
    others = settings.model_copy(update={"test": 0.0, "val": settings.val / (1 - settings.test)})
    return assign_splits(table, others)


def left_out_of_split(table: pd.DataFrame, settings: PackSettings) -> "pd.Series[bool]":
    """Mask the rows that a variant of split jsl-1 neither tests on nor learns from.

    Args:
        table: From `read_cohort`.
        settings: Name the split.

    Raises:
        BadTable: If the table does not tell the site or visit of every row.
    """
    fixed = FixedSplit.parse(settings.split)
    if fixed is None:
        return pd.Series(False, table.index)
    tested, learned = fixed.parts(table)
    return ~(tested | learned)


def _mark_tested(table: pd.DataFrame, fixed: FixedSplit) -> None:
    """Put the rows that a fixed split tests on into the test part; a table's own test part must be that."""
    tested, _ = fixed.parts(table)
    own = table["split"]
    for part, wrong in (("test", (own == "test") & ~tested), (None, tested & own.isin(["train", "val"]))):
        if wrong.any():
            what, first = "tests on" if part else "learns from", table.loc[wrong, "ID"].iloc[0]
            raise BadTable(
                f"the cohort table's split {what} {first} and {int(wrong.sum()) - 1} knees more, which split "
                f"{fixed.name} does not; empty its column split, or set pack.split to drawn"
            )
    table.loc[tested, "split"] = "test"


def held_out_participants(table: pd.DataFrame) -> frozenset[str]:
    """The participants of the test part of whom no knee is in another part, as may be where knees are split.

    Args:
        table: With `participant` and `split`, a row per knee.
    """
    names = set(table.loc[table["split"] == "test", "participant"])
    learned = person_keys(table.loc[table["split"] != "test", "participant"])
    return frozenset(name for name in names if person_key(name) not in learned)


def assign_folds(table: pd.DataFrame, folds: int) -> pd.Series:
    """Assign every knee to a fold by participant, stratified as `assign_splits` does.

    The same participants always get the same folds.

    Args:
        table: From `read_cohort`.
        folds: How many.

    Returns:
        A fold, 0…`folds` - 1, for every row.
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


def _assign_stratified(
    table: pd.DataFrame, unit: pd.Series, seed: int, test: float, val: float
) -> dict[str, str]:
    """The split of each unit, given the shares of the test and the validation part."""
    frame = _strata(table, unit, seed)
    split_of: dict[str, str] = {}
    borders = np.array([test, test + val])
    before = 0
    for _, stratum in frame.groupby(["progressed", "worst"], sort=True):
        names = stratum.sort_values("order").index
        # Borders come from the running total: small strata do not lose their share to rounding.
        after = before + len(names)
        first, second = (math.floor(s * after + 0.5) - math.floor(s * before + 0.5) for s in borders)
        for place, name in enumerate(names):
            split_of[name] = "test" if place < first else "val" if place < second else "train"
        before = after
    return split_of


def _hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
