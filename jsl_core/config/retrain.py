"""Settings of what a lab runs by itself: watching for scans, and retraining."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from jsl_core.config.base import Settings
from jsl_core.config.faults import fault
from jsl_core.config.load import read_table, settings_of
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.training import Regime
from jsl_core.errors import BadSettings

__all__ = ["Lab", "RetrainSettings", "WatchSettings", "load_lab"]


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


@dataclass(frozen=True)
class Lab:
    """What a lab's own server starts from."""

    settings: PipelineSettings
    watching: WatchSettings
    rule: RetrainSettings


def load_lab(file: Path | None, options: Mapping[str, Any] | None = None) -> Lab:
    """A run's TOML file with the tables `[watch]` and `[retrain]`, each of which may be missing.

    Raises BadSettings as `load_pipeline` does.
    """
    table = read_table(file) if file else {}
    watching, rule = table.pop("watch", {}), table.pop("retrain", {})
    where = f"{file}: " if file else ""
    try:
        return Lab(
            settings_of(table, None, options, where),
            WatchSettings.model_validate(watching),
            RetrainSettings.model_validate(rule),
        )
    except ValidationError as error:
        raise BadSettings(f"{where}{fault(error)}; the tables [watch] and [retrain] have no such") from None
