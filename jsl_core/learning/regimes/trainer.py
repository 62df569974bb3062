"""The one trainer of all regimes."""

import copy
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from jsl_core.config import RegimeSettings
from jsl_core.errors import BadSettings
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.augment import Augmentation
from jsl_core.learning.regimes.gradient_step import GradientStep
from jsl_core.learning.regimes.objective import Objective
from jsl_core.learning.regimes.prediction import predict_logits
from jsl_core.learning.regimes.scores import validation_scores
from jsl_core.training.average import update_average
from jsl_core.training.checkpoint import Checkpoint
from jsl_core.training.device import Precision
from jsl_core.training.optimizer import build_optimizer, set_learning_rate
from jsl_core.training.process_group import ProcessGroup
from jsl_core.training.schedule import learning_rate

__all__ = ["EpochReport", "Progress", "Trainer"]


@dataclass(frozen=True)
class EpochReport:
    """One line of the learning curve.

    Attributes:
        epoch: Number of the epoch, from 1.
        epochs: How many the settings allow.
        lr: The last learning rate.
        train_loss: Mean over the training knees, while they were learned.
        val_loss: Mean over the validation knees.
        scores: Of the validation knees, by name (`accuracy`, `kappa`, `auc`).
        best: Whether the epoch is the best so far.
        last: Whether training ends with it.
        micro_batches: In how many more parts than set a batch was computed for want of GPU memory (1: none).
        seconds: Duration.
    """

    epoch: int
    epochs: int
    lr: float
    train_loss: float
    val_loss: float
    scores: dict[str, float]
    best: bool
    last: bool
    micro_batches: int
    seconds: float

    def __str__(self) -> str:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in self.scores.items())
        parts = self.micro_batches
        split = f", batches in {parts} pieces as the GPU's memory is short" if parts > 1 else ""
        return f"loss {self.train_loss:.3f} / {self.val_loss:.3f} (train / val), {scores}{split}"


Progress = Callable[[EpochReport], None]


