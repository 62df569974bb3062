"""Classes of unequal size: which training knees an epoch shows, and what each of them counts."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Balance", "balanced"]


@dataclass(frozen=True)
class Balance:
    """The training rows, and how an epoch uses them.

    `chances`, one per row and in sum 1, are those of being drawn where an epoch draws with replacement (None:
    every row once). `weights`, one per class, multiply the losses (None: all 1). `log_odds` is by how much
    what training saw exceeds the true log odds of the second of two classes.
    """

    rows: np.ndarray
    chances: np.ndarray | None = None
    weights: np.ndarray | None = None
    log_odds: float = 0.0


def balanced(
    labels: np.ndarray,
    rows: np.ndarray,
    classes: int,
    how: Literal["none", "halve", "weights", "sample"],
    seed: int,
) -> Balance:
    """Balance `rows` by their class, `labels[rows]` in 0…`classes` - 1, -1 where it has none.

    `halve` drops half of the most frequent class, as the seed does with the stable knees. `weights` gives
    every class the same sum of weights, 1 on average. `sample` draws every class equally often; rows without
    a class keep their share.
    """
    of_row = labels[rows].astype(int)
    counts = np.bincount(of_row[of_row >= 0], minlength=classes)
    if how == "none":
        return Balance(rows)
    if how == "halve":
        most = int(counts.argmax())
        dropped = counts[most] // 2
        drop = np.random.default_rng(seed).choice(rows[of_row == most], dropped, replace=False)
        left = counts - dropped * (np.arange(classes) == most)
        return Balance(np.setdiff1d(rows, drop), log_odds=_log_odds(left) - _log_odds(counts))
    present = counts > 0
    weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)
    if how == "weights":
        return Balance(rows, weights=weights, log_odds=-_log_odds(counts))
    chances = np.where(of_row >= 0, weights[of_row], 1.0) / len(rows)
    return Balance(rows, chances=chances, log_odds=-_log_odds(counts))


def _log_odds(counts: np.ndarray) -> float:
    return math.log(counts[1] / counts[0]) if len(counts) == 2 else 0.0
