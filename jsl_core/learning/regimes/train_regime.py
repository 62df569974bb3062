"""A regime from a packed dataset to a bundle."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from jsl_core.cohort.columns import EVENT_MONTHS, GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.cohort.outcomes import describe_outcome_of
from jsl_core.config import TrainingSettings, keyed_settings
from jsl_core.config.training import JOINT
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadSettings, BundleError
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.calibration import best_threshold, sigmoid, temperature
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.learning.model.hazard import Hazard
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.spec import NetworkSpec
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.augment import Augmentation
from jsl_core.learning.regimes.balance import Balance, balance_classes
from jsl_core.learning.regimes.feature_head import (
    add_feature_head,
    feature_grades,
    remove_feature_head,
)
from jsl_core.learning.regimes.features import cached_features
from jsl_core.learning.regimes.job import TrainingJob
from jsl_core.learning.regimes.labels import check_labels
from jsl_core.learning.regimes.objective import Objective
from jsl_core.learning.regimes.outputs import write_outputs
from jsl_core.learning.regimes.prediction import predict_logits
from jsl_core.learning.regimes.stack import begin_with_stack
from jsl_core.learning.regimes.tensorboard import TensorBoardProgress
from jsl_core.learning.regimes.time_calibration import Times, calibrate_times
from jsl_core.learning.regimes.time_regression import interval_log_odds
from jsl_core.learning.regimes.trainer import EpochReport, Progress, Trainer
from jsl_core.training.checkpoint import Checkpoint
from jsl_core.training.device import pick_device
from jsl_core.training.malloc import keep_freed_memory
from jsl_core.training.process_group import ProcessGroup

__all__ = ["train_regime"]

_COLUMNS = {"kl": GRADE, "jsl": PROGRESSION}
_CLASSES = {"kl": 5, "jsl": 2}

_CHECKPOINT_FORMAT = 3  # 2: the validation loss had no prior shift; 1 (without a number): other reports
# A second look at every knee, mirrored, must lower the validation loss by this share to be worth its time.
_FLIP_GAIN = 0.005
_SAME_SCALE = 1.01  # crops of one size in mm differ by the rounding of their pixels


def train_regime(
    job: TrainingJob, progress: Progress | None = None, group: ProcessGroup = ProcessGroup()
) -> None:
    """Train one regime; write its bundle, learning curve and predictions to the job's folder.

    On a processor the same inputs give the same bytes, interrupted or not.

    Args:
        job: What to train, from what, and where to.
        progress: Called with the report of every epoch.
        group: The processes that train together, each with its share of every batch; the main one writes.

    Raises:
        BadTable: The dataset cannot be read, or there is nothing to learn in it.
        BadSettings: The settings fit neither each other nor the machine, or training diverges.
        BundleError: The parent or the initial weights do not fit.
    """
    keep_freed_memory()
    packed = PackedDataset.load(job.dataset)
    settings = job.settings.relevant_to(job.regime)
    heads = settings.heads_of(job.regime)
    columns = [_COLUMNS[head] for head in heads]
    timed = "jsl" in heads and settings.jsl_loss != "label"
    check_labels(packed, columns, job.regime, job.folds)
    if job.fold is not None:
        packed = packed.fold(job.fold, job.folds)
    joint = job.regime in JOINT
    if joint and settings.factors == "none":
        raise BadSettings(f"{job.regime} learns from risk factors; set factors to all or clinical")
    times = Times.of(packed.table, settings) if timed else None
    learned_from = [EVENT_MONTHS if timed and column == PROGRESSION else column for column in columns]
    train, val = (_labelled_rows(packed.table, split, learned_from) for split in ("train", "val"))
    classes = packed.table[columns[-1]].fillna(-1).to_numpy(int)
    balance = balance_classes(
        classes, train, _CLASSES[heads[-1]], settings.of(job.regime).balance, settings.seed
    )
    encoder = None
    if joint and settings.factors != "none":
        encoder = FactorEncoder.fit(
            packed.table.iloc[train], settings.factors, settings.scale_factors, settings.impute
        )
    trainer = _build_trainer(job, settings, packed, encoder, balance, (train, val), times, group)
    parent = _weights_digest(job.parent)
    key = [_CHECKPOINT_FORMAT, job.regime, packed.digest, keyed_settings(settings), parent]
    checkpoint = Checkpoint(
        job.checkpoints / "epoch.pt" if job.checkpoints else None, json.dumps(key, sort_keys=True)
    )
    curve_folder = job.checkpoints / job.regime if job.checkpoints and group.is_main else None
    history = trainer.run(checkpoint, TensorBoardProgress(curve_folder, progress))
    if not group.is_main:
        return
    remove_feature_head(trainer.network)
    everything = torch.arange(len(packed.table), device=trainer.train_rows.device)
    outputs, flip = _predict_with_flip_if_better(trainer, everything, settings.second_look)
    logits = {name: values.float().cpu().numpy() for name, values in outputs.items()}
    shift = -balance.log_odds if "jsl" in logits else 0.0
    temperatures, thresholds, hazard = _calibrate(
        logits, packed.table, {"train": train, "val": val}, shift, times, settings
    )
    bundle = ModelBundle(
        regime=job.regime,
        network=trainer.network.cpu().eval(),
        factors=encoder,
        mirror_left=settings.mirror_left,
        temperature=temperatures,
        prior_shift=shift,
        thresholds=thresholds,
        dataset=packed.digest,
        parent=parent,
        settings=settings.model_dump(mode="json"),
        flip=flip,
        mm_per_pixel=_common_scale(packed.table),
        hazard=hazard,
        outcome=describe_outcome_of(packed.table) if "jsl" in heads else "",
    )
    added = _factor_log_odds(trainer, outputs) if joint else None
    write_outputs(job.out, bundle, packed, logits, history, added)
    bundle.save(job.out)  # last: it has the digests of the others


def _build_trainer(
    job: TrainingJob,
    settings: TrainingSettings,
    packed: PackedDataset,
    encoder: FactorEncoder | None,
    balance: Balance,
    rows: tuple[np.ndarray, np.ndarray],
    times: Times | None,
    group: ProcessGroup,
) -> Trainer:
    """The network and the data on their device, ready to be trained."""
    regime = settings.of(job.regime)
    heads = settings.heads_of(job.regime)
    spec = NetworkSpec(
        backbone=settings.backbone,
        channels=settings.channels,
        size=packed.size,
        normalise=settings.normalise,
        heads=heads,
        kl_head="coral" if settings.kl_loss == "coral" else "linear",
        jsl_head=settings.jsl_loss if times else "label",
        jsl_outputs=len(times.ends) if times and settings.jsl_loss == "discrete" else settings.jsl_outputs,
        inputs=len(encoder.names) if encoder else 0,
        factor_width=settings.factor_width,
        factor_nonlinear=settings.factor_nonlinear,
        dropout=regime.dropout,
        band=settings.band,
    )
    device = pick_device(settings.device, group.gpu)
    network, inherited_heads, parent = _initial_network(spec, settings, job.parent)
    if times and times.kind == "discrete" and "jsl" not in inherited_heads:
        train = rows[0][times.known[rows[0]]]
        network.set_prior(torch.from_numpy(interval_log_odds(*times.at(train), times.ends)))
    if regime.small_epochs:
        network.check_scale(regime.small)
    if settings.oarsi_weight:
        add_feature_head(network, settings.seed)
    network.to(device)
    network.to(memory_format=torch.channels_last)  # convolutions on processors and GPUs are faster so
    if group.size > 1 and device.type == "cuda":
        network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    data = DeviceData.of(packed, encoder, settings.mirror_left, device)
    frozen = job.regime == "jsl-joint-frozen"
    features = cached_features(network, data, job.features, packed.digest) if frozen else None
    stacked = False
    if settings.stack and parent is not None and "jsl" in inherited_heads and encoder is not None:
        stacked = begin_with_stack(
            network, data, packed.table, rows, parent, balance.log_odds, times, features
        )
    weights = None if balance.weights is None else _float_tensor(balance.weights, device)
    objective = Objective(
        kl_kind=settings.kl_loss,
        jsl_kind=settings.jsl_loss if times else "label",
        interval_ends=tuple(map(float, times.ends)) if times else (),
        kl_weight=settings.kl_weight,
        grade_weights=weights if heads[-1] == "kl" else None,
        progression_weights=weights if heads[-1] == "jsl" else None,
        teacher=_teacher_grades(settings, packed, device),
        teacher_share=settings.teacher_share,
        features=feature_grades(packed, device) if settings.oarsi_weight else None,
        feature_weight=settings.oarsi_weight,
    )
    trainer = Trainer(
        network=network,
        data=data,
        train_rows=torch.from_numpy(balance.rows).to(device),
        val_rows=torch.from_numpy(rows[1]).to(device),
        settings=regime,
        objective=objective,
        judged_by=objective.as_used(-balance.log_odds),
        augmentation=Augmentation.named(settings.augment),
        precision=settings.precision,
        seed=settings.seed,
        chances=None if balance.chances is None else _float_tensor(balance.chances, device),
        frozen=frozen,
        features=features,
        held_heads=inherited_heads if regime.hold_heads else frozenset(),
        compiled=settings.compile,
        group=group,
    )
    return replace(trainer, initial=_report_start(trainer)) if stacked else trainer


def _teacher_grades(
    settings: TrainingSettings, packed: PackedDataset, device: torch.device
) -> torch.Tensor | None:
    """The probabilities, N×5, that the teacher gives the grades, from both sides; None without a teacher."""
    if settings.teacher == "none":
        return None
    folders = [] if settings.teacher == "shipped" else [Path(settings.teacher)]
    teacher = Ensemble.load(folders, settings.device)
    grades = teacher.average(teacher.predict_each(list(packed.images), packed.table, flip=True))
    if not set(GRADE_PROBABILITIES) <= set(grades):
        raise BundleError(f"{settings.teacher}: a teacher that grades no knees; name another")
    return _float_tensor(grades[GRADE_PROBABILITIES].to_numpy(), device)


def _report_start(trainer: Trainer) -> EpochReport:
    """Epoch 0: what a network is worth before it is trained."""
    loss, scores = trainer.validate(trainer.network)
    return EpochReport(
        epoch=0,
        epochs=trainer.settings.epochs,
        lr=0.0,
        train_loss=math.nan,
        val_loss=loss,
        scores=scores,
        best=True,
        last=False,
        micro_batches=1,
        seconds=0.0,
    )


def _labelled_rows(table: pd.DataFrame, split: str, columns: list[str]) -> np.ndarray:
    """Rows of a split that have a label the regime learns."""
    return np.flatnonzero((table["split"] == split) & table[columns].notna().any(axis=1))


def _float_tensor(values: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)


def _initial_network(
    spec: NetworkSpec, settings: TrainingSettings, parent: Path | None
) -> tuple[KneeNetwork, frozenset[str], ModelBundle | None]:
    """The network to train, which of its heads are the parent's, and the parent."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = KneeNetwork(spec, settings.weights if parent is None else "none")
    if parent is None:
        return network, frozenset(), None
    bundle = ModelBundle.load(parent)
    parent_network = bundle.network
    if parent_network.spec.backbone != spec.backbone or parent_network.spec.channels != spec.channels:
        raise BundleError(
            f"{parent}: its backbone is {parent_network.spec.backbone}, not {spec.backbone}; name another"
        )
    return network, network.start_from(parent_network, settings.inherit_heads), bundle


