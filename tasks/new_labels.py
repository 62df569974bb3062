"""How many knees have got a label since the last model was trained."""

import io
from pathlib import Path

from jsl_core.cohort.persons import normalise_knee
from jsl_core.config import Regime
from jsl_core.landing import Ledger
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact, tree_files
from jsl_core.storage.registry import Registry
from jsl_core.system.spreadsheet import read_csv
from tasks.caching import Placement
from tasks.cohort import read_run_cohort
from tasks.unlabelled import label_of

__all__ = ["count_new_labels"]


def count_new_labels(ledger: Ledger, cohort: Path, regime: Regime, placement: Placement) -> tuple[int, int]:
    """Count the landed knees with a label that the newest model was not trained on, and the models."""
    store = placement.open()
    table = read_run_cohort(cohort, placement)
    labelled = set(table.loc[table[label_of(regime)].notna(), "ID"])
    versions = Registry(store).versions(regime)
    used: set[str] = set()
    if versions:
        dataset = Artifact.model_validate(versions[-1].facts["dataset"])  # as retrain registers them
        rows = read_csv(io.BytesIO(store.get(tree_files(store, dataset)["table.csv"])))
        used = set(rows.loc[rows[label_of(regime)].notna(), "ID"].map(normalise_knee))
    new = labelled - used
    # Table by table, as a landing of years has millions of rows; none of them where no label is new.
    tables = ledger.joint_tables() if new else []
    landed = {normalise_knee(row["ID"]) for table in tables for row in read_rows(store, [table])}
    return len(new & landed), len(versions)