@dataclass
class Trainer:
    """Trains a network in place.

    Attributes:
        network: The network, on the device of `data`.
        data: All N knees.
        train_rows: Rows of the training knees, long.
        val_rows: Rows of the validation knees, long.
        settings: Of the regime.
        objective: What is minimised.
        judged_by: The loss of the validation knees, by which the kept epoch is chosen; None for `objective`.
        augmentation: Of the training images.
        precision: Of the training passes.
        seed: Of everything that is drawn.
        chances: Of each training row to be drawn, in sum 1; None takes every row once an epoch.
        frozen: Whether the backbone stays as it is.
        features: N×D of all knees, in place of a frozen backbone.
        held_heads: Heads whose weights on the image's features stay as they are while the backbone does.
        compiled: Whether PyTorch compiles the backbone.
        group: The processes that train together.
        initial: What the network is worth as it is, where it may stay so: epoch 0.
    """

    network: KneeNetwork
    data: DeviceData
    train_rows: torch.Tensor
    val_rows: torch.Tensor
    settings: RegimeSettings
    objective: Objective
    augmentation: Augmentation
    judged_by: Objective | None = None
    precision: Precision = "auto"
    seed: int = 0
    chances: torch.Tensor | None = None
    frozen: bool = False
    features: torch.Tensor | None = None
    held_heads: frozenset[str] = frozenset()
    compiled: bool = False
    group: ProcessGroup = field(default_factory=ProcessGroup)
    initial: EpochReport | None = None
    gradient_step: GradientStep = field(init=False)

    def __post_init__(self) -> None:
        self.gradient_step = GradientStep(
            network=self.network,
            data=self.data,
            objective=self.objective,
            augmentation=self.augmentation,
            precision=self.precision,
            group=self.group,
            features=self.features,
            micro_batches=self.settings.accumulate,
            compiled=self.compiled,
        )

    def run(self, checkpoint: Checkpoint, progress: Progress | None = None) -> list[EpochReport]:
        """Train to the last epoch, and leave the network with the weights of the best.

        Every epoch draws from a seed of its own, so a resumed run repeats a whole one bit for bit.

        Args:
            checkpoint: Where the state after each epoch is saved, and that of an interrupted run found.
            progress: Called by the main process with every report.

        Returns:
            The reports of all epochs, with the one before the first where there is one.

        Raises:
            BadSettings: The loss is no longer a number, or one image does not fit into the GPU's memory.
        """
        network, settings = self.network, self.settings
        optimizer = build_optimizer(
            [] if self.frozen else network.backbone.parameters(), self._head_parameters(), settings
        )
        average = copy.deepcopy(network).requires_grad_(False) if settings.average else None
        history: list[EpochReport] = []
        best = _state_copy(network)
        if state := checkpoint.load():
            network.load_state_dict(state["network"])
            optimizer.load_state_dict(state["optimizer"])
            if average is not None:
                average.load_state_dict(state["average"])
            best, history = state["best"], [EpochReport(**report) for report in state["history"]]
        with torch.random.fork_rng(devices=_gpus(self.data)):
            while not (history and history[-1].last):
                started = time.perf_counter()
                train_loss, rate = self._epoch(history, optimizer, average)
                candidate = average if average is not None else network
                val_loss, scores = self.validate(candidate)
                seconds = time.perf_counter() - started
                history.append(self._report(history, rate, train_loss, val_loss, scores, seconds))
                if history[-1].best:
                    best = _state_copy(candidate)
                if self.group.is_main:
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
        return [*filter(None, [self.initial]), *history]

    def validate(self, network: KneeNetwork) -> tuple[float, dict[str, float]]:
        """The loss and the scores of the validation knees."""
        rows = self.val_rows
        outputs = predict_logits(network, self.data, rows, self.features, self.group)
        with torch.no_grad():
            loss = float((self.judged_by or self.objective)(outputs, self.data, rows))
        return loss, validation_scores(outputs, self.data.grades[rows], self.data.progressed[rows])

    def _epoch(
        self, history: list[EpochReport], optimizer: torch.optim.Optimizer, average: nn.Module | None
    ) -> tuple[float, float]:
        """Train for one epoch; returns the mean training loss and the last learning rate."""
        settings, network, epoch = self.settings, self.network, len(history)
        generator = self._seed_epoch(epoch)
        freeze_backbone = self.frozen or epoch < settings.freeze_epochs
        self.gradient_step.scale = settings.small if epoch < settings.small_epochs else 1.0
        network.train()
        if freeze_backbone:
            network.backbone.eval()  # its batch statistics stay, too
        learning = self._head_parameters() if freeze_backbone else list(network.parameters())
        batches = self._batches(generator)
        if not self.group.is_main:  # all draw the same batches, each its own augmentation
            generator.manual_seed(generator.initial_seed() + self.group.rank)
        held_weights = network.image_weights(self.held_heads if freeze_backbone else ())
        initial_weights = [weight.clone() for weight in held_weights]
        losses = [report.val_loss for report in history]
        total, rate = torch.zeros((), device=self.train_rows.device), settings.lr
        for step, rows in enumerate(batches):
            rate = learning_rate(epoch + step / len(batches), settings, losses)
            if epoch < settings.freeze_epochs:
                rate = settings.freeze_lr
            set_learning_rate(optimizer, rate)
            total += self.gradient_step.backpropagate(rows, generator, freeze_backbone) * len(rows)
            self.group.sum_gradients(learning)
            optimizer.step()
            for weight, value in zip(held_weights, initial_weights, strict=True):
                weight.copy_(value)
            if average is not None:
                update_average(average, network, settings.average)
        for trained in (network, average):
            if trained is not None:
                self.group.average_buffers(trained)
        return float(self.group.sum(total)) / len(self.train_rows), rate

    def _report(
        self,
        history: list[EpochReport],
        rate: float,
        train_loss: float,
        val_loss: float,
        scores: dict[str, float],
        seconds: float,
    ) -> EpochReport:
        epoch, settings = len(history) + 1, self.settings
        if not math.isfinite(train_loss + val_loss):
            raise BadSettings(
                f"training diverged in epoch {epoch}: the loss is no number; lower lr ({rate:g})"
            )
        loss = self._selection_loss(val_loss, scores)
        earlier = [*filter(None, [self.initial]), *history]
        best = self.settings.keep == "last" or all(
            loss < self._selection_loss(report.val_loss, report.scores) for report in earlier
        )
        best_epoch = epoch if best else max(report.epoch for report in earlier if report.best)
        return EpochReport(
            epoch=epoch,
            epochs=settings.epochs,
            lr=rate,
            train_loss=train_loss,
            val_loss=val_loss,
            scores=scores,
            best=best,
            last=epoch == settings.epochs or epoch - best_epoch == (settings.patience or math.inf),
            micro_batches=self.gradient_step.micro_batches // settings.accumulate,
            seconds=seconds,
        )

    def _selection_loss(self, val_loss: float, scores: dict[str, float]) -> float:
        """What the best epoch has the least of."""
        if self.settings.keep == "loss":
            return val_loss
        if self.settings.keep == "accuracy" and "accuracy" in scores:
            return -scores["accuracy"]
        return -scores["auc" if "auc" in scores else "kappa"]

    def _head_parameters(self) -> list[nn.Parameter]:
        named = self.network.named_parameters()
        return [parameter for name, parameter in named if not name.startswith("backbone.")]

    def _batches(self, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Shuffled rows in batches of nearly equal size: a small last one would upset batch statistics."""
        count, device = len(self.train_rows), self.train_rows.device
        if self.chances is None:
            order = torch.randperm(count, generator=generator, device=device)
        else:
            order = torch.multinomial(self.chances, count, replacement=True, generator=generator)
        return self.train_rows[order].tensor_split(-(-count // self.settings.batch))

    def _seed_epoch(self, epoch: int) -> torch.Generator:
        """Seed dropout; returns the generator of batches and augmentation."""
        digest = hashlib.sha256(f"{self.seed}:{epoch}".encode()).digest()
        seed = int.from_bytes(digest[:7], "big")
        torch.manual_seed(seed + self.group.rank)  # `run` restores the caller's state
        return torch.Generator(self.data.images.device).manual_seed(seed)


def _state_copy(network: nn.Module) -> dict[str, Any]:
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


def _gpus(data: DeviceData) -> list[int]:
    device = data.images.device
    return [device.index or 0] if device.type == "cuda" else []
