"""Settings of a whole run."""

from pydantic import Field

from jsl_core.config.base import Settings
from jsl_core.config.evaluate import EvaluateSettings
from jsl_core.config.pack import PackSettings
from jsl_core.config.prepare import ConvertSettings, CropSettings, SplitSettings
from jsl_core.config.training import TrainingSettings

__all__ = ["PipelineSettings"]


class PipelineSettings(Settings):
    """A whole run: from scans and a table to a report of trained models."""

    name: str = Field(
        "run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", title="Name", description="Names the run's folder."
    )
    scans: str = Field(
        "",
        title="Scans",
        description="Folder, or s3://bucket/prefix, of DICOM scans. Empty: the table's Img_path is used.",
    )
    cohort: str = Field(
        "", title="Cohort table", description="CSV with ID, risk factors, BL_KL_grade and JSL_Prog."
    )
    films: str = Field(
        "",
        title="Films",
        description="CSV whose column file names the scans to use, as jsl oai writes it. Empty: all.",
    )
    truth: str = Field(
        "", title="Known truth", description="truth.json of a phantom cohort; empty for real films."
    )
    store: str = Field(
        "jsl-store", title="Store", description="Folder, or s3://bucket/prefix, that keeps all results."
    )
    work: str = Field(
        "",
        title="Work folder",
        description="Folder on this machine for what can be made again. Empty: inside the store's folder.",
    )
    publish: str = Field(
        "",
        title="Publish to",
        description="Another folder, or s3://bucket/prefix, that also gets reports, models, joints, tables.",
    )
    jobs: int = Field(0, ge=0, title="Worker processes", description="0: one per processor core.")
    exact_versions: bool = Field(
        False,
        title="Exact versions",
        description="Do all again where any library has another version, not only where results may differ.",
    )
    dask: str = Field(
        "",
        title="Dask",
        description="Prepare scans on a Dask cluster: its scheduler's address (tcp://…), or local for one in "
        "this process. Each of its workers uses as many processes as jobs says. Empty: no Dask.",
    )
    max_rejected: float = Field(
        0.1,
        ge=0,
        le=1,
        title="Rejected at most",
        description="A run in which a larger share of scans fails stops.",
    )
    convert: ConvertSettings = ConvertSettings()
    split: SplitSettings = SplitSettings()
    crop: CropSettings = CropSettings()
    pack: PackSettings = PackSettings()
    training: TrainingSettings = TrainingSettings()
    evaluate: EvaluateSettings = EvaluateSettings()

    def without_locations(self) -> "PipelineSettings":
        """The settings that results depend on: paths, addresses and workers are set to their defaults."""
        default = PipelineSettings()
        locations = ("scans", "cohort", "films", "truth", "store", "work", "publish", "jobs", "dask")
        return self.model_copy(update={name: getattr(default, name) for name in locations})
