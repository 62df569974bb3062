"""Optimizers, and the learning rate as a function of progress alone."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from jsl_core.config import RegimeSettings

__all__ = ["build_optimizer", "learning_rate", "set_learning_rate"]

_WARM_UP = 0.25  # share of a one-cycle run (Smith and Topin 2018)


def learning_rate(progress: float, settings: RegimeSettings) -> float:
    """Rate at `progress` (epochs done, fractions included); having no state, it needs no checkpoint."""
    share = min(progress / settings.epochs, 1.0)
    if settings.schedule == "constant":
        return settings.lr
    if settings.schedule == "step":
        return float(settings.lr * settings.step_factor ** (int(progress) // settings.step_epochs))
    if settings.schedule == "cosine":
        return settings.lr * (1 + math.cos(math.pi * share)) / 2
    if share < _WARM_UP:
        return settings.lr * (0.04 + 0.96 * share / _WARM_UP)
    return settings.lr * (1 + math.cos(math.pi * (share - _WARM_UP) / (1 - _WARM_UP))) / 2


def build_optimizer(
    backbone: Iterable[nn.Parameter], rest: Iterable[nn.Parameter], settings: RegimeSettings
) -> torch.optim.Optimizer:
    """Weights decay, biases and norms do not; the backbone's rate is `backbone_lr` times the head's."""
    groups: list[dict[str, object]] = []
    for parameters, factor in ((list(backbone), settings.backbone_lr), (list(rest), 1.0)):
        for decays in (True, False):
            chosen = [parameter for parameter in parameters if (parameter.ndim > 1) == decays]
            if chosen:
                decay = settings.weight_decay if decays else 0.0
                groups.append({"params": chosen, "weight_decay": decay, "factor": factor})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=0.9, nesterov=True)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.lr)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
