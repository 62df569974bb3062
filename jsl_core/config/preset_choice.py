"""The choice of a preset in a flow's form, and what became of each setting."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from jsl_core.config.base import FileContent, Location
from jsl_core.config.pipeline import PipelineSettings, location_names
from jsl_core.config.presets import pipeline_preset
from jsl_core.config.sources import Preset
from jsl_core.config.tables import flatten_table, merge_tables, nest_value, setting_names

__all__ = ["Origin", "PresetChoice", "apply_preset", "describe_overrides", "list_origins"]

_MOST_NAMED = 6  # settings in a line of text; the report lists all

PresetChoice = Annotated[
    Literal["none", Preset],
    Field(
        title="Preset",
        description="A recipe for everything that is not asked here. demo: minutes, on a processor, to see "
        "how it works. best: thousands of knees and a GPU. kl: to grade knees from thousands of ready crops. "
        "seed: the notebooks that this grew from. none: as this server was set up. What you change under "
        "Advanced goes before it.",
    ),
]


@dataclass(frozen=True)
class Origin:
    """A setting that is not at its default, and where its value came from.

    Attributes:
        name: Dotted, as in a TOML file.
        value: As in a TOML file; of a path the last part.
        source: Such as `preset demo`, `file`, `option` or `form`.
        instead_of: What it would be else, such as `224 (preset best)`; empty for the default.
    """

    name: str
    value: str
    source: str
    instead_of: str


def apply_preset(settings: PipelineSettings, preset: PresetChoice) -> PipelineSettings:
    """Put a preset in place of the one that settings were made from; what else set them goes before it.

    A form sends all fields it shows: what differs from what they started from (a file, options, the preset
    before, the defaults) is what somebody asked for. What stands in the file or the options stays as well,
    unless the preset is about it.
    """
    if preset == "none":
        return settings
    sources = settings.sources
    before = _values(_defaults(sources.preset)) | sources.file | sources.options
    recipe = pipeline_preset(preset)
    decided = flatten_table(recipe.model_dump(exclude_unset=True, exclude={"name", "sources"}))
    own = {
        name: value
        for name, value in _values(settings).items()
        if value != before[name]
        or ((name in sources.file or name in sources.options) and name not in decided)
    }
    table = recipe.model_dump()
    for name, value in own.items():
        table = merge_tables(table, nest_value(name, value))
    replaced = sources.preset if sources.preset != preset else sources.replaced
    table["sources"] = sources.model_copy(update={"preset": preset, "replaced": replaced}).model_dump()
    return PipelineSettings.model_validate(table)


def list_origins(settings: PipelineSettings) -> list[Origin]:
    """List the settings that are not at their defaults, places and workers apart, and their sources."""
    sources = settings.sources
    defaults, preset = _values(PipelineSettings()), _values(_defaults(sources.preset))
    recipe = f"preset {sources.preset}"
    origins = []
    for name, value in _values(settings).items():
        if name in location_names():
            continue
        below = preset[name]
        instead = "" if below == defaults[name] else f"{_shown(name, below)} ({recipe})"
        if name in sources.retrain and sources.retrain[name] == value:
            source = "retrain"
        elif name in sources.options and sources.options[name] == value:
            if name in sources.file and sources.file[name] != value:
                instead = f"{_shown(name, sources.file[name])} (file)"
            source = "option"
        elif name in sources.file and sources.file[name] == value:
            source = "file"
        elif value == below:
            if value == defaults[name]:
                continue
            source = recipe
            instead = f"{_shown(name, sources.file[name])} (file)" if name in sources.file else ""
        else:
            source = "form"
            if name in sources.file:
                instead = f"{_shown(name, sources.file[name])} (file)"
        if instead.startswith(f"{_shown(name, value)} ("):
            instead = ""
        origins.append(Origin(name, _shown(name, value), source, instead))
    return origins


def describe_overrides(settings: PipelineSettings) -> list[str]:
    """Tell in a line each which preset took another's place, and what file, options or form set otherwise.

    A file that changes some of its own preset's settings is no news.
    """
    sources, lines = settings.sources, []
    if sources.replaced != "none":
        old, new = _values(_defaults(sources.replaced)), _values(_defaults(sources.preset))
        final = _values(settings)
        changed = [
            f"{name} {_shown(name, new[name])} ({_shown(name, old[name])})"
            for name in new
            if new[name] != old[name] and final[name] == new[name] and name != "name"
        ]
        lines.append(f"preset {sources.preset} in place of {sources.replaced}: {_listed(changed)}")
    over = [
        f"{origin.name} {origin.value} by {origin.source}, not {origin.instead_of}"
        for origin in list_origins(settings)
        if origin.name != "name" and (lines or origin.instead_of.endswith("(file)")) and origin.instead_of
    ]
    if over:
        lines.append(f"set otherwise: {_listed(over)}")
    return lines


def _listed(parts: list[str]) -> str:
    more = len(parts) - _MOST_NAMED
    return "; ".join([*parts[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])


def _defaults(preset: Literal["none", Preset]) -> PipelineSettings:
    return PipelineSettings() if preset == "none" else pipeline_preset(preset)


def _values(settings: PipelineSettings) -> dict[str, Any]:
    """The values as JSON by dotted name, without the record of their sources."""
    return flatten_table(settings.model_dump(mode="json", exclude={"sources"}))


def _shown(name: str, value: Any) -> str:
    """A value as in a TOML file; of a path the last part, as a report goes to others."""
    if not isinstance(value, str):
        return json.dumps(value)
    return Path(value).name if name in _PATHS else value


_PATHS = {
    name
    for name, field in setting_names(PipelineSettings)
    if any(isinstance(mark, FileContent | Location) for mark in field.metadata)
}
