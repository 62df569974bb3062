"""The run's settings in a file of any kind: of a run, of a lab, or of a sweep."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsl_core.config.load import load_pipeline, read_toml
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.retrain import LAB_TABLES, load_lab
from jsl_core.config.sources import Preset
from jsl_core.config.sweep import load_sweep, trials_of
from jsl_core.errors import BadSettings

__all__ = ["load_any_file"]


def load_any_file(
    file: Path, preset: Preset | None = None, options: Mapping[str, Any] | None = None
) -> PipelineSettings:
    """Load the settings of a run from its file, or from that of a lab or a sweep; all of the file is checked.

    Args:
        file: The TOML file.
        preset: As for `load_pipeline`.
        options: As for `load_pipeline`.

    Raises:
        BadSettings: As for `load_pipeline`, `load_lab` and `load_sweep`.
    """
    tables = read_toml(file).keys()
    if "sweep" in tables:
        settings, search = load_sweep(file, preset, options)
        try:
            trials_of(settings, search)
        except BadSettings as error:
            raise BadSettings(f"{file}: {error}") from None
        return settings
    if tables & {*LAB_TABLES}:
        return load_lab(file, options, preset).settings
    return load_pipeline(file, preset, options)
