"""The one trainer of all regimes."""

import copy
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from jsl_core.config import RegimeSettings
from jsl_core.learning.augment import Augmentation
from jsl_core.learning.checkpoints import Checkpoint
from jsl_core.learning.losses import kl_loss, progression_loss
from jsl_core.learning.networks import KneeNetwork
from jsl_core.learning.optimisation import build_optimizer, learning_rate, set_learning_rate
from jsl_core.learning.scores import validation_scores
from jsl_core.learning.tensors import DeviceData, autocast

__all__ = ["EpochReport", "Progress", "Trainer", "encode", "predict_logits"]

_PREDICT_BATCH = 64


@dataclass(frozen=True)
class EpochReport:
    """One line of the learning curve; `scores` are those of the validation knees (`auc`, `kappa`)."""

    epoch: int
    epochs: int
    lr: float
    train_loss: float
    val_loss: float
    scores: dict[str, float]
    best: bool
    seconds: float

    def __str__(self) -> str:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in self.scores.items())
        return f"loss {self.train_loss:.3f} / {self.val_loss:.3f} (train / val), {scores}"


Progress = Callable[[EpochReport], None]


@dataclass(frozen=True)
class Trainer:
    """Trains `network` in place on `data`; `frozen` leaves the backbone as it is and runs it only once."""

    network: KneeNetwork
    data: DeviceData
    train_rows: torch.Tensor
    val_rows: torch.Tensor
    settings: RegimeSettings
    augmentation: Augmentation
    kl_kind: Literal["softmax", "ordinal"]
    precision: Literal["auto", "fp32", "bf16"]
    seed: int
    frozen: bool = False
    features: torch.Tensor | None = field(default=None)

    def run(self, checkpoint: Checkpoint, progress: Progress | None = None) -> list[EpochReport]:
        """Train to the last epoch, keep the epoch of the lowest validation loss, return the curve.

        Every epoch draws from a seed of its own, so a resumed run repeats a whole one bit for bit.
        """
        network, settings = self.network, self.settings
        optimizer = build_optimizer(
            [] if self.frozen else network.backbone.parameters(),
            [weight for name, weight in network.named_parameters() if not name.startswith("backbone.")],
            settings,
        )
        average = copy.deepcopy(network).requires_grad_(False) if settings.average else None
        history: list[EpochReport] = []
        best = _copy_of(network)
        if state := checkpoint.load():
            network.load_state_dict(state["network"])
            optimizer.load_state_dict(state["optimizer"])
            if average is not None:
                average.load_state_dict(state["average"])
            best, history = state["best"], [EpochReport(**report) for report in state["history"]]
        with torch.random.fork_rng(devices=_gpus(self.data)):
            for epoch in range(len(history), settings.epochs):
                started = time.perf_counter()
                train_loss, rate = self._epoch(epoch, optimizer, average)
                judged = average if average is not None else network
                val_loss, scores = self._validate(judged)
                is_best = all(val_loss < earlier.val_loss for earlier in history)
                if is_best:
                    best = _copy_of(judged)
                seconds = time.perf_counter() - started
                history.append(
                    EpochReport(
                        epoch + 1, settings.epochs, rate, train_loss, val_loss, scores, is_best, seconds
                    )
                )
                checkpoint.save(
                    {
                        "network": network.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "average": average.state_dict() if average is not None else {},
                        "best": best,
                        "history": [asdict(report) for report in history],
                    }
                )
                if progress:
                    progress(history[-1])
        network.load_state_dict(best)
        return history

    def _epoch(
        self, epoch: int, optimizer: torch.optim.Optimizer, average: nn.Module | None
    ) -> tuple[float, float]:
        settings, network = self.settings, self.network
        generator = self._seeded(epoch)
        hold_backbone = self.frozen or epoch < settings.freeze_epochs
        network.train()
        if hold_backbone:
            network.backbone.eval()  # its batch statistics stay as they are, too
        batches = list(self._batches(generator))
        total, rate = 0.0, settings.lr
        for step, rows in enumerate(batches):
            rate = learning_rate(epoch + step / len(batches), settings)
            if epoch < settings.freeze_epochs:
                rate = settings.freeze_lr
            set_learning_rate(optimizer, rate)
            with autocast(self.precision, self.data.images.device):
                with torch.set_grad_enabled(not hold_backbone):
                    features = self._encode(rows, generator)
                outputs = network.forward_head(features, self.data.factors_of(rows))
            loss = self.loss(outputs, rows)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            if average is not None:
                _follow(average, network, settings.average)
            total += loss.item() * len(rows)
        return total / len(self.train_rows), rate

    def _encode(self, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if self.features is not None:
            return self.features[rows]
        images = self.augmentation(self.data.images[rows], self.data.mirrored[rows], generator)
        return self.network.forward_features(images.contiguous(memory_format=torch.channels_last))

    def loss(self, outputs: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        """Sum of the losses of the network's heads."""
        parts = []
        if "kl" in outputs:
            parts.append(kl_loss(outputs["kl"].float(), self.data.grades[rows], self.kl_kind))
        if "jsl" in outputs:
            weight = 2.0 if self.settings.balance == "weights" else 1.0
            parts.append(progression_loss(outputs["jsl"].float(), self.data.progressed[rows], weight))
        return torch.stack(parts).sum()

    def _validate(self, network: KneeNetwork) -> tuple[float, dict[str, float]]:
        outputs = predict_logits(network, self.data, self.val_rows, self.features)
        with torch.no_grad():
            loss = float(self.loss(outputs, self.val_rows))
        return loss, validation_scores(
            outputs, self.data.grades[self.val_rows], self.data.progressed[self.val_rows]
        )

    def _batches(self, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Shuffled rows in batches of nearly equal size: none is left over to upset batch statistics."""
        device = self.train_rows.device
        order = torch.randperm(len(self.train_rows), generator=generator, device=device)
        yield from self.train_rows[order].tensor_split(-(-len(order) // self.settings.batch))

    def _seeded(self, epoch: int) -> torch.Generator:
        digest = hashlib.sha256(f"{self.seed}:{epoch}".encode()).digest()
        seed = int.from_bytes(digest[:7], "big")
        torch.manual_seed(seed)  # dropout knows no other source; `run` restores the caller's state
        return torch.Generator(self.data.images.device).manual_seed(seed)


@torch.no_grad()
def encode(network: KneeNetwork, data: DeviceData, rows: torch.Tensor) -> torch.Tensor:
    """Features B×D of `rows` in full precision, without augmentation: all a frozen backbone ever says."""
    network.eval()
    return torch.cat(
        [network.forward_features(data.pixels(batch)) for batch in torch.split(rows, _PREDICT_BATCH)]
    )


@torch.no_grad()
def predict_logits(
    network: KneeNetwork, data: DeviceData, rows: torch.Tensor, features: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    """Logits of the heads for `rows`; `features` of all knees spare the backbone."""
    network.eval()
    encoded = encode(network, data, rows) if features is None else features[rows]
    return network.forward_head(encoded, data.factors_of(rows))


def _copy_of(network: nn.Module) -> dict[str, Any]:
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the trained ones; batch statistics are averages already."""
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
        for mean, latest in zip(average.buffers(), network.buffers(), strict=True):
            mean.copy_(latest)


def _gpus(data: DeviceData) -> list[int]:
    device = data.images.device
    return [device.index or 0] if device.type == "cuda" else []
