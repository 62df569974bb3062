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
from jsl_core.learning.regimes.gradient_step import Steps
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
    """One line of the learning curve; `scores` are those of the validation knees (`auc`, `kappa`).

    `pieces`: in how many a batch was computed for want of GPU memory (1: none). `last`: training ends here.
    """

    epoch: int
    epochs: int
    lr: float
    train_loss: float
    val_loss: float
    scores: dict[str, float]
    best: bool
    last: bool
    pieces: int
    seconds: float

    def __str__(self) -> str:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in self.scores.items())
        short = f", batches in {self.pieces} pieces as the GPU's memory is short" if self.pieces > 1 else ""
        return f"loss {self.train_loss:.3f} / {self.val_loss:.3f} (train / val), {scores}{short}"


Progress = Callable[[EpochReport], None]


@dataclass
class Trainer:
    """Trains `network` in place on the `train_rows` of `data`, drawn evenly or with `chances`.

    `frozen` leaves the backbone as it is; `features` of all knees then spare running it. While it is left so,
    the heads `held` read from its features what they did.
    """

    network: KneeNetwork
    data: DeviceData
    train_rows: torch.Tensor
    val_rows: torch.Tensor
    settings: RegimeSettings
    objective: Objective
    augmentation: Augmentation
    precision: Precision = "auto"
    seed: int = 0
    chances: torch.Tensor | None = None
    frozen: bool = False
    features: torch.Tensor | None = None
    held: frozenset[str] = frozenset()
    compiled: bool = False
    group: ProcessGroup = field(default_factory=ProcessGroup)
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        self.steps = Steps(
            self.network,
            self.data,
            self.objective,
            self.augmentation,
            self.precision,
            self.group,
            self.features,
            self.settings.accumulate,
            self.compiled,
        )

    def run(self, checkpoint: Checkpoint, progress: Progress | None = None) -> list[EpochReport]:
        """Train to the last epoch, keep the best on the validation knees, return the curve.

        Every epoch draws from a seed of its own, so a resumed run repeats a whole one bit for bit. Raises
        `BadSettings` where the loss is no longer a number.
        """
        network, settings = self.network, self.settings
        optimizer = build_optimizer(
            [] if self.frozen else network.backbone.parameters(), self._head_parameters(), settings
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
            while not (history and history[-1].last):
                started = time.perf_counter()
                train_loss, rate = self._epoch(history, optimizer, average)
                judged = average if average is not None else network
                val_loss, scores = self._validate(judged)
                seconds = time.perf_counter() - started
                history.append(self._report(history, rate, train_loss, val_loss, scores, seconds))
                if history[-1].best:
                    best = _copy_of(judged)
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
        return history

    def _epoch(
        self, history: list[EpochReport], optimizer: torch.optim.Optimizer, average: nn.Module | None
    ) -> tuple[float, float]:
        """Mean training loss, and the last learning rate."""
        settings, network, epoch = self.settings, self.network, len(history)
        generator = self._seeded(epoch)
        hold_backbone = self.frozen or epoch < settings.freeze_epochs
        self.steps.scale = settings.small if epoch < settings.small_epochs else 1.0
        network.train()
        if hold_backbone:
            network.backbone.eval()  # its batch statistics stay as they are, too
        learning = self._head_parameters() if hold_backbone else list(network.parameters())
        batches = self._batches(generator)
        if not self.group.is_main:  # the team draws the same batches, and each its own augmentation
            generator.manual_seed(generator.initial_seed() + self.group.rank)
        held = self.network.image_weights(self.held if hold_backbone else ())
        kept = [weight.clone() for weight in held]
        losses = [report.val_loss for report in history]
        total, rate = torch.zeros((), device=self.train_rows.device), settings.lr
        for step, rows in enumerate(batches):
            rate = learning_rate(epoch + step / len(batches), settings, losses)
            if epoch < settings.freeze_epochs:
                rate = settings.freeze_lr
            set_learning_rate(optimizer, rate)
            total += self.steps.gradients(rows, generator, hold_backbone) * len(rows)
            self.group.sum_gradients(learning)
            optimizer.step()
            for weight, value in zip(held, kept, strict=True):
                weight.copy_(value)
            if average is not None:
                update_average(average, network, settings.average)
        for trained in (network, average):
            if trained is not None:
                self.group.average_buffers(trained)
        return float(self.group.sum(total)) / len(self.train_rows), rate

    def _validate(self, network: KneeNetwork) -> tuple[float, dict[str, float]]:
        rows = self.val_rows
        outputs = predict_logits(network, self.data, rows, self.features, self.group)
        with torch.no_grad():
            loss = float(self.objective(outputs, self.data, rows))
        return loss, validation_scores(outputs, self.data.grades[rows], self.data.progressed[rows])

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
        best = all(self._badness(val_loss, scores) < self._badness(r.val_loss, r.scores) for r in history)
        latest = epoch if best else max(report.epoch for report in history if report.best)
        return EpochReport(
            epoch=epoch,
            epochs=settings.epochs,
            lr=rate,
            train_loss=train_loss,
            val_loss=val_loss,
            scores=scores,
            best=best,
            last=epoch == settings.epochs or epoch - latest == (settings.patience or math.inf),
            pieces=self.steps.pieces // settings.accumulate,
            seconds=seconds,
        )

    def _badness(self, val_loss: float, scores: dict[str, float]) -> float:
        """What the kept epoch has the least of."""
        if self.settings.keep == "loss":
            return val_loss
        return -scores["auc" if "auc" in scores else "kappa"]

    def _head_parameters(self) -> list[nn.Parameter]:
        named = self.network.named_parameters()
        return [parameter for name, parameter in named if not name.startswith("backbone.")]

    def _batches(self, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Shuffled rows in batches of nearly equal size: none is left over to upset batch statistics."""
        count, device = len(self.train_rows), self.train_rows.device
        if self.chances is None:
            order = torch.randperm(count, generator=generator, device=device)
        else:
            order = torch.multinomial(self.chances, count, replacement=True, generator=generator)
        return self.train_rows[order].tensor_split(-(-count // self.settings.batch))

    def _seeded(self, epoch: int) -> torch.Generator:
        digest = hashlib.sha256(f"{self.seed}:{epoch}".encode()).digest()
        seed = int.from_bytes(digest[:7], "big")
        torch.manual_seed(seed + self.group.rank)  # dropout's source; `run` restores the caller's state
        return torch.Generator(self.data.images.device).manual_seed(seed)


def _copy_of(network: nn.Module) -> dict[str, Any]:
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


def _gpus(data: DeviceData) -> list[int]:
    device = data.images.device
    return [device.index or 0] if device.type == "cuda" else []
