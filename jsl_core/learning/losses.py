"""Losses of the two labels; knees without a label do not count."""

from typing import Literal

import torch
from torch.nn import functional

__all__ = ["kl_loss", "progression_loss"]

# Spread, in grades, of the soft targets: a neighbouring grade gets exp(-1 / (2 * 0.7²)) = 0.36 of the peak.
_SOFT_GRADES = 0.7


def kl_loss(logits: torch.Tensor, grades: torch.Tensor, kind: Literal["softmax", "ordinal"]) -> torch.Tensor:
    """Mean cross-entropy of B×5 logits and grades B (long, -1 where missing).

    `ordinal` spreads the target over neighbouring grades: confusing 1 with 2 costs less than 1 with 4
    (soft ordinal targets, Diaz and Marathe 2019).
    """
    known = grades >= 0
    if not known.any():
        return logits.sum() * 0
    logits, grades = logits[known], grades[known]
    if kind == "softmax":
        return functional.cross_entropy(logits, grades)
    distance = torch.arange(5, device=grades.device)[None] - grades[:, None]
    targets = torch.softmax(-(distance.float() ** 2) / (2 * _SOFT_GRADES**2), dim=1)
    return functional.cross_entropy(logits, targets)


def progression_loss(logits: torch.Tensor, progressed: torch.Tensor, weight: float = 1.0) -> torch.Tensor:
    """Mean binary cross-entropy of B×1 logits and labels B (float 0 or 1, -1 where missing).

    `weight` multiplies the loss of the knees that progressed.
    """
    known = progressed >= 0
    if not known.any():
        return logits.sum() * 0
    return functional.binary_cross_entropy_with_logits(
        logits[known, 0], progressed[known], pos_weight=torch.tensor(weight, device=logits.device)
    )
