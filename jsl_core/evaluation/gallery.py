"""The surest rights and the surest wrongs of a model, with what it looked at."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK
from jsl_core.dataset import PackedDataset
from jsl_core.evaluation.report.content import Shown
from jsl_core.evaluation.saliency import SaliencyMethod, joint_space_share, saliency_maps
from jsl_core.learning.model import ModelBundle
from jsl_core.learning.model.calibration import called_grades

__all__ = ["gallery", "share_in_joint_space", "surest"]

_OUTCOMES = {0: "stable", 1: "progressed"}


def gallery(
    model: str,
    bundle: ModelBundle,
    packed: PackedDataset,
    predictions: pd.DataFrame,
    method: SaliencyMethod,
    count: int,
) -> list[Shown]:
    """`count` knees of a model with an image: the surest rights first, then the surest wrongs.

    `predictions` are those of the model (rows of `predictions.csv`) on knees of `packed`.
    """
    chosen = surest(predictions, bundle.thresholds.get("jsl"), count)
    if chosen.empty:
        return []
    images, rows = _knees(packed, chosen["ID"])
    maps = saliency_maps(bundle, images, rows, method)
    words = (chosen[column] for column in ("ID", "said", "true", "right"))
    return [
        Shown(model, name, image, saliency, said, true, right)
        for name, said, true, right, image, saliency in zip(*words, images, maps, strict=True)
    ]


def share_in_joint_space(
    bundle: ModelBundle,
    packed: PackedDataset,
    predictions: pd.DataFrame,
    method: SaliencyMethod,
    count: int = 32,
) -> float:
    """Mean share of a model's saliency inside the joint space, over up to `count` knees spread evenly."""
    places = np.unique(np.linspace(0, len(predictions) - 1, count).round().astype(int))
    images, rows = _knees(packed, predictions["ID"].iloc[places])
    return float(joint_space_share(saliency_maps(bundle, images, rows, method)).mean())


def surest(predictions: pd.DataFrame, threshold: float | None, count: int) -> pd.DataFrame:
    """The knees with most of a margin: half of them right, half wrong, as far as there are so many.

    Columns ID, said, true (a few words each), right. Progression is shown where the model has it (the margin
    is the log odds ratio of the risk and `threshold`), else the KL grade (the margin is its probability).
    """
    told = pd.DataFrame(
        list(_progression(predictions, threshold) if threshold is not None else _grades(predictions)),
        columns=["ID", "said", "true", "right", "margin"],
    ).sort_values(["margin", "ID"], ascending=[False, True])
    rights, wrongs = told[told["right"]], told[~told["right"]]
    wrong = min(len(wrongs), max(count // 2, count - len(rights)))
    return pd.concat([rights[: count - wrong], wrongs[:wrong]]).drop(columns="margin")


def _progression(predictions: pd.DataFrame, threshold: float) -> Iterator[tuple[str, str, str, bool, float]]:
    for knee in predictions.dropna(subset=[PROGRESSION, RISK]).to_dict("records"):
        risk, truth = knee[RISK], int(knee[PROGRESSION])
        grade = "" if np.isnan(knee[GRADE]) else f", KL {knee[GRADE]:.0f}"
        said = f"risk {risk:.2f}: {'progresses' if risk >= threshold else 'stable'}"
        yield (
            knee["ID"],
            said,
            _OUTCOMES[truth] + grade,
            (risk >= threshold) == truth,
            abs(_log_odds(risk) - _log_odds(threshold)),
        )


def _grades(predictions: pd.DataFrame) -> Iterator[tuple[str, str, str, bool, float]]:
    for knee in predictions.dropna(subset=[GRADE, GRADE_PROBABILITIES[0]]).to_dict("records"):
        chances = np.array([knee[column] for column in GRADE_PROBABILITIES])
        guess, truth = int(called_grades(chances[None])[0]), int(knee[GRADE])
        sure = float(chances[guess])
        yield knee["ID"], f"KL {guess} ({sure:.0%})", f"KL {truth}", guess == truth, sure


def _log_odds(risk: float) -> float:
    risk = min(max(risk, 1e-9), 1 - 1e-9)
    return math.log(risk / (1 - risk))


def _knees(packed: PackedDataset, names: "pd.Series[str]") -> tuple[NDArray[np.uint8], pd.DataFrame]:
    """Images and rows of the table, in the order of the names."""
    rows = pd.Index(packed.table["ID"]).get_indexer(pd.Index(names))
    return np.asarray(packed.images[rows]), packed.table.iloc[rows]
