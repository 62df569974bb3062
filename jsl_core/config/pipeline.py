"""Settings of a whole run."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from jsl_core.config.base import RUN_NAME, Location, Place, Settings, marked_fields
from jsl_core.config.evaluate import EvaluateSettings
from jsl_core.config.pack import PackSettings
from jsl_core.config.prepare import ConvertSettings, CropSettings, MeasureSettings, SplitSettings
from jsl_core.config.sources import Sources
from jsl_core.config.training import TrainingSettings
from jsl_core.system.paths import expand_path

__all__ = ["PipelineSettings", "location_names"]


# An address has no password in it: settings are stored readable.
_TRACKER = re.compile(r"|mlflow:(?:(?!.*://[^/]*@)\S+|file:.+)|tensorboard:[/~].*")


def _check_tracker(words: str) -> str:
    if not _TRACKER.fullmatch(words):
        raise ValueError(
            "no tracker; write mlflow:ADDRESS without a password (MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD have it), or tensorboard:/folder"
        )
    kind, colon, place = words.partition(":")
    return f"{kind}{colon}{expand_path(place)}" if kind == "tensorboard" else words


class PipelineSettings(Settings):
    """A whole run: from scans and a table to a report of trained models."""

    name: str = Field(
        "run",
        pattern=RUN_NAME,
        title="Name",
        description="Names the run's folder. Before it stands the time of the start, in UTC.",
    )
    scans: Place = Field(
        "",
        title="Scans",
        description="Folder, or s3://bucket/prefix, of DICOM scans. Empty: the table's Img_path is used.",
    )
    cohort: Place = Field(
        "", title="Cohort table", description="CSV with ID, risk factors, BL_KL_grade and JSL_Prog."
    )
    films: Place = Field(
        "",
        title="Films",
        description="CSV whose column file names the scans to use, as jsl oai writes it. Empty: all.",
    )
    corrections: Annotated[str, Location(words=("store",)), AfterValidator(expand_path)] = Field(
        "",
        title="Corrections",
        description="What reviewers corrected with jsl review, laid over films and table: store for the "
        "acts in this store, or a corrections.csv. Empty: none.",
    )
    truth: Place = Field(
        "", title="Known truth", description="truth.json of a phantom cohort; empty for real films."
    )
    store: Place = Field(
        "jsl-store", title="Store", description="Folder, or s3://bucket/prefix, that keeps all results."
    )
    work: Place = Field(
        "",
        title="Work folder",
        description="Folder on this machine for what can be made again. Empty: inside the store's folder.",
    )
    publish: Place = Field(
        "",
        title="Publish to",
        description="Another folder, or s3://bucket/prefix, that also gets reports, models, joints, tables.",
    )
    tracker: Annotated[str, AfterValidator(_check_tracker)] = Field(
        "",
        title="Tracker",
        description="What also gets curves, figures and models: mlflow:ADDRESS (a server's, or "
        "mlflow:file:///folder), or tensorboard:/folder. Empty: none.",
    )
    pseudonymise: bool = Field(
        False,
        title="Pseudonymise",
        description="Name files and participants by keyed pseudonyms in all that is stored and published.",
    )
    pseudonym_key: Place = Field(
        "",
        title="Pseudonyms' key",
        description="File, on each machine that works, that holds the key of the pseudonyms; never stored. "
        "Empty: the environment variable JSL_PSEUDONYM_KEY.",
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
    patience: float | None = Field(
        None,
        ge=0,
        title="Patience",
        description="Seconds for which a server that is away (the bucket's, Prefect's) is waited for. Empty: "
        "what JSL_PATIENCE says, or 120.",
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
    measure: MeasureSettings = MeasureSettings()
    pack: PackSettings = PackSettings()
    training: TrainingSettings = TrainingSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    sources: Sources = Sources()

    @property
    def measures_widths(self) -> bool:
        """Whether joints are measured: where it is asked for, or a model takes widths as risk factors."""
        return bool(self.scans) and (self.measure.widths or self.training.factors == "measured")

    def without_locations(self) -> "PipelineSettings":
        """The settings that results depend on: paths, addresses and workers are set to their defaults."""
        default = PipelineSettings()
        names = (*location_names(), "sources")
        return self.model_copy(update={name: getattr(default, name) for name in names})


def location_names() -> tuple[str, ...]:
    """The settings of a run on which no result depends: places, addresses and workers."""
    return (*marked_fields(PipelineSettings, Location), "jobs", "dask", "patience", "tracker")
