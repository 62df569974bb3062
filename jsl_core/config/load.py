"""A run's settings from a preset, a TOML file and the command line, each overriding the one before."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jsl_core.config.faults import fault
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.presets import PRESETS, Preset, pipeline_preset
from jsl_core.errors import BadSettings

__all__ = ["load_pipeline", "merged", "read_table", "settings_of"]

_PATHS = ("scans", "cohort", "films", "truth", "store", "work", "publish")


def load_pipeline(
    file: Path | None = None, preset: Preset | None = None, options: Mapping[str, Any] | None = None
) -> PipelineSettings:
    """The settings of a run; paths in the file are relative to the file.

    Raises BadSettings if the file cannot be read, or a setting is unknown or out of its range.
    """
    return settings_of(read_table(file) if file else {}, preset, options, f"{file}: " if file else "")


def settings_of(
    table: Mapping[str, Any], preset: Preset | None, options: Mapping[str, Any] | None, where: str
) -> PipelineSettings:
    """The same of a table that was read; `where` says in errors whose table it is."""
    told = dict(table)
    named = preset or told.pop("preset", None)
    told.pop("preset", None)
    if named is not None and named not in PRESETS:
        raise BadSettings(f"{where}preset {named!r} is unknown; choose one of {', '.join(PRESETS)}")
    start: dict[str, Any] = pipeline_preset(named).model_dump() if named else {}
    try:
        return PipelineSettings.model_validate(merged(merged(start, told), options or {}))
    except ValidationError as error:
        raise BadSettings(f"{where}{fault(error)}; see jsl run --help") from None


def read_table(file: Path) -> dict[str, Any]:
    """A TOML file, its paths made relative to where the program runs. Raises `BadSettings`."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings(f"{file}: cannot be read ({error.strerror}); give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{file}: not a TOML file ({error}); mend that line") from None
    for name in _PATHS:
        if table.get(name) and "://" not in str(table[name]):
            table[name] = str(file.parent / str(table[name]))
    return table


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, table by table."""
    both = dict(below)
    for name, value in above.items():
        old = both.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merged(old, value)
        both[name] = value
    return both
