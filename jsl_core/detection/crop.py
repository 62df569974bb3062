"""From detections to one joint: which box, what shape, and the pixels inside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jsl_core.config import CropSettings
from jsl_core.detection.detector import Detection
from jsl_core.detection.knee_pairing import joints_of_legs
from jsl_core.errors import BadScan

__all__ = ["Joint", "crop_joint", "joints_of_film"]

EDGE = 1.0  # pixels from the image's border within which a box is taken to be cut by it
AMBIGUOUS = 0.5  # a second joint of more than this share of the first one's merit makes the choice ambiguous

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Joint:
    """One joint: its crop (uint8 H×W), the box in pixels of the image (x1, y1, x2, y2; within it), the score.

    `padded`: the crop was wider than the image and mirrors its edge there. `ambiguous`: another box was
    nearly as likely to be the joint.
    """

    pixels: NDArray[np.uint8]
    box: Box
    score: float
    padded: bool
    ambiguous: bool


def crop_joint(
    image: NDArray[np.uint8],
    detections: Sequence[Detection],
    spacing_mm: float | None,
    settings: CropSettings,
) -> Joint:
    """The one joint of a split knee's image (uint8 H×W), cropped as the settings say.

    Of several boxes the best by score and position is taken: a split knee's joint is near the middle. A crop
    in millimetres needs `spacing_mm` (mm per pixel); without it the squared box is used. Raises BadScan
    `no_joint`.
    """
    if not detections:
        raise BadScan("no_joint", f"no knee joint was found with a score of {settings.score:g} or more")
    height, width = image.shape
    merits = [found.score * _centrality(found, width, height) for found in detections]
    order = sorted(range(len(detections)), key=lambda index: -merits[index])
    best = detections[order[0]]
    ambiguous = len(order) > 1 and merits[order[1]] > AMBIGUOUS * merits[order[0]]
    return _cut(image, best, spacing_mm, settings, ambiguous)


def joints_of_film(
    image: NDArray[np.uint8],
    detections: Sequence[Detection],
    spacing_mm: float | None,
    settings: CropSettings,
) -> list[Joint]:
    """The joints of an unsplit film, left on the film first: the best two boxes that can be two knees'.

    A third box nearly as good as the second makes both ambiguous. Raises BadScan `no_joint`.
    """
    if not detections:
        raise BadScan("no_joint", f"no knee joint was found with a score of {settings.score:g} or more")
    best, *beside = joints_of_legs(detections)
    ambiguous = len(beside) > 1 and beside[1].score > AMBIGUOUS * beside[0].score
    chosen = sorted([best, *beside[:1]], key=lambda found: found.x1)
    return [_cut(image, found, spacing_mm, settings, ambiguous) for found in chosen]


def _centrality(found: Detection, width: int, height: int) -> float:
    """1 in the middle of the image, 0.5 on its border."""
    dx = (found.x1 + found.x2) / width - 1
    dy = (found.y1 + found.y2) / height - 1
    return 1 - max(abs(dx), abs(dy)) / 2


def _cut(
    image: NDArray[np.uint8],
    found: Detection,
    spacing_mm: float | None,
    settings: CropSettings,
    ambiguous: bool,
) -> Joint:
    height, width = image.shape
    wanted = _shaped(found, (width, height), spacing_mm, settings)
    x1, y1, x2, y2 = (
        math.floor(wanted[0]),
        math.floor(wanted[1]),
        math.ceil(wanted[2]),
        math.ceil(wanted[3]),
    )
    padded = x1 < 0 or y1 < 0 or x2 > width or y2 > height
    rows, columns = _mirrored(y1, y2, height), _mirrored(x1, x2, width)
    inside = (
        max(wanted[0], 0.0),
        max(wanted[1], 0.0),
        min(wanted[2], float(width)),
        min(wanted[3], float(height)),
    )
    return Joint(np.ascontiguousarray(image[np.ix_(rows, columns)]), inside, found.score, padded, ambiguous)


def _shaped(found: Detection, size: tuple[int, int], spacing_mm: float | None, settings: CropSettings) -> Box:
    """The box to cut: as predicted, squared, or of the wanted millimetres; the first two with the margin.

    `size`: width and height of the image.
    """
    margin = settings.margin_px
    if settings.box == "predicted":
        return found.x1 - margin, found.y1 - margin, found.x2 + margin, found.y2 + margin
    side = max(found.x2 - found.x1, found.y2 - found.y1)
    x = _middle(found.x1, found.x2, size[0], side)
    y = _middle(found.y1, found.y2, size[1], side)
    known = settings.box == "mm" and spacing_mm
    half = settings.box_mm / known / 2 if known else side / 2 + margin
    return x - half, y - half, x + half, y + half


def _middle(low: float, high: float, length: int, side: float) -> float:
    """The middle of a joint of `side` pixels along one axis; one that the image cuts goes on beyond it."""
    cut_low, cut_high = low <= EDGE, high >= length - EDGE
    if cut_low and not cut_high:
        return high - side / 2
    if cut_high and not cut_low:
        return low + side / 2
    return (low + high) / 2


def _mirrored(start: int, stop: int, length: int) -> NDArray[np.intp]:
    """Indices start…stop of an axis, mirrored at its ends as often as needed."""
    index = np.arange(start, stop) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)
