"""Settings of the stages from DICOM scans to joint crops: convert, split, crop."""

from typing import Literal

from pydantic import Field

from jsl_core.config.base import InputFile, Settings

__all__ = ["ConvertSettings", "CropSettings", "MeasureSettings", "SplitSettings"]


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
    margin_px: int = Field(
        0, ge=0, title="Margin", description="Pixels added on every side of the box; the seed adds 5."
    )
    score: float = Field(0.25, gt=0, lt=1, title="Score", description="Boxes below this score are dropped.")
    nms_iou: float = Field(
        0.5, gt=0, lt=1, title="NMS", description="Of boxes that overlap more than this, one is kept."
    )
    resize: Literal["auto", "letterbox", "stretch"] = Field(
        "auto",
        title="Resize",
        description="Keep the aspect ratio, or stretch (Darknet, seed). Auto: as the detector's cfg says, "
        "which keeps it where letter_box=1, as ours does.",
    )
    cfg: InputFile = Field(
        "", title="Darknet cfg", description="Your own detector's .cfg; empty for the shipped one."
    )
    weights: InputFile = Field(
        "", title="Darknet weights", description="Your own detector's .weights; empty for the shipped one."
    )


class MeasureSettings(Settings):
    """Joint to joint space widths."""

    widths: bool = Field(
        False,
        title="Measure joint space",
        description="Measure each joint's space, for the report, and for models with factors = measured, "
        "which turn it on. A tenth of a second a knee.",
    )
