"""Training a detector: films in, `detector.cfg` + `detector.safetensors` out, resumable at every epoch."""

import copy
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jsl_core.config import DetectorTrainSettings
from jsl_core.detection.cfg import parse_cfg, write_cfg
from jsl_core.detection.detector import Detector, save_detector
from jsl_core.detection.engines import torch_engine
from jsl_core.detection.network import Network
from jsl_core.detection.training.augment import Augment
from jsl_core.detection.training.films import BoxedImage, Sampler
from jsl_core.detection.training.initial_network import first_network
from jsl_core.detection.training.loss import DetectionLoss
from jsl_core.detection.training.metrics import DetectionMetrics, detection_metrics
from jsl_core.errors import DetectorError
from jsl_core.system.files import replace_atomically, write_atomically

__all__ = ["RESULTS", "evaluate_detector", "train_detector"]

RESULTS = ("detector.cfg", "detector.safetensors", "metrics.json")

WARM_UP_STEPS = 100
EVALUATION_SCORE = 0.25  # of found joints and false alarms; the seed's threshold


def train_detector(
    sampler: Sampler,
    validation: Sequence[BoxedImage],
    settings: DetectorTrainSettings,
    folder: Path,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> Detector:
    """Train on what `sampler` draws, measure on `validation` every epoch; gives the averaged network.

    `folder` receives `detector.cfg`, `detector.safetensors`, `metrics.json` and `checkpoint.pt`; a run that
    finds its checkpoint there goes on after its last whole epoch and ends with the same bytes as one never
    stopped. Raises DetectorError where the checkpoint is damaged or of other settings, or where the detector
    to start from cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = _device(settings)
    torch.manual_seed(settings.seed)
    checkpoint_file = folder / "checkpoint.pt"
    checkpoint = _checkpoint(checkpoint_file, settings, device)
    network = Network(parse_cfg(checkpoint["cfg"])) if checkpoint else first_network(sampler, settings)
    network = network.to(device).to(memory_format=torch.channels_last)
    augment = Augment(network.size, settings.mosaic)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(_groups(network, settings.weight_decay), lr=settings.lr)
    history: list[dict[str, float]] = []
    if checkpoint:
        network.load_state_dict(checkpoint["network"])
        average.load_state_dict(checkpoint["average"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        history = checkpoint["history"]

    loss_of = DetectionLoss(network.heads)
    steps = math.ceil(settings.films_per_epoch / settings.batch)
    for epoch in range(len(history), settings.epochs):
        network.train()
        total = 0.0
        for step, (images, targets) in enumerate(_batches(sampler, augment, settings, epoch)):
            done = epoch * steps + step
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * _schedule(done, settings.epochs * steps)
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                raws = network(_as_input(images, network.channels).to(device))
            loss = loss_of(raws, [target.to(device) for target in targets])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            _follow(average, network, min(settings.ema, (1 + done) / (10 + done)))
            total += float(loss.detach())
        detector = Detector(average, torch_engine(average), "letterbox")
        row = {"epoch": epoch + 1.0, "loss": total / steps, **asdict(evaluate_detector(detector, validation))}
        history.append(row)
        report(row)
        save_detector(average, folder / "detector.cfg", folder / "detector.safetensors")
        with write_atomically(folder / "metrics.json") as file:
            file.write(json.dumps(history, indent=1).encode())
        _save(
            checkpoint_file,
            {
                "settings": _recipe(settings),
                "cfg": write_cfg(network.sections),
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "history": history,
            },
        )
    return Detector(average, torch_engine(average), "letterbox")


def evaluate_detector(detector: Detector, films: Sequence[BoxedImage]) -> DetectionMetrics:
    """Metrics of a detector on films with known joints; joints found and false alarms at score 0.25."""
    found = [detector.boxes([film.pixels], score=0.01)[0] for film in films]
    return detection_metrics(
        [film.boxes for film in films],
        [box for box, _ in found],
        [score for _, score in found],
        EVALUATION_SCORE,
    )


def _batches(
    sampler: Sampler, augment: Augment, settings: DetectorTrainSettings, epoch: int
) -> Iterator[tuple[np.ndarray, list[Tensor]]]:
    """Images uint8 B×H×W with their boxes; each film has its own generator: a resumed run sees the same."""
    for first in range(0, settings.films_per_epoch, settings.batch):
        films = [
            augment(sampler, np.random.default_rng([settings.seed, epoch + 1, index]))
            for index in range(first, min(first + settings.batch, settings.films_per_epoch))
        ]
        yield np.stack([film.pixels for film in films]), [torch.from_numpy(film.boxes) for film in films]


def _as_input(images: np.ndarray, channels: int) -> Tensor:
    grey = torch.from_numpy(images)[:, None].float() / 255
    return grey.expand(-1, channels, -1, -1).contiguous(memory_format=torch.channels_last)


def _groups(network: Network, weight_decay: float) -> list[dict[str, Any]]:
    """Kernels decay; biases and batch norms do not."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _schedule(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    warm = min(WARM_UP_STEPS, steps // 5 + 1)
    if step < warm:
        return (step + 1) / warm
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2


@torch.no_grad()
def _follow(average: Network, network: Network, decay: float) -> None:
    """Exponential moving average of parameters and of batch-norm statistics."""
    for slow, fast in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - decay)
        else:
            slow.copy_(fast)


def _device(settings: DetectorTrainSettings) -> torch.device:
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(auto if settings.device == "auto" else settings.device)


def _recipe(settings: DetectorTrainSettings) -> str:
    """The settings that a training cannot change on its way; films may move, and so may the training."""
    return settings.without_films().model_copy(update={"device": "auto"}).model_dump_json()


def _checkpoint(path: Path, settings: DetectorTrainSettings, device: torch.device) -> dict[str, Any] | None:
    """What an earlier, stopped run left; None where there was none. Raises DetectorError."""
    if not path.exists():
        return None
    try:
        checkpoint = torch.load(path, map_location=device, weights_only=True)
        recipe = checkpoint["settings"]
    except Exception as error:
        raise DetectorError(f"{path} is damaged; delete it to train from the start.") from error
    if recipe != _recipe(settings):
        raise DetectorError(f"{path.parent} holds a training with other settings; choose another folder.")
    return checkpoint


def _save(path: Path, state: dict[str, Any]) -> None:
    with replace_atomically(path) as temporary:
        torch.save(state, temporary)
