"""The knees of a batch that have no label yet, as a cohort table."""

from pathlib import Path

import pandas as pd

from jsl_core.cohort import GRADE, PROGRESSION
from jsl_core.cohort.persons import normalise_knee
from jsl_core.config import Regime
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.cohort import read_run_cohort

__all__ = ["label_of", "unlabelled"]


def label_of(regime: Regime) -> str:
    """The column that a regime learns from."""
    return GRADE if regime == "kl" else PROGRESSION


def unlabelled(joints: Artifact, cohort: Path, regime: Regime, placement: Placement) -> Artifact | None:
    """Those of the joints whose knee has no label in the table yet, with what it says of them; None for none.

    A knee that the table does not know is a row of blanks.
    """
    store = placement.open()
    table = read_run_cohort(cohort, placement)
    knees = dict.fromkeys(normalise_knee(row["ID"]) for row in read_rows(store, [joints]))
    names = pd.Series(list(knees), name="ID", dtype=str)
    labelled = set(table.loc[table[label_of(regime)].notna(), "ID"])
    rows = names[~names.isin(labelled)].to_frame().merge(table, on="ID", how="left")
    if rows.empty:
        return None
    blank = rows.drop(columns=["participant", "side", "split", "Img_path"])
    return store.put(blank.to_csv(index=False).encode(), "unlabelled.csv")
