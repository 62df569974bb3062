"""Settings of what a lab runs by itself: watching for scans, and retraining."""

from pydantic import Field

from jsl_core.config.base import Settings
from jsl_core.config.training import Regime

__all__ = ["RetrainSettings", "WatchSettings"]


class RetrainSettings(Settings):
    """Which model is kept up to date, and when a new one takes its place."""

    regime: Regime = Field(
        "jsl-joint", title="Model", description="The regime whose best model is the champion."
    )
    margin: float = Field(
        0.03,
        ge=0,
        le=1,
        title="Margin",
        description="A challenger is promoted if, by the 95 % interval of the paired test, it is worse by "
        "less than this: in AUC, or for regime kl in quadratic kappa.",
    )


class WatchSettings(Settings):
    """What is done about scans that land in the scan folder."""

    settle_seconds: float = Field(
        5.0, ge=0, title="Settling time", description="A file that changes within these seconds waits."
    )
    retrain_after: int = Field(
        100,
        ge=1,
        title="Retrain after",
        description="Newly labelled knees after which a retraining is started before its week is over.",
    )
