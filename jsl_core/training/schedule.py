"""Learning rates as functions of progress: without a state of their own they need no checkpoint."""

import math
from collections.abc import Sequence

from jsl_core.config import RegimeSettings

__all__ = ["learning_rate", "warm_up_and_cosine"]

_RISE = 0.25  # share of a one-cycle run in which the rate rises (Smith and Topin 2018)
_START = 0.04  # of the full rate, where it rises

_WARM_UP_STEPS = 100
_END = 0.01  # of the full rate, after half a cosine of `warm_up_and_cosine`


def learning_rate(progress: float, settings: RegimeSettings, losses: Sequence[float] = ()) -> float:
    """The rate that a regime's settings give at a point of its training.

    Args:
        progress: Epochs done, fractions included.
        settings: Those of the regime: its full rate, schedule and warm-up.
        losses: Validation losses of the whole epochs so far, for the schedule `plateau`.
    """
    rate = settings.lr * _share_of_rate(progress, settings, losses)
    if progress < settings.warm_up:
        rate *= _START + (1 - _START) * progress / settings.warm_up
    return rate


def warm_up_and_cosine(step: int, steps: int) -> float:
    """Share of the full rate at `step` of `steps`: a linear warm-up, then half a cosine down to 1 %."""
    warm_up = min(_WARM_UP_STEPS, steps // 5 + 1)
    if step < warm_up:
        return (step + 1) / warm_up
    return _END + (1 - _END) * _half_cosine(math.pi * (step - warm_up) / max(1, steps - warm_up))


def _share_of_rate(progress: float, settings: RegimeSettings, losses: Sequence[float]) -> float:
    share = min(progress / settings.epochs, 1.0)
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "step":
        return float(settings.step_factor ** (int(progress) // settings.step_epochs))
    if settings.schedule == "plateau":
        return float(settings.step_factor ** _count_plateaus(losses, settings.step_epochs))
    if settings.schedule == "cosine":
        return _half_cosine(math.pi * share)
    if share < _RISE:
        return _START + (1 - _START) * share / _RISE
    return _half_cosine(math.pi * (share - _RISE) / (1 - _RISE))


def _half_cosine(angle: float) -> float:
    """1 at angle 0, falling to 0 at π."""
    return (1 + math.cos(angle)) / 2


def _count_plateaus(losses: Sequence[float], epochs: int) -> int:
    """How often the loss went `epochs` epochs without a new minimum."""
    lowest, waited, plateaus = math.inf, 0, 0
    for loss in losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = min(lowest, loss)
        if waited == epochs:
            plateaus, waited = plateaus + 1, 0
    return plateaus
