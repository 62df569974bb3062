"""Whether a joint has been replaced: metal is even and bright, and ends sharply."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.width.tracking import GRID

__all__ = ["shows_metal"]

_BRIGHT = 0.85  # of the brightest grey value
_EVEN = 4.0  # grey levels: spread of 5×5 pixels within metal
_SMALLEST, _LARGEST = 0.01, 0.45  # share of the picture that a part of an implant covers
_SHARP = 0.10  # of the grey values' range: step of a pixel at a metal's border; 0.05 where bone is burnt out


def shows_metal(joint: NDArray[np.uint8]) -> bool:
    """Whether a joint, uint8 H×W with bone bright, shows a part of a knee replacement.

    Bone that is burnt out is as bright and even, but fades out at its border.
    """
    grid = cv2.resize(joint, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = np.percentile(grid, (2, 99.5))
    if high - low < 1:
        return False
    mean = cv2.blur(grid, (5, 5))
    spread = np.sqrt(np.maximum(cv2.blur(grid * grid, (5, 5)) - mean * mean, 0))
    even = ((spread < _EVEN) & (mean > _BRIGHT * high)).astype(np.uint8)
    steps = cv2.magnitude(cv2.Sobel(grid, cv2.CV_32F, 1, 0), cv2.Sobel(grid, cv2.CV_32F, 0, 1)) / 8
    steps = cv2.dilate(steps, np.ones((5, 5), np.uint8))  # an even place ends two pixels before the step
    count, labels, stats, _ = cv2.connectedComponentsWithStats(even, connectivity=4)
    for part in range(1, count):
        if not _SMALLEST < stats[part, cv2.CC_STAT_AREA] / GRID**2 < _LARGEST:
            continue
        inside = (labels == part).astype(np.uint8)
        border = (cv2.dilate(inside, np.ones((3, 3), np.uint8)) > inside) & _off_edge
        if border.any() and float(np.median(steps[border])) > _SHARP * (high - low):
            return True
    return False


_off_edge = np.zeros((GRID, GRID), bool)
_off_edge[3:-3, 3:-3] = True
