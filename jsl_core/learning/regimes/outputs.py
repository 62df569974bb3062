"""The files of a bundle that people read: learning curve, predictions, scores and a card."""

from pathlib import Path

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, SOURCES, SPLITS, key_columns
from jsl_core.dataset import PackedDataset
from jsl_core.learning.model.bundle import ModelBundle, probabilities
from jsl_core.learning.model.record import write_json
from jsl_core.learning.regimes.scores import prediction_scores
from jsl_core.learning.regimes.trainer import EpochReport
from jsl_core.system.files import write_atomically
from jsl_core.system.spreadsheet import format_csv

__all__ = ["predictions_table", "write_outputs", "write_scores"]


def write_outputs(
    folder: Path,
    bundle: ModelBundle,
    packed: PackedDataset,
    logits: dict[str, np.ndarray],
    history: list[EpochReport],
    added: np.ndarray | None = None,
) -> None:
    """Write `history.csv`, `predictions.csv`, `metrics.json` and `card.md`; no times, so the bytes repeat.

    Args:
        folder: The bundle's.
        bundle: The trained model.
        packed: The dataset, of N knees.
        logits: Of all knees by head, N×K, before calibration.
        history: The reports of all epochs.
        added: What risk factors add to the log odds of progression of all knees, N, before calibration; None
            where there are none.
    """
    curve = [
        {
            "epoch": report.epoch,
            "lr": report.lr,
            "train_loss": report.train_loss,
            "val_loss": report.val_loss,
            **{f"val_{name}": value for name, value in report.scores.items()},
            "kept": report.epoch == max(earlier.epoch for earlier in history if earlier.best),
        }
        for report in history
    ]
    _write_csv(pd.DataFrame(curve), folder / "history.csv")
    columns = probabilities(logits, bundle.temperature, bundle.prior_shift, bundle.hazard)
    if added is not None:
        from_factors = added / bundle.temperature["jsl"]
        if bundle.hazard is None:
            total = (logits["jsl"][:, 0] + bundle.prior_shift) / bundle.temperature["jsl"]
        else:
            total = bundle.hazard.scores(logits["jsl"], bundle.temperature["jsl"]).mean(axis=1)
        columns = columns.assign(**dict(zip(SOURCES, (total - from_factors, from_factors), strict=True)))
    predictions = predictions_table(packed.table, columns)
    network = bundle.network.spec
    facts = [
        f"- Network: {network.backbone}, crops of {network.size} pixels",
        f"- Risk factors: {', '.join(bundle.factors.names) if bundle.factors else 'none'}",
    ]
    write_scores(folder, bundle.regime, packed, predictions, facts, bundle.thresholds)


def write_scores(
    folder: Path,
    regime: str,
    packed: PackedDataset,
    predictions: pd.DataFrame,
    facts: list[str],
    thresholds: dict[str, float],
) -> None:
    """Write `predictions.csv`, `metrics.json` and `card.md` of any model.

    Args:
        folder: The bundle's.
        regime: Title of the card.
        packed: The dataset.
        predictions: Made by `predictions_table`.
        facts: Lines of the card about the model.
        thresholds: Operating points by label.
    """
    _write_csv(predictions, folder / "predictions.csv")
    metrics = {split: prediction_scores(predictions[predictions["split"] == split]) for split in SPLITS}
    write_json(folder / "metrics.json", metrics)
    lines = [
        f"# {regime}",
        "",
        "For research only. Not a medical device; not validated for any clinical use.",
        "",
        *facts,
        f"- Trained on dataset {packed.digest[:12]}: {len(packed.table)} knees, "
        + ", ".join(f"{(packed.table['split'] == split).sum()} {split}" for split in SPLITS),
        *(
            f"- Operating point of {name}: {value:.3f} (Youden, validation)"
            for name, value in thresholds.items()
        ),
        "",
        "| part | " + " | ".join(metrics["val"]) + " |",
        "|---|" + "---|" * len(metrics["val"]),
        *(
            f"| {split} | " + " | ".join("–" if v is None else f"{v:.3g}" for v in scores.values()) + " |"
            for split, scores in metrics.items()
        ),
        "",
    ]
    with write_atomically(folder / "card.md") as file:
        file.write("\n".join(lines).encode())


def predictions_table(table: pd.DataFrame, columns: pd.DataFrame) -> pd.DataFrame:
    """The table `predictions.csv`: the knees and their labels, N rows, beside the predictions, N rows."""
    names = [*key_columns(table), "participant", "side", "split", GRADE, PROGRESSION]
    knees = table[names].reset_index(drop=True)
    return pd.concat([knees, columns], axis=1)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with write_atomically(path) as file:
        file.write(format_csv(table, float_format="%.9g").encode())
