"""A run's settings from a preset, a TOML file and the command line, each overriding the one before."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jsl_core.config.messages import describe_validation_error
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.presets import PRESETS, pipeline_preset
from jsl_core.config.sources import Preset, Sources
from jsl_core.config.tables import flatten_table, merge_tables, read_table, setting_names
from jsl_core.errors import BadSettings

__all__ = ["load_pipeline", "read_toml", "settings_from_table"]


def load_pipeline(
    file: Path | None = None, preset: Preset | None = None, options: Mapping[str, Any] | None = None
) -> PipelineSettings:
    """Load the settings of a run; each source overrides those before it.

    Args:
        file: A TOML file; paths in it are relative to it.
        preset: Goes below the file, in place of the preset that the file names.
        options: Tables of settings that go above the file; paths in them are relative to the current folder.

    Raises:
        BadSettings: If the file cannot be read, or a setting is unknown or out of its range.
    """
    return settings_from_table(read_toml(file) if file else {}, preset, options, file)


def settings_from_table(
    table: Mapping[str, Any], preset: Preset | None, options: Mapping[str, Any] | None, file: Path | None
) -> PipelineSettings:
    """Load the settings of a run from a table that was read already.

    Args:
        table: As in a TOML file.
        preset: As for `load_pipeline`.
        options: As for `load_pipeline`.
        file: The file it was read from, which its paths are relative to.

    Raises:
        BadSettings: If a setting is unknown or out of its range.
    """
    where = f"{file}: " if file else ""
    values = dict(table)
    named = values.pop("preset", "none")
    if named != "none" and named not in PRESETS:
        raise BadSettings(f"{where}preset {named!r} is unknown; choose one of {', '.join(PRESETS)}")
    if "sources" in values:
        raise BadSettings(f"{where}there is no setting sources; it is a record that JSL keeps")
    name = preset or (None if named == "none" else named)
    if name not in (None, *PRESETS):
        raise BadSettings(f"preset {name!r} is unknown; choose one of {', '.join(PRESETS)}")
    own = read_table(PipelineSettings, values, file.parent if file else Path(), where)
    chosen = read_table(PipelineSettings, options or {}, Path())
    defaults = pipeline_preset(name).model_dump() if name else {}
    try:
        settings = PipelineSettings.model_validate(merge_tables(merge_tables(defaults, own), chosen))
    except ValidationError as error:
        problem = describe_validation_error(
            error, known=[name for name, _ in setting_names(PipelineSettings)]
        )
        raise BadSettings(f"{where}{problem}; see jsl run --help") from None
    final = flatten_table(settings.model_dump(mode="json"))
    from_options = {name: final[name] for name in flatten_table(chosen)}
    from_file = {
        name: value if name in from_options else final[name] for name, value in flatten_table(own).items()
    }
    replaced = named if named not in ("none", name) else "none"
    sources = Sources(preset=name or "none", replaced=replaced, file=from_file, options=from_options)
    return settings.model_copy(update={"sources": sources})


def read_toml(file: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        BadSettings: If the file cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadSettings(f"{file}: cannot be read ({error.strerror}); give a TOML file") from None
    except UnicodeDecodeError:
        raise BadSettings(f"{file}: not a text file in UTF-8; save it as one") from None
    except (ValueError, RecursionError) as error:
        raise BadSettings(f"{file}: not a TOML file ({error}); mend that line") from None
