"""Settings of a lab's server: watching for scans, and retraining."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from jsl_core.config.base import Settings
from jsl_core.config.kubernetes import KubernetesSettings
from jsl_core.config.load import read_toml, settings_from_table
from jsl_core.config.messages import describe_validation_error
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.sources import Preset
from jsl_core.config.tables import read_table, setting_names
from jsl_core.config.training import Regime
from jsl_core.errors import BadSettings

__all__ = ["LAB_TABLES", "Lab", "ListenSettings", "RetrainSettings", "WatchSettings", "load_lab"]

LAB_TABLES = ("watch", "retrain", "listen", "kubernetes")  # of a lab's file, beside a run's

_Table = TypeVar("_Table", bound=Settings)

# A URL has no password in it: settings are stored readable.
_DESTINATION = re.compile(r"|https?://[^\s@]+|[^@\\]{1,16}@[^\s@]+:(?P<port>\d{1,5})")


def _check_destination(words: str) -> str:
    match = _DESTINATION.fullmatch(words)
    if not match or not 0 < int(match["port"] or 104) < 65536:
        raise ValueError("no PACS; write AE@HOST:PORT, or the URL of a DICOMweb service without a password")
    return words


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
    """How landed scans are taken in, and when that starts a retraining."""

    settle_seconds: float = Field(
        5.0, ge=0, title="Settling time", description="A file that changes within these seconds waits."
    )
    retrain_after: int = Field(
        100,
        ge=1,
        title="Retrain after",
        description="Newly labelled knees after which a retraining is started before its week is over.",
    )
    send_to: Annotated[str, AfterValidator(_check_destination)] = Field(
        "",
        title="Send results to",
        description="The PACS that gets a report for each study and a picture for each film: AE@HOST:PORT, "
        "or the URL of a DICOMweb service. Empty: none.",
    )
    send_as: str = Field(
        "JSL", max_length=16, title="AE title", description="Our own, when results are sent."
    )


class ListenSettings(Settings):
    """How films are received by C-STORE, with `jsl up --listen`."""

    aet: str = Field("JSL", max_length=16, title="AE title", description="Who calls another is refused.")
    host: str = Field("127.0.0.1", title="Address", description="The address to listen at.")
    port: int = Field(11112, ge=1, lt=65536, title="Port", description="The port to listen at.")
    peers: tuple[str, ...] = Field(
        (), title="Peers", description="Who may send: AE or AE@HOST. Empty: anybody on this machine."
    )


@dataclass(frozen=True)
class Lab:
    """The settings of a lab's server."""

    settings: PipelineSettings
    watching: WatchSettings
    rule: RetrainSettings
    listen: ListenSettings
    kubernetes: KubernetesSettings


def load_lab(
    file: Path | None, options: Mapping[str, Any] | None = None, preset: Preset | None = None
) -> Lab:
    """Load a run's TOML file and its tables `[watch]`, `[retrain]`, `[listen]` and `[kubernetes]`, if any.

    Args:
        file: The TOML file; None for the defaults.
        options: Tables of settings that go above the file.
        preset: As for `load_pipeline`.

    Raises:
        BadSettings: As for `load_pipeline`.
    """
    table = read_toml(file) if file else {}
    parts = {name: table.pop(name, {}) for name in LAB_TABLES}
    settings = settings_from_table(table, preset, options, file)
    return Lab(
        settings,
        _lab_table("watch", WatchSettings, parts, file),
        _lab_table("retrain", RetrainSettings, parts, file),
        _lab_table("listen", ListenSettings, parts, file),
        _lab_table("kubernetes", KubernetesSettings, parts, file),
    )


def _lab_table(name: str, model: type[_Table], parts: Mapping[str, Any], file: Path | None) -> _Table:
    """The settings of one of the lab's tables; its file tells where they are wrong."""
    table, where, folder = parts[name], f"{file}: " if file else "", file.parent if file else Path()
    if isinstance(table, Mapping):
        table = read_table(model, table, folder, f"{where}{name}.")
    try:
        return model.model_validate(table)
    except ValidationError as error:
        known = [setting for setting, _ in setting_names(model)]
        problem = describe_validation_error(error, name, known)
        raise BadSettings(f"{where}{problem}; mend that line") from None
