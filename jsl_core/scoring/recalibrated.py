"""A model bundle recalibrated on another cohort, as a new bundle; the old one stays as it is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from jsl_core.cohort.columns import PROGRESSION, RISK, SOURCES
from jsl_core.errors import BundleError
from jsl_core.evaluation.statistics.calibration import log_odds
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.calibration import sigmoid
from jsl_core.learning.model.record import PREDICTIONS, BundleRecord
from jsl_core.system.files import write_atomically
from jsl_core.system.spreadsheet import format_csv, read_csv

__all__ = ["check_recalibrable", "save_recalibrated"]

_SLOPES = (0.05, 20.0)  # beyond, a line was fitted to noise


def check_recalibrable(folder: Path, dst: Path) -> None:
    """Check, before anything is scored, that a bundle can be recalibrated and that there is room for the new.

    Raises:
        BundleError: If it is no bundle of a network that predicts progression, or the folder is taken.
    """
    if (dst / "bundle.json").exists():
        raise BundleError(f"{dst}: holds a model already; give another folder")
    record = BundleRecord.read(folder)
    if record.network is None or "jsl" not in record.thresholds or record.folds or record.hazard:
        raise BundleError(
            f"{folder}: only a single network's risk of progression is saved recalibrated; validation.json "
            "has the line for any other"
        )


def save_recalibrated(
    folder: Path,
    line: dict[str, float | None],
    scored: pd.DataFrame,
    cohort: str,
    outcome: str,
    dst: Path,
) -> None:
    """Write a bundle whose log odds of progression are `intercept + slope × log odds` of another's.

    Its threshold calls the same knees. The knees that the line was fitted to count as chosen on: their
    persons are known to later evaluations.

    Args:
        folder: The bundle.
        line: `intercept` and `slope`, of `validate_target`.
        scored: The knees that they were fitted to, with the bundle's predictions.
        cohort: Name of their table, for the record.
        outcome: What progression is in that table, in words, and so of the new bundle; "" where it says none.
        dst: Folder of the new bundle, which `check_recalibrable` has looked at.

    Raises:
        BundleError: If the line is none.
    """
    intercept, slope = line["intercept"], line["slope"]
    if intercept is None or slope is None or not _SLOPES[0] <= slope <= _SLOPES[1]:
        raise BundleError(f"{folder}: no line with a slope above 0 recalibrates it; give a larger cohort")
    old = ModelBundle.load(folder)

    def recalibrate(risk: Any) -> Any:
        return sigmoid(intercept + slope * log_odds(risk))

    temperature = old.temperature["jsl"]
    bundle = replace(
        old,
        temperature=old.temperature | {"jsl": temperature / slope},
        prior_shift=old.prior_shift + intercept * temperature / slope,
        thresholds=old.thresholds | {"jsl": float(recalibrate(old.thresholds["jsl"]))},
        outcome=outcome or old.outcome,
        settings=old.settings | {"recalibrated": {"cohort": cohort, "knees": len(scored), **line}},
    )
    rows = [scored.dropna(subset=[PROGRESSION]).assign(split="val")]
    if (folder / PREDICTIONS).is_file():
        earlier = read_csv(folder / PREDICTIONS)
        rows.insert(0, earlier)
        rows[1] = rows[1].reindex(columns=list(earlier))
    predictions = pd.concat(rows, ignore_index=True)
    predictions[RISK] = recalibrate(predictions[RISK].astype(float))
    if set(SOURCES) <= set(predictions):
        image, factors = SOURCES
        predictions[factors] = slope * predictions[factors].astype(float)
        predictions[image] = log_odds(predictions[RISK]) - predictions[factors]
    with write_atomically(dst / PREDICTIONS) as file:
        file.write(format_csv(predictions, float_format="%.9g").encode())
    bundle.save(dst)
