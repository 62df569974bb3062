"""Settings of the OAI release reader."""

from typing import Literal

from pydantic import Field, model_validator

from jsl_core.config.outcome import OutcomeSettings

__all__ = ["OaiSettings", "Visit"]

Visit = Literal["00", "01", "03", "05", "06", "08", "10"]

_OF_ENROLMENT = ("progression_mm", "followup_months", "replaced", "visits", "landmarks", "jobs")


class OaiSettings(OutcomeSettings):
    """From the OAI release, or another cohort's table, to the cohort table."""

    visits: tuple[Visit, ...] = Field(
        (),
        title="Visits",
        description="Those whose films are wanted, one row a knee and visit: 00 (enrolment), 01 (12 months), "
        "03 (24), 05 (36), 06 (48), 08 (72), 10 (96). None: one row a knee, of enrolment.",
    )
    landmarks: Literal["every", "enrolment"] = Field(
        "every",
        title="Landmarks",
        description="Of several visits, which are baselines with an outcome in the months after them: every "
        "one, or enrolment alone.",
    )
    jobs: int = Field(0, ge=0, title="Worker processes", description="0: one per processor core.")

    @model_validator(mode="after")
    def _outcomes_need_visits(self) -> "OaiSettings":
        if len(set(self.visits)) < len(self.visits):
            raise ValueError("visits names one twice; give each once")
        for name, field in OutcomeSettings.model_fields.items():
            if not self.visits and name not in _OF_ENROLMENT and getattr(self, name) != field.default:
                raise ValueError(
                    f"{name} {getattr(self, name)} needs several visits; give visits, such as 00 06"
                )
        return self
