"""Training samples of the margin network: labelled knees moved, blurred and exposed at random."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.width.network import BAND, COLUMNS
from jsl_core.width.tracking import GRID, even_out
from jsl_core.width.training.labels import KneeLabels

__all__ = ["draw_batch", "draw_sample"]

_MIRRORED = 0.05  # share of left knees shown as such, for sides that were told wrongly
_ZOOM, _TURN, _SHIFT = (0.86, 1.1), 6.0, (9.0, 12.0)  # factor; degrees; pixels across and down
Sample = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def draw_batch(rng: np.random.Generator, knees: Sequence[KneeLabels]) -> Sample:
    """Bands B×1×144×224, margins B×2×56 in rows of the band, their weights, and landmarks B×6 as x."""
    bands, margins, weights, landmarks = zip(*(draw_sample(rng, knee) for knee in knees), strict=True)
    return np.stack(bands)[:, None], np.stack(margins), np.stack(weights), np.stack(landmarks)


def draw_sample(rng: np.random.Generator, knee: KneeLabels) -> Sample:
    """One knee: band 144×224, margins 2×56 in rows of the band (NaN unknown), weights 2×56, landmarks 6."""
    if rng.random() < _MIRRORED:
        knee = knee.mirrored()
    matrix = _draw_movement(rng)
    picture = cv2.warpAffine(
        _expose(rng, knee.picture),
        matrix,
        (GRID, GRID),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    margins = np.full((2, len(COLUMNS)), np.nan, np.float32)
    weights = np.zeros((2, len(COLUMNS)), np.float32)
    for number in range(2):
        known = np.flatnonzero(np.isfinite(knee.margins[number]))
        for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            if len(part) < 2:
                continue
            x, y = _move(matrix, part, knee.margins[number, part])
            inside = (x[0] <= COLUMNS) & (x[-1] >= COLUMNS)
            margins[number, inside] = np.interp(COLUMNS[inside], x, y) - BAND[0]
            weights[number, inside] = np.interp(COLUMNS[inside], x, knee.weights[number, part])
    height = np.nanmean(knee.margins)
    landmarks, _ = _move(matrix, knee.landmarks, np.full(len(knee.landmarks), height, np.float32))
    return even_out(picture)[slice(*BAND)], margins, weights, landmarks.astype(np.float32)


def _draw_movement(rng: np.random.Generator) -> NDArray[np.float64]:
    zoom = float(np.exp(rng.uniform(*np.log(_ZOOM))))
    matrix = cv2.getRotationMatrix2D((GRID / 2, 0.57 * GRID), rng.uniform(-_TURN, _TURN), zoom)
    matrix[:, 2] += [rng.uniform(-shift, shift) for shift in _SHIFT]
    return np.asarray(matrix)


def _move(matrix: NDArray[np.float64], x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    return matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2], matrix[1, 0] * x + matrix[1, 1] * y + matrix[
        1, 2
    ]


def _expose(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Another exposure of a picture: gamma, a slope of brightness, blur and noise."""
    values = (picture.astype(np.float32) + 1) / 257
    values = values ** np.float32(np.exp(rng.normal(0, 0.35)))
    spread = float(values.std())
    slope = np.linspace(-1, 1, GRID, dtype=np.float32)
    values = values + np.float32(rng.normal(0, 0.4) * spread) * slope
    values = values + np.float32(rng.normal(0, 0.4) * spread) * slope[:, None]
    if rng.random() < 0.5:
        values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.5:
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        values = values + np.float32(rng.uniform(0, 0.12) * spread) * noise
    return values
