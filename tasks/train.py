"""Stage 5: the regimes, one model a task."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from jsl_core.config import Regime, TrainingSettings
from jsl_core.learning import EpochReport, train_regime, train_risk_factors
from jsl_core.storage import Artifact, checkout, digest_of, put_tree
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["train", "train_on_risk_factors"]

_CODE = ("jsl_core.cohort.columns", "jsl_core.cohort.factors", "jsl_core.learning")


@stage("train", version=1, code=_CODE)
def train(
    regime: Regime,
    dataset: Artifact,
    parent: Artifact | None,
    settings: TrainingSettings,
    place: Placement,
) -> Artifact:
    """The bundle of one regime, as a tree. A run that was killed goes on from its last epoch."""
    store = place.open()
    origin = [stage_key(train, settings), regime, dataset.sha256, parent and parent.sha256]
    with tempfile.TemporaryDirectory() as folder:
        train_regime(
            regime,
            checkout(store, dataset, place.folder("trees")),
            settings,
            Path(folder),
            parent=checkout(store, parent, place.folder("trees")) if parent else None,
            checkpoints=place.folder("checkpoints", digest_of(origin)),
            progress=_epoch(regime, settings),
        )
        return put_tree(store, Path(folder), f"{regime}.json")


@stage("risk-factors", version=1, code=_CODE)
def train_on_risk_factors(dataset: Artifact, settings: TrainingSettings, place: Placement) -> Artifact:
    """The bundle of the baseline that sees no image, as a tree."""
    store = place.open()
    with tempfile.TemporaryDirectory() as folder:
        train_risk_factors(checkout(store, dataset, place.folder("trees")), settings, Path(folder))
        return put_tree(store, Path(folder), "risk-factors.json")


def _epoch(regime: Regime, settings: TrainingSettings) -> Callable[[EpochReport], None]:
    progress = Progress(f"train {regime}", settings.of(regime).epochs)

    def show(report: EpochReport) -> None:
        left_out = report.epochs - report.epoch if report.last else 0
        progress.step(1 + left_out, note=str(report))

    return show
