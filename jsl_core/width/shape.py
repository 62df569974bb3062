"""The shape that margins have on knees: what is usual decides where the edges leave it open.

A statistical shape model (Cootes et al., Comput Vis Image Underst 1995, 61:38) of the rows of both margins at
fixed columns of a right knee's grid, and of where the compartments end, given the shape.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jsl_core.errors import DetectorError
from jsl_core.system.files import replace_atomically

__all__ = ["LANDMARKS", "SHIPPED_SHAPE", "TRACKED", "ShapeFit", "ShapeModel", "load_shape", "save_shape"]

_WEIGHTS = Path(__file__).with_name("weights")
SHIPPED_SHAPE = _WEIGHTS / "shape.npz"
TRACKED = ((14, 104), (120, 210))  # columns of the grid, left and right of the notch, that the shape covers
LANDMARKS = (
    "lateral peripheral tangent",
    "lateral outer end",
    "lateral inner end",
    "medial inner end",
    "medial outer end",
    "medial peripheral tangent",
)
_ROUNDS = 12  # of reweighting, after which a fit no longer changes
_OUTLIER = 2.5  # pixels from the shape from which on a place counts half

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ShapeFit:
    """A shape fitted to tracked margins.

    Attributes:
        margins: Rows of the femoral and the tibial margin at the model's columns, 2×180.
        landmarks: x of `LANDMARKS`, 6.
        residual: Median distance of the margins it was fitted to, in pixels.
        unusual: How far it is from the mean along each mode, in spreads, K.
    """

    margins: Array
    landmarks: Array
    residual: float
    unusual: Array


@dataclass(frozen=True)
class ShapeModel:
    """Mean and modes of the margins, and the landmarks that follow from them.

    Attributes:
        mean: Rows of both margins about their common height, 360.
        modes: Orthonormal directions in which they vary, K×360.
        spreads: Standard deviations along these, K.
        landmarks: Regression of the landmarks on the first M modes in spreads, and a constant, (M + 1)×6.
    """

    mean: Array
    modes: Array
    spreads: Array
    landmarks: Array

    def fit(self, margins: Array, weights: Array, stiff: float) -> ShapeFit:
        """Fit the shape to margins, outliers counting less and less.

        Args:
            margins: Rows of the femoral and the tibial margin, 2×180.
            weights: How far they are believed, 0…1, 2×180.
            stiff: Price of an unusual shape, in pixels squared to one spread squared. As neighbours stray
                together, many pixels off count little more than one.
        """
        rows, belief = margins.ravel(), weights.ravel() + 1e-3
        basis = np.vstack([self.modes, np.ones(len(rows))])
        hold = np.diag([*(stiff / self.spreads**2), 0.0])
        share = belief
        for _ in range(_ROUNDS):
            weighted = basis * share
            solved = np.linalg.solve(weighted @ basis.T + hold, weighted @ (rows - self.mean))
            fitted = self.mean + solved @ basis
            share = belief / (1 + ((rows - fitted) / _OUTLIER) ** 2)
        unusual = solved[:-1] / self.spreads
        landmarks = np.append(unusual[: len(self.landmarks) - 1], 1.0) @ self.landmarks
        residual = float(np.median(np.abs(rows - fitted)))
        return ShapeFit(fitted.reshape(2, -1), landmarks, residual, unusual)


def load_shape(file: Path = SHIPPED_SHAPE) -> ShapeModel:
    """Load a shape model.

    Raises:
        DetectorError: Where the file cannot be read or holds none.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return ShapeModel(
                *(arrays[name].astype(float) for name in ("mean", "modes", "spreads", "landmarks"))
            )
    except OSError as error:
        raise DetectorError(f"{file} cannot be read; check the path of the shape model") from error
    except (KeyError, ValueError) as error:
        raise DetectorError(f"{file.name} does not hold a shape model; fit one anew") from error


def save_shape(model: ShapeModel, file: Path) -> None:
    """Write a shape model, whole or not at all.

    Raises:
        StoreError: Where the file cannot be written.
    """
    with replace_atomically(file) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            mean=model.mean.astype(np.float32),
            modes=model.modes.astype(np.float32),
            spreads=model.spreads.astype(np.float32),
            landmarks=model.landmarks.astype(np.float32),
        )
