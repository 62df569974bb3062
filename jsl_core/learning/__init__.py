"""Learning: the regimes' networks, the one trainer, and model bundles."""

from jsl_core.learning.bundle import ModelBundle
from jsl_core.learning.folds import gather_folds
from jsl_core.learning.launch import train_on_all_gpus
from jsl_core.learning.networks import KneeNetwork, NetworkSpec
from jsl_core.learning.regimes import train_regime
from jsl_core.learning.risk_factors import train_risk_factors
from jsl_core.learning.trainer import EpochReport

__all__ = [
    "EpochReport",
    "KneeNetwork",
    "ModelBundle",
    "NetworkSpec",
    "gather_folds",
    "train_on_all_gpus",
    "train_regime",
    "train_risk_factors",
]
