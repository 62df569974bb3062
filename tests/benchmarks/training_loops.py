"""What training is measured beside: a loop in the seed's manner, and the network's own arithmetic."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from jsl_core.config import PackSettings, Regime, RegimeSettings, TrainingSettings
from jsl_core.dataset import PackedDataset, pack_from_paths
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.augment import Augmentation
from jsl_core.learning.regimes.job import TrainingJob
from jsl_core.learning.regimes.objective import Objective
from jsl_core.learning.regimes.train_regime import train_regime
from jsl_core.learning.regimes.trainer import EpochReport
from jsl_core.training.device import Precision, autocast, pick_device
from jsl_core.training.optimizer import build_optimizer

__all__ = ["PHASES", "TrainingSpeed", "training_speed"]

PHASES = ("data", "forward", "backward", "optimizer")

_FROZEN_EPOCHS = 10  # the seed's
_FILE_SIDE = 760  # pixels of a joint crop: 1.45 × a plateau of 75 mm on a film of 0.143 mm per pixel


@dataclass(frozen=True)
class TrainingSpeed:
    """Seconds of one epoch (training and validation knees), and of a whole training of the frozen regime.

    `shares`: of the seconds of a training step, by PHASES.
    """

    backbone: str
    precision: Precision
    epoch: float
    seeds_epoch: float
    bare_epoch: float
    frozen: float
    seeds_frozen: float
    shares: dict[str, float]

    @property
    def ratios(self) -> dict[str, float]:
        """`epoch` and `frozen`: how often faster than the seed's manner; `bare`: share of bare speed."""
        return {
            "epoch": self.seeds_epoch / self.epoch,
            "bare": self.bare_epoch / self.epoch,
            "frozen": self.seeds_frozen / self.frozen,
        }


def training_speed(
    folder: Path, backbone: str, precision: Precision, size: int, knees: int, batch: int, rounds: int
) -> TrainingSpeed:
    """Measure with drawn crops of 760 pixels, PNG, which are written to `folder`.

    Each time is the median of `rounds`, taken in turns.
    """
    table = _write_crops(folder / "crops", knees)
    pack_from_paths(table, folder / "crops", PackSettings(size=size, val=0.1, test=0.1), folder / "packed")
    packed = PackedDataset.load(folder / "packed")
    regime = RegimeSettings(epochs=2, batch=batch)
    settings = TrainingSettings(
        backbone=backbone,
        precision=precision,
        kl=regime,
        jsl_joint_frozen=regime.model_copy(update={"epochs": _FROZEN_EPOCHS}),
    )
    train_regime(TrainingJob("kl", folder / "packed", settings, folder / "kl"))  # warms everything up
    network = ModelBundle.load(folder / "kl").network
    parts = {part: packed.table["split"].eq(part).to_numpy() for part in ("train", "val")}
    paths = [folder / "crops" / path for path in packed.table["Img_path"]]
    ours, bare, seeds, frozen, seeds_frozen = ([] for _ in range(5))
    for turn in range(rounds):
        ours.append(_epoch("kl", folder, settings))
        bare.append(_bare(network, packed, parts, batch, settings))
        seeds.append(_seeds(network, paths, packed.table, parts, batch, size, learn=True))
        started = time.perf_counter()
        train_regime(
            TrainingJob("jsl-joint-frozen", folder / "packed", settings, folder / f"{turn}", folder / "kl")
        )
        frozen.append(time.perf_counter() - started)
        seeds_frozen.append(_seeds(network, paths, packed.table, parts, batch, size, learn=False))
    return TrainingSpeed(
        backbone=backbone,
        precision=precision,
        epoch=statistics.median(ours),
        seeds_epoch=statistics.median(seeds),
        bare_epoch=statistics.median(bare),
        frozen=statistics.median(frozen),
        seeds_frozen=statistics.median(seeds_frozen) * _FROZEN_EPOCHS,
        shares=_shares(network, packed, parts["train"], batch, settings),
    )


def _write_crops(folder: Path, knees: int) -> pd.DataFrame:
    """Drawn joints with a film's grain, and their table."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(knees):
        grade = number % 5
        pixels = rng.normal(150, 12, (_FILE_SIDE, _FILE_SIDE))
        pixels[350:410, 40 : _FILE_SIDE - 140 * grade] -= 90
        name = f"{1000001 + number // 2}_{1 + number % 2}"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
        progressed = float(rng.random() < 0.1 + 0.15 * grade)
        rows.append((name, name[:-2], 1 + number % 2, "", f"{name}.png", grade, progressed))
    columns = ["ID", "participant", "side", "split", "Img_path", "BL_KL_grade", "JSL_Prog"]
    table = pd.DataFrame(rows, columns=columns).astype({"BL_KL_grade": float})
    factors = {"Age": (61, 9), "BMI": (29, 5), "Alignment_degree": (-1, 3)}
    table = table.assign(**{name: rng.normal(*spread, knees) for name, spread in factors.items()})
    codes = {"Sex": (1, 3), "Race": (0, 4), "Knee_Injury": (0, 2)}
    return table.assign(**{name: rng.integers(*ends, knees).astype(float) for name, ends in codes.items()})


def _epoch(regime: Regime, folder: Path, settings: TrainingSettings) -> float:
    """The second epoch's seconds, as training itself reports them."""
    reports: list[EpochReport] = []
    train_regime(TrainingJob(regime, folder / "packed", settings, folder / "again"), reports.append)
    return reports[-1].seconds


