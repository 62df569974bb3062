"""Training a detector: films in, `detector.cfg` + `detector.safetensors` out, resumable at every epoch."""

import copy
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jsl_core.config import DetectorTrainSettings
from jsl_core.detection.cfg import format_cfg, parse_cfg
from jsl_core.detection.detector import Detector
from jsl_core.detection.model import save_model
from jsl_core.detection.network import Network
from jsl_core.detection.torch_engine import make_torch_engine
from jsl_core.detection.training.augment import Augmentation
from jsl_core.detection.training.films import BoxedImage, Sampler
from jsl_core.detection.training.initial_network import initial_network
from jsl_core.detection.training.loss import DetectionLoss
from jsl_core.detection.training.metrics import DetectionMetrics, detection_metrics
from jsl_core.detection.training.sources import list_source_files
from jsl_core.errors import DetectorError
from jsl_core.storage import Artifact
from jsl_core.system.files import write_atomically
from jsl_core.training.average import update_average
from jsl_core.training.checkpoint import Checkpoint
from jsl_core.training.device import autocast, pick_device
from jsl_core.training.optimizer import decay_groups, set_learning_rate
from jsl_core.training.schedule import warm_up_and_cosine

__all__ = ["RESULTS", "evaluate_detector", "train_detector"]

RESULTS = ("detector.cfg", "detector.safetensors", "metrics.json")

_EVALUATION_SCORE = 0.25  # of joints found and of false alarms; the seed's threshold
_MAX_GRADIENT_NORM = 10.0


def train_detector(
    sampler: Sampler,
    validation: Sequence[BoxedImage],
    settings: DetectorTrainSettings,
    folder: Path,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> Detector:
    """Train a detector on drawn films and measure it on others after every epoch.

    A run that finds its checkpoint in `folder` goes on after its last whole epoch and ends with the same
    bytes as one never stopped.

    Args:
        sampler: Draws a training film from a random generator.
        validation: Films to measure on.
        settings: Of the network and of its training.
        folder: Receives the files `RESULTS` and `checkpoint.pt`.
        report: Called with the figures of every epoch.

    Returns:
        The detector of the averaged weights.

    Raises:
        DetectorError: The checkpoint is damaged or of other settings, or the detector to start from cannot
            be used.
        BadSettings: A GPU is asked for where there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = pick_device(settings.device)
    torch.manual_seed(settings.seed)
    checkpoint = Checkpoint(folder / "checkpoint.pt", _checkpoint_key(settings), DetectorError)
    state = checkpoint.load()
    network = Network(parse_cfg(state["cfg"])) if state else initial_network(sampler, settings)
    network = network.to(device).to(memory_format=torch.channels_last)
    augment = Augmentation(network.layout.size, settings.mosaic)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(decay_groups(network.parameters(), settings.weight_decay), lr=settings.lr)
    history: list[dict[str, float]] = []
    if state:
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        history = state["history"]

    loss_of = DetectionLoss(network.layout.heads)
    steps = math.ceil(settings.films_per_epoch / settings.batch)
    for epoch in range(len(history), settings.epochs):
        network.train()
        total = 0.0
        for step, (images, targets) in enumerate(_batches(sampler, augment, settings, epoch), epoch * steps):
            set_learning_rate(optimizer, settings.lr * warm_up_and_cosine(step, settings.epochs * steps))
            with autocast(settings.precision, device, network):
                outputs = network(_network_input(images, network.layout.channels).to(device))
            loss = loss_of(outputs, [target.to(device) for target in targets])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), _MAX_GRADIENT_NORM)
            optimizer.step()
            update_average(average, network, min(settings.ema, (1 + step) / (10 + step)))
            total += float(loss.detach())
        detector = Detector(average.layout, make_torch_engine(average), "letterbox")
        row = {"epoch": epoch + 1.0, "loss": total / steps, **asdict(evaluate_detector(detector, validation))}
        history.append(row)
        report(row)
        save_model(average.to_model(), folder / "detector.cfg", folder / "detector.safetensors")
        with write_atomically(folder / "metrics.json") as file:
            file.write(json.dumps(history, indent=1).encode())
        checkpoint.save(
            {
                "cfg": format_cfg(network.layout.sections),
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "history": history,
            }
        )
    return Detector(average.layout, make_torch_engine(average), "letterbox")


def evaluate_detector(detector: Detector, films: Sequence[BoxedImage]) -> DetectionMetrics:
    """Metrics of a detector on films with known joints; joints found and false alarms at score 0.25."""
    detections = [detector.boxes([film.pixels], score=0.01)[0] for film in films]
    return detection_metrics(
        [film.boxes for film in films],
        [boxes for boxes, _ in detections],
        [scores for _, scores in detections],
        _EVALUATION_SCORE,
    )


def _batches(
    sampler: Sampler, augment: Augmentation, settings: DetectorTrainSettings, epoch: int
) -> Iterator[tuple[np.ndarray, list[Tensor]]]:
    """Images uint8 B×H×W with their boxes; each film has its own generator: a resumed run draws the same."""
    for first in range(0, settings.films_per_epoch, settings.batch):
        films = [
            augment(sampler, np.random.default_rng([settings.seed, epoch + 1, index]))
            for index in range(first, min(first + settings.batch, settings.films_per_epoch))
        ]
        yield np.stack([film.pixels for film in films]), [torch.from_numpy(film.boxes) for film in films]


def _network_input(images: np.ndarray, channels: int) -> Tensor:
    """Uint8 B×H×W to float B×`channels`×H×W in 0…1."""
    grey = torch.from_numpy(images)[:, None].float() / 255
    return grey.expand(-1, channels, -1, -1).contiguous(memory_format=torch.channels_last)


def _checkpoint_key(settings: DetectorTrainSettings) -> str:
    """What holds from a training's start to its end: settings and files, wherever films and device are."""
    recipe = settings.without_paths().model_copy(update={"device": "auto"})
    digests = [Artifact.of_file(path).sha256 for path in list_source_files(settings)]
    return json.dumps([recipe.model_dump(mode="json"), digests])
