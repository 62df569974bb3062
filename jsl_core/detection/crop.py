"""From detections to one joint: which box, what shape, and the pixels inside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jsl_core.config import CropSettings
from jsl_core.detection.detector import Detection
from jsl_core.errors import BadScan

__all__ = ["Box", "Joint", "choose_joint", "crop_at", "crop_joint", "crop_origin"]

EDGE = 1.0  # pixels from the image's border within which a box is taken to be cut by it
VISIBLE = 0.6  # width over height of a joint's box, below which too little of it is shown
AMBIGUOUS = 0.5  # a second joint of more than this share of the first one's merit makes the choice ambiguous

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Joint:
    """One joint as it was cropped.

    Attributes:
        pixels: The crop, uint8 H×W.
        box: (x1, y1, x2, y2) in pixels of the image, within it.
        score: The detection's, 0…1.
        length: Longer side of the detection in pixels of the image, whatever the crop's shape.
        padded: The crop was wider than the image and mirrors its edge there.
        ambiguous: Another box was nearly as likely to be the joint.
    """

    pixels: NDArray[np.uint8]
    box: Box
    score: float
    length: float
    padded: bool
    ambiguous: bool


def crop_joint(
    image: NDArray[np.uint8],
    detections: Sequence[Detection],
    spacing_mm: float | None,
    settings: CropSettings,
) -> Joint:
    """Crop the one joint of a split knee's image.

    Args:
        image: uint8 H×W.
        detections: Of this image, in its pixels.
        spacing_mm: Mm per pixel, which a crop in millimetres needs; without it the squared box is used.
        settings: Shape and margin of the crop.

    Raises:
        BadScan: `no_joint` where there is no detection, `cut_off` as of `crop_at`.
    """
    best, ambiguous = choose_joint(image, detections, settings)
    return crop_at(image, best, spacing_mm, settings, ambiguous)


def choose_joint(
    image: NDArray[np.uint8], detections: Sequence[Detection], settings: CropSettings
) -> tuple[Detection, bool]:
    """Choose the best of several boxes by score and position: a split knee's joint is near the middle.

    Args:
        image: uint8 H×W.
        detections: Of this image, in its pixels.
        settings: The score that they had to reach.

    Returns:
        The detection, and whether another one was nearly as likely to be the joint.

    Raises:
        BadScan: `no_joint` where there is no detection.
    """
    if not detections:
        raise BadScan("no_joint", f"no knee joint was found with a score of {settings.score:g} or more")
    height, width = image.shape
    merits = [detection.score * _centrality(detection, width, height) for detection in detections]
    order = sorted(range(len(detections)), key=lambda index: -merits[index])
    best = detections[order[0]]
    ambiguous = len(order) > 1 and merits[order[1]] > AMBIGUOUS * merits[order[0]]
    return best, ambiguous


def _centrality(detection: Detection, width: int, height: int) -> float:
    """1 in the middle of the image, 0.5 on its border."""
    dx = (detection.x1 + detection.x2) / width - 1
    dy = (detection.y1 + detection.y2) / height - 1
    return 1 - max(abs(dx), abs(dy)) / 2


def crop_at(
    image: NDArray[np.uint8],
    detection: Detection,
    spacing_mm: float | None,
    settings: CropSettings,
    ambiguous: bool = False,
) -> Joint:
    """Crop one joint; arguments as of `crop_joint`.

    Raises:
        BadScan: `cut_off` where the image shows too little of it from left to right.
    """
    height, width = image.shape
    if detection.x2 - detection.x1 < VISIBLE * (detection.y2 - detection.y1):
        raise BadScan("cut_off", "the film's edge cuts the joint; less than 0.6 of it is left")
    box = _crop_box(detection, (width, height), spacing_mm, settings)
    x1, y1, x2, y2 = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
    padded = x1 < 0 or y1 < 0 or x2 > width or y2 > height
    rows, columns = _mirror_indices(y1, y2, height), _mirror_indices(x1, x2, width)
    clipped = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height))
    pixels = np.ascontiguousarray(image[np.ix_(rows, columns)])
    length = max(detection.x2 - detection.x1, detection.y2 - detection.y1)
    return Joint(pixels, clipped, detection.score, length, padded, ambiguous)


def crop_origin(box: Box, shape: tuple[int, ...], *, padded: bool) -> tuple[int, int]:
    """Where (x, y) a crop begins on its image; outside of it where it is padded.

    Args:
        box: As of the `Joint`.
        shape: The crop's height and width.
        padded: As of the `Joint`.
    """
    x, y = math.floor(box[0]), math.floor(box[1])
    if padded:
        x = x if x > 0 else math.ceil(box[2]) - shape[1]
        y = y if y > 0 else math.ceil(box[3]) - shape[0]
    return x, y


def _crop_box(
    detection: Detection, size: tuple[int, int], spacing_mm: float | None, settings: CropSettings
) -> Box:
    """The box to crop: as predicted, squared, or of the set millimetres; the first two with the margin.

    `size`: width and height of the image.
    """
    margin = settings.margin_px
    if settings.box == "predicted":
        return detection.x1 - margin, detection.y1 - margin, detection.x2 + margin, detection.y2 + margin
    side = max(detection.x2 - detection.x1, detection.y2 - detection.y1)
    x = _joint_middle(detection.x1, detection.x2, size[0], side)
    y = _joint_middle(detection.y1, detection.y2, size[1], side)
    in_mm = settings.box == "mm" and spacing_mm
    half = settings.box_mm / in_mm / 2 if in_mm else side / 2 + margin
    return x - half, y - half, x + half, y + half


def _joint_middle(low: float, high: float, length: int, side: float) -> float:
    """The middle of a joint of `side` pixels along one axis; one that the image cuts goes on beyond it."""
    cut_low, cut_high = low <= EDGE, high >= length - EDGE
    if cut_low and not cut_high:
        return high - side / 2
    if cut_high and not cut_low:
        return low + side / 2
    return (low + high) / 2


def _mirror_indices(start: int, stop: int, length: int) -> NDArray[np.intp]:
    """Indices start…stop of an axis, mirrored at its ends as often as needed."""
    index = np.arange(start, stop) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)
