"""Settings of the packed dataset and its one split."""

from typing import Literal

from pydantic import Field, model_validator

from jsl_core.config.base import Settings
from jsl_core.config.outcome import LabelSettings

__all__ = ["PackSettings"]


class PackSettings(Settings):
    """Joints and the cohort table to one training set."""

    size: int = Field(224, ge=32, le=1024, title="Size", description="Side of the packed crops in pixels.")
    val: float = Field(0.15, gt=0, lt=0.5, title="Validation share", description="Share of participants.")
    test: float = Field(0.25, gt=0, lt=0.5, title="Test share", description="Share of participants.")
    split: str = Field(
        "drawn",
        pattern=r"^(drawn|jsl-1(-site-\w+|-visit-\w+)?)$",
        title="Split",
        description="drawn: stratified shares of this table's participants. jsl-1: a fixed quarter of all "
        "people, chosen by their numbers, is tested on, so that two labs test on the same people. "
        "jsl-1-site-D, jsl-1-visit-06: those of them at one site, or at one visit, by a model that has "
        "learned from nobody there.",
    )
    split_by: Literal["participant", "knee"] = Field(
        "participant",
        title="Split by",
        description="By knee is the seed's mistake: a participant's two knees land on both sides.",
    )
    seed: int = Field(0, ge=0, title="Split seed")

    label: LabelSettings = LabelSettings()

    @model_validator(mode="after")
    def _people_are_fixed(self) -> "PackSettings":
        if self.split != "drawn" and self.split_by == "knee":
            raise ValueError(f"split {self.split} is by participant; set split_by to participant")
        return self
