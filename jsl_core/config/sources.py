"""Where a run's settings came from: a preset, a file, options, or the form."""

from typing import Any, Literal

from pydantic import Field

from jsl_core.config.base import Settings

__all__ = ["Preset", "Sources"]

Preset = Literal["demo", "seed", "best", "kl"]


class Sources(Settings):
    """A record that JSL keeps of where the values of a run's settings came from; nobody fills it in."""

    preset: Literal["none", Preset] = Field(
        "none", title="Made from", description="The preset that the values were made from. A record."
    )
    replaced: Literal["none", Preset] = Field(
        "none", title="In place of", description="The preset that was there before it. A record."
    )
    file: dict[str, Any] = Field(
        {}, title="From a file", description="What the settings' file sets itself. A record."
    )
    options: dict[str, Any] = Field(
        {}, title="From options", description="What the command line sets. A record."
    )
    retrain: dict[str, Any] = Field(
        {},
        title="From a retraining",
        description="What a retraining sets: it trains its champion's regime. A record.",
    )
