"""What makes the widths of a joint doubtful though its margins were found: two rims of a tibial plateau."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.width.margins import Compartment, Margins
from jsl_core.width.refine import refining_edges
from jsl_core.width.tracking import GRID, PLAIN

__all__ = ["TWO_RIMS", "has_two_rims", "second_rim"]

TWO_RIMS = "two_rims", "the rims of the tibial plateau lie apart; the width is that to the clearer one"

_NEAREST, _FARTHEST = 4.0, 12.0  # pixels of the grid between two rims
_STEP = 0.5  # between two distances that are tried
_ASTRAY = 1.0  # pixels of the grid by which the other rim may leave its course
_FEMUR = 2.0  # pixels of the grid below the femoral margin which are its edge's
_AS_CLEAR = 0.5  # how clear another rim is beside the margin that makes it a doubt: by eye on knee_kl224
_CLEAR = 1.5  # spreads of edges of a clear rim


def has_two_rims(joint: NDArray[np.uint8], margins: Margins) -> bool:
    """Whether a plateau of a joint, uint8 H×W, shows two rims either of which may be its margin."""
    scale = max(joint.shape) / GRID
    edges = refining_edges(joint, scale)
    return max(second_rim(edges, part, scale) for part in (margins.medial, margins.lateral)) > _AS_CLEAR


def second_rim(edges: NDArray[np.float32], part: Compartment, scale: float) -> float:
    """How clear the clearest other rim of a plateau is beside its margin: 0 of none, 1 of one as clear.

    Args:
        edges: Of `refining_edges`, H×W.
        part: The compartment, in pixels of the picture.
        scale: Pixels of the picture to one of the grid.
    """
    offsets = np.arange(-_FARTHEST, _FARTHEST + _STEP / 2, _STEP)
    rows = part.tibial[:, None] + scale * offsets
    columns = np.repeat(part.x[:, None], len(offsets), axis=1)
    profile = cv2.remap(edges, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)
    profile = cv2.dilate(np.clip(profile, 0, PLAIN), np.ones((1, 2 * round(_ASTRAY / _STEP) + 1), np.uint8))
    profile[rows <= part.femoral[:, None] + _FEMUR * scale] = 0
    clear = profile.mean(0)
    apart = np.abs(offsets) >= _NEAREST
    return float(clear[apart].max()) / max(float(clear[~apart].max()), _CLEAR)
