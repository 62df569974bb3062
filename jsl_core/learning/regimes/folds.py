"""The models of a cross-validation as one: their predictions of the knees that they did not learn from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from jsl_core.cohort.columns import RISK, THRESHOLD, key_columns
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BundleError
from jsl_core.learning.model.record import FORMAT, BundleRecord, write_bundle_json
from jsl_core.learning.regimes.outputs import write_scores
from jsl_core.system.spreadsheet import read_csv

__all__ = ["gather_folds"]


def gather_folds(folders: Sequence[Path], dataset: Path, out: Path) -> None:
    """Write the bundle of a cross-validation: predictions, scores, card and record, without a network.

    A knee's prediction is the mean over the models that it was a test knee of, and where there are none, over
    those that it was a validation knee of. With a test part that the table names, that is an ensemble on the
    test knees; without, every knee is a test knee of one model.

    Each knee comes with the threshold of the models that predicted it, which never saw it: the mean threshold
    of all, which the record has, was chosen on knees that others of them are tested on.

    Args:
        folders: The folds' bundles, of one regime.
        dataset: Folder of the packed dataset.
        out: Receives `predictions.csv`, `metrics.json`, `card.md` and `bundle.json`.

    Raises:
        BundleError: A bundle cannot be read, or they are of several regimes.
        BadTable: The dataset cannot be read.
    """
    records = [BundleRecord.read(folder) for folder in folders]
    first = records[0]
    if len({record.regime for record in records}) > 1:
        raise BundleError("these are bundles of several regimes; give the folds of one")
    tables = [
        _with_threshold(read_csv(folder / "predictions.csv"), record)
        for folder, record in zip(folders, records, strict=True)
    ]
    predictions = _out_of_fold(pd.concat(tables))
    thresholds = {
        name: sum(record.thresholds[name] for record in records) / len(records) for name in first.thresholds
    }
    packed = PackedDataset.load(dataset)
    packed = replace(packed, table=packed.table.assign(split=predictions["split"]))
    out.mkdir(parents=True, exist_ok=True)
    facts = [f"- Cross-validation by participant: {len(folders)} models, in fold-1 to fold-{len(folders)}"]
    write_scores(out, first.regime, packed, predictions, facts, thresholds)
    record = {
        "format": FORMAT,
        "regime": first.regime,
        "factors": first.factors.to_json() if first.factors else None,
        "settings": first.settings,
        "network": None,
        "folds": len(folders),
        "thresholds": thresholds,
        "dataset": packed.digest,
        "outcome": first.outcome,
    }
    write_bundle_json(out, record)


def _with_threshold(rows: pd.DataFrame, record: BundleRecord) -> pd.DataFrame:
    """A model's predictions with its own threshold, where it predicts a risk."""
    return rows.assign(**{THRESHOLD: record.thresholds["jsl"]}) if RISK in rows else rows


def _out_of_fold(rows: pd.DataFrame) -> pd.DataFrame:
    """The folds' predictions, rows of all, to one row a knee (and visit), in the order of IDs."""
    rows, keys = rows[rows["split"] != "train"], key_columns(rows)
    tested = rows.groupby(keys)["split"].transform(lambda splits: (splits == "test").any())
    rows = rows[~tested | (rows["split"] == "test")]
    columns = [name for name in map(str, rows) if name.startswith(("kl_", "jsl_"))]
    means = rows.groupby(keys)[columns].mean()
    knees = rows.drop(columns=columns).drop_duplicates(keys).set_index(keys).sort_index()
    return knees.join(means).reset_index()
