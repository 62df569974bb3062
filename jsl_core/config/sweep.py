"""Settings of a sweep: which settings vary, and how the trials are drawn."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from jsl_core.config.base import Settings
from jsl_core.config.faults import fault
from jsl_core.config.load import merged, read_table, settings_of
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.presets import Preset
from jsl_core.config.training import Regime
from jsl_core.errors import BadSettings

__all__ = ["Range", "SweepSettings", "load_sweep", "trials_of"]

Values = dict[str, Any]  # of the settings that vary, by dotted name


class Range(Settings):
    """Numbers from `low` to `high`, drawn evenly, or evenly on a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 on a logarithmic scale")
        return self

    def draw(self, rng: np.random.Generator) -> float:
        """A number of four digits, which is what people write."""
        low, high = (np.log(self.low), np.log(self.high)) if self.log else (self.low, self.high)
        drawn = rng.uniform(low, high)
        return float(f"{np.exp(drawn) if self.log else drawn:.4g}")


class SweepSettings(Settings):
    """Trials of one regime, each with other settings, judged on the validation knees."""

    regime: Regime = Field(
        "jsl-image", title="Regime", description="The model that is judged: by kappa, or by AUC."
    )
    vary: dict[str, Range | tuple[Any, ...]] = Field(
        {},
        title="What varies",
        description="Any settings by their dotted names, such as training.jsl_image.lr, each with a list of "
        "values, or with low, high and, where wanted, log.",
    )
    trials: int = Field(
        0,
        ge=0,
        title="Trials",
        description="So many random draws; 0: the grid, every combination of the lists.",
    )
    at_once: int = Field(
        1,
        ge=1,
        title="Trials at once",
        description="On a server with pools. On one machine there is one at a time: it has all the cores.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Of the random draws.")


def load_sweep(
    file: Path, preset: Preset | None = None, options: Mapping[str, Any] | None = None
) -> tuple[PipelineSettings, SweepSettings]:
    """A run's TOML file with a table `[sweep]`. Raises `BadSettings`."""
    table = read_table(file)
    told = table.pop("sweep", None)
    if told is None:
        raise BadSettings(f"{file}: no table [sweep]; say there what varies")
    try:
        return settings_of(table, preset, options, f"{file}: "), SweepSettings.model_validate(told)
    except ValidationError as error:
        raise BadSettings(f"{file}: sweep.{fault(error)}") from None


def trials_of(settings: PipelineSettings, sweep: SweepSettings) -> list[tuple[Values, PipelineSettings]]:
    """What varies in each trial, and the settings of its run: of the regimes only the judged one.

    Raises `BadSettings` where nothing varies, or a trial's settings are none.
    """
    if not sweep.vary:
        raise BadSettings("the sweep varies nothing; name settings and their values in vary")
    trials: list[tuple[Values, PipelineSettings]] = []
    for values in _drawn(sweep) if sweep.trials else _grid(sweep):
        told = settings.model_dump()
        told["training"] |= {"regimes": (sweep.regime,), "baseline": False}
        for name, value in values.items():
            told = merged(told, _nested(name, value))
        trials.append((values, settings_of(told, None, None, f"trial {len(trials) + 1}: ")))
    return trials


def _grid(sweep: SweepSettings) -> Iterator[Values]:
    axes = []
    for name, axis in sweep.vary.items():
        if isinstance(axis, Range):
            raise BadSettings(f"{name} is a range, which no grid can exhaust; give trials, or a list")
        axes.append(axis)
    for chosen in itertools.product(*axes):
        yield dict(zip(sweep.vary, chosen, strict=True))


def _drawn(sweep: SweepSettings) -> Iterator[Values]:
    rng = np.random.default_rng(sweep.seed)
    for _ in range(sweep.trials):
        yield {
            name: axis.draw(rng) if isinstance(axis, Range) else axis[int(rng.integers(len(axis)))]
            for name, axis in sweep.vary.items()
        }


def _nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    return value
