"""Optimizers and their groups of parameters."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from jsl_core.config import RegimeSettings

__all__ = ["build_optimizer", "decay_groups", "set_learning_rate"]


def decay_groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Parameters in up to two groups: kernels, whose weights decay, and biases and norms, whose do not."""
    every = list(parameters)
    kernels = [parameter for parameter in every if parameter.ndim > 1]
    others = [parameter for parameter in every if parameter.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def build_optimizer(
    backbone: Iterable[nn.Parameter], rest: Iterable[nn.Parameter], settings: RegimeSettings
) -> torch.optim.Optimizer:
    """The optimizer that a regime's settings name.

    Args:
        backbone: Parameters whose rate is `backbone_lr` times the full rate; none where it is frozen.
        rest: Parameters of the heads and of the factor branch.
        settings: Those of the regime.
    """
    groups = [
        group | {"factor": factor}
        for parameters, factor in ((backbone, settings.backbone_lr), (rest, 1.0))
        for group in decay_groups(parameters, settings.weight_decay)
    ]
    # One pass over all weights and moments rather than one an operation: a fifth of the time on a processor.
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=0.9, nesterov=True, fused=True)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.lr, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's rate: the full `rate` times the group's `factor`, 1 where it has none."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)
