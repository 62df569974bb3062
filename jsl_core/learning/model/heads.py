"""Heads, which turn features into logits: one module per label and kind."""

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

__all__ = ["CoralHead", "TwoOutputs", "build_head"]


def build_head(
    label: Literal["kl", "jsl"],
    width: int,
    kl_head: Literal["linear", "coral"],
    jsl_head: Literal["label", "cox", "discrete"],
    jsl_outputs: int,
) -> nn.Module:
    """The head of a label: features B×`width` to logits, `kl` B×5, `jsl` B×1, or B×K of K intervals of time.

    Args:
        label: What is predicted.
        width: Number of features.
        kl_head: Kind of the head for `kl`.
        jsl_head: Kind of the head for `jsl`.
        jsl_outputs: Outputs of the head for `jsl`: 2 for a softmax, or K.
    """
    if label == "jsl" and jsl_head != "label":
        return nn.Linear(width, jsl_outputs)
    if label == "jsl":
        return nn.Linear(width, 1) if jsl_outputs == 1 else TwoOutputs(width)
    return nn.Linear(width, 5) if kl_head == "linear" else CoralHead(width)


class TwoOutputs(nn.Linear):
    """Softmax over stable and progressed, as its log odds: the difference of the two outputs, B×1."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features B×D to log odds B×1."""
        outputs = super().forward(features)
        return outputs[:, 1:] - outputs[:, :1]


class CoralHead(nn.Module):
    """One score and four cut points (CORAL; Cao, Mirjalili and Raschka 2020), as log probabilities B×5.

    The chance of a grade of at least k is sigmoid(score - cut k). Cut points are kept in order by learning
    the steps between them, so every grade has a probability.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)
        self.first = nn.Parameter(torch.tensor([-1.5]))
        self.steps = nn.Parameter(torch.full((3,), math.log(math.e - 1)))  # softplus of it is 1

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features B×D to log probabilities B×5."""
        steps = functional.softplus(self.steps)
        cuts = torch.cat([self.first, self.first + steps.cumsum(0)])
        above = self.score(features).float() - cuts  # log odds of a grade of at least 1, 2, 3, 4
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which has a stable logarithm
        between = (
            functional.logsigmoid(above[:, :-1])
            + functional.logsigmoid(-above[:, 1:])
            + torch.log(-torch.expm1(-steps))
        )
        lowest, highest = functional.logsigmoid(-above[:, :1]), functional.logsigmoid(above[:, -1:])
        return torch.cat([lowest, between, highest], dim=1)