def _bare(
    network: KneeNetwork,
    packed: PackedDataset,
    parts: dict[str, np.ndarray],
    batch: int,
    settings: TrainingSettings,
) -> float:
    """Forward and backward passes of as many images, which lie in memory as the network takes them."""
    device = pick_device(settings.device)
    network = network.to(device).to(memory_format=torch.channels_last).train()
    images = torch.rand(batch, 1, packed.size, packed.size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch, device=device) % 5

    def pass_over(images: torch.Tensor, labels: torch.Tensor) -> None:
        with autocast(settings.precision, device, network):
            logits = network(images)["kl"]
        torch.autograd.backward(torch.nn.functional.cross_entropy(logits.float(), labels))

    def epoch() -> None:
        left = int(parts["train"].sum())
        for place in range(0, left, batch):
            pass_over(images[: left - place], labels[: left - place])
        with torch.no_grad():
            for _ in range(0, int(parts["val"].sum()), batch):
                network(images)

    return _timed(epoch, device)


def _shares(
    network: KneeNetwork, packed: PackedDataset, train: np.ndarray, batch: int, settings: TrainingSettings
) -> dict[str, float]:
    """What each phase of a training step takes, as shares, over an epoch after one that warms up."""
    device = pick_device(settings.device)
    network = network.to(device).to(memory_format=torch.channels_last).train()
    data = DeviceData.of(packed, None, settings.mirror_left, device)
    augmentation, objective = Augmentation.named(settings.augment), Objective(kl_kind=settings.kl_loss)
    optimizer = build_optimizer(network.backbone.parameters(), network.heads.parameters(), settings.kl)
    generator = torch.Generator(device).manual_seed(0)
    knees = torch.from_numpy(np.flatnonzero(train)).to(device)
    for _ in range(2):
        spent = dict.fromkeys(PHASES, 0.0)

        @contextmanager
        def phase(name: str, spent: dict[str, float] = spent) -> Iterator[None]:
            started = _now(device)
            yield
            spent[name] += _now(device) - started

        for rows in knees.split(batch):
            with phase("data"):
                images = augmentation(data.images[rows], data.mirrored[rows], generator)
                images = images.contiguous(memory_format=torch.channels_last)
            with phase("forward"), autocast(settings.precision, device, network):
                loss = objective(network(images), data, rows)
            with phase("backward"):
                torch.autograd.backward(loss)
            with phase("optimizer"):
                optimizer.step()
                optimizer.zero_grad()
    return {name: seconds / sum(spent.values()) for name, seconds in spent.items()}


def _seeds(
    network: KneeNetwork,
    paths: list[Path],
    table: pd.DataFrame,
    parts: dict[str, np.ndarray],
    batch: int,
    size: int,
    learn: bool,
) -> float:
    """The seed's epoch: PIL, torchvision's transforms, a DataLoader, full precision; Adam for what learns.

    Without `learn` the CNN only looks at every image again, as in the seed's frozen regime.
    """
    device = pick_device("auto")
    network = network.to(device).to(memory_format=torch.contiguous_format).train(learn)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    grades = table["BL_KL_grade"].to_numpy(int)

    def loader(part: str) -> DataLoader:
        turned = [transforms.RandomRotation(5)] if part == "train" else []
        steps = transforms.Compose([transforms.Resize((size, size)), *turned, transforms.ToTensor()])
        rows = np.flatnonzero(parts[part])
        return DataLoader(_Crops([paths[row] for row in rows], grades[rows], steps), batch, part == "train")

    def epoch() -> None:
        for images, labels in loader("train"):
            with torch.set_grad_enabled(learn):
                logits = network(images.to(device))["kl"]
            if learn:
                optimizer.zero_grad()
                torch.autograd.backward(torch.nn.functional.cross_entropy(logits, labels.to(device)))
                optimizer.step()
        network.eval()
        with torch.no_grad():
            for images, _ in loader("val"):
                network(images.to(device))

    return _timed(epoch, device)


class _Crops(Dataset):
    def __init__(
        self, paths: list[Path], grades: np.ndarray, steps: Callable[[Image.Image], torch.Tensor]
    ) -> None:
        self._paths, self._grades, self._steps = paths, grades, steps

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        with Image.open(self._paths[row]) as image:
            return self._steps(image.convert("L")), int(self._grades[row])


def _timed(work: Callable[[], None], device: torch.device) -> float:
    started = _now(device)
    work()
    return _now(device) - started


def _now(device: torch.device) -> float:
    """The clock, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
