"""Training the network that reads how a knee is shown, on drawn films; minutes on one core."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from jsl_core.detection.pose import cut_patch
from jsl_core.detection.training.augment import vary_exposure
from jsl_core.detection.training.blends import BlendSampler
from jsl_core.detection.training.composites import CompositeSampler, read_crops
from jsl_core.detection.training.films import Sampler
from jsl_core.detection.training.networks import PoseNetwork
from jsl_core.detection.training.phantoms import PhantomSampler, make_phantom_films
from jsl_core.errors import BadScan
from jsl_core.system.parallel import parallel_map
from jsl_core.training.schedule import warm_up_and_cosine

__all__ = ["PosePatches", "draw_patches", "train_pose"]

PHANTOM_FILMS = 12  # of which a fifth of each part is drawn
PART = 500  # patches of one work item
BATCH, LEARNING_RATE, WEIGHT_DECAY = 64, 2e-3, 0.02


@dataclass(frozen=True)
class PosePatches:
    """Patches of upright knees with bright bone: pixels float32 N×64×64."""

    pixels: NDArray[np.float32]


def draw_patches(count: int, cohort: Path, split: str, seed: int, jobs: int = 0) -> PosePatches:
    """Draw patches of joints on composites, blends and phantom films, all with bright bone, upright.

    Args:
        count: How many.
        cohort: Table of joint crops for the composites, as `read_crops` takes it.
        split: Whose part of the table is used.
        seed: Of all that is random.
        jobs: Worker processes; 0: one per processor core.

    Raises:
        BadTable: Where the table cannot be used.
    """
    parts = parallel_map(
        partial(_draw_part, cohort=cohort, split=split, seed=seed), range(-(-count // PART)), jobs
    )
    return PosePatches(np.concatenate([part for part in parts if not isinstance(part, BadScan)])[:count])


def train_pose(
    patches: PosePatches,
    epochs: int,
    seed: int,
    report: Callable[[int, float], None] = lambda epoch, loss: None,
) -> PoseNetwork:
    """Train a pose network; each patch is shown negated, turned and mirrored at random.

    Args:
        patches: To learn from.
        epochs: How often each is shown.
        seed: Of weights and chances.
        report: Called after every epoch, from 0, with its mean loss.

    Returns:
        The network, in evaluation mode.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = PoseNetwork().train()
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = len(patches.pixels) // BATCH
    for epoch in range(epochs):
        losses = []
        order = rng.permutation(len(patches.pixels))
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * warm_up_and_cosine(epoch * steps + step, epochs * steps)
            loss = _loss(network, patches.pixels[order[step * BATCH : (step + 1) * BATCH]], rng)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(float(loss.detach()))
        report(epoch, float(np.mean(losses)))
    return network.eval()


def _loss(network: nn.Module, pixels: NDArray[np.float32], rng: np.random.Generator) -> torch.Tensor:
    """Of upright patches a fifth is laid on its side, where whether it is upright has no answer."""
    turns = rng.choice(4, len(pixels), p=[0.4, 0.1, 0.4, 0.1])
    patches = np.stack([np.rot90(patch, turn) for patch, turn in zip(pixels, turns, strict=True)])
    mirrored = rng.random(len(pixels)) < 0.5
    patches = np.where(mirrored[:, None, None], patches[:, :, ::-1], patches)
    bright, upright = network(torch.from_numpy(np.ascontiguousarray(patches))[:, None])
    target = torch.from_numpy(np.array([1.0, 0.5, 0.0, 0.5], np.float32)[turns])
    return functional.binary_cross_entropy_with_logits(
        bright, torch.ones_like(bright)
    ) + functional.binary_cross_entropy_with_logits(upright, target)


def _draw_part(part: int, cohort: Path, split: str, seed: int) -> NDArray[np.float32]:
    """One part of the patches, float32 N×64×64."""
    rng = np.random.default_rng([seed, part])
    crops = read_crops(cohort, split)
    films = make_phantom_films(PHANTOM_FILMS, int(rng.integers(1 << 30)), 1)
    samplers: Sequence[Sampler] = (CompositeSampler(crops), PhantomSampler(films), BlendSampler(films, crops))
    patches: list[NDArray[np.float32]] = []
    while len(patches) < PART:
        film = samplers[int(rng.choice(3, p=[0.5, 0.2, 0.3]))](rng)
        varied = vary_exposure(film, rng, inverted=0) if rng.random() < 0.85 else film
        patches += [cut_patch(varied.pixels, _jitter(box, rng)) for box in varied.boxes if _is_whole(box)]
    return np.stack(patches[:PART])


def _is_whole(box: NDArray[np.float32]) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    return bool(min(width, height) > 0.75 * max(width, height) > 30)


def _jitter(box: NDArray[np.float32], rng: np.random.Generator) -> tuple[float, float, float, float]:
    side = float(max(box[2] - box[0], box[3] - box[1]))
    x, y = (float(box[axis] + box[axis + 2]) / 2 + side * rng.normal(0, 0.04) for axis in (0, 1))
    half = side / 2 * float(np.exp(rng.normal(0, 0.07)))
    return x - half, y - half, x + half, y + half
