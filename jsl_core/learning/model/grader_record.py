"""What a grader's folder holds, and `grader.json`: what a grader says of itself, checked as it is read."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from jsl_core.errors import BundleError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.proof import proves_itself

__all__ = ["FORMAT", "NETWORK", "RECORD", "SHIPPED_GRADER", "USUAL", "GraderRecord", "is_grader"]

# Not beside this module: a training would depend on it by its code, where only `weights = "shipped"` does.
SHIPPED_GRADER = Path(__file__).parents[2] / "scoring" / "shipped"
RECORD, NETWORK, USUAL = "grader.json", "grader.onnx", "usual.safetensors"
FORMAT = 1


def is_grader(folder: Path) -> bool:
    """Whether a folder says that it is a grader."""
    return (folder / RECORD).is_file()


class GraderRecord(BaseModel):
    """What `grader.json` says of a grader.

    Attributes:
        format: Of the folder.
        version: Of the program that wrote it.
        size: Side of the crops in pixels.
        band: The rows of each crop that the network gets, from and to, as shares of its height.
        mirror_left: Whether left knees are mirrored on the way in.
        flip: Whether the logits are the mean of those of a crop and of its mirror image.
        temperature: Divides the logits.
        crop_field: Side of the crops to be cut from films, as a multiple of the detected joint's box.
        strange_from: The distance from the usual knees beyond which a picture is strange.
        made: How, from what and with which settings.
        probe: Logits of two known images.
        files: SHA-256 of the folder's other files.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    format: Literal[1]
    version: str
    size: Annotated[int, Field(ge=32, le=1024)]
    band: tuple[float, float]
    mirror_left: bool
    flip: bool
    temperature: Annotated[float, Field(ge=0.01, le=100)]
    crop_field: Annotated[float, Field(gt=0.3, le=2)]
    strange_from: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    made: dict[str, Any]
    probe: list[list[FiniteFloat]]
    files: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> "GraderRecord":
        """Read the record in a folder.

        Raises:
            BundleError: There is none, or it is damaged or senseless.
        """
        try:
            text = (folder / RECORD).read_bytes()
            record = cls.model_validate_json(text)
        except OSError as error:
            raise BundleError(f"{folder}: not a grader; {RECORD} cannot be read") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the record"
            raise BundleError(
                f"{folder}: {RECORD}: {where}: {first['msg']}; copy the grader again"
            ) from error
        if not proves_itself(json.loads(text)):
            raise BundleError(f"{folder}: {RECORD} is not as it was written; copy the grader again")
        return record

    def check_file(self, folder: Path, name: str) -> None:
        """Check that a file of the grader is the one that was saved.

        Raises:
            BundleError: It is another, or missing.
        """
        try:
            digest = Artifact.of_file(folder / name).sha256
        except OSError:
            raise BundleError(f"{folder}: {name} is missing; copy the grader again") from None
        if digest != self.files.get(name):
            raise BundleError(f"{folder}: {name} is damaged or of another grader; copy it again")
