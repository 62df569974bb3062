"""Stage 6: the regimes, one model a task."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.logging import get_run_logger

from jsl_core.config import Regime, TrainingSettings
from jsl_core.storage import Artifact, checkout, digest_of, put_tree
from jsl_core.system.locking import locked
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

if TYPE_CHECKING:  # a run whose models are cached does without PyTorch, which takes seconds to load
    from jsl_core.learning.regimes import EpochReport

__all__ = ["gather_folds", "train", "train_on_risk_factors"]


@stage("train", version=1)
def train(
    regime: Regime,
    dataset: Artifact,
    parent: Artifact | None,
    settings: TrainingSettings,
    placement: Placement,
    fold: int | None = None,
) -> Artifact:
    """The bundle of one regime, as a tree. A run that was killed goes on from its last epoch.

    A run that was only believed to be dead, as when the server was away for minutes, is still training when
    its duplicate starts: that one waits, and finds all epochs done.
    """
    from jsl_core.learning.regimes import TrainingJob, train_on_all_gpus

    store = placement.open()
    origin = [stage_key(train, settings, placement), regime, dataset.sha256, parent and parent.sha256, fold]
    checkpoints = placement.folder("checkpoints", digest_of(origin))
    with locked(checkpoints / "lock", _log_duplicate_run), tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(
            regime,
            checkout(store, dataset, placement.folder("trees")),
            settings,
            Path(folder),
            parent=checkout(store, parent, placement.folder("trees")) if parent else None,
            fold=fold,
            checkpoints=checkpoints,
            features=placement.folder("features"),
        )
        train_on_all_gpus(job, _epoch(regime, settings, fold))
        return put_tree(store, Path(folder), f"{regime}.json")


@stage("risk-factors", version=1)
def train_on_risk_factors(
    dataset: Artifact, settings: TrainingSettings, placement: Placement, fold: int | None = None
) -> Artifact:
    """The bundle of the baseline that sees no image, as a tree."""
    from jsl_core.learning.regimes import train_risk_factors

    store = placement.open()
    with tempfile.TemporaryDirectory() as folder:
        packed = checkout(store, dataset, placement.folder("trees"))
        train_risk_factors(packed, settings, Path(folder), fold)
        return put_tree(store, Path(folder), "risk-factors.json")


@stage("folds", version=1)
def gather_folds(regime: str, models: list[Artifact], dataset: Artifact, placement: Placement) -> Artifact:
    """The folds' bundles of one regime, and each one's predictions out of fold, as a tree."""
    from jsl_core.learning.regimes import gather_folds as gather

    store = placement.open()
    trees = [checkout(store, model, placement.folder("trees")) for model in models]
    with tempfile.TemporaryDirectory() as folder:
        gather(trees, checkout(store, dataset, placement.folder("trees")), Path(folder))
        for number, tree in enumerate(trees, start=1):
            shutil.copytree(tree, Path(folder, f"fold-{number}"))
        return put_tree(store, Path(folder), f"{regime}.json")


def _log_duplicate_run() -> None:
    get_run_logger().info("another run on this machine is training this very model; waiting for it")


def _epoch(regime: Regime, settings: TrainingSettings, fold: int | None) -> "Callable[[EpochReport], None]":
    which = "" if fold is None else f" fold {fold + 1} of {settings.folds}"
    progress = Progress(f"train {regime}{which}", settings.of(regime).epochs)

    def show(report: "EpochReport") -> None:
        left_out = report.epochs - report.epoch if report.last else 0
        progress.step(1 + left_out, note=str(report))

    return show
