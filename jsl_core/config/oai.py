"""Settings of the OAI release reader."""

from typing import Literal

from pydantic import Field

from jsl_core.config.base import Settings

__all__ = ["OaiSettings"]


class OaiSettings(Settings):
    """From the OAI release, or another cohort's table, to the cohort table."""

    progression_mm: float = Field(
        0.7,
        gt=0,
        le=5,
        title="Progression",
        description="Loss of medial joint space in mm that counts as progression. A knee with less than this "
        "at baseline cannot progress and gets no label.",
    )
    followup_months: Literal[12, 24, 36, 48, 72, 96] = Field(
        48, title="Follow-up", description="Months after baseline at which the joint space is measured again."
    )
    replaced: Literal["excluded", "progressed", "competing"] = Field(
        "excluded",
        title="Replaced knees",
        description="What a knee is that was replaced before follow-up: without a label; progressed, as one "
        "that came to its end; or not progressed, as replacement competes with what is predicted.",
    )
    jobs: int = Field(0, ge=0, title="Worker processes", description="0: one per processor core.")
