"""Reads a joint space's margins from a picture: tracked, of usual shape, settled at the edge."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.errors import BadScan
from jsl_core.width.contours import SHIPPED_CONTOURS, ContourReader, likeliest_rows
from jsl_core.width.margins import Compartment, Margins, mirror_margins
from jsl_core.width.near import track_near
from jsl_core.width.refine import refine_margin, refining_edges
from jsl_core.width.shape import SHIPPED_SHAPE, TRACKED, ShapeFit, ShapeModel, load_shape
from jsl_core.width.tracking import GRID, even_out, row_edges, track_pair

__all__ = ["MarginReader"]

_COLUMNS = [np.arange(*columns) for columns in TRACKED]  # each compartment's
_CLEAR = 1.5  # spreads of edges from which on a tracked margin is fully believed
_STIFF_FIRST, _STIFF = 40.0, 4.0  # price of an unusual shape, before and after the second tracking
_NO_EDGE, _TRIMMED = 0.15, 10.0  # belief without an edge; columns of an outer end that may lack one
_STRAY = 5.0  # pixels from the usual shape beyond which the shape is put in a margin's place
_REACH = 1.25  # pixels of the grid by which a margin may move to the edge
_CONDYLE = (45.0, 10.0)  # rows of the grid above a condyle's lowest place, where its outline is looked for
_ASIDE = 12.0  # columns on either side of the usual place
_UNCLEAR = 0.25  # quality below which there is nothing to measure
_LARGER = 1 / 0.86  # a crop of 1.45 plateaus beside one of 1.25
_GOOD_FIT = 1.0  # residual in pixels from which on the other size is tried
_NO_KNEE = 5.3  # residuals in pixels beyond which there is no joint: 5.0 at worst on 210 crops of KL 3 and 4
_NEAR_COUNTS = 4  # how often the residual of margins near the shape counts
_ROWS = (70, 176)  # of the grid, in which a femoral margin may begin
_NO_MARGIN = 0.7  # median probability of the likeliest rows: 0.78 or more on 300 crops, 0.65 or less on noise
_BETTER = 0.75  # share of the residual that it must come down to

Grey = NDArray[np.uint8]
Array = NDArray[np.float64]


class MarginReader:
    """Finds the margins of joints: with a network, or without, as the network's own labels were found."""

    def __init__(self, shape: ShapeModel, contours: ContourReader | None) -> None:
        self.shape, self.contours = shape, contours

    @classmethod
    def load(cls, shape: Path = SHIPPED_SHAPE, contours: Path = SHIPPED_CONTOURS) -> "MarginReader":
        """Load the shipped shape model and network, or others.

        Raises:
            DetectorError: Where a file cannot be read or holds none.
        """
        return cls(load_shape(shape), ContourReader.load(contours))

    def read(self, joint: Grey, side: int) -> Margins:
        """Find the margins on one joint.

        Args:
            joint: uint8 H×W, about square, bone bright, 1.2 to 1.5 tibial plateaus wide.
            side: The side that it looks like: 1 for a right knee, 2 for a left one.

        Returns:
            The margins in pixels of the joint.

        Raises:
            BadScan: `unclear_margins` where they cannot be found.
        """
        if side == 2:
            return mirror_margins(self.read(np.ascontiguousarray(joint[:, ::-1]), 1))
        view = _View(joint, self.contours)
        usual = self._usual_shape(view)
        if usual.residual > _GOOD_FIT:
            larger = _View(joint, self.contours, _LARGER)
            other = self._usual_shape(larger)
            if other.residual < _BETTER * usual.residual:
                view, usual = larger, other
        found = self._track(view, usual)
        if usual.residual + _NEAR_COUNTS * found.fit.residual > _NO_KNEE:
            raise BadScan("unclear_margins", "the margins have no shape that knees have; see the picture")
        return _settle(found, view)

    def _usual_shape(self, view: "_View") -> ShapeFit:
        """Track the margins anywhere, and fit the shape to them."""
        if not np.abs(view.evened).max() > 0:
            raise BadScan("unclear_margins", "the picture is even; it shows no joint space")
        if self.contours is None:
            pairs = [track_pair(view.row_edges, view.evened, columns, _ROWS) for columns in _COLUMNS]
            rows = np.concatenate([np.stack([pair.femoral, pair.tibial]) for pair in pairs], 1).astype(float)
            return self.shape.fit(rows, _belief(view.row_edges, rows), _STIFF_FIRST)
        rows, sure = likeliest_rows(view.chances, np.concatenate(_COLUMNS))
        if np.median(sure) < _NO_MARGIN:
            raise BadScan("unclear_margins", "nothing looks like a joint's margins; see the picture")
        return self.shape.fit(rows, sure, _STIFF_FIRST)

    def _track(self, view: "_View", usual: ShapeFit) -> "_Tracked":
        """Track the margins near the usual shape, and fit the shape anew."""
        rows = np.split(usual.margins, len(_COLUMNS), axis=1)
        near = [
            track_near(view.row_edges, view.evened, view.chances, x, y)
            for x, y in zip(_COLUMNS, rows, strict=True)
        ]
        margins = np.concatenate(near, 1)
        belief = _belief(view.row_edges, margins)
        fit = self.shape.fit(margins, belief, _STIFF)
        clear = np.abs(margins - fit.margins) <= _STRAY
        return _Tracked(np.where(clear, margins, fit.margins), belief * clear, fit)


@dataclass(frozen=True)
class _Tracked:
    """Margins on the grid: rows at the shape's columns, how far they are believed, and the usual shape."""

    margins: Array
    belief: Array
    fit: ShapeFit


