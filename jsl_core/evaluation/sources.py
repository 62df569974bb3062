"""What image and risk factors each contribute to a joint model, by exchanging one of them among knees."""

from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import PROGRESSION, SOURCES
from jsl_core.evaluation.statistics.metrics import progression_scores

__all__ = ["source_figures"]

_PERMUTATIONS = 200
_NAMES = dict(zip(SOURCES, ("image", "factors"), strict=True))


def source_figures(rows: pd.DataFrame, seed: int = 0) -> dict[str, dict[str, float]] | None:
    """The AUC that is lost where a source is another knee's, and how far it moves the log odds.

    Permutation importance (Breiman, Machine Learning 45 (2001) 5), with what the source adds to the log odds
    in place of the source, which is the same where log odds are sums.

    Args:
        rows: One per knee, with JSL_Prog, jsl_from_image and jsl_from_factors.
        seed: Of the 200 exchanges.

    Returns:
        For `image` and `factors`: `auc_lost`, and `spread`, the standard deviation of the log odds that it
        adds. None for a model of one source.
    """
    if not set(SOURCES) <= set(rows):
        return None
    rng = np.random.default_rng(seed)
    positive = rows[PROGRESSION].to_numpy() == 1
    parts = {name: rows[name].to_numpy(float) for name in SOURCES}
    whole = _auc(positive, parts["jsl_from_image"] + parts["jsl_from_factors"])
    figures: dict[str, Any] = {}
    for name, own in parts.items():
        [other] = (part for key, part in parts.items() if key != name)
        exchanged = [_auc(positive, rng.permutation(own) + other) for _ in range(_PERMUTATIONS)]
        figures[_NAMES[name]] = {"auc_lost": whole - float(np.mean(exchanged)), "spread": float(own.std())}
    return figures


def _auc(positive: np.ndarray, risk: np.ndarray) -> float:
    return progression_scores(positive, risk, positive)["auc"]
