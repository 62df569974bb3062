"""One training as a value: what is trained, from what, and where its files go."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from jsl_core.config import Regime, TrainingSettings

__all__ = ["TrainingJob"]


@dataclass(frozen=True)
class TrainingJob:
    """One regime to train on a packed dataset.

    Attributes:
        regime: What is trained.
        dataset: Folder of the packed dataset.
        settings: Of all regimes; those that matter to this one are used.
        out: Folder for the bundle, the learning curve and the predictions.
        parent: Bundle whose network this one starts from (see `TrainingSettings.parent_of`).
        fold: Round of the cross-validation that the settings ask for, from 0; None trains on the one split.
        checkpoints: Folder where an interrupted training finds its last whole epoch, and TensorBoard the
            learning curve.
        features: Folder that caches the features of frozen backbones.
    """

    regime: Regime
    dataset: Path
    settings: TrainingSettings
    out: Path
    parent: Path | None = None
    fold: int | None = None
    checkpoints: Path | None = None
    features: Path | None = None

    @property
    def folds(self) -> int:
        """Rounds of the cross-validation that this training is one of; 0 if it is of none."""
        return 0 if self.fold is None else self.settings.folds

    def to_json(self) -> str:
        """For another process; `from_json` reads it back."""
        return TypeAdapter(TrainingJob).dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "TrainingJob":
        """The job that `to_json` wrote."""
        return TypeAdapter(TrainingJob).validate_json(text)