def _belief(edges: NDArray, margins: Array) -> Array:
    """How far tracked margins are believed by their edges, 0.05…1, 2×180."""
    x = np.concatenate(_COLUMNS)
    rows = np.clip(np.round(margins).astype(int), 0, GRID - 1)
    strength = np.stack([-edges[rows[0], x], edges[rows[1], x]])
    return np.clip(strength / _CLEAR, 0.05, 1)


def _settle(found: _Tracked, view: "_View") -> Margins:
    """Cut the margins into compartments, and settle them at the joint's edges."""
    ends, parts, clear, first = found.fit.landmarks, [], [], 0
    for columns, (low, high) in zip(TRACKED, (ends[1:3], ends[3:5]), strict=True):
        x = np.arange(*columns)
        rows = found.margins[:, first : first + len(x)]
        belief = found.belief[:, first : first + len(x)]
        low, high = _trim(x, belief, low, high)
        clear.append(float(belief[:, (x >= low) & (x <= high)].mean()))
        parts.append(view.compartment(x.astype(float), rows, float(low), float(high)))
        first += len(x)
    quality = min(clear)
    if quality < _UNCLEAR:
        raise BadScan("unclear_margins", "the joint space's margins cannot be found; see the picture")
    lateral, medial = parts  # a right knee's lateral side is on the picture's left
    half = found.margins.shape[1] // 2
    lowest = found.margins[0, half:].max(), found.margins[0, :half].max()
    outer = [view.outline(float(ends[i]), float(y), i == 5) for i, y in zip((5, 0), lowest, strict=True)]
    peripheral = view.x_of(np.array(outer))
    return Margins(
        medial, lateral, (float(peripheral[0]), float(peripheral[1])), quality, view.joint.shape[1]
    )


def _trim(x: NDArray, belief: Array, low: float, high: float) -> tuple[float, float]:
    """The ends of a compartment without columns at its outer one where either margin has no edge."""
    edged = x[belief.min(0) > _NO_EDGE]
    left = x[-1] < GRID / 2
    if left:
        outer = edged[edged >= low][:1]
        return float(min(outer[0], low + _TRIMMED)) if len(outer) else low, high
    outer = edged[edged <= high][-1:]
    return low, float(max(outer[0], high - _TRIMMED)) if len(outer) else high


class _View:
    """A right knee's joint on the grid, and back; `zoom` enlarges its middle."""

    def __init__(self, joint: Grey, contours: ContourReader | None, zoom: float = 1.0) -> None:
        self.joint, self._contours = joint, contours
        height, width = joint.shape
        self.scale = max(height, width) / GRID / zoom  # pixels of the joint to one of the grid
        middle = (GRID - 1) / 2
        self.offset = (width - 1) / 2 - middle * self.scale, (height - 1) / 2 - middle * self.scale

    @cached_property
    def grid(self) -> NDArray[np.float32]:
        """The joint on the grid, 224×224; beyond it its edge is repeated."""
        values = self.joint.astype(np.float32)
        if self.scale > 1.2:
            values = cv2.GaussianBlur(values, (0, 0), 0.4 * self.scale)
        matrix = np.array([[self.scale, 0, self.offset[0]], [0, self.scale, self.offset[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        grid = cv2.warpAffine(values, matrix, (GRID, GRID), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(grid, np.float32)

    @cached_property
    def row_edges(self) -> NDArray[np.float32]:
        """Edges along the grid's columns."""
        return row_edges(self.grid)

    @cached_property
    def evened(self) -> NDArray[np.float32]:
        """The grid with its contrast evened out."""
        return even_out(self.grid)

    @cached_property
    def chances(self) -> NDArray[np.float32]:
        """How likely each row is to be a margin's, 2×224×224."""
        if self._contours is None:
            return np.zeros((2, GRID, GRID), np.float32)
        return self._contours.read(self.evened)

    def x_of(self, x: Array) -> Array:
        """Columns of the joint at columns of the grid."""
        return x * self.scale + self.offset[0]

    def compartment(self, columns: Array, rows: Array, low: float, high: float) -> Compartment:
        """The margins between two columns of the grid, in pixels of the joint, settled at its edges.

        Args:
            columns: Of the grid, N.
            rows: Of both margins on the grid, 2×N.
            low: The compartment's first column on the grid.
            high: Its last one.
        """
        low, high = max(low, columns[0]), min(high, columns[-1])
        at = np.arange(low, high + 0.5)
        ends = np.clip(self.x_of(np.array([low, high])), 0, self.joint.shape[1] - 1)
        x = np.arange(np.ceil(ends[0]), np.floor(ends[1]) + 1)
        settled = []
        for margin, brighter in zip(rows, (False, True), strict=True):
            coarse = np.interp(at, columns, margin) * self.scale + self.offset[1]
            fine = refine_margin(self._edges, self.x_of(at), coarse, brighter, _REACH, self.scale)
            settled.append(np.interp(x, self.x_of(at), fine))
        middle = (settled[0] + settled[1]) / 2
        half = np.maximum((settled[1] - settled[0]) / 2, 0.0)
        return Compartment(x, middle - half, middle + half)

    def outline(self, x: float, lowest: float, right: bool) -> float:
        """The outermost column of the grid of a condyle's outline, near `x` and above its lowest row."""
        rows = np.arange(lowest - _CONDYLE[0], lowest - _CONDYLE[1])
        across = np.ascontiguousarray(row_edges(np.ascontiguousarray(self.grid.T)))
        path = refine_margin(across, rows, np.full(len(rows), x), not right, _ASIDE, 1.0)
        return float(np.percentile(path, 90 if right else 10))

    @cached_property
    def _edges(self) -> NDArray[np.float32]:
        return refining_edges(self.joint, self.scale)
