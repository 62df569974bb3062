"""A regime from a packed dataset to a bundle."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from jsl_core.cohort.columns import GRADE, PROGRESSION
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.config import Regime, TrainingSettings
from jsl_core.config.training import JOINT
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadSettings, BundleError
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.calibration import best_threshold, sigmoid, temperature
from jsl_core.learning.model.networks import KneeNetwork, NetworkSpec
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.augment import Augmentation
from jsl_core.learning.regimes.balance import balanced
from jsl_core.learning.regimes.features import kept_features
from jsl_core.learning.regimes.labels import check_labels
from jsl_core.learning.regimes.objective import Objective
from jsl_core.learning.regimes.outputs import write_outputs
from jsl_core.learning.regimes.prediction import predict_logits
from jsl_core.learning.regimes.tensorboard import Curves
from jsl_core.learning.regimes.trainer import Progress, Trainer
from jsl_core.training.checkpoint import Checkpoint
from jsl_core.training.device import pick_device
from jsl_core.training.malloc import keep_freed_memory
from jsl_core.training.process_group import ProcessGroup

__all__ = ["train_regime"]

_COLUMNS = {"kl": GRADE, "jsl": PROGRESSION}
_COUNTS = {"kl": 5, "jsl": 2}

# A second look at every knee, mirrored, must lower the validation loss by this share to be worth its time.
_FLIP_GAIN = 0.005
_SAME_SCALE = 1.01  # crops of one size in mm differ by the rounding of their pixels


def train_regime(
    regime: Regime,
    dataset: Path,
    settings: TrainingSettings,
    out: Path,
    parent: Path | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
    group: ProcessGroup = ProcessGroup(),
    fold: int | None = None,
    features: Path | None = None,
) -> None:
    """Train one regime on a packed dataset and write its bundle, learning curve and predictions to `out`.

    `parent` is the bundle whose network this one starts from (see `TrainingSettings.parent_of`); in the
    folder `checkpoints` an interrupted run finds its last whole epoch, and TensorBoard, where it is
    installed, the curve. Of a `team` only the first process writes. `fold` is the round of the
    cross-validation that the settings ask for; the folder `features` keeps what a frozen CNN says. On a
    processor the same inputs give the same bytes. Raises `BadTable`, `BadSettings`, `BundleError`.
    """
    keep_freed_memory()
    packed, folds = PackedDataset.load(dataset), 0 if fold is None else settings.folds
    settings = settings.only(regime)
    chosen, heads, joint = settings.of(regime), settings.heads_of(regime), regime in JOINT
    columns = [_COLUMNS[head] for head in heads]
    check_labels(packed, columns, regime, folds)
    if fold is not None:
        packed = packed.fold(fold, folds)
    if joint and settings.factors == "none":
        raise BadSettings(f"{regime} learns from risk factors; set factors to all or clinical")
    train, val = (_labelled(packed.table, split, columns) for split in ("train", "val"))
    balance = balanced(
        _classes(packed.table, heads[-1]), train, _COUNTS[heads[-1]], chosen.balance, settings.seed
    )
    encoder = None
    if joint and settings.factors != "none":
        encoder = FactorEncoder.fit(packed.table.iloc[train], settings.factors, settings.scale_factors)
    spec = NetworkSpec(
        backbone=settings.backbone,
        channels=settings.channels,
        size=packed.size,
        normalise=settings.normalise,
        heads=heads,
        kl_head="coral" if settings.kl_loss == "coral" else "linear",
        jsl_outputs=settings.jsl_outputs,
        inputs=len(encoder.names) if encoder else 0,
        factor_width=settings.factor_width,
        factor_nonlinear=settings.factor_nonlinear,
        dropout=chosen.dropout,
        band=settings.band,
    )
    device = pick_device(settings.device, group.gpu)
    network, inherited = _initial_network(spec, settings, parent)
    if chosen.small_epochs:
        network.check_scale(chosen.small)
    network.to(device)
    network.to(memory_format=torch.channels_last)  # convolutions on processors and GPUs are faster so
    if group.size > 1 and device.type == "cuda":
        network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    data = DeviceData.of(packed, encoder, settings.mirror_left, device)
    frozen = regime == "jsl-joint-frozen"
    everything = torch.arange(len(packed.table), device=device)
    encoded = kept_features(network, data, features, packed.digest) if frozen else None
    weights = None if balance.weights is None else _tensor(balance.weights, device)
    trainer = Trainer(
        network=network,
        data=data,
        train_rows=torch.from_numpy(balance.rows).to(device),
        val_rows=torch.from_numpy(val).to(device),
        settings=chosen,
        objective=Objective(
            kl_kind=settings.kl_loss,
            kl_weight=settings.kl_weight,
            grade_weights=weights if heads[-1] == "kl" else None,
            progression_weights=weights if heads[-1] == "jsl" else None,
        ),
        augmentation=Augmentation.named(settings.augment),
        precision=settings.precision,
        seed=settings.seed,
        chances=None if balance.chances is None else _tensor(balance.chances, device),
        frozen=frozen,
        features=encoded,
        held=inherited if chosen.hold_heads else frozenset(),
        compiled=settings.compile,
        group=group,
    )
    origin = _digest_of(parent)
    key = json.dumps([regime, packed.digest, settings.model_dump(mode="json"), origin], sort_keys=True)
    curves = Curves(checkpoints / regime if checkpoints and group.is_main else None, progress)
    history = trainer.run(Checkpoint(checkpoints / "epoch.pt" if checkpoints else None, key), curves)
    if not group.is_main:
        return
    outputs, flip = _with_flip_if_better(trainer, everything)
    logits = {name: values.float().cpu().numpy() for name, values in outputs.items()}
    bundle = _finish(regime, network, encoder, packed, settings, logits, val, balance.log_odds, origin, flip)
    bundle.save(out)
    write_outputs(out, bundle, packed, logits, history)


def _labelled(table: pd.DataFrame, split: str, columns: list[str]) -> np.ndarray:
    """Rows of a split that have a label the regime learns."""
    return np.flatnonzero((table["split"] == split) & table[columns].notna().any(axis=1))


def _classes(table: pd.DataFrame, head: str) -> np.ndarray:
    return table[_COLUMNS[head]].fillna(-1).to_numpy(int)


def _tensor(values: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)


def _initial_network(
    spec: NetworkSpec, settings: TrainingSettings, parent: Path | None
) -> tuple[KneeNetwork, frozenset[str]]:
    """The network to train, and which of its heads are the parent's."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = KneeNetwork(spec, settings.weights if parent is None else "none")
    if parent is None:
        return network, frozenset()
    start = ModelBundle.load(parent).network
    if start.spec.backbone != spec.backbone or start.spec.channels != spec.channels:
        raise BundleError(f"{parent}: its backbone is {start.spec.backbone}, not {spec.backbone}")
    return network, network.start_from(start, settings.inherit_heads)


