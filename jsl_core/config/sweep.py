"""Settings of a sweep: which settings vary, and the trials that follow from them."""

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from jsl_core.config.base import Settings
from jsl_core.config.load import read_toml, settings_from_table
from jsl_core.config.messages import describe_validation_error
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.sources import Preset
from jsl_core.config.tables import merge_tables, nest_value, read_table, read_value, setting_names
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
        if not 0 < self.high - self.low < math.inf or (self.log and self.low <= 0):
            raise ValueError("low must be below high, both finite, and above 0 on a logarithmic scale")
        return self

    def draw(self, rng: np.random.Generator) -> float:
        """Draw a number, rounded to four significant digits."""
        low, high = (np.log(self.low), np.log(self.high)) if self.log else (self.low, self.high)
        number = rng.uniform(low, high)
        return float(f"{np.exp(number) if self.log else number:.4g}")


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
    """Load a run's TOML file with a table `[sweep]`.

    Args:
        file: The TOML file.
        preset: As for `load_pipeline`.
        options: As for `load_pipeline`.

    Raises:
        BadSettings: If there is no table `[sweep]`, and as for `load_pipeline`.
    """
    table = read_toml(file)
    sweep = table.pop("sweep", None)
    if sweep is None:
        raise BadSettings(f"{file}: no table [sweep]; say there what varies")
    settings = settings_from_table(table, preset, options, file)
    if isinstance(sweep, Mapping):
        sweep = read_table(SweepSettings, sweep, file.parent, f"{file}: sweep.")
        if isinstance(vary := sweep.get("vary"), Mapping):
            sweep["vary"] = _own_names_and_paths(vary, file)
    try:
        return settings, SweepSettings.model_validate(sweep)
    except ValidationError as error:
        raise BadSettings(f"{file}: {describe_validation_error(error, 'sweep')}") from None


def _own_names_and_paths(vary: Mapping[str, Any], file: Path) -> Values:
    """The settings that vary by their own names; the paths among their values are relative to the file."""
    fields = dict(setting_names(PipelineSettings))
    result: Values = {}
    for written, axis in vary.items():
        name = written if written in fields else written.replace("-", "_")
        if name in result:
            raise BadSettings(f"{file}: sweep.vary has {name} twice, with - and with _; keep one")
        if isinstance(axis, list):
            axis = [read_value(fields.get(name), value, file.parent, f"{file}: {name}: ") for value in axis]
        result[name] = axis
    return result


def trials_of(settings: PipelineSettings, sweep: SweepSettings) -> list[tuple[Values, PipelineSettings]]:
    """List the trials of a sweep.

    Args:
        settings: What all trials have in common.
        sweep: What varies.

    Returns:
        For each trial the values that vary, by dotted name, and the settings of its run, which trains the
        judged regime only.

    Raises:
        BadSettings: If nothing varies, or a trial's settings are not valid.
    """
    if not sweep.vary:
        raise BadSettings("the sweep varies nothing; name settings and their values in vary")
    for name, axis in sweep.vary.items():
        if not isinstance(axis, Range) and not axis:
            raise BadSettings(f"the sweep has no values for {name}; list some")
    known = [name for name, _ in setting_names(PipelineSettings)]
    trials: list[tuple[Values, PipelineSettings]] = []
    for values in _random_trials(sweep) if sweep.trials else _grid_trials(sweep):
        table = settings.model_dump()
        table["training"] |= {"regimes": (sweep.regime,), "baseline": False}
        for name, value in values.items():
            table = merge_tables(table, nest_value(name, value))
        try:
            trials.append((values, PipelineSettings.model_validate(table)))
        except ValidationError as error:
            problem = describe_validation_error(error, known=known)
            raise BadSettings(f"trial {len(trials) + 1}: {problem}; see jsl run --help") from None
    return trials


def _grid_trials(sweep: SweepSettings) -> Iterator[Values]:
    axes = []
    for name, axis in sweep.vary.items():
        if isinstance(axis, Range):
            raise BadSettings(f"{name} is a range, which no grid can exhaust; give trials, or a list")
        axes.append(axis)
    for chosen in itertools.product(*axes):
        yield dict(zip(sweep.vary, chosen, strict=True))


def _random_trials(sweep: SweepSettings) -> Iterator[Values]:
    rng = np.random.default_rng(sweep.seed)
    for _ in range(sweep.trials):
        yield {
            name: axis.draw(rng) if isinstance(axis, Range) else axis[int(rng.integers(len(axis)))]
            for name, axis in sweep.vary.items()
        }
