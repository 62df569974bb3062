"""Settings of every stage, once: flow parameters (so the UI's form), TOML files and command-line options.

Titles and descriptions are written for the reader of the form. Nothing else in the project reads a setting
from anywhere else; secrets come from the environment alone.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ConvertSettings",
    "CropSettings",
    "EvaluateSettings",
    "PackSettings",
    "PhantomSettings",
    "PipelineSettings",
    "RegimeSettings",
    "SplitSettings",
    "TrainingSettings",
    "load_pipeline",
    "preset",
]

Preset = Literal["demo", "seed", "best"]
Regime = Literal["kl", "jsl-image", "jsl-joint-frozen", "jsl-joint", "multitask"]


class Settings(BaseModel):
    """Frozen, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class ConvertSettings(Settings):
    """DICOM to 8-bit PNG."""

    window: Literal["dicom", "percentile"] = Field(
        "dicom", title="Window", description="The film's own VOI window, or a robust percentile window."
    )
    bits: Literal[8, 16] = Field(8, title="Bits", description="Bits per pixel of the PNG.")
    any_view: bool = Field(
        False, title="Any view", description="Also convert radiographs that are no bilateral PA knee films."
    )
    min_side: int = Field(
        256, ge=16, title="Smallest side", description="Films smaller than this, in pixels, are rejected."
    )
    max_megapixels: int = Field(
        100,
        ge=1,
        title="Largest film",
        description="Films above this many million pixels are rejected before decoding.",
    )
    seconds_per_scan: float = Field(
        60, gt=0, title="Time limit", description="Seconds after which a scan is given up and rejected."
    )


class SplitSettings(Settings):
    """One film to right and left knee."""

    at: Literal["valley", "half"] = Field(
        "valley",
        title="Split at",
        description="The dark valley between the legs, or blindly the middle (the seed).",
    )


class CropSettings(Settings):
    """Knee to joint."""

    box: Literal["predicted", "square", "mm"] = Field(
        "square",
        title="Crop shape",
        description="The box as predicted, squared, or of a fixed size in millimetres.",
    )
    box_mm: float = Field(
        140.0,
        gt=10,
        title="Crop size in mm",
        description="Side of the crop where shape is mm and the spacing is known.",
    )
    margin_px: int = Field(5, ge=0, title="Margin", description="Pixels added on every side of the box.")
    score: float = Field(0.25, gt=0, lt=1, title="Score", description="Boxes below this score are dropped.")
    nms_iou: float = Field(
        0.5, gt=0, lt=1, title="NMS", description="Of boxes that overlap more than this, one is kept."
    )
    resize: Literal["letterbox", "stretch"] = Field(
        "letterbox",
        title="Resize",
        description="Keep the aspect ratio (ours), or stretch (Darknet, the seed).",
    )
    cfg: str = Field(
        "", title="Darknet cfg", description="Your own detector's .cfg; empty for the shipped one."
    )
    weights: str = Field(
        "", title="Darknet weights", description="Your own detector's .weights; empty for the shipped one."
    )


class PackSettings(Settings):
    """Joints and the cohort table to one training set."""

    size: int = Field(224, ge=32, le=1024, title="Size", description="Side of the packed crops in pixels.")
    val: float = Field(0.15, gt=0, lt=0.5, title="Validation share", description="Share of participants.")
    test: float = Field(0.25, gt=0, lt=0.5, title="Test share", description="Share of participants.")
    split_by: Literal["participant", "knee"] = Field(
        "participant",
        title="Split by",
        description="By knee is the seed's mistake: a participant's two knees land on both sides.",
    )
    seed: int = Field(0, ge=0, title="Split seed")


