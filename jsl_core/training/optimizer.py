"""Optimizers, and the learning rate as a function of progress and of the curve so far."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from jsl_core.config import RegimeSettings

__all__ = ["build_optimizer", "learning_rate", "set_learning_rate"]

_RISE = 0.25  # share of a one-cycle run in which the rate rises (Smith and Topin 2018)
_START = 0.04  # of the full rate, where it rises


def learning_rate(progress: float, settings: RegimeSettings, losses: Sequence[float] = ()) -> float:
    """Rate at `progress` (epochs done, fractions included) after the validation `losses` of whole epochs.

    Having no state of its own, it needs no checkpoint.
    """
    rate = settings.lr * _schedule(progress, settings, losses)
    if progress < settings.warm_up:
        rate *= _START + (1 - _START) * progress / settings.warm_up
    return rate


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
    # One pass over all weights and moments rather than one an operation: a fifth of the time on a processor.
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=0.9, nesterov=True, fused=True)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.lr, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def _schedule(progress: float, settings: RegimeSettings, losses: Sequence[float]) -> float:
    """Share of the full rate."""
    share = min(progress / settings.epochs, 1.0)
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "step":
        return float(settings.step_factor ** (int(progress) // settings.step_epochs))
    if settings.schedule == "plateau":
        return float(settings.step_factor ** _plateaus(losses, settings.step_epochs))
    if settings.schedule == "cosine":
        return (1 + math.cos(math.pi * share)) / 2
    if share < _RISE:
        return _START + (1 - _START) * share / _RISE
    return (1 + math.cos(math.pi * (share - _RISE) / (1 - _RISE))) / 2


def _plateaus(losses: Sequence[float], epochs: int) -> int:
    """How often the loss went `epochs` epochs without a new minimum."""
    lowest, waited, plateaus = math.inf, 0, 0
    for loss in losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = min(lowest, loss)
        if waited == epochs:
            plateaus, waited = plateaus + 1, 0
    return plateaus
