"""The choice of a preset in a flow's form."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from jsl_core.config.load import load_pipeline
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.presets import Preset

__all__ = ["PresetChoice", "apply_preset"]

PresetChoice = Annotated[
    Literal["none", Preset],
    Field(
        title="Preset",
        description="A recipe for all settings. Whatever you change from its default below goes before it.",
    ),
]


def apply_preset(settings: PipelineSettings, preset: PresetChoice) -> PipelineSettings:
    """The preset, overridden by every setting that is not the default; a form sends all fields it shows."""
    if preset == "none":
        return settings
    return load_pipeline(
        preset=preset, options=_differences(settings.model_dump(), PipelineSettings().model_dump())
    )


def _differences(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values that differ from the defaults, table by table."""
    differences = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            value = _differences(value, defaults[name])
            if not value:
                continue
        elif value == defaults[name]:
            continue
        differences[name] = value
    return differences
