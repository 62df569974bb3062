"""Settings of scoring knees with trained models."""

from typing import Literal

from pydantic import Field

from jsl_core.config.base import RUN_NAME, Place, Settings
from jsl_core.config.prepare import ConvertSettings, CropSettings, SplitSettings

__all__ = ["PredictSettings", "ScoreSettings"]


class PredictSettings(Settings):
    """How trained models predict."""

    flip: Literal["auto", "on", "off"] = Field(
        "auto",
        title="Flip",
        description="Average each crop with its mirror image; auto: where validation favoured it.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", title="Device")


class ScoreSettings(Settings):
    """From scans and models to a table of scores."""

    name: str = Field(
        "score",
        pattern=RUN_NAME,
        title="Name",
        description="Names the run's folder. Before it stands the time of the start, in UTC.",
    )
    scans: Place = Field("", title="Scans", description="Folder or archive of films.")
    models: tuple[Place, ...] = Field(
        (),
        title="Models",
        description="Bundles: folders, or keys of the store such as models/kl/0123456789ab. Several are "
        "averaged. Empty: the shipped grader, which predicts the KL grade.",
    )
    factors: Place = Field(
        "", title="Risk factors", description="Cohort table with the factors that the models need, if any."
    )
    store: Place = Field("jsl-store", title="Store", description="Folder, or s3://bucket/prefix.")
    work: Place = Field(
        "",
        title="Work folder",
        description="Folder on this machine for what can be made again. Empty: inside the store's folder.",
    )
    jobs: int = Field(0, ge=0, title="Worker processes", description="0: one per processor core.")
    predict: PredictSettings = PredictSettings()
    convert: ConvertSettings = ConvertSettings()
    split: SplitSettings = SplitSettings()
    crop: CropSettings = CropSettings()
