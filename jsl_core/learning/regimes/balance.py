"""Classes of unequal size: which training knees an epoch takes, and the weights of their losses."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Balance", "balance_classes"]


@dataclass(frozen=True)
class Balance:
    """The training rows, and how an epoch uses them.

    Attributes:
        rows: Of the training knees.
        chances: Of each row to be drawn, in sum 1; None takes every row once an epoch.
        weights: Of each class, which multiply the losses; None for none.
        log_odds: By how much the log odds of the second of two classes are higher in training than they are.
    """

    rows: np.ndarray
    chances: np.ndarray | None = None
    weights: np.ndarray | None = None
    log_odds: float = 0.0


def balance_classes(
    labels: np.ndarray,
    rows: np.ndarray,
    classes: int,
    method: Literal["none", "halve", "weights", "sample"],
    seed: int,
) -> Balance:
    """Balance the training rows by their class.

    `halve` drops half of the most frequent class, as the seed does with the stable knees. `weights` gives
    every class the same sum of weights, 1 on average. `sample` draws every class equally often; rows without
    a class keep their share.

    Args:
        labels: Class 0…`classes` - 1 of every knee, N, -1 where it has none.
        rows: Of the training knees.
        classes: How many there are.
        method: As above; `none` leaves the rows as they are.
        seed: Of what `halve` drops.
    """
    row_classes = labels[rows].astype(int)
    counts = np.bincount(row_classes[row_classes >= 0], minlength=classes)
    if method == "none":
        return Balance(rows)
    if method == "halve":
        largest = int(counts.argmax())
        dropped = counts[largest] // 2
        drop = np.random.default_rng(seed).choice(rows[row_classes == largest], dropped, replace=False)
        remaining = counts - dropped * (np.arange(classes) == largest)
        return Balance(np.setdiff1d(rows, drop), log_odds=_log_odds(remaining) - _log_odds(counts))
    present = counts > 0
    weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)
    if method == "weights":
        return Balance(rows, weights=weights, log_odds=-_log_odds(counts))
    chances = np.where(row_classes >= 0, weights[row_classes], 1.0) / len(rows)
    return Balance(rows, chances=chances, log_odds=-_log_odds(counts))


def _log_odds(counts: np.ndarray) -> float:
    return math.log(counts[1] / counts[0]) if len(counts) == 2 else 0.0
