"""A radiograph as a person is shown it: modality values → VOI → inversion → 8 or 16 bits (PS3.4 N.2)."""

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from jsl_core.imaging.radiograph import Radiograph
from jsl_core.imaging.voi import Window

__all__ = ["render"]

_TAILS = (0.005, 0.995)  # of the percentile window
_FLAT = 16 / 256  # a window that shows the film in fewer of 256 grey levels is no use
_BLOCK = 0.01  # an end value of more pixels than this is redaction, collimation or burn-out


def render(
    radiograph: Radiograph, window: Literal["dicom", "percentile"] = "dicom", bits: int = 8
) -> npt.NDArray:
    """HxW uint8, or uint16 for 16 bits; bone is bright."""
    counts = histogram(radiograph.codes)
    voi = radiograph.voi if window == "dicom" else None
    shown = None if voi is None else voi(radiograph.values)
    if shown is None or _flat(shown, counts, radiograph.padding):
        shown = percentile_window(radiograph, counts)(radiograph.values)
    if radiograph.inverted:
        shown = 1 - shown
    top = (1 << bits) - 1
    table = np.floor(shown * top + 0.5).astype(np.uint8 if bits == 8 else np.uint16)
    if radiograph.codes.dtype == np.uint8 and bits == 8:
        return cv2.LUT(radiograph.codes, table)
    return np.take(table, radiograph.codes)


def histogram(codes: npt.NDArray) -> npt.NDArray[np.float64]:
    """How many pixels have each code."""
    size = 1 << (8 * codes.dtype.itemsize)
    return (
        cv2.calcHist([np.ascontiguousarray(codes)], [0], None, [size], [0, size]).ravel().astype(np.float64)
    )


def percentile_window(radiograph: Radiograph, counts: npt.NDArray[np.float64]) -> Window:
    """A window that padding, redaction blocks, burnt-out bands and lead letters do not move."""
    order = np.argsort(radiograph.values, kind="stable")
    values, weights = radiograph.values[order], np.where(radiograph.padding, 0, counts)[order]
    used = np.flatnonzero(weights)
    if len(used) > 2:
        for end in (used[0], used[-1]):
            if weights[end] > _BLOCK * weights.sum():
                weights[end] = 0
    shares = np.cumsum(weights) / max(weights.sum(), 1)
    low, high = (float(values[min(np.searchsorted(shares, tail), len(values) - 1)]) for tail in _TAILS)
    return Window((low + high) / 2, max(high - low, 1.0), "LINEAR_EXACT")


def _flat(shown: npt.NDArray, counts: npt.NDArray, padding: npt.NDArray) -> bool:
    weights = np.where(padding, 0, counts)
    order = np.argsort(shown, kind="stable")
    shares = np.cumsum(weights[order]) / max(weights.sum(), 1)
    low, high = (shown[order[min(np.searchsorted(shares, tail), len(order) - 1)]] for tail in (0.01, 0.99))
    return bool(high - low < _FLAT)
