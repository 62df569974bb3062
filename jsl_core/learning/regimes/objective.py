"""What training minimises: the losses of the network's heads, weighted and summed."""

from dataclasses import dataclass
from typing import Literal

import torch

from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.losses import kl_loss, progression_loss

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    """`kl_weight` counts the KL loss beside progression's; class weights are 5 (grades) and 2 long."""

    kl_kind: Literal["softmax", "ordinal", "coral"] = "ordinal"
    kl_weight: float = 1.0
    grade_weights: torch.Tensor | None = None
    progression_weights: torch.Tensor | None = None

    def __call__(
        self,
        outputs: dict[str, torch.Tensor],
        data: DeviceData,
        rows: torch.Tensor,
        batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss of `rows`, whose logits are `outputs`, as the part they have in the mean of `batch`.

        Parts of a batch (None: the rows are all of it) add up to the loss of the whole.
        """
        total = torch.zeros((), device=rows.device)
        for name, logits in outputs.items():
            labels = data.grades if name == "kl" else data.progressed
            if name == "kl":
                loss = self.kl_weight * kl_loss(
                    logits.float(), labels[rows], self.kl_kind, self.grade_weights
                )
            else:
                loss = progression_loss(logits.float(), labels[rows], self.progression_weights)
            if batch is not None:
                loss = loss * (labels[rows] >= 0).sum() / (labels[batch] >= 0).sum().clamp(min=1)
            total = total + loss
        return total
