"""The presets as one dropdown of a form."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from jsl_core.config.load import load_pipeline
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.presets import Preset

__all__ = ["PresetChoice", "over_preset"]

PresetChoice = Annotated[
    Literal["none", Preset],
    Field(
        title="Preset",
        description="A recipe for all settings. Whatever you change from its default below goes before it.",
    ),
]


def over_preset(settings: PipelineSettings, preset: PresetChoice) -> PipelineSettings:
    """What `settings` has that is not the default, over the preset; a form sends every field it shows."""
    if preset == "none":
        return settings
    return load_pipeline(
        preset=preset, options=_changed(settings.model_dump(), PipelineSettings().model_dump())
    )


def _changed(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values that differ, table by table."""
    changed = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            value = _changed(value, defaults[name])
            if not value:
                continue
        elif value == defaults[name]:
            continue
        changed[name] = value
    return changed