class RegimeSettings(Settings):
    """How one regime is trained."""

    epochs: int = Field(10, ge=1, title="Epochs")
    batch: int = Field(16, ge=1, title="Batch")
    lr: float = Field(1e-4, gt=0, title="Learning rate")
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adamw", title="Optimizer")
    schedule: Literal["constant", "step", "cosine", "one-cycle"] = Field("one-cycle", title="Schedule")
    step_epochs: int = Field(
        5, ge=1, title="Step length", description="Epochs between steps of the step schedule."
    )
    step_factor: float = Field(0.5, gt=0, le=1, title="Step factor")
    weight_decay: float = Field(0.01, ge=0, title="Weight decay")
    dropout: float = Field(0.2, ge=0, lt=1, title="Dropout")
    balance: Literal["none", "halve", "weights"] = Field(
        "none",
        title="Balance",
        description="Halve the stable knees of the training part, weight the loss 1:2, or neither.",
    )
    freeze_epochs: int = Field(
        0, ge=0, title="Frozen epochs", description="Epochs at the start in which the CNN stays frozen."
    )


class TrainingSettings(Settings):
    """The network and its three regimes."""

    regimes: tuple[Regime, ...] = Field(
        ("kl", "jsl-image", "jsl-joint-frozen", "jsl-joint", "multitask"),
        title="Regimes",
        description="jsl-image starts from kl, and jsl-joint from jsl-image.",
    )
    backbone: str = Field(
        "resnet18", title="Backbone", description="Any classification network of torchvision, by its name."
    )
    weights: str = Field(
        "none",
        title="Initial weights",
        description="none, imagenet (downloaded), or the path of a file or bundle.",
    )
    factors: Literal["all", "clinical"] = Field(
        "all", title="Risk factors", description="clinical leaves out expert KL grade and alignment."
    )
    factor_width: int = Field(128, ge=1, title="Factor layer", description="Width of the risk-factor layer.")
    factor_nonlinear: bool = Field(True, title="Non-linear factors", description="Off in the seed.")
    normalise: bool = Field(
        True, title="Normalise", description="Standardise the grey values. Off in the seed."
    )
    mirror_left: bool = Field(True, title="Mirror left knees", description="Off in the seed.")
    augment: Literal["none", "seed", "strong"] = Field(
        "strong", title="Augmentation", description="seed: ±5° rotation. strong: affine and photometric."
    )
    kl_loss: Literal["softmax", "ordinal"] = Field("ordinal", title="KL loss")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", title="Precision")
    seed: int = Field(0, ge=0, title="Seed")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", title="Device")
    kl: RegimeSettings = RegimeSettings()
    jsl_image: RegimeSettings = RegimeSettings()
    jsl_joint_frozen: RegimeSettings = RegimeSettings()
    jsl_joint: RegimeSettings = RegimeSettings()
    multitask: RegimeSettings = RegimeSettings()

    def of(self, regime: Regime) -> RegimeSettings:
        """The settings of one regime, by its name on the command line."""
        settings: RegimeSettings = getattr(self, regime.replace("-", "_"))
        return settings


class EvaluateSettings(Settings):
    """Metrics, saliency and the report."""

    bootstrap: int = Field(
        1000, ge=0, title="Bootstrap", description="Resamples of participants per interval."
    )
    saliency: Literal["gradient", "smoothgrad", "gradcam", "integrated"] = Field("gradcam", title="Saliency")
    gallery: int = Field(6, ge=0, title="Gallery", description="Knees shown with their saliency.")


class PipelineSettings(Settings):
    """A whole run: from scans and a table to a report of trained models."""

    name: str = Field(
        "run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", title="Name", description="Names the run's folder."
    )
    scans: str = Field(
        "", title="Scans", description="Folder of DICOM scans. Empty: the table's Img_path is used."
    )
    cohort: str = Field(
        "", title="Cohort table", description="CSV with ID, risk factors, BL_KL_grade and JSL_Prog."
    )
    store: str = Field(
        "jsl-store", title="Store", description="Folder, or s3://bucket/prefix, that keeps all results."
    )
    jobs: int = Field(0, ge=0, title="Worker processes", description="0: one per processor core.")
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
