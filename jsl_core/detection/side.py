"""Side from anatomy: does a picture of a knee joint show a right knee or a left one, by the knee itself?

A left knee is the mirror image of a right one, so anatomy speaks of the picture as it is displayed. On a film
displayed conventionally (as if the patient faced the viewer) a knee that looks like a right one is the right
one; on a mirrored film, or one of a patient seen from behind, it is the left one. Which of the two a film is,
its markers, header and the order of its knees must say; where they say "conventional" and anatomy disagrees,
the film is mirrored or its side is wrong, and anatomy alone cannot tell which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.half_precision import save_half_precision
from jsl_core.detection.model import Weights, read_safetensors
from jsl_core.detection.side_network import (
    INPUT_SIZE,
    SideEngine,
    make_side_engine,
    normalise_contrast,
    side_layout,
)
from jsl_core.errors import DetectorError

__all__ = ["SHIPPED_SIDE", "SideReader", "SideReading", "fit_picture", "load_side", "save_side"]

_WEIGHTS = Path(__file__).with_name("weights")
SHIPPED_SIDE = _WEIGHTS / "side.safetensors"

Grey = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class SideReading:
    """What the anatomy of one knee says.

    Attributes:
        right: Probability 0…1 that the picture, as it is displayed, is of a right knee.
        side: 1 right, 2 left, None where the probability is too near to a half to be believed: unknown.
    """

    right: float
    side: Literal[1, 2] | None

    @property
    def confidence(self) -> float:
        """Probability 0.5…1 of the likelier side."""
        return max(self.right, 1 - self.right)


@dataclass(frozen=True)
class Scale:
    """From a network's logits to readings; found on participants that the network did not learn from.

    `temperature` divides the logits; a reading less sure than `threshold`, 0.5…1, is unknown.
    """

    temperature: float = 1.0
    threshold: float = 0.9


class SideReader:
    """Reads the side of knees from pictures of their joints."""

    def __init__(self, engine: SideEngine, scale: Scale) -> None:
        self.engine, self.scale = engine, scale

    @classmethod
    def load(cls, weights: Path = SHIPPED_SIDE) -> "SideReader":
        """Load the shipped network, or another one that `save_side` wrote.

        Raises:
            DetectorError: Where the file cannot be read or holds no side network.
        """
        arrays, scale = load_side(weights)
        return cls(make_side_engine(arrays), scale)

    def read(self, crops: Sequence[Grey]) -> list[SideReading]:
        """Read the side of joint crops.

        Args:
            crops: Grey, uint8 or uint16, each H×W of any size, bone bright or dark, about as wide as the
                joint box or somewhat tighter: 1 to 1.75 tibial plateaus. An oblong one is filled up to a
                square with its edges.
        """
        return self._read([fit_picture(crop) for crop in crops])

    def read_boxes(
        self, image: Grey, boxes: Sequence[tuple[float, float, float, float]]
    ) -> list[SideReading]:
        """Read the side of the joints on one image.

        Args:
            image: Grey, uint8 or uint16 H×W.
            boxes: The joint boxes (x1, y1, x2, y2) in its pixels; beyond the image its edge is repeated.
        """
        return self._read([fit_picture(_cut_box(image, box)) for box in boxes])

    def _read(self, pictures: Sequence[NDArray[np.float32]]) -> list[SideReading]:
        if not pictures:
            return []
        logits = self.engine(np.stack(pictures)) / self.scale.temperature
        return [self.to_reading(float(right)) for right in 1 / (1 + np.exp(-logits.astype(np.float64)))]

    def to_reading(self, right: float) -> SideReading:
        """The reading of a probability that a picture is of a right knee."""
        if max(right, 1 - right) < self.scale.threshold:
            return SideReading(right, None)
        return SideReading(right, 1 if right > 0.5 else 2)


def fit_picture(crop: Grey) -> NDArray[np.float32]:
    """Bring a crop to the network's input.

    Args:
        crop: Grey, uint8 or uint16 H×W.

    Returns:
        float32 96×96 after `normalise_contrast`, all 0 where the crop is empty.
    """
    if not crop.size:
        return np.zeros((INPUT_SIZE, INPUT_SIZE), np.float32)
    height, width = crop.shape
    spare_rows, spare_columns = max(0, width - height), max(0, height - width)
    if spare_rows or spare_columns:
        crop = cv2.copyMakeBorder(
            crop,
            spare_rows // 2,
            spare_rows - spare_rows // 2,
            spare_columns // 2,
            spare_columns - spare_columns // 2,
            cv2.BORDER_REPLICATE,
        )
    # In floating point: where a film is all but burnt out, what shows the bone is less than a grey level.
    small = crop.astype(np.float32)
    while (half := small.shape[0] // 2) >= 2 * INPUT_SIZE:  # OpenCV averages fast by halves alone
        small = cv2.resize(small[: 2 * half, : 2 * half], (half, half), interpolation=cv2.INTER_AREA)
    method = cv2.INTER_AREA if small.shape[0] > INPUT_SIZE else cv2.INTER_LINEAR
    return normalise_contrast(cv2.resize(small, (INPUT_SIZE, INPUT_SIZE), interpolation=method))


def _cut_box(image: Grey, box: tuple[float, float, float, float]) -> Grey:
    """The square about a box, as long as its longer side; what lies beyond the image repeats its edge."""
    x1, y1, x2, y2 = box
    side = max(1, round(max(x2 - x1, y2 - y1)))
    left, top = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
    rows = np.arange(top, top + side).clip(0, image.shape[0] - 1)
    columns = np.arange(left, left + side).clip(0, image.shape[1] - 1)
    return np.ascontiguousarray(
        image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][
            np.ix_(rows - rows[0], columns - columns[0])
        ]
    )


def load_side(path: Path) -> tuple[Weights, Scale]:
    """Load the weights of a side network, and the scale of its readings.

    Raises:
        DetectorError: Where the file cannot be read or holds no side network.
    """
    no_network = f"{path.name} does not hold a side network; train one anew"
    weights, metadata = read_safetensors(side_layout(), path, no_network)
    try:
        return weights, Scale(float(metadata["temperature"]), float(metadata["threshold"]))
    except (KeyError, ValueError) as error:
        raise DetectorError(no_network) from error


def save_side(weights: Weights, scale: Scale, path: Path) -> None:
    """Write a side network and its scale as half-precision safetensors, whole or not at all.

    Raises:
        StoreError: Where the file cannot be written.
    """
    metadata = {"temperature": f"{scale.temperature:.4g}", "threshold": f"{scale.threshold:.4g}"}
    save_half_precision(weights, path, metadata)
