"""A regime from a packed dataset to a bundle."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from jsl_core.cohort.columns import GRADE, PROGRESSION
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.config import Regime, TrainingSettings
from jsl_core.errors import BadTable, BundleError
from jsl_core.learning.augment import Augmentation
from jsl_core.learning.bundle import ModelBundle
from jsl_core.learning.calibration import best_threshold, sigmoid, temperature
from jsl_core.learning.checkpoints import Checkpoint
from jsl_core.learning.dataset import PackedDataset
from jsl_core.learning.networks import KneeNetwork, NetworkSpec
from jsl_core.learning.outputs import write_outputs
from jsl_core.learning.tensors import DeviceData, pick_device
from jsl_core.learning.trainer import Progress, Trainer, encode, predict_logits

__all__ = ["train_regime"]

_HEADS: dict[Regime, tuple[str, ...]] = {
    "kl": ("kl",),
    "jsl-image": ("jsl",),
    "jsl-joint-frozen": ("jsl",),
    "jsl-joint": ("jsl",),
    "multitask": ("kl", "jsl"),
}
_WITH_FACTORS = ("jsl-joint-frozen", "jsl-joint")


def train_regime(
    regime: Regime,
    dataset: Path,
    settings: TrainingSettings,
    out: Path,
    parent: Path | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Train one regime on a packed dataset and write its bundle, learning curve and predictions to `out`.

    `parent` is the bundle whose network this one starts from (see `TrainingSettings.parent_of`); in the
    folder `checkpoints` an interrupted run finds its last whole epoch. On a processor the same inputs give
    the same bytes. Raises `BadTable`, `BadSettings`, `BundleError`.
    """
    packed = PackedDataset.load(dataset)
    settings = settings.only(regime)
    chosen = settings.of(regime)
    train, val = (_labelled(packed.table, split, regime) for split in ("train", "val"))
    if chosen.balance == "halve":
        train = _halve_stable(packed.table, train, settings.seed)
    encoder = None
    if regime in _WITH_FACTORS:
        encoder = FactorEncoder.fit(packed.table.iloc[train], settings.factors, settings.scale_factors)
    spec = NetworkSpec(
        backbone=settings.backbone,
        channels=settings.channels,
        size=packed.size,
        normalise=settings.normalise,
        heads=_HEADS[regime],
        inputs=len(encoder.names) if encoder else 0,
        factor_width=settings.factor_width,
        factor_nonlinear=settings.factor_nonlinear,
        dropout=chosen.dropout,
    )
    device = pick_device(settings.device)
    network = _initial_network(spec, settings, parent).to(device)
    network.to(memory_format=torch.channels_last)  # convolutions on processors and GPUs are faster so
    data = DeviceData.of(packed, encoder, settings.mirror_left, device)
    frozen = regime == "jsl-joint-frozen"
    everything = torch.arange(len(packed.table), device=device)
    trainer = Trainer(
        network=network,
        data=data,
        train_rows=torch.from_numpy(train).to(device),
        val_rows=torch.from_numpy(val).to(device),
        settings=chosen,
        augmentation=Augmentation.named(settings.augment),
        kl_kind=settings.kl_loss,
        precision=settings.precision,
        seed=settings.seed,
        frozen=frozen,
        features=encode(network, data, everything) if frozen else None,
    )
    origin = _digest_of(parent)
    key = json.dumps([regime, packed.digest, settings.model_dump(mode="json"), origin], sort_keys=True)
    history = trainer.run(Checkpoint(checkpoints, key), progress)

    logits = {
        name: values.float().cpu().numpy()
        for name, values in predict_logits(network, data, everything).items()
    }
    bundle = _finish(regime, network, encoder, packed, settings, logits, val, origin)
    bundle.save(out)
    write_outputs(out, bundle, packed, logits, history)


def _labelled(table: pd.DataFrame, split: str, regime: Regime) -> np.ndarray:
    """Rows of a split that have a label the regime learns."""
    known = pd.Series(False, index=table.index)
    for head in _HEADS[regime]:
        known |= table[GRADE if head == "kl" else PROGRESSION].notna()
    rows = np.flatnonzero((table["split"] == split) & known)
    for head in _HEADS[regime]:
        column = GRADE if head == "kl" else PROGRESSION
        classes = table[column].iloc[rows].nunique()
        if classes < 2:
            count = "no knee with" if classes == 0 else "only one value of"
            raise BadTable(
                f"the {split} part has {count} {column}; {regime} needs at least two to learn from"
            )
    return rows


def _halve_stable(table: pd.DataFrame, rows: np.ndarray, seed: int) -> np.ndarray:
    stable = rows[table[PROGRESSION].iloc[rows].to_numpy() == 0]
    drop = np.random.default_rng(seed).choice(stable, len(stable) // 2, replace=False)
    return np.setdiff1d(rows, drop)


def _initial_network(spec: NetworkSpec, settings: TrainingSettings, parent: Path | None) -> KneeNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = KneeNetwork(spec, settings.weights if parent is None else "none")
    if parent is not None:
        start = ModelBundle.load(parent).network
        if start.spec.backbone != spec.backbone or start.spec.channels != spec.channels:
            raise BundleError(f"{parent}: its backbone is {start.spec.backbone}, not {spec.backbone}")
        network.start_from(start, settings.inherit_heads)
    return network


def _finish(
    regime: Regime,
    network: KneeNetwork,
    encoder: FactorEncoder | None,
    packed: PackedDataset,
    settings: TrainingSettings,
    logits: dict[str, np.ndarray],
    val: np.ndarray,
    origin: str,
) -> ModelBundle:
    """Calibrate on the validation knees."""
    # Training saw half the stable knees, or weighted the others double: true odds are half as high.
    shift = 0.0 if settings.of(regime).balance == "none" else -math.log(2)
    temperatures, thresholds = {}, {}
    for head, values in logits.items():
        labels = packed.table[GRADE if head == "kl" else PROGRESSION].to_numpy()[val]
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
        prior_shift=shift if "jsl" in logits else 0.0,
        thresholds=thresholds,
        dataset=packed.digest,
        parent=origin,
        settings=settings.model_dump(mode="json"),
    )


def _digest_of(parent: Path | None) -> str:
    if parent is None:
        return ""
    return hashlib.sha256((parent / "model.safetensors").read_bytes()).hexdigest()
