"""The joint space as a picture: a mask of its two compartments, and margins drawn over a radiograph."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.width.frame import Widths
from jsl_core.width.margins import Compartment, Margins

__all__ = ["LATERAL", "MEDIAL", "draw_margins", "draw_mask"]

MEDIAL, LATERAL = 255, 127  # values of the two compartments in a mask, on a background of 0
_FEMUR, _TIBIA, _LEAST = (80, 80, 255), (90, 220, 90), (60, 200, 255)  # BGR
_SIDE = 900  # pixels a small picture is enlarged to, so that the lines can be told apart


def draw_mask(margins: Margins, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw the joint space: a pixel is inside where its centre lies between the margins.

    Args:
        margins: In pixels of the picture.
        shape: Height and width of the picture.

    Returns:
        uint8 H×W: 255 in the medial compartment, 127 in the lateral one, 0 elsewhere.
    """
    mask = np.zeros(shape, np.uint8)
    for part, value in ((margins.medial, MEDIAL), (margins.lateral, LATERAL)):
        for x, top, bottom in zip(part.x, part.femoral, part.tibial, strict=True):
            first, last = max(0, int(np.ceil(top))), min(shape[0] - 1, int(np.floor(bottom)))
            mask[first : last + 1, int(x)] = value
    return mask


def draw_margins(image: NDArray[np.uint8], margins: Margins, widths: Widths) -> NDArray[np.uint8]:
    """Draw margins and least widths over a picture, uint8 H×W; returns BGR, enlarged where it is small."""
    scale = max(1, round(_SIDE / max(image.shape)))
    canvas = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    canvas = cv2.cvtColor(canvas, cv2.COLOR_GRAY2BGR)
    thick = max(1, max(canvas.shape) // 800)
    for part in (margins.medial, margins.lateral):
        for y, colour in ((part.femoral, _FEMUR), (part.tibial, _TIBIA)):
            _draw_line(canvas, _points(part, y), colour, scale, thick)
    for ends in widths.places:
        if np.isfinite(ends).all():
            _draw_line(canvas, ends, _LEAST, scale, thick)
    return np.asarray(canvas, np.uint8)


def _points(part: Compartment, y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([part.x, y], axis=1)


def _draw_line(
    canvas: NDArray[np.uint8],
    points: NDArray[np.float64],
    colour: tuple[int, int, int],
    scale: int,
    thick: int,
) -> None:
    pixels = np.round(((points + 0.5) * scale - 0.5) * 16).astype(np.int32)
    cv2.polylines(canvas, [pixels], False, colour, thick, cv2.LINE_AA, 4)
