"""Trains the network for margins on tracked, drawn and phantom ones."""

import copy
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from jsl_core.detection.layers import ConvBlock, Route
from jsl_core.detection.layout import Convolution, Join
from jsl_core.detection.model import Weights
from jsl_core.detection.tensors import weights_of
from jsl_core.training.average import update_average
from jsl_core.training.malloc import keep_freed_memory
from jsl_core.training.optimizer import decay_groups, set_learning_rate
from jsl_core.training.schedule import warm_up_and_cosine
from jsl_core.width.contours import CELL, FIRST_ROW, ROWS, contour_layout
from jsl_core.width.tracking import GRID, even_out
from jsl_core.width.training.labels import KneeLabels

__all__ = ["ContourNetwork", "train_contours"]

_BATCH, _LR, _DECAY = 16, 3e-3, 1e-3
_AVERAGE = 0.998  # of the weights, at each step
_SPREAD = 0.75  # rows of the answer over which a label is spread
_FORGIVEN = 4.0  # loss of a column, in nats, from which on its label is doubted: it counts no more than that
_TURN, _SCALE, _SHIFT = 4.0, 0.08, 10.0  # degrees, share, pixels of the grid

Array = NDArray[np.float32]


class ContourNetwork(nn.Module):
    """The network of `contour_layout`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            ConvBlock(layer)
            if isinstance(layer, Convolution)
            else Route(layer.sources, layer.groups, layer.group)
            if isinstance(layer, Join)
            else nn.Upsample(scale_factor=2, mode="nearest")
            for layer in contour_layout().layers
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits B×2×72×112 over rows, of evened pictures B×1×144×224."""
        outputs: dict[int, Tensor] = {}
        x = pictures
        for number, layer in enumerate(self.layers):
            x = layer(outputs) if isinstance(layer, Route) else layer(x)
            outputs[number] = x
        return x


def train_contours(
    knees: Sequence[KneeLabels],
    shares: NDArray[np.float64],
    epochs: int,
    pictures_per_epoch: int,
    seed: int = 0,
    report: Callable[[str], None] = print,
) -> Weights:
    """Train the network on right knees.

    Args:
        knees: With margins on the grid.
        shares: How often each is drawn, in proportion.
        epochs: How long.
        pictures_per_epoch: How many pictures are drawn in each.
        seed: Of all draws.
        report: Takes a line an epoch.

    Returns:
        The averaged weights.
    """
    keep_freed_memory()
    torch.manual_seed(seed)
    network = ContourNetwork().to(memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(decay_groups(network.parameters(), _DECAY), lr=_LR)
    steps = pictures_per_epoch // _BATCH
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        losses = []
        for step, (pictures, rows, weights) in enumerate(_batches(knees, shares, steps, rng), epoch * steps):
            set_learning_rate(optimizer, _LR * warm_up_and_cosine(step, epochs * steps))
            loss = _loss(network(pictures), rows, weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            update_average(average, network, min(_AVERAGE, (1 + step) / (10 + step)))
            losses.append(float(loss.detach()))
        report(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}")
    return weights_of(average)


def _loss(logits: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy of each column's rows with the label spread over its neighbours, B×2×112 of each."""
    places = torch.arange(logits.shape[2], dtype=torch.float32)[None, None, :, None]
    targets = torch.softmax(-((places - rows[:, :, None]) ** 2) / (2 * _SPREAD**2), 2)
    least = torch.special.entr(targets).sum(2)
    columns = -(targets * functional.log_softmax(logits.float(), 2)).sum(2) - least
    return (weights * columns.clamp(max=_FORGIVEN)).sum() / weights.sum().clamp(min=1.0)


def _batches(
    knees: Sequence[KneeLabels], shares: NDArray[np.float64], steps: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    chances = shares / shares.sum()
    for _ in range(steps):
        samples = [_draw(knees[index], rng) for index in rng.choice(len(knees), _BATCH, p=chances)]
        pictures, rows, weights = (torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
        yield pictures[:, None], rows, weights


def _draw(knee: KneeLabels, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """A knee turned, moved, scaled, shown otherwise: evened 144×224, rows and weights 2×112 of the answer."""
    centre = (GRID - 1) / 2
    matrix = cv2.getRotationMatrix2D(
        (centre, centre), float(rng.normal(0, _TURN / 2)), float(np.exp(rng.normal(0, _SCALE)))
    )
    matrix[:, 2] += rng.normal(0, _SHIFT / 2, 2)
    picture = cv2.warpAffine(knee.picture, matrix, (GRID, GRID), borderMode=cv2.BORDER_REPLICATE)
    varied = 255 * (picture.astype(np.float32) / 255) ** np.exp(rng.normal(0, 0.25))
    if rng.random() < 0.5:
        varied = cv2.GaussianBlur(varied, (0, 0), rng.uniform(0.3, 1.2))
    varied += rng.normal(0, rng.uniform(0, 4), varied.shape).astype(np.float32)
    rows, weights = _warp_margins(knee, matrix)
    return even_out(varied)[FIRST_ROW : FIRST_ROW + ROWS], rows, weights


def _warp_margins(knee: KneeLabels, matrix: NDArray) -> tuple[Array, Array]:
    """The margins' rows and weights at the answer's columns, 2×112, after an affine map of the picture."""
    at = (np.arange(GRID // CELL) + 0.5) * CELL - 0.5
    rows, weights = np.zeros((2, len(at)), np.float32), np.zeros((2, len(at)), np.float32)
    for margin, (own, belief) in enumerate(zip(knee.margins, knee.weights, strict=True)):
        columns = np.flatnonzero(np.isfinite(own))
        if len(columns) < 2:
            continue
        x, y = matrix[:, :2] @ np.stack([columns, own[columns]]) + matrix[:, 2:]
        order = np.argsort(x)
        nearest = np.clip(np.searchsorted(x[order], at), 0, len(x) - 1)
        known = np.abs(x[order][nearest] - at) <= CELL
        rows[margin] = (np.interp(at, x[order], y[order]) - FIRST_ROW + 0.5) / CELL - 0.5
        inside = (rows[margin] >= 0) & (rows[margin] <= ROWS // CELL - 1)
        weights[margin] = np.interp(at, x[order], belief[columns][order]) * (known & inside)
    return rows, weights
