"""Fits the shape model: its modes to tracked margins, the landmarks to drawn ones."""

import numpy as np
from numpy.typing import NDArray

from jsl_core.width.shape import LANDMARKS, TRACKED, ShapeModel

__all__ = ["MODEL_COLUMNS", "fit_shape"]

MODEL_COLUMNS = np.concatenate([np.arange(*columns) for columns in TRACKED])
_MODES, _DECIDING = 24, 10  # modes of the shape, and how many of them the landmarks follow
_STIFF = 2.0  # of drawn margins, which are right
_HELD = 30.0  # knees' worth of holding the landmarks to their mean
_ROUNDS, _USUAL = 3, 95.0  # of leaving out the knees that fit worst, percent
_BELIEVED = 0.35  # mean weight from which on a knee counts

Array = NDArray[np.float64]


def fit_shape(margins: Array, weights: Array, corrected: Array, landmarks: Array) -> ShapeModel:
    """Fit a shape model to right knees on the grid.

    Args:
        margins: Tracked rows, N×2×224.
        weights: How far they are believed, N×2×224.
        corrected: Drawn rows, D×2×224, NaN beyond the compartments.
        landmarks: x of the landmarks of the drawn knees, D×6.
    """
    believed = weights[..., MODEL_COLUMNS].mean((1, 2)) > _BELIEVED
    rows = margins[believed][..., MODEL_COLUMNS].reshape(int(believed.sum()), -1).astype(float)
    rows -= np.median(rows, axis=1, keepdims=True)
    usual = np.ones(len(rows), bool)
    for _ in range(_ROUNDS):
        mean = rows[usual].mean(0)
        values, vectors = np.linalg.eigh(np.cov((rows[usual] - mean).T))
        modes = vectors[:, ::-1].T[:_MODES]
        apart = rows - mean
        apart -= (apart @ modes.T) @ modes
        misfit = np.sqrt((apart**2).mean(1))
        usual = misfit < np.percentile(misfit[usual], _USUAL)
    spreads = np.sqrt(values[::-1][:_MODES])
    constant = np.zeros((1, len(LANDMARKS)))
    bare = ShapeModel(mean, modes, spreads, constant)
    return ShapeModel(mean, modes, spreads, _fit_landmarks(bare, corrected, landmarks))


def _fit_landmarks(model: ShapeModel, corrected: Array, landmarks: Array) -> Array:
    """Ridge regression of the landmarks on the shape of the drawn margins, (M + 1)×6."""
    unusual = []
    for margins in corrected[..., MODEL_COLUMNS].astype(float):
        known = np.isfinite(margins)
        rows = np.where(known, margins, np.nanmedian(margins))
        unusual.append(model.fit(rows, known.astype(float), _STIFF).unusual)
    design = np.column_stack([np.array(unusual)[:, :_DECIDING], np.ones(len(unusual))])
    hold = np.diag([_HELD] * _DECIDING + [0.0])
    return np.linalg.solve(design.T @ design + hold, design.T @ landmarks)
