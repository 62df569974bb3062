"""Settings of the synthetic cohort."""

from typing import Literal

from pydantic import Field, field_validator

from jsl_core.config.base import Settings

__all__ = ["PhantomSettings"]


class PhantomSettings(Settings):
    """The synthetic cohort."""

    patients: int = Field(120, ge=1, title="Participants", description="Each has one film of both knees.")
    seed: int = Field(0, ge=0, title="Seed", description="The same seed gives the same films, byte for byte.")
    long_side: tuple[int, int] = Field(
        (1000, 2500), title="Film size", description="Smallest and largest long side in pixels."
    )
    defects: float = Field(
        0.0, ge=0, le=1, title="Broken scans", description="Share of films given a known defect."
    )

    visits: tuple[int, ...] = Field(
        (0,), title="Visits", description="Months of the films, the first 0; the same knees each time."
    )

    outcome: Literal["jsl", "replacement"] = Field(
        "jsl",
        title="Outcome",
        description="Of the table: loss of joint space over 48 months, or time to replacement over 96.",
    )

    @field_validator("visits")
    @classmethod
    def _from_the_first(cls, months: tuple[int, ...]) -> tuple[int, ...]:
        if not months or months[0] != 0 or list(months) != sorted(set(months)) or months[-1] > 120:
            raise ValueError("give months from 0 to 120 in ascending order, the first 0")
        return months

    @field_validator("long_side")
    @classmethod
    def _ordered(cls, sides: tuple[int, int]) -> tuple[int, int]:
        if not 300 <= sides[0] <= sides[1] <= 5000:
            raise ValueError("give two sizes between 300 and 5000 pixels, the smaller first")
        return sides
