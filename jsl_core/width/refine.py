"""Margins to a fraction of a pixel: along each column, to the steepest place near a coarse margin."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.width.tracking import row_edges

__all__ = ["refine_margin", "refining_edges"]

Array = NDArray[np.float64]

_BLUR, _BLUR_SHARE = 0.9, 0.5  # pixels, and share of a grid's pixel: finer pictures are blurred less
_STEP = 0.25  # pixels of the grid between two places that are tried
_BEND = 1.5  # price of a pixel's deviation from the coarse margin's shape, squared
_HOLD = 0.3  # price of the whole reach, so that a margin without an edge stays where it is
_BESIDE = 2  # steps from the path within which the strongest place is taken
_WEAKEST = 0.3  # spreads of edges below which there is no summit
_STRONGEST = 8.0  # an edge beyond this many spreads is no better
_SMOOTH = 1.2  # columns over which the outcome is evened out


def refining_edges(picture: NDArray, scale: float) -> NDArray[np.float32]:
    """Edges along columns of a picture `scale` times as fine as the grid, as `refine_margin` needs them."""
    return row_edges(picture, max(_BLUR, _BLUR_SHARE * scale))


def refine_margin(
    edges: NDArray[np.float32], x: Array, y: Array, brighter: bool, reach: float, scale: float
) -> Array:
    """Move a margin to the edge that fits it best, by dynamic programming over columns.

    Args:
        edges: Of `refining_edges`, H×W.
        x: N columns.
        y: The coarse margin's rows, N.
        brighter: Whether it grows brighter below the margin, as at the tibia.
        reach: How far the margin may move, in pixels of the grid.
        scale: Pixels of the picture to one of the grid.

    Returns:
        The margin's rows, N.
    """
    offsets = np.arange(-reach, reach + _STEP / 2, _STEP)
    rows = y[:, None] + scale * offsets
    columns = np.repeat(x[:, None], len(offsets), axis=1)
    profile = cv2.remap(edges, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_CUBIC)
    profile = np.clip(profile if brighter else -profile, -1, _STRONGEST)
    cost = _HOLD * (offsets / reach) ** 2 - profile
    bend = _BEND * (offsets[:, None] - offsets[None]) ** 2
    total, choices = cost[0], []
    for column in cost[1:]:
        through = total[:, None] + bend
        choice = through.argmin(0)
        choices.append(choice)
        total = through[choice, np.arange(len(offsets))] + column
    at = int(total.argmin())
    path = [at]
    for choice in reversed(choices):
        at = int(choice[at])
        path.append(at)
    moved = _to_summit(profile, np.array(path[::-1]), offsets)
    moved = cv2.GaussianBlur(moved[:, None], (0, 0), _SMOOTH, borderType=cv2.BORDER_REPLICATE)[:, 0]
    return np.asarray(y + scale * moved, float)


def _to_summit(profile: NDArray, path: NDArray[np.intp], offsets: Array) -> Array:
    """Offsets of the summits beside a path, N, by the parabola through three places."""
    places = np.arange(len(offsets))
    near = np.abs(places[None] - path[:, None]) <= _BESIDE
    best = np.where(near, profile, -np.inf).argmax(1)
    every = np.arange(len(path))
    best = np.where(profile[every, best] > _WEAKEST, best, path)
    inner = np.clip(best, 1, len(offsets) - 2)
    before, here, after = (profile[every, inner + step].astype(float) for step in (-1, 0, 1))
    curve = before - 2 * here + after
    summit = (curve < -1e-6) & (best == inner) & (here > _WEAKEST)
    shift = np.where(summit, 0.5 * (before - after) / np.minimum(curve, -1e-6), 0.0)
    return offsets[best] + np.clip(shift, -0.5, 0.5) * _STEP
