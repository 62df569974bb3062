"""Phantom joints with their true margins, which show the network what no tracker finds by itself."""

from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.config import PhantomSettings
from jsl_core.errors import BadScan
from jsl_core.phantom.film import make_film, plan_film
from jsl_core.phantom.widths import margins_in_pixels
from jsl_core.system.parallel import parallel_map
from jsl_core.width.joints import FIELD
from jsl_core.width.tracking import GRID
from jsl_core.width.training.labels import KneeLabels

__all__ = ["make_phantom_joints"]

_LONG_SIDE = (900, 1300)  # pixels of the films: the joints have about as many as a crop of knee_kl224
_COMPARTMENTS = ((0.03, 0.37), (0.63, 0.97))  # of the readers' axis, within which margins face each other
_SIZES = 0.03  # by how much the joint box's size is off


def make_phantom_joints(films: int, seed: int, jobs: int = 0) -> list[KneeLabels]:
    """Make both joints of so many phantom films, as right knees on the grid, with their true margins."""
    knees: list[KneeLabels] = []
    for outcome in parallel_map(partial(_make_joints, seed), range(films), jobs):
        if isinstance(outcome, BadScan):
            raise outcome
        knees += outcome
    return knees


def _make_joints(seed: int, index: int) -> list[KneeLabels]:
    cv2.setNumThreads(1)
    settings = PhantomSettings(seed=seed, long_side=_LONG_SIDE)
    film, layout = make_film(seed, index, settings), plan_film(seed, index, settings)
    rng = np.random.default_rng([seed, index])
    knees = []
    for number, (side, box) in enumerate(sorted(film.boxes.items())):
        x1, y1, x2, y2 = box
        length = max(x2 - x1, y2 - y1) * FIELD * float(np.exp(rng.normal(0, _SIZES)))
        scale = GRID / length
        corner = np.array([x1 + x2 - length, y1 + y2 - length]) / 2
        matrix = np.column_stack([scale * np.eye(2), scale * (0.5 - corner) - 0.5])
        picture = film.display if scale > 0.8 else cv2.GaussianBlur(film.display, (0, 0), 0.4 / scale)
        joint = cv2.warpAffine(picture, matrix, (GRID, GRID), borderMode=cv2.BORDER_REPLICATE)
        margins = margins_in_pixels(layout, number)
        lines = [line @ matrix[:, :2].T + matrix[:, 2] for line in (margins.femur, margins.tibia)]
        ends = np.stack([margins.x0, margins.x1]) @ matrix[:, :2].T + matrix[:, 2]
        rows = np.stack([_rows_between(line, ends) for line in lines])
        knee = KneeLabels(joint, rows, np.isfinite(rows).astype(np.float32), np.full(6, np.nan, np.float32))
        knees.append(knee if side == 1 else knee.mirrored())
    return knees


def _rows_between(line: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float32]:
    """A margin's rows at the grid's columns, NaN beyond both compartments.

    Args:
        line: The margin, N×2 (x, y).
        ends: Of the readers' axis, 2×2 (x, y).
    """
    columns = np.arange(GRID, dtype=float)
    order = np.argsort(line[:, 0], kind="stable")
    rows = np.interp(columns, line[order, 0], line[order, 1], left=np.nan, right=np.nan)
    axis = ends[1] - ends[0]
    place = (np.column_stack([columns, rows]) - ends[0]) @ axis / (axis @ axis)
    inside = np.zeros(GRID, bool)
    for low, high in _COMPARTMENTS:
        inside |= (place > low) & (place < high)
    return np.where(inside, rows, np.nan).astype(np.float32)
