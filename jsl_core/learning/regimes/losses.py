"""Losses of the two labels; knees without a label do not count."""

from typing import Literal

import torch
from torch.nn import functional

__all__ = ["kl_loss", "progression_loss"]

# Spread, in grades, of the soft targets: a neighbouring grade gets exp(-1 / (2 * 0.6²)) = 0.25 of the peak.
_SOFT_GRADES = 0.6


def kl_loss(
    logits: torch.Tensor,
    grades: torch.Tensor,
    kind: Literal["softmax", "ordinal", "coral"],
    weights: torch.Tensor | None = None,
    teacher: torch.Tensor | None = None,
    teacher_share: float = 0.5,
) -> torch.Tensor:
    """Mean loss of the KL grades.

    `softmax` is cross-entropy. `ordinal` spreads the target over neighbouring grades: confusing 1 with 2
    costs less than 1 with 4 (soft ordinal targets, Diaz and Marathe 2019). `coral` is the cross-entropy of
    the four questions "at least grade k?", summed (Cao, Mirjalili and Raschka 2020).

    Args:
        logits: B×5.
        grades: Long B, -1 where missing.
        kind: As above.
        weights: Of the five grades, which multiply the losses of their knees; None for none.
        teacher: Probabilities B×5 that another model gives the grades, mixed into the targets of the two
            kinds of cross-entropy (self-distillation, Furlanello et al., ICML 2018); None for none.
        teacher_share: Of the targets.
    """
    known = grades >= 0
    if not known.any():
        return logits.sum() * 0
    logits, grades = logits[known], grades[known]
    if kind == "coral":
        losses = _cumulative(logits, grades)
    else:
        targets = _targets(grades, kind)
        if teacher is not None:
            targets = torch.lerp(targets, teacher[known], teacher_share)
        losses = functional.cross_entropy(logits, targets, reduction="none")
    return (losses if weights is None else losses * weights[grades]).mean()


def progression_loss(
    logits: torch.Tensor, progressed: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean binary cross-entropy of progression.

    Args:
        logits: B×1.
        progressed: Float B, 0 or 1, -1 where missing.
        weights: Of stable and progressed knees, which multiply their losses; None for none.
    """
    known = progressed >= 0
    if not known.any():
        return logits.sum() * 0
    labels = progressed[known]
    return functional.binary_cross_entropy_with_logits(
        logits[known, 0], labels, weight=None if weights is None else weights[labels.long()]
    )


def _targets(grades: torch.Tensor, kind: str) -> torch.Tensor:
    """What the probabilities of the five grades should be, B×5."""
    if kind == "softmax":
        return functional.one_hot(grades, 5).float()
    distance = torch.arange(5, device=grades.device)[None] - grades[:, None]
    return torch.softmax(-(distance.float() ** 2) / (2 * _SOFT_GRADES**2), dim=1)


def _cumulative(logits: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
    log_probabilities = torch.log_softmax(logits, dim=1)
    total = torch.zeros_like(log_probabilities[:, 0])
    for grade in range(1, 5):
        at_least = torch.logsumexp(log_probabilities[:, grade:], dim=1)
        below = torch.logsumexp(log_probabilities[:, :grade], dim=1)
        total = total - torch.where(grades >= grade, at_least, below)
    return total
