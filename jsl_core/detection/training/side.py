"""Training the network that tells right knees from left ones, resumable at every epoch."""

import copy
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from jsl_core.config import SideTrainSettings, keyed_settings
from jsl_core.detection.side import SideReader, load_side, save_side
from jsl_core.detection.side_network import make_side_engine
from jsl_core.detection.tensors import set_weights, weights_of
from jsl_core.detection.training.networks import SideNetwork
from jsl_core.detection.training.side_crops import SideCrop
from jsl_core.detection.training.side_metrics import choose_scale
from jsl_core.detection.training.side_pictures import (
    NO_ANSWER,
    KneePicture,
    draw_knee,
    make_phantom_knees,
)
from jsl_core.errors import DetectorError
from jsl_core.system.files import write_atomically
from jsl_core.training.average import update_average
from jsl_core.training.checkpoint import Checkpoint
from jsl_core.training.device import autocast, pick_device
from jsl_core.training.malloc import keep_freed_memory
from jsl_core.training.optimizer import decay_groups, set_learning_rate
from jsl_core.training.schedule import warm_up_and_cosine

__all__ = ["SIDE_RESULTS", "train_side"]

SIDE_RESULTS = ("side.safetensors", "metrics.json")

PHANTOMS = 0.12  # of the pictures of knees
WITHOUT_ANSWER = 0.2  # of all pictures
_MAX_GRADIENT_NORM = 5.0


def train_side(
    crops: Sequence[SideCrop],
    apart: Sequence[SideCrop],
    settings: SideTrainSettings,
    folder: Path,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> SideReader:
    """Train a side network on joint crops and phantoms, and choose its scale on crops of other participants.

    A run that finds its checkpoint in `folder` goes on after its last whole epoch.

    Args:
        crops: To learn from; may be empty where there are phantoms.
        apart: To choose temperature and threshold on.
        settings: Of the training.
        folder: Receives the files `SIDE_RESULTS` and `checkpoint.pt`.
        report: Called with the figures of every epoch.

    Returns:
        The reader with the averaged weights.

    Raises:
        DetectorError: There is nothing to learn from, the network to start from cannot be used, or the
            checkpoint is damaged or of other settings.
        BadSettings: A GPU is asked for where there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    device = pick_device(settings.device)
    torch.manual_seed(settings.seed)
    recipe = keyed_settings(settings.model_copy(update={"device": "auto"}))
    checkpoint = Checkpoint(
        folder / "checkpoint.pt", json.dumps([recipe, [crop.knee for crop in crops]]), DetectorError
    )
    draw = _Sampler([crop.as_right() for crop in crops], make_phantom_knees(settings.phantoms, settings.seed))
    network = SideNetwork()
    if settings.start:
        set_weights(network, load_side(Path(settings.start))[0])
    network = network.to(device).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(decay_groups(network.parameters(), settings.weight_decay), lr=settings.lr)
    history: list[dict[str, float]] = []
    if state := checkpoint.load():
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        history = state["history"]
    steps = math.ceil(settings.pictures_per_epoch / settings.batch)
    for epoch in range(len(history), settings.epochs):
        network.train()
        losses = []
        for step, (pictures, targets) in enumerate(_batches(draw, settings, epoch), epoch * steps):
            set_learning_rate(optimizer, settings.lr * warm_up_and_cosine(step, settings.epochs * steps))
            with autocast(settings.precision, device, network):
                logits = network(torch.from_numpy(pictures)[:, None].to(device))
            loss = functional.binary_cross_entropy_with_logits(
                logits.float(), torch.from_numpy(targets).to(device)
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), _MAX_GRADIENT_NORM)
            optimizer.step()
            update_average(average, network, min(settings.ema, (1 + step) / (10 + step)))
            losses.append(float(loss.detach()))
        history.append({"epoch": epoch + 1.0, "loss": float(np.mean(losses))})
        report(history[-1])
        with write_atomically(folder / "metrics.json") as file:
            file.write(json.dumps(history, indent=1).encode())
        checkpoint.save(
            {
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "history": history,
            }
        )
    weights = weights_of(average)
    save_side(weights, choose_scale(make_side_engine(weights), apart), folder / SIDE_RESULTS[0])
    return SideReader.load(folder / SIDE_RESULTS[0])


@dataclass(frozen=True)
class _Sampler:
    """Draws a training picture and its target: 1 for a right knee, ½ where no answer is right."""

    crops: Sequence[KneePicture]
    phantoms: Sequence[KneePicture]

    def __post_init__(self) -> None:
        if not self.crops and not self.phantoms:
            raise DetectorError("there are no knees to train on; give crops, or a number of phantoms")

    def __call__(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], float]:
        phantom = bool(self.phantoms) and (not self.crops or rng.random() < PHANTOMS)
        knees = self.phantoms if phantom else self.crops
        knee = knees[int(rng.integers(len(knees)))]
        if rng.random() < WITHOUT_ANSWER:
            return NO_ANSWER[int(rng.integers(len(NO_ANSWER)))](knee, rng), 0.5
        return draw_knee(knee, rng), 1.0


def _batches(
    draw: _Sampler, settings: SideTrainSettings, epoch: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Pictures B×96×96 and targets B; each has its own generator, so that a resumed run draws the same."""
    for first in range(0, settings.pictures_per_epoch, settings.batch):
        pairs = [
            draw(np.random.default_rng([settings.seed, epoch + 1, index]))
            for index in range(first, min(first + settings.batch, settings.pictures_per_epoch))
        ]
        pictures, targets = zip(*pairs, strict=True)
        yield np.stack(pictures), np.array(targets, np.float32)