def _with_flip_if_better(trainer: Trainer, rows: torch.Tensor) -> tuple[dict[str, torch.Tensor], bool]:
    """The logits of `rows`, and whether they are means over each knee and its mirror image.

    Features that were computed beforehand have no mirror image.
    """
    network, data, val, loss = trainer.network, trainer.data, trainer.val_rows, trainer.objective
    outputs = predict_logits(network, data, rows, trainer.features)
    if trainer.features is not None:
        return outputs, False
    mirror = replace(data, mirrored=~data.mirrored)
    straight = {name: logits[val] for name, logits in outputs.items()}
    both = _mean(straight, predict_logits(network, mirror, val))
    with torch.no_grad():
        flip = bool(loss(both, data, val) < (1 - _FLIP_GAIN) * loss(straight, data, val))
    return (_mean(outputs, predict_logits(network, mirror, rows)) if flip else outputs), flip


def _mean(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: (one[name] + other[name]) / 2 for name in one}


def _scale_of(table: pd.DataFrame) -> float | None:
    """Millimetres that a pixel of every crop shows, None where they differ or no film told."""
    known = table["mm_per_pixel"].dropna()
    same = len(known) and known.max() <= _SAME_SCALE * known.min()
    return round(float(known.median()), 6) if same else None


def _finish(
    regime: Regime,
    network: KneeNetwork,
    encoder: FactorEncoder | None,
    packed: PackedDataset,
    settings: TrainingSettings,
    logits: dict[str, np.ndarray],
    val: np.ndarray,
    log_odds: float,
    origin: str,
    flip: bool,
) -> ModelBundle:
    """Undo by how much training saw more progression than there is, and calibrate on the validation knees."""
    shift = -log_odds if "jsl" in logits else 0.0
    temperatures, thresholds = {}, {}
    for head, values in logits.items():
        labels = packed.table[_COLUMNS[head]].to_numpy()[val]
        known = ~np.isnan(labels)
        scores = values[val][known] + (shift if head == "jsl" else 0.0)
        temperatures[head] = temperature(scores, labels[known])
        if head == "jsl":
            thresholds[head] = best_threshold(sigmoid(scores[:, 0] / temperatures[head]), labels[known])
    return ModelBundle(
        regime=regime,
        network=network.cpu().eval(),
        factors=encoder,
        mirror_left=settings.mirror_left,
        temperature=temperatures,
        prior_shift=shift,
        thresholds=thresholds,
        dataset=packed.digest,
        parent=origin,
        settings=settings.model_dump(mode="json"),
        flip=flip,
        mm_per_pixel=_scale_of(packed.table),
    )


def _digest_of(parent: Path | None) -> str:
    if parent is None:
        return ""
    return hashlib.sha256((parent / "model.safetensors").read_bytes()).hexdigest()