def _predict_with_flip_if_better(
    trainer: Trainer, rows: torch.Tensor, second_look: bool
) -> tuple[dict[str, torch.Tensor], bool]:
    """The logits of `rows`, and whether they are means over each knee and its mirror image.

    Features that were computed beforehand have no mirror image.
    """
    network, data, val = trainer.network, trainer.data, trainer.val_rows
    loss = trainer.judged_by or trainer.objective
    outputs = predict_logits(network, data, rows, trainer.features)
    if trainer.features is not None or not second_look:
        return outputs, False
    mirror = replace(data, mirrored=~data.mirrored)
    straight = {name: logits[val] for name, logits in outputs.items()}
    both = _mean(straight, predict_logits(network, mirror, val))
    with torch.no_grad():
        flip = bool(loss(both, data, val) < (1 - _FLIP_GAIN) * loss(straight, data, val))
    return (_mean(outputs, predict_logits(network, mirror, rows)) if flip else outputs), flip


def _factor_log_odds(trainer: Trainer, outputs: dict[str, torch.Tensor]) -> np.ndarray:
    """What the risk factors add to the log odds of progression of all N knees, before calibration."""
    factors = trainer.data.factors
    assert factors is not None  # of a joint regime
    with torch.no_grad():
        return trainer.network.factor_log_odds(factors, outputs.get("kl")).float().cpu().numpy()


