"""Whether a joint has been replaced: metal at the joint line is even and bright, and ends sharply."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.width.tracking import GRID

__all__ = ["shows_metal"]

_BRIGHT = 0.85  # of the brightest grey value
_EVEN = 0.02  # of the grey values' range: spread of 5×5 pixels within metal
_AT_JOINT = slice(96, 146)  # rows of the grid about the joint line; screws and plates lie farther off
_SMALLEST, _LARGEST = 0.006, 0.45  # share of the picture that a part covers there, and altogether
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
    even = ((spread < _EVEN * (high - low)) & (mean > _BRIGHT * high)).astype(np.uint8)
    steps = cv2.magnitude(cv2.Sobel(grid, cv2.CV_32F, 1, 0), cv2.Sobel(grid, cv2.CV_32F, 0, 1)) / 8
    steps = cv2.dilate(steps, np.ones((5, 5), np.uint8))  # an even place ends two pixels before the step
    count, labels, stats, _ = cv2.connectedComponentsWithStats(even, connectivity=4)
    for part in range(1, count):
        inside = (labels == part).astype(np.uint8)
        at_joint, area = int(inside[_AT_JOINT].sum()), int(stats[part, cv2.CC_STAT_AREA])
        if at_joint < _SMALLEST * GRID**2 or area > _LARGEST * GRID**2:
            continue
        border = (cv2.dilate(inside, np.ones((3, 3), np.uint8)) > inside) & _off_edge
        if border.any() and float(np.median(steps[border])) > _SHARP * (high - low):
            return True
    return False


_off_edge = np.zeros((GRID, GRID), bool)
_off_edge[3:-3, 3:-3] = True
