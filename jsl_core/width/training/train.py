"""Trains the margin network on tracked margins, and on drawn ones more often."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jsl_core.system.files import replace_atomically
from jsl_core.width.network import COLUMNS, MarginNetwork
from jsl_core.width.training.labels import KneeLabels
from jsl_core.width.training.samples import draw_batch

__all__ = ["Report", "train_margins"]

Report = Callable[[int, float, float], None]
"""Called with the step, the mean loss of margins and that of landmarks since the last call."""

_BATCH, _DRAWN = 16, 4  # knees a step, and how many of them are drawn ones
_RATE, _DECAY = 2e-3, 1e-4
_SPREAD_ROWS, _SPREAD_COLUMNS = 1.0, 0.6  # of the targets, in places
_REPORT = 25  # steps


def train_margins(
    tracked: Sequence[KneeLabels],
    drawn: Sequence[KneeLabels],
    steps: int,
    seed: int = 0,
    checkpoint: Path | None = None,
    report: Report = lambda step, margins, landmarks: None,
) -> MarginNetwork:
    """Train a network.

    Args:
        tracked: Knees whose margins were tracked.
        drawn: Knees that were drawn by hand, at least four.
        steps: Of gradient descent, 16 knees each.
        seed: Of all that is random.
        checkpoint: File from which a training that was stopped goes on, and which it writes now and then.
        report: Called now and then.

    Returns:
        The average of its last fifth's weights, in evaluation mode.
    """
    torch.manual_seed(seed)
    # In channels-last order convolutions of so few channels cost two thirds.
    network = MarginNetwork().train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.15)
    average = torch.optim.swa_utils.AveragedModel(network, use_buffers=True)
    parts = {"network": network, "optimizer": optimizer, "schedule": schedule, "average": average}
    begin = _resume(checkpoint, parts)
    losses: list[tuple[float, float]] = []
    for step in range(begin, steps):
        rng = np.random.default_rng([seed, step])
        chosen = [tracked[i] for i in rng.integers(len(tracked), size=_BATCH - _DRAWN)]
        chosen += [drawn[i] for i in rng.integers(len(drawn), size=_DRAWN)]
        bands, margins, weights, landmarks = draw_batch(rng, chosen)
        of_margins, of_landmarks = network(torch.from_numpy(bands))
        margin_loss = _loss(of_margins, margins, weights, _SPREAD_ROWS)
        places = (landmarks - COLUMNS[0]) / (COLUMNS[1] - COLUMNS[0])
        known = np.isfinite(places) & (places > -0.5) & (places < len(COLUMNS) - 0.5)
        of_landmarks = of_landmarks.transpose(1, 2)[:, None]
        landmark_loss = _loss(of_landmarks, places[:, None], known[:, None], _SPREAD_COLUMNS)
        loss = margin_loss + 0.5 * landmark_loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        if step >= 0.8 * steps:
            average.update_parameters(network)
        losses.append((margin_loss.item(), landmark_loss.item()))
        if len(losses) == _REPORT:
            report(step + 1, *np.mean(losses, 0).tolist())
            losses = []
            _keep(checkpoint, step + 1, parts)
    module = average.module
    assert isinstance(module, MarginNetwork)
    return module.eval()


def _resume(checkpoint: Path | None, parts: Mapping[str, Any]) -> int:
    """Load what a stopped training kept; the step to go on with."""
    if checkpoint is None or not checkpoint.is_file():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])


def _keep(checkpoint: Path | None, step: int, parts: Mapping[str, Any]) -> None:
    if checkpoint is not None:
        with replace_atomically(checkpoint) as temporary:
            torch.save({"step": step} | {name: part.state_dict() for name, part in parts.items()}, temporary)


def _loss(logits: Tensor, places: NDArray, weights: NDArray, spread: float) -> Tensor:
    """Cross-entropy along axis 2 of B×C×P×N with a normal distribution about each known place, B×C×N."""
    known = np.isfinite(places) & (weights > 0)
    target = torch.from_numpy(np.where(known, places, 0).astype(np.float32))[:, :, None]
    rows = torch.arange(logits.shape[2], dtype=torch.float32)[None, None, :, None]
    share = torch.softmax(-0.5 * ((rows - target) / spread) ** 2, 2)
    entropy = -(share * logits.log_softmax(2)).sum(2)
    weight = torch.from_numpy(np.where(known, weights, 0).astype(np.float32))
    return (entropy * weight).sum() / weight.sum().clamp_min(1)
