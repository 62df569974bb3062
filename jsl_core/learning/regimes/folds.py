"""The models of a cross-validation as one: what each said of the knees that it did not learn from."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from jsl_core.dataset import PackedDataset
from jsl_core.errors import BundleError
from jsl_core.learning.model.bundle import write_json
from jsl_core.learning.regimes.outputs import write_scores

__all__ = ["gather_folds"]


def gather_folds(folders: Sequence[Path], dataset: Path, out: Path) -> None:
    """Write `predictions.csv`, `metrics.json`, `card.md` and `bundle.json` of the folds' bundles to `out`.

    A knee's prediction is the mean of what the models said that it was a test knee of, and where there are
    none, of those that it was a validation knee of. With a test part that the table gives, that is an
    ensemble on the test knees; without, every knee is a test knee of one model. Thresholds are the models'
    mean. Raises `BundleError`.
    """
    records = [json.loads((folder / "bundle.json").read_text()) for folder in folders]
    if len({record["regime"] for record in records}) > 1:
        raise BundleError("these are bundles of several regimes; give the folds of one")
    told = [pd.read_csv(folder / "predictions.csv", dtype={"participant": str}) for folder in folders]
    predictions = _unseen(pd.concat(told))
    thresholds = {
        name: sum(record["thresholds"][name] for record in records) / len(records)
        for name in records[0]["thresholds"]
    }
    packed = PackedDataset.load(dataset)
    packed = replace(packed, table=packed.table.assign(split=predictions["split"]))
    out.mkdir(parents=True, exist_ok=True)
    facts = [f"- Cross-validation by participant: {len(folders)} models, in fold-1 to fold-{len(folders)}"]
    write_scores(out, records[0]["regime"], packed, predictions, facts, thresholds)
    kept = ("format", "regime", "factors", "settings")
    record = {name: records[0][name] for name in kept} | {
        "network": None,
        "folds": len(folders),
        "thresholds": thresholds,
        "dataset": packed.digest,
    }
    write_json(out / "bundle.json", record)


def _unseen(told: pd.DataFrame) -> pd.DataFrame:
    """One row a knee, in the order of IDs."""
    told = told[told["split"] != "train"]
    tested = told.groupby("ID")["split"].transform(lambda splits: (splits == "test").any())
    told = told[~tested | (told["split"] == "test")]
    said = [name for name in map(str, told) if name.startswith(("kl_", "jsl_"))]
    means = told.groupby("ID")[said].mean()
    rows = told.drop(columns=said).drop_duplicates("ID").set_index("ID").sort_index()
    return rows.join(means).reset_index()
