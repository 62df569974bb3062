"""Settings of what is predicted: the outcome by its name, and which knees can have it."""

from typing import Literal

from pydantic import Field

from jsl_core.config.base import Settings

__all__ = ["LabelSettings", "OutcomeName", "OutcomeSettings"]

OutcomeName = Literal["jsl", "jsl_0250", "jsn", "kl", "incident", "replacement"]


class OutcomeSettings(Settings):
    """What is predicted of a knee, and which knees can have it (docs/outcomes.md)."""

    outcome: OutcomeName = Field(
        "jsl",
        title="Outcome",
        description="jsl: loss of the least medial joint space width. jsl_0250: of the width at x = "
        "0.25. jsn: medial narrowing by OARSI grade. kl: a higher KL grade. incident: KL 2 or above, of "
        "knees below it. replacement: the knee's replacement, with its time.",
    )
    progression_mm: float = Field(
        0.7,
        gt=0,
        le=5,
        title="Progression",
        description="Loss of joint space in mm that counts as progression (jsl, jsl_0250). A knee with less "
        "than this at the film cannot progress and gets no label.",
    )
    progression_grades: float = Field(
        1.0,
        gt=0,
        le=3,
        title="Progression in grades",
        description="Grades by which narrowing or KL must rise to count as progression (jsn, kl).",
    )
    followup_months: Literal[12, 24, 36, 48, 72, 96] = Field(
        48,
        title="Follow-up",
        description="Months after the film at which the knee is looked at again, or within which it is "
        "replaced.",
    )
    replaced: Literal["excluded", "progressed", "competing"] = Field(
        "excluded",
        title="Replaced knees",
        description="What a knee is that was replaced before follow-up: without a label; progressed, as one "
        "that came to its end; or not progressed, as replacement competes with what is predicted.",
    )
    positions: Literal["any", "consistent"] = Field(
        "any",
        title="Positioning",
        description="consistent: knees whose positioning differs between visits, as the readers of widths "
        "noted, get no label.",
    )
    lateral: Literal["any", "excluded"] = Field(
        "any",
        title="Lateral disease",
        description="excluded: knees whose lateral joint space is the narrower one by OARSI grade get no "
        "label.",
    )
    narrowest_mm: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Narrowest",
        description="Knees with less medial joint space than this at the film get no label; 0: no such rule.",
    )
    implants: Literal["excluded", "kept"] = Field(
        "excluded",
        title="Implants",
        description="Knees that were replaced before the film: left out of the table, or kept there "
        "without a label.",
    )


class LabelSettings(OutcomeSettings):
    """What a run predicts: what the table's label is, or an outcome made anew of its visits' readings."""

    outcome: OutcomeName | Literal["table"] = Field(  # type: ignore[assignment]
        "table",
        title="Outcome",
        description="table: the label that the table has. Else the outcome of that name, of the readings of "
        "a table that jsl oai made with several visits.",
    )
