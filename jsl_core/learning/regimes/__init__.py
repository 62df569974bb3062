"""How models are trained: one trainer, a regime from a packed dataset to a bundle, and the baseline."""

from jsl_core.learning.regimes.folds import gather_folds
from jsl_core.learning.regimes.job import TrainingJob
from jsl_core.learning.regimes.launch import train_on_all_gpus
from jsl_core.learning.regimes.risk_factors import train_risk_factors
from jsl_core.learning.regimes.train_regime import train_regime
from jsl_core.learning.regimes.trainer import EpochReport

__all__ = [
    "EpochReport",
    "TrainingJob",
    "gather_folds",
    "train_on_all_gpus",
    "train_regime",
    "train_risk_factors",
]
