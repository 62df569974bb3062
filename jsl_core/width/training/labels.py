"""What is learned from: margins tracked on every crop, and those drawn by hand on some."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jsl_core.dataset.crops import fit_crop, read_crop
from jsl_core.errors import BadScan
from jsl_core.system.parallel import parallel_map
from jsl_core.width.reader import MarginReader
from jsl_core.width.refine import refine_margin, refining_edges
from jsl_core.width.shape import TRACKED, ShapeModel
from jsl_core.width.tracking import GRID, even_out, row_edges, track_pair

__all__ = [
    "DrawnKnee",
    "KneeLabels",
    "Tracking",
    "label_drawn",
    "label_near",
    "label_tracked",
    "read_drawn",
    "read_grid_picture",
    "track_crops",
]

_ROWS = (76, 170)
_CLEAR = 1.5  # spreads of edges from which on a tracked margin counts fully
_POOR, _GOOD = -3.0, -3.9  # cost of a tracked pair: not believed, fully believed
_REACH = 1.5  # pixels by which a drawn margin may move to the edge
_JOIN = 6.0  # columns beyond a drawn line's end which it still decides

Array = NDArray[np.float64]
Rows = NDArray[np.float32]
Line = tuple[tuple[float, float], ...]
Tracking = Callable[[NDArray[np.uint8]], tuple[Rows, Rows]]
"""Rows and weights, each 2×224, of the margins of a right knee's crop, uint8 224×224."""


@dataclass(frozen=True)
class KneeLabels:
    """One knee as a right one, on the grid.

    Attributes:
        picture: uint8 224×224.
        margins: Rows of the femoral and the tibial margin, 2×224, NaN where nothing is known.
        weights: How far they are believed, 0…1, 2×224.
        landmarks: x of `shape.LANDMARKS`, 6, NaN where nothing is known.
    """

    picture: NDArray[np.uint8]
    margins: NDArray[np.float32]
    weights: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    def mirrored(self) -> "KneeLabels":
        """The labels of the mirror image."""
        return KneeLabels(
            np.ascontiguousarray(self.picture[:, ::-1]),
            np.ascontiguousarray(self.margins[:, ::-1]),
            np.ascontiguousarray(self.weights[:, ::-1]),
            (GRID - 1 - self.landmarks[::-1]).copy(),
        )


@dataclass(frozen=True)
class DrawnKnee:
    """What was drawn by hand on one crop of knee_kl224, in its pixels from left to right.

    Attributes:
        knee: Its ID.
        ends: x of the left peripheral tangent, of the left compartment's outer and inner end, of the right
            one's inner and outer end, and of the right peripheral tangent.
        femoral: A line (x, y) where the tracked femoral margin is wrong; empty where it is right.
        tibial: The same for the tibial margin.
    """

    knee: str
    ends: tuple[float, ...]
    femoral: Line
    tibial: Line


def read_drawn(file: Path) -> list[DrawnKnee]:
    """Read drawn margins: JSON, a list of objects with the fields of `DrawnKnee`."""
    return [
        DrawnKnee(
            entry["knee"],
            tuple(entry["ends"]),
            tuple(map(tuple, entry.get("femoral", ()))),
            tuple(map(tuple, entry.get("tibial", ()))),
        )
        for entry in json.loads(file.read_text())
    ]


def label_tracked(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Track the margins of a crop: rows and weights, each 2×224."""
    edges, evened = row_edges(picture), even_out(picture)
    margins = np.full((2, GRID), np.nan, np.float32)
    weights = np.zeros((2, GRID), np.float32)
    for columns in TRACKED:
        x = np.arange(*columns)
        pair = track_pair(edges, evened, x, _ROWS)
        belief = np.clip((_POOR - pair.cost) / (_POOR - _GOOD), 0, 1)
        for number, (rows, sign) in enumerate(((pair.femoral, -1), (pair.tibial, 1))):
            margins[number, x] = rows
            weights[number, x] = belief * np.clip(sign * edges[rows, x] / _CLEAR, 0.05, 1)
    return margins, weights


def label_near(picture: NDArray[np.uint8], shape: ShapeModel) -> tuple[Rows, Rows]:
    """The margins that a shape model finds without a network: rows and weights, each 2×224."""
    rows, weights = np.full((2, GRID), np.nan, np.float32), np.zeros((2, GRID), np.float32)
    try:
        margins = MarginReader(shape, None).read(picture, 1)
    except BadScan:
        return rows, weights
    for part in (margins.medial, margins.lateral):
        columns = part.x.astype(int)
        rows[:, columns] = part.femoral, part.tibial
        weights[:, columns] = margins.quality
    return rows, weights


def label_drawn(picture: NDArray[np.uint8], drawing: DrawnKnee) -> KneeLabels:
    """Labels of a crop with drawn margins: tracked, corrected, and moved to the edge nearby."""
    edges, evened = row_edges(picture), even_out(picture)
    fine = refining_edges(picture, 1.0)
    margins = np.full((2, GRID), np.nan, np.float32)
    for columns, ends in zip(TRACKED, (drawing.ends[1:3], drawing.ends[3:5]), strict=True):
        pair = track_pair(edges, evened, np.arange(*columns), _ROWS)
        x = np.arange(max(columns[0], int(ends[0])), min(columns[1] - 1, int(ends[1])) + 1.0)
        rows = []
        for tracked, line, brighter in (
            (pair.femoral, drawing.femoral, False),
            (pair.tibial, drawing.tibial, True),
        ):
            y = np.interp(x, np.arange(*columns), tracked.astype(float))
            y = _overrule(x, y, line)
            rows.append(refine_margin(fine, x, y, brighter, _REACH, 1.0))
        margins[:, x.astype(int)] = rows[0], np.maximum(rows[1], rows[0] + 0.3)
    weights = np.isfinite(margins).astype(np.float32)
    return KneeLabels(picture, margins, weights, np.array(drawing.ends, np.float32))


def _overrule(x: Array, y: Array, line: Line) -> Array:
    """The rows with those of a drawn line where it lies, and a little beyond its ends."""
    if not line:
        return y
    at, rows = np.array(line).T
    inside = (x >= at[0] - _JOIN) & (x <= at[-1] + _JOIN)
    near = (x[0] >= at[0] - _JOIN, x[-1] <= at[-1] + _JOIN)
    inside &= (x >= at[0]) | near[0]
    inside &= (x <= at[-1]) | near[1]
    return np.where(inside, np.interp(x, at, rows), y)


def read_grid_picture(base: Path, path: str) -> NDArray[np.uint8]:
    """Read a crop, uint8 224×224."""
    return fit_crop(read_crop(base, path), GRID)


def track_crops(
    base: Path, paths: Sequence[str], left: Sequence[bool], track: Tracking, jobs: int = 0
) -> tuple[Rows, Rows]:
    """Track the margins of crops, left knees mirrored, in worker processes: rows and weights, N×2×224."""
    rows, weights = [], []
    for outcome in parallel_map(partial(_track_file, base, track), zip(paths, left, strict=True), jobs):
        if isinstance(outcome, BadScan):
            raise outcome
        rows.append(outcome[0])
        weights.append(outcome[1])
    return np.stack(rows), np.stack(weights)


def _track_file(base: Path, track: Tracking, crop: tuple[str, bool]) -> tuple[Rows, Rows]:
    path, left = crop
    picture = read_grid_picture(base, path)
    return track(np.ascontiguousarray(picture[:, ::-1]) if left else picture)