def _mean(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: (one[name] + other[name]) / 2 for name in one}


def _common_scale(table: pd.DataFrame) -> float | None:
    """Millimetres that a pixel of every crop shows; None where they differ or no film has a scale."""
    known = table["mm_per_pixel"].dropna()
    same = len(known) and known.max() <= _SAME_SCALE * known.min()
    return round(float(known.median()), 6) if same else None


def _calibrate(
    logits: dict[str, np.ndarray],
    table: pd.DataFrame,
    rows: dict[str, np.ndarray],
    shift: float,
    times: Times | None,
    settings: TrainingSettings,
) -> tuple[dict[str, float], dict[str, float], Hazard | None]:
    """Temperature by head and operating point, on the validation knees; and the hazard of a head of time.

    Args:
        logits: Of all N knees by head, N×K.
        table: With the labels, N rows.
        rows: Of the training and the validation knees.
        shift: Added to the logits of progression, of which training saw more than there is.
        times: Of a head of time.
        settings: Whether temperatures are sought; 1 otherwise.
    """
    temperatures, thresholds, hazard = {}, {}, None
    val = rows["val"]
    for head, values in logits.items():
        labels = table[_COLUMNS[head]].to_numpy()[val]
        known = ~np.isnan(labels)
        scores = values[val][known] + (shift if head == "jsl" else 0.0)
        if head == "jsl" and times is not None:
            own = {part: rows[part][times.known[rows[part]]] for part in ("train", "val")}
            temperatures[head], hazard = calibrate_times(times, values, own, settings.calibrate)
            risk = hazard.columns(hazard.scores(values[val][known], temperatures[head]))[RISK].to_numpy()
            thresholds[head] = best_threshold(risk, labels[known])
            continue
        temperatures[head] = temperature(scores, labels[known]) if settings.calibrate else 1.0
        if head == "jsl":
            thresholds[head] = best_threshold(sigmoid(scores[:, 0] / temperatures[head]), labels[known])
    return temperatures, thresholds, hazard


def _weights_digest(bundle: Path | None) -> str:
    if bundle is None:
        return ""
    return hashlib.sha256((bundle / "model.safetensors").read_bytes()).hexdigest()
