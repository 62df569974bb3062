"""A run's settings from a preset, a TOML file and the command line, each overriding the one before."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jsl_core.config.messages import describe_validation_error
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.presets import PRESETS, Preset, pipeline_preset
from jsl_core.errors import BadSettings

__all__ = ["load_pipeline", "merge_tables", "read_toml", "settings_from_table"]

_PATHS = ("scans", "cohort", "films", "truth", "store", "work", "publish")


def load_pipeline(
    file: Path | None = None, preset: Preset | None = None, options: Mapping[str, Any] | None = None
) -> PipelineSettings:
    """Load the settings of a run; each source overrides those before it.

    Args:
        file: A TOML file; paths in it are relative to it.
        preset: Goes below the file, in place of the preset that the file names.
        options: Tables of settings that go above the file.

    Raises:
        BadSettings: If the file cannot be read, or a setting is unknown or out of its range.
    """
    return settings_from_table(read_toml(file) if file else {}, preset, options, f"{file}: " if file else "")


def settings_from_table(
    table: Mapping[str, Any], preset: Preset | None, options: Mapping[str, Any] | None, where: str
) -> PipelineSettings:
    """Load the settings of a run from a table that was read already.

    Args:
        table: As in a TOML file.
        preset: As for `load_pipeline`.
        options: As for `load_pipeline`.
        where: How error messages begin, such as `run.toml: `.

    Raises:
        BadSettings: If a setting is unknown or out of its range.
    """
    values = dict(table)
    name = preset or values.pop("preset", None)
    values.pop("preset", None)
    if name is not None and name not in PRESETS:
        raise BadSettings(f"{where}preset {name!r} is unknown; choose one of {', '.join(PRESETS)}")
    defaults: dict[str, Any] = pipeline_preset(name).model_dump() if name else {}
    try:
        return PipelineSettings.model_validate(merge_tables(merge_tables(defaults, values), options or {}))
    except ValidationError as error:
        raise BadSettings(f"{where}{describe_validation_error(error)}; see jsl run --help") from None


def read_toml(file: Path) -> dict[str, Any]:
    """Read a TOML file, with its paths made relative to the working folder.

    Raises:
        BadSettings: If the file cannot be read or is no TOML.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadSettings(f"{file}: cannot be read ({error.strerror}); give a TOML file") from None
    except UnicodeDecodeError:
        raise BadSettings(f"{file}: not a text file in UTF-8; save it as one") from None
    except (ValueError, RecursionError) as error:
        raise BadSettings(f"{file}: not a TOML file ({error}); mend that line") from None
    for name in _PATHS:
        if table.get(name) and "://" not in str(table[name]):
            table[name] = str(file.parent / str(table[name]))
    return table


def merge_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two tables and the tables within them; values of `above` win."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge_tables(old, value)
        result[name] = value
    return result
