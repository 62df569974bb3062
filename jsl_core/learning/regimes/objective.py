"""What training minimises: the losses of the network's heads, weighted and summed."""

from dataclasses import dataclass, replace
from typing import Literal

import torch

from jsl_core.learning.model.networks import FEATURE_HEAD
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.feature_head import feature_loss
from jsl_core.learning.regimes.losses import kl_loss, progression_loss
from jsl_core.learning.regimes.time_losses import cox_loss, discrete_loss

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    """The loss of a network's heads.

    Attributes:
        kl_kind: Loss of the grade (see `kl_loss`).
        jsl_kind: Of progression: of its label, or of its time (see time_losses.py).
        interval_ends: In months, of a `discrete` loss.
        kl_weight: Of the grade's loss beside progression's.
        grade_weights: Of the 5 grades; None for none.
        progression_weights: Of stable and progressed knees; None for none.
        teacher: Probabilities N×5 that another model gives the grades of all knees, mixed into the targets
            of training; None for none.
        teacher_share: Of the targets.
        features: OARSI features of all knees, long N×10, -1 where missing; None where they are not learned.
        feature_weight: Of their loss beside the grade's.
        prior_shift: Added to the log odds of progression, where training sees more of it than there is.
    """

    kl_kind: Literal["softmax", "ordinal", "coral"] = "ordinal"
    jsl_kind: Literal["label", "cox", "discrete"] = "label"
    interval_ends: tuple[float, ...] = ()
    kl_weight: float = 1.0
    grade_weights: torch.Tensor | None = None
    progression_weights: torch.Tensor | None = None
    teacher: torch.Tensor | None = None
    teacher_share: float = 0.5
    features: torch.Tensor | None = None
    feature_weight: float = 0.0
    prior_shift: float = 0.0

    def as_used(self, prior_shift: float) -> "Objective":
        """The loss by which a model is judged: by labels alone, of the risks that it will tell.

        Args:
            prior_shift: By which the bundle sets the risk back to the true prevalence.
        """
        return replace(self, progression_weights=None, teacher=None, prior_shift=prior_shift)

    def __call__(
        self,
        outputs: dict[str, torch.Tensor],
        data: DeviceData,
        rows: torch.Tensor,
        batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss of some knees; the losses of the parts of a batch add up to that of the whole.

        Args:
            outputs: Logits by head, B×K.
            data: All knees.
            rows: Which of them, long B.
            batch: The batch that the rows are a part of; None if they are all of it.

        Returns:
            A scalar.
        """
        total = torch.zeros((), device=rows.device)
        for name, logits in outputs.items():
            if name == FEATURE_HEAD:
                total = total + self._feature_loss(logits.float(), rows, batch)
                continue
            labels = data.grades if name == "kl" else self._progression_labels(data)
            if name == "kl":
                teacher = None if self.teacher is None else self.teacher[rows]
                loss = self.kl_weight * kl_loss(
                    logits.float(),
                    labels[rows],
                    self.kl_kind,
                    self.grade_weights,
                    teacher,
                    self.teacher_share,
                )
            elif self.jsl_kind == "cox":
                loss = cox_loss(logits.float(), data.months[rows], data.event[rows])
            elif self.jsl_kind == "discrete":
                ends = torch.tensor(self.interval_ends, device=rows.device)
                loss = discrete_loss(logits.float(), data.months[rows], data.event[rows], ends)
            else:
                odds = logits.float() + self.prior_shift
                loss = progression_loss(odds, labels[rows], self.progression_weights)
            if batch is not None:
                loss = loss * (labels[rows] >= 0).sum() / (labels[batch] >= 0).sum().clamp(min=1)
            total = total + loss
        return total

    def _feature_loss(
        self, logits: torch.Tensor, rows: torch.Tensor, batch: torch.Tensor | None
    ) -> torch.Tensor:
        """The weighted loss of the OARSI features of some knees, as their part of that of the batch."""
        assert self.features is not None  # of a network with a head for them
        loss = self.feature_weight * feature_loss(logits, self.features[rows])
        if batch is not None:
            known = (self.features >= 0).sum(dim=1)
            loss = loss * known[rows].sum() / known[batch].sum().clamp(min=1)
        return loss

    def _progression_labels(self, data: DeviceData) -> torch.Tensor:
        """Of all knees, float N, -1 where one does not count in the mean that the loss is."""
        if self.jsl_kind == "label":
            return data.progressed
        counted = data.event == 1 if self.jsl_kind == "cox" else data.months >= 0
        return torch.where(counted, data.event, -1)
