"""Training the joint detector, and the network that tells right knees from left ones."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from jsl_core.config.base import InputFile, Location, Place, Settings, marked_fields
from jsl_core.system.paths import expand_path

__all__ = ["FILES", "DetectorTrainSettings", "SideTrainSettings"]


class DetectorTrainSettings(Settings):
    """The joint detector and its training films: phantoms, composites, and films with boxes of your own."""

    images: Place = Field(
        "", title="Films", description="Folder of films with boxes of your own; empty for none."
    )
    boxes: Place = Field(
        "",
        title="Box table",
        description="CSV file,x1,y1,x2,y2 in pixels; empty: YOLO text files beside the films.",
    )
    corrections: Place = Field(
        "",
        title="Corrections",
        description="Store whose films have boxes that reviewers moved with jsl review; empty for none.",
    )
    crops: Place = Field(
        "",
        title="Joint crops",
        description="Cohort table (ID, Img_path, split) of real joint crops, for composites; empty for none.",
    )
    phantoms: int = Field(300, ge=0, title="Phantom films", description="Synthetic films of known truth.")
    start: Annotated[str, Location(words=("shipped",)), AfterValidator(expand_path)] = Field(
        "",
        title="Start from",
        description="`shipped`, or a detector's .safetensors or .weights, its .cfg beside it; network, "
        "width and input size then hold; empty: from nothing.",
    )
    network: Literal["yolov4-tiny", "yolov4"] = Field("yolov4-tiny", title="Network")
    width: float = Field(
        0.5, gt=0, le=2, title="Width", description="Scales every layer's filters of YOLOv4-tiny."
    )
    size: int = Field(
        416, ge=64, multiple_of=32, title="Input size", description="Side of the network's input in pixels."
    )
    epochs: int = Field(40, ge=1, title="Epochs")
    films_per_epoch: int = Field(1000, ge=1, title="Films an epoch", description="Drawn anew each time.")
    batch: int = Field(16, ge=1, title="Batch")
    lr: float = Field(2e-3, gt=0, title="Learning rate")
    weight_decay: float = Field(0.01, ge=0, title="Weight decay")
    ema: float = Field(0.998, ge=0, lt=1, title="Averaging", description="Decay of the weights' average.")
    mosaic: float = Field(0.15, ge=0, le=1, title="Mosaic", description="Share of films made of four.")
    precision: Literal["fp32", "bf16"] = Field("bf16", title="Precision")
    seed: int = Field(0, ge=0, title="Seed")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", title="Device")

    def without_paths(self) -> "DetectorTrainSettings":
        """The settings without the paths of files, for a training that depends on what the files hold."""
        return self.model_copy(update=dict.fromkeys(FILES, ""))


FILES = marked_fields(DetectorTrainSettings, Location)


class SideTrainSettings(Settings):
    """The network that tells right knees from left ones, and its training pictures."""

    phantoms: int = Field(
        150, ge=0, title="Phantom films", description="Their knees are learnt from as well."
    )
    start: InputFile = Field(
        "", title="Start from", description="Another training's side.safetensors; empty: from nothing."
    )
    epochs: int = Field(16, ge=1, title="Epochs")
    pictures_per_epoch: int = Field(
        6000, ge=1, title="Pictures an epoch", description="Drawn anew each time."
    )
    batch: int = Field(64, ge=1, title="Batch")
    lr: float = Field(3e-3, gt=0, title="Learning rate")
    weight_decay: float = Field(0.02, ge=0, title="Weight decay")
    ema: float = Field(0.998, ge=0, lt=1, title="Averaging", description="Decay of the weights' average.")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", title="Precision")
    seed: int = Field(0, ge=0, title="Seed")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", title="Device")
